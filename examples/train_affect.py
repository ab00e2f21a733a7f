"""Trains the network with two tasks: expressions, and valence and arousal.

    python examples/affect_votes.py affectnetc25 --out maps.json
    python examples/affect_photographs.py facial_expressions.tar photographs.npz
    python examples/train_affect.py fer2013.tar ferplus_for_fer2013_tar.csv maps.json run \
        --photographs photographs.npz --ck48 ck48.h5 \
        --start pretrained/expression_vgg_fer2013.keras

The same command resumes a killed run. The network starts from an expression network of
`train_fer2013.py` and gets three outputs:

- `expression`: what people see. The targets are the shares of FER+'s votes (Barsoum et al., 2016),
  and the labels of photographs and of CK+.
- `fer2013`: the labels of FER-2013, which come from the words of a search and agree with people
  less often. The targets are these labels and the outputs of the start network for the same moved
  face, before it is degraded and hidden (Beyer et al., 2022).
- `valence_arousal`: from the votes by the map of `affect_votes.py`.

FER+'s votes for contempt count for valence and arousal; for the expression, which has no such
class, they are left out, as are the votes "unknown". Each picture weighs by the votes that are
left; where most people saw no face, nothing is learned.

The faces are moved, scaled, turned, stretched, mirrored, relit, partly hidden, blurred, compressed
and shrunk, so that faces from detectors and cameras are nothing new. A tenth of FER-2013's
Training part and a fifth of the persons on photographs are for validation: recipes and epochs are
chosen by these. PublicTest and the kept photographs are not read. `run/best.keras` holds a running
mean of the weights.
"""

import argparse
import csv
import hashlib
import json
from pathlib import Path

import cv2
import h5py
import keras
import numpy as np
from affect_photographs import MARGIN, person_of
from affect_votes import CLASSES, valence_arousal
from sklearn.metrics import recall_score
from train_fer2013 import PIXELS, network, one_hot

from kollias_affect import EXPRESSIONS, datasets, metrics, models, training, transfer

VOTES = (*EXPRESSIONS, "contempt", "unknown", "NF")  # columns of FER+ that are read
assert tuple(CLASSES) == VOTES[: len(CLASSES)]
OUTPUTS = {"expression": 7, "fer2013": 7, "valence_arousal": 2}
CK48 = ("anger", "disgust", "fear", "happiness", "sadness", "surprise", "contempt")
FROM_START = 0.8  # share of the start network in the targets of `fer2013`
SURE = 0.9  # probability of the label of a photograph in its target
LOSS_WEIGHTS = {"expression": 1.0, "fer2013": 1.0, "valence_arousal": 4.0}
COUNTED = 8  # pictures of a class from which its recall counts
STEPS_BETWEEN = 8  # between updates of the mean of weights


def main(command_line=None):
    """Reads the arguments, by default those of the process, and trains."""
    arguments = parse_arguments(command_line)
    cv2.setNumThreads(1)
    keras.utils.set_random_seed(arguments.seed)
    if training.AtomicBackup.epochs_done(arguments.out / "backup") < arguments.epochs:
        train(arguments)


def parse_arguments(command_line):
    """Returns the arguments of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", help="FER-2013: a tar archive, a csv or a folder")
    parser.add_argument("votes", type=Path, help="FER+ by the file names of that archive, csv")
    parser.add_argument("maps", type=Path, help="JSON file of affect_votes.py")
    parser.add_argument("out", type=Path, help="folder of the run")
    parser.add_argument("--start", type=Path, required=True, help="expression network")
    parser.add_argument("--photographs", type=Path, help="npz file of affect_photographs.py")
    parser.add_argument("--ck48", type=Path, help="CK+ as ck48.h5")
    parser.add_argument("--photograph-share", type=float, default=0.15, help="of each batch")
    parser.add_argument("--ck48-share", type=float, default=0.03, help="of each batch")
    parser.add_argument("--degraded", type=float, default=0.4, help="share of degraded faces")
    parser.add_argument("--balance", type=float, default=0.5, help="0 for the classes as they are")
    parser.add_argument("--epochs", type=int, default=80)
    parser.add_argument("--steps", type=int, default=50, help="batches per epoch")
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--learning-rate", type=float, default=4e-4, help="maximum")
    parser.add_argument("--weight-decay", type=float, default=1e-3)
    parser.add_argument("--dropout", type=float, default=0.2)
    parser.add_argument("--width", type=float, help="factor on the channels [default: as --start]")
    parser.add_argument("--size", type=int, help="side of the input [default: as --start]")
    parser.add_argument("--mean-steps", type=int, default=200, help="length of the mean of weights")
    parser.add_argument("--precision", choices=("float32", "mixed_bfloat16"))
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args(command_line)


def train(arguments):
    """Trains up to the last epoch."""
    start = models.load(arguments.start)[0]
    faces = all_faces(arguments)
    teacher, start = start, resized(start, arguments.width, arguments.size, arguments.seed)
    keras.config.set_dtype_policy(arguments.precision or models.native_precision())
    model = affect_network(start, arguments.dropout)
    keras.config.set_dtype_policy("float32")
    mean = affect_network(start, arguments.dropout)
    model.compile(
        optimizer(arguments),
        loss={
            "expression": "categorical_crossentropy",
            "fer2013": "categorical_crossentropy",
            "valence_arousal": "mean_squared_error",
        },
        loss_weights=LOSS_WEIGHTS,
    )
    others = training.callbacks(arguments.out, "val_score")
    best = next(c for c in others if isinstance(c, training.BestModel))
    others.remove(best)
    tested = MeanOfWeights(mean, arguments, faces, best)
    model.fit(
        Batches(faces, arguments, teacher),
        epochs=arguments.epochs,
        callbacks=[tested, *others],
        shuffle=False,
        verbose=2,
    )


def optimizer(arguments):
    """Returns AdamW with a warm-up and a cosine decay."""
    steps = arguments.epochs * arguments.steps
    warmup = max(1, steps // 20)
    rate = keras.optimizers.schedules.CosineDecay(
        0.0, steps - warmup, warmup_target=arguments.learning_rate, warmup_steps=warmup
    )
    adam = keras.optimizers.AdamW(rate, weight_decay=arguments.weight_decay, global_clipnorm=1.0)
    adam.exclude_from_weight_decay(var_names=["bias"])
    return adam


def affect_network(start, dropout=0.0):
    """Returns a network with the outputs `OUTPUTS` and the weights of an expression network.

    Args:
        start: Network of `train_fer2013.py`, without batch normalisation.
        dropout: Dropout rate before the output layers.
    """
    trunk = keras.Model(start.input, start.get_layer("fc1").output)
    trunk = keras.models.clone_model(trunk, clone_function=copy_of_layer, recursive=True)
    for copy, layer in zip(trunk.layers, start.layers, strict=False):
        copy.set_weights(layer.get_weights())
    x = keras.layers.Dropout(dropout, name="fc1_dropout")(trunk.output)
    outputs = {}
    for name, units in OUTPUTS.items():
        activation = "tanh" if name == "valence_arousal" else "softmax"
        dense = keras.layers.Dense(units, activation, dtype="float32", name=name)
        outputs[name] = dense(x)
        if name != "valence_arousal":
            dense.set_weights(start.get_layer("expression").get_weights())
    return keras.Model(trunk.input, outputs, name="affect")


def resized(start, width=None, size=None, seed=0):
    """Returns an expression network with the same outputs, but wider or with more pixels.

    New channels start at random, but nothing of the old network reads them, so the outputs are
    those of the old network (Chen et al., 2016); with another `size` they are about the same.

    Args:
        start: Network of `train_fer2013.py`, without batch normalisation.
        width: Factor on the channels, not below that of `start`. Default: that of `start`.
        size: Side of the network's input in pixels. Default: that of `start`.
        seed: Seed of the new channels.
    """
    layers = {layer.name: layer for layer in transfer.freezing.leaves(start)}
    width = width or layers["conv1_1"].filters / 64
    size = size or (layers["sized"].height if "sized" in layers else PIXELS)
    keras.utils.set_random_seed(seed)
    keras.config.set_dtype_policy("float32")
    model = network(width, size, batch_normalization=False)
    for layer in transfer.freezing.leaves(model):
        if layer.weights:
            old = layers[layer.name].get_weights()
            layer.set_weights(
                [widened(o, n) for o, n in zip(old, layer.get_weights(), strict=True)]
            )
    return model


def widened(old, new):
    """Returns new weights that begin with old ones, whose outputs read old inputs only."""
    if any(o > n for o, n in zip(old.shape, new.shape, strict=True)):
        raise SystemExit(f"--width must not be below that of --start: {new.shape}, {old.shape}.")
    result = new.copy()
    if old.ndim > 1:
        result[..., : old.shape[-1]] = 0
    result[tuple(slice(side) for side in old.shape)] = old
    return result


def copy_of_layer(layer):
    """Returns a new layer of the same kind, in the precision that is set."""
    config = layer.get_config()
    if not isinstance(layer, keras.layers.Resizing | keras.layers.InputLayer):
        config.pop("dtype", None)
    return type(layer).from_config(config)


# --- Data


def all_faces(arguments):
    """Returns a dict from `"fer2013"`, `"photographs"` and `"ck48"` to the faces that there are.

    Faces are a dict of arrays of one length: `images` (uint8, `[n, side, side, channels]`),
    `margin` (a number, their side in sides of the network's crop), `validation` (boolean), a target
    and a weight by output (`expression`, `expression_weight` and so on), and `label`, the class
    that scores count, -1 for none.
    """
    faces = {"fer2013": fer2013_faces(arguments)}
    if arguments.photographs:
        faces["photographs"] = photographs(arguments.photographs)
    if arguments.ck48:
        faces["ck48"] = ck48_faces(arguments.ck48)
    return faces


def fer2013_faces(arguments, split="Training"):
    """Returns the faces of FER-2013 with FER+'s votes as targets."""
    clips = datasets.load("fer2013", arguments.data, split)
    images = np.stack([cv2.imread(clip.paths[0], cv2.IMREAD_GRAYSCALE) for clip in clips])
    labels = np.concatenate([clip.expression for clip in clips])
    votes = read_votes(arguments.votes, [Path(clip.paths[0]).name for clip in clips])
    expression, expression_weight = expression_targets(votes)
    values, values_weight = affect_targets(votes, json.loads(arguments.maps.read_text()))
    return {
        "images": images[..., None],
        "margin": 1.0,
        "validation": in_validation([image.tobytes() for image in images], 0.1),
        "expression": expression,
        "expression_weight": expression_weight,
        "fer2013": one_hot(labels),
        "fer2013_weight": np.ones(len(images), np.float32),
        "valence_arousal": values,
        "valence_arousal_weight": values_weight,
        "label": labels,
        "plurality": np.where(expression_weight > 0, expression.argmax(axis=1), -1),
    }


def read_votes(path, names):
    """Reads FER+'s votes for images.

    Args:
        path: csv with the columns `file` and `VOTES`.
        names: Names of files.

    Returns:
        Integers `[n, 10]` in the order of `VOTES`; zeros for images without votes.
    """
    with open(path, newline="", encoding="utf-8") as file:
        rows = {
            row["file"].rsplit("/", 1)[-1]: [int(row[name]) for name in VOTES]
            for row in csv.DictReader(file)
        }
    none = [0] * len(VOTES)
    return np.array([rows.get(name, none) for name in names])


def usable(votes, classes):
    """Returns the shares of the first `classes` classes, and the weight of each image.

    The weight is the share of those votes among all; 0 where at least half saw no face, and where
    no vote is left.
    """
    counts = votes[:, :classes].astype(np.float32)
    left, total = counts.sum(axis=1), votes.sum(axis=1)
    weight = np.where(2 * votes[:, -1] >= total, 0, left / np.maximum(total, 1))
    shares = np.where(left[:, None] > 0, counts / np.maximum(left, 1)[:, None], 1 / classes)
    return shares.astype(np.float32), weight.astype(np.float32)


def expression_targets(votes):
    """Returns the distributions `[n, 7]` of the votes for the seven expressions, and weights."""
    return usable(votes, len(EXPRESSIONS))


def affect_targets(votes, fitted):
    """Returns valence and arousal `[n, 2]` by a map of `affect_votes.py`, and weights."""
    shares, weight = usable(votes, len(CLASSES))
    return valence_arousal(fitted, shares).astype(np.float32), weight


def photographs(path, kept=False):
    """Returns the faces on the photographs for training; with `kept` those for tests instead."""
    with np.load(path) as content:
        rows = (content["kept"] == kept) & (content["found"] != "none")
        images, labels = content["crops"][rows], content["labels"][rows]
        persons = [person_of(name).encode() for name in content["names"][rows]]
    count = len(images)
    return {
        "images": images,
        "margin": MARGIN,
        "validation": in_validation(persons, 0.2),
        "expression": smoothed(labels),
        "expression_weight": np.ones(count, np.float32),
        **without(count, "fer2013"),
        **without(count, "valence_arousal"),
        "label": labels,
    }


def ck48_faces(path):
    """Returns the last frame of each sequence of CK+, without those of contempt."""
    with h5py.File(path) as file:
        images, numbers = file["data_pixel"][2::3], file["data_label"][2::3]
    rows = numbers < CK48.index("contempt")
    images = images[rows]
    labels = np.array([EXPRESSIONS.index(CK48[i]) for i in numbers[rows]])
    ones = np.ones(len(images), np.float32)
    return {
        "images": images[..., None],
        "margin": 1.0,
        "validation": np.zeros(len(images), bool),
        "expression": smoothed(labels),
        "expression_weight": ones,
        "fer2013": smoothed(labels),
        "fer2013_weight": ones,
        **without(len(images), "valence_arousal"),
        "label": labels,
    }


def smoothed(labels):
    """Returns distributions `[n, 7]` with the probability `SURE` for the label."""
    rest = (1 - SURE) / (len(EXPRESSIONS) - 1)
    return ((SURE - rest) * one_hot(labels) + rest).astype(np.float32)


def without(count, output):
    """Returns targets with weight 0."""
    shape = count, OUTPUTS[output]
    zero = np.zeros(count, np.float32)
    return {output: np.full(shape, 1 / shape[1], np.float32), f"{output}_weight": zero}


def in_validation(keys, share):
    """Returns which items are for validation, by a hash of their keys: equal keys go together."""
    hashes = [int.from_bytes(hashlib.sha256(key).digest()[:4], "big") for key in keys]
    return np.array(hashes) < share * 2**32


class Batches(keras.utils.PyDataset):
    """Batches of augmented faces of all sources; they depend on the seed and the epoch only.

    Args:
        faces: See `all_faces`.
        arguments: Arguments of the command line.
        teacher: Expression network whose outputs for the same faces, before they are degraded and
            hidden, are part of the targets of `fer2013`.
    """

    def __init__(self, faces, arguments, teacher):
        self.teacher = teacher
        super().__init__(workers=1, use_multiprocessing=False, max_queue_size=4)
        self.steps, self.seed = arguments.steps, arguments.seed
        self.degraded = arguments.degraded
        self.epoch = training.AtomicBackup.epochs_done(arguments.out / "backup")
        shares = {"photographs": arguments.photograph_share, "ck48": arguments.ck48_share}
        counts = {name: round(shares.get(name, 0) * arguments.batch_size) for name in faces}
        counts["fer2013"] = arguments.batch_size - sum(counts.values())
        self.sources = [
            (source, counts[name], chances(source, arguments.balance if name != "fer2013" else 0))
            for name, source in faces.items()
        ]

    def __len__(self):
        return self.steps

    def on_epoch_end(self):
        """Proceeds to the next epoch."""
        self.epoch += 1

    def __getitem__(self, index):
        random = np.random.default_rng([self.seed, self.epoch, index])
        images, targets, weights = [], [], []
        for source, count, probabilities in self.sources:
            rows = random.choice(len(probabilities), count, p=probabilities)
            chosen = source["images"][rows]
            faces, clean = augmented(chosen, source["margin"], random, self.degraded)
            images.append(faces)
            targets.append({name: source[name][rows] for name in OUTPUTS})
            if source["fer2013_weight"].any():
                said = self.teacher.predict_on_batch({"images": clean})
                targets[-1]["fer2013"] += np.float32(FROM_START) * (said - targets[-1]["fer2013"])
            weights.append({name: source[f"{name}_weight"][rows] for name in OUTPUTS})
        targets, weights = (
            {name: np.concatenate([part[name] for part in parts]) for name in OUTPUTS}
            for parts in (targets, weights)
        )
        return {"images": np.concatenate(images)}, targets, weights


def chances(source, balance):
    """Returns the probability of each face to be drawn; `balance` 1 draws classes equally often."""
    counts = np.bincount(source["label"], minlength=len(EXPRESSIONS))
    weights = np.where(source["validation"], 0, counts[source["label"]] ** -float(balance))
    return weights / weights.sum()


# --- Augmentation


def augmented(images, margin, random, degraded):
    """Augments faces.

    Args:
        images: uint8 `[n, side, side, 1 or 3]`.
        margin: Side of the images in sides of the network's crop.
        random: `numpy.random.Generator`.
        degraded: Share of the faces that lose sharpness.

    Returns:
        `(faces, clean)`: float32 RGB `[n, 48, 48, 3]` in [-1, 1]; `clean` are the same faces before
        they lost sharpness and were relit and hidden.
    """
    faces, clean = np.empty((2, len(images), PIXELS, PIXELS, 3), np.float32)
    for face, sharp, image in zip(faces, clean, images, strict=True):
        crop = warped(image, drawn_transform(random, image.shape[0], margin))
        sharp[:] = (crop if crop.ndim == 3 else crop[..., None]) / np.float32(127.5) - 1
        if random.random() < degraded:
            crop = worse(crop, random)
        crop = (crop / np.float32(255)) ** np.float32(np.exp(random.uniform(-0.35, 0.35)))
        if random.random() < 0.35:
            height, width = random.integers(PIXELS // 8, PIXELS // 3, 2)
            top, left = random.integers(0, PIXELS - height), random.integers(0, PIXELS - width)
            crop[top : top + height, left : left + width] = random.random()
        face[:] = (crop if crop.ndim == 3 else crop[..., None]) * 2 - 1
    return faces, clean


def drawn_transform(random, side, margin):
    """Draws a map `[2, 3]` from pixels of the network's crop to those of an image.

    Args:
        random: `numpy.random.Generator`.
        side: Side of the image in pixels.
        margin: Side of the image in sides of the crop.
    """
    angle = np.radians(random.uniform(-15, 15))
    zoom = np.exp(random.uniform(-0.25, 0.25)) * side / (margin * PIXELS)
    stretch = np.exp(random.uniform(-0.1, 0.1) / 2)
    mirror = random.choice((-1, 1))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    linear = zoom * turn @ np.diag([mirror * stretch, 1 / stretch])
    shift = random.uniform(-0.09, 0.09, 2) * PIXELS
    centre = np.full(2, (PIXELS - 1) / 2)
    return np.hstack([linear, ((side - 1) / 2 - linear @ (centre + shift))[:, None]])


def warped(image, transform):
    """Cuts the crop of a map from crop to image, uint8 `[48, 48]` or `[48, 48, 3]`."""
    scale = np.sqrt(abs(np.linalg.det(transform[:, :2])))
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    options = {"flags": flags, "borderMode": cv2.BORDER_REPLICATE}
    if scale <= 1.2:
        return cv2.warpAffine(image, transform, (PIXELS, PIXELS), **options)
    finer = transform.copy()  # two cells per pixel, which are averaged
    finer[:, :2] /= 2
    finer[:, 2] -= finer[:, :2] @ (0.5, 0.5)
    crop = cv2.warpAffine(image, finer, (2 * PIXELS, 2 * PIXELS), **options)
    return cv2.resize(crop, (PIXELS, PIXELS), interpolation=cv2.INTER_AREA)


def worse(crop, random):
    """Blurs, shrinks or compresses a crop."""
    kind = random.integers(3)
    if kind == 0:
        return cv2.GaussianBlur(crop, (0, 0), random.uniform(0.4, 1.4))
    if kind == 1:
        side = int(random.integers(16, 40))
        small = cv2.resize(crop, (side, side), interpolation=cv2.INTER_AREA)
        interpolation = (cv2.INTER_LINEAR, cv2.INTER_CUBIC)[random.integers(2)]
        return cv2.resize(small, (PIXELS, PIXELS), interpolation=interpolation)
    code = cv2.imencode(".jpg", crop, [cv2.IMWRITE_JPEG_QUALITY, int(random.integers(25, 90))])[1]
    return cv2.imdecode(code, cv2.IMREAD_UNCHANGED)


def centre_crops(faces):
    """Returns the crops of the network without augmentation, float32 `[n, 48, 48, 3]`."""
    images = faces["images"]
    side = images.shape[1]
    scale = side / (faces["margin"] * PIXELS)
    offset = (side - 1) / 2 - scale * (PIXELS - 1) / 2
    transform = np.array([[scale, 0, offset], [0, scale, offset]])
    crops = np.stack([warped(image, transform) for image in images])
    crops = crops if crops.ndim == 4 else np.repeat(crops[..., None], 3, axis=-1)
    return crops.astype(np.float32) / np.float32(127.5) - 1


# --- Validation


class MeanOfWeights(keras.callbacks.Callback):
    """Exponential mean of all weights, scored after each epoch and saved if it is the best.

    Args:
        mean: Network that holds the mean.
        arguments: Arguments of the command line.
        faces: See `all_faces`.
        best: `training.BestModel`.
    """

    def __init__(self, mean, arguments, faces, best):
        super().__init__()
        self.mean, self.best = mean, best
        self.path, self.steps = arguments.out / "mean.keras", arguments.mean_steps
        self.sources = {
            name: selected(source, source["validation"])
            for name, source in faces.items()
            if source["validation"].any()
        }
        self.crops = {name: centre_crops(source) for name, source in self.sources.items()}

    def on_train_begin(self, logs=None):
        """Restores the mean, or starts it at the weights."""
        self.mean.set_weights(self.model.get_weights())
        if self.path.exists():
            self.mean.set_weights(models.load(self.path)[0].get_weights())
        self.best.set_model(self.mean)
        self.best.on_train_begin()

    def on_train_batch_end(self, batch, logs=None):
        """Updates the mean every few steps."""
        if batch % STEPS_BETWEEN == 0:
            for mean, value in zip(self.mean.weights, self.model.weights, strict=True):
                mean.assign_add((value - mean) * (STEPS_BETWEEN / self.steps))

    def on_epoch_end(self, epoch, logs=None):
        """Scores the mean; `val_score` is the mean of the scores that count."""
        for name, source in self.sources.items():
            crops = {"images": self.crops[name]}
            outputs = self.mean.predict(crops, batch_size=256, verbose=0)
            logs.update({f"val_{key}": value for key, value in scores(outputs, source).items()})
        logs["val_score"] = float(np.mean([logs[k] for k in logs if k.startswith("val_")]))
        self.best.on_epoch_end(epoch, logs)
        models.save(self.mean, self.path, crop=models.CROPS["fer2013"])


def selected(source, rows):
    """Returns some rows of faces."""
    return {name: value if name == "margin" else value[rows] for name, value in source.items()}


def scores(outputs, faces):
    """Computes the scores of faces of one source.

    Args:
        outputs: Dict of arrays by the names in `OUTPUTS`.
        faces: See `all_faces`.

    Returns:
        Dict: for FER-2013 `fer2013` (accuracy of that output), `plurality` (accuracy of
        `expression` against the most frequent vote), and `valence` and `arousal` (CCC); for
        photographs `photographs` (accuracy), `balanced` (mean recall of the classes that have
        enough pictures) and `neutral` (its recall).
    """
    expression = outputs["expression"].argmax(axis=1)
    if "plurality" not in faces:
        counts = np.bincount(faces["label"], minlength=len(EXPRESSIONS))
        classes = np.flatnonzero(counts >= min(COUNTED, counts.max()))
        options = {"average": None, "zero_division": 0}
        recall = recall_score(faces["label"], expression, labels=classes, **options)
        neutral = recall_score(faces["label"], expression, labels=[0], **options)
        return {
            "photographs": float((expression == faces["label"]).mean()),
            "balanced": float(recall.mean()),
            "neutral": float(neutral[0]),
        }
    known = faces["plurality"] >= 0
    agreement = metrics.ccc(
        faces["valence_arousal"], outputs["valence_arousal"], faces["valence_arousal_weight"]
    )
    valence, arousal = map(float, keras.ops.convert_to_numpy(agreement))
    return {
        "fer2013": float((outputs["fer2013"].argmax(axis=1) == faces["label"]).mean()),
        "plurality": float((expression == faces["plurality"])[known].mean()),
        "valence": valence,
        "arousal": arousal,
    }


if __name__ == "__main__":
    main()

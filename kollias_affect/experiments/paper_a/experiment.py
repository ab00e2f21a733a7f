"""Paper A's experiment on any two datasets: NetB, its centroids, and NetA for every λ and seed.

What is read from images is read once: the backbone is fixed, as in the paper, so that its
features are kept on disk and the networks are trained on those. Every part is a file of its own
in the folder of the run; a killed run goes on behind the last one.
"""

import dataclasses
import hashlib
import json

import keras
import numpy as np

from kollias_affect import _checks, _files, initializers, models, windows
from kollias_affect.adaptation import adapted
from kollias_affect.adaptation.centroids import METHODS, Centroids
from kollias_affect.adaptation.data import targets
from kollias_affect.adaptation.decision import RULES
from kollias_affect.datasets import sampling
from kollias_affect.experiments.paper_a.backbone import extract_features
from kollias_affect.layers.centroid_outputs import NORMALIZATIONS, positive_scale
from kollias_affect.tasks import EXPRESSIONS

LAMBDAS = (0.0, 0.25, 0.5, 0.75, 1.0)  # paper A table II
PARTS = ("a_train", "a_test", "b_train", "b_test")


@dataclasses.dataclass(frozen=True)
class Settings:
    """What an experiment is run with; written to `settings.json` before anything is trained.

    Args:
        lambdas: the values of λ.
        seeds: networks per λ, of the seeds 0, 1, …
        normalization, scale: see `losses.CentroidLoss`; `scale` is a number or `"centroids"`.
        method: see `Centroids.fit`.
        balanced: weigh the classes alike in training, in both terms.
        initializer: `"papers"` (variance 0.1, biases of 1) or `"keras"`.
        hidden_units: of the fully connected layer (paper: 4096 on VGG-Face's 4608 features).
        dropout, rnn_dropout: see `models.cnn_rnn`.
        decision: how the frames of a clip become one decision: `"mean"` of the outputs or
            `"majority"`, see `video_decision` (paper: aggregation), or `"frames"` for none.
        length: frames per window; 1 for single images (paper: 80).
        steps, batch_size: batches that every network is trained for, and windows in each.
        learning_rate: of Adam (paper: 0.001, constant).
    """

    lambdas: tuple = LAMBDAS
    seeds: int = 3
    normalization: str = "linear"
    scale: float | str = 1.0
    method: str = "kmeans"
    balanced: bool = False
    initializer: str = "papers"
    hidden_units: int = 1024
    dropout: float = 0.5
    rnn_dropout: float = 0.8
    decision: str = "mean"
    length: int = 1
    steps: int = 1000
    batch_size: int = 128
    learning_rate: float = 1e-3

    def __post_init__(self):
        _checks.one_of("initializer", self.initializer, ("papers", "keras"))
        for name in ("seeds", "hidden_units", "length", "steps", "batch_size"):
            _checks.positive_integer(name, getattr(self, name))
        _checks.one_of("normalization", self.normalization, NORMALIZATIONS)
        _checks.one_of("method", self.method, METHODS)
        _checks.one_of("decision", self.decision, (*RULES, "frames"))
        if self.scale != "centroids":
            positive_scale(self.scale)
        if not self.lambdas or not all(0 <= lam <= 1 for lam in self.lambdas):
            raise ValueError(
                f"`lambdas` must be numbers from 0 to 1. Received: {self.lambdas}. The paper has "
                f"{LAMBDAS}."
            )


class Experiment:
    """The networks of one experiment, trained when they are asked for and kept in a folder.

    Args:
        clips: dict with the keys `PARTS` to lists of `Clip` with expressions: two datasets,
            A and B, each in a part for training and one for testing. NetB sees `b_train` alone.
        backbone: fixed `keras.Model` from float RGB images `[batch, size, size, 3]` in [-1, 1] to
            features, of any shape, that are flattened.
        out_dir: folder of the run.
        settings: `Settings`.

    Attributes:
        classes: indices into `EXPRESSIONS` of the classes that occur in both training parts;
            frames of others do not count, and `left_out` says how many there are in each part.

    Raises:
        ValueError: if a subject is in both parts of a dataset, if fewer than two classes are in
            both, or if the folder holds a run with other settings.
    """

    def __init__(self, clips, backbone, out_dir, settings=None):
        self.settings = settings or Settings()
        self.clips = {part: list(clips[part]) for part in PARTS}
        for name in "ab":
            both = (self.clips[f"{name}_{part}"] for part in ("train", "test"))
            sampling.refuse_common_subjects(*both, "parts of a dataset")
        labels = {part: _labels(self.clips[part]) for part in PARTS}
        in_both = set(labels["a_train"].tolist()) & set(labels["b_train"].tolist())
        self.classes = sorted(in_both - {-1})
        if len(self.classes) < 2:
            raise ValueError(
                "At least two expressions must occur in both training parts. Received: "
                f"{self.names}. Choose other datasets or splits."
            )
        self.labels = {part: _renumbered(labels[part], self.classes) for part in PARTS}
        self.left_out = {
            part: int(((self.labels[part] < 0) & (labels[part] >= 0)).sum()) for part in PARTS
        }
        self.out_dir = _checks.writable_folder("out_dir", out_dir)
        self._refuse_other_settings(backbone)
        self._backbone = backbone
        self._features = {}

    @property
    def names(self):
        """Names of the classes, in order."""
        return tuple(EXPRESSIONS[i] for i in self.classes)

    def features(self, part):
        """The backbone's outputs for every frame of a part, float32 `[frames, units]`."""
        if part not in self._features:
            path = self.out_dir / "features" / f"{part}.npy"
            if not path.exists():
                values = extract_features(self._backbone, self.clips[part])
                with _files.atomic(path) as temporary:
                    np.save(temporary, values, allow_pickle=False)
            self._features[part] = np.load(path, allow_pickle=False)
        return self._features[part]

    def net_b(self):
        """NetB, trained on B alone by E_a."""
        # A seed of its own: with the first weights of a NetA their hidden layers would be alike.
        return self._network("net_b", "b_train", None, 1.0, seed=self.settings.seeds)

    def centroids(self):
        """Z: the centroids of NetB's representations of its training part."""
        path = self.out_dir / "centroids.npz"
        if not path.exists():
            hidden, labels = self._representations(self.net_b(), "b_train")
            Centroids.fit(
                hidden, labels, 0, self.names, self.settings.method, source="NetB on b_train"
            ).save(path)
        return Centroids.load(path)

    def net_a(self, lam, seed):
        """NetA, trained on A with λ."""
        return self._network(cell_name(lam, seed), "a_train", self.centroids(), lam, seed)

    def outputs(self, name, part):
        """What a network gives for the frames of a part that count.

        Args:
            name: `"net_b"` or a `cell_name`.
            part: one of `PARTS`.

        Returns:
            dict of `clips` (numbers of the clips) and `labels`, int64 `[frames]`, `outputs` and
            `distances` (V, squared distances to the centroids), float32 `[frames, classes]`, and
            `representation`, `[frames, units]`.
        """
        path = self.out_dir / "outputs" / f"{name}.{part}.npz"
        if not path.exists():
            self._write_outputs(name, part, path)
        with np.load(path, allow_pickle=False) as arrays:
            return dict(arrays)

    def cells(self):
        """Pairs of λ and seed, in the order in which they are trained."""
        # Seed by seed, so that a run that is stopped early has all λ of the first seeds.
        return [(lam, seed) for seed in range(self.settings.seeds) for lam in self.settings.lambdas]

    def run(self, say=print):
        """Trains what is missing; `say` is told after every network."""
        for number, (lam, seed) in enumerate(self.cells(), start=1):
            name = cell_name(lam, seed)
            new = not (self.out_dir / "models" / f"{name}.keras").exists()
            if new:
                self.net_a(lam, seed)
            for part in ("a_train", "a_test", "b_test"):
                self.outputs(name, part)
            done = "trained" if new else "was there"
            say(f"{number} of {len(self.cells())}: NetA, lambda {lam:g}, seed {seed} {done}")

    def _network(self, name, part, centroids, lam, seed):
        path = self.out_dir / "models" / f"{name}.keras"
        if path.exists():
            return keras.saving.load_model(path, compile=False)
        keras.utils.set_random_seed(seed)
        model = self._build(seed)
        # Without centroids the term E_b has weight 0, and any will do.
        units = model.output[adapted.REPRESENTATION].shape[-1]
        z = centroids if centroids is not None else np.zeros((len(self.classes), units))
        how = self.settings
        scale = 1.0 if centroids is None else how.scale
        adapted.compile_adapted(model, z, lam, how.normalization, how.learning_rate, scale=scale)
        task = adapted.task_of(model)
        data = targets(self._batches(part, seed), len(self.classes), task).prefetch(2)
        model.fit(data, steps_per_epoch=how.steps, shuffle=False, verbose=0)
        bare = keras.Model(model.input, model.output, name=name)
        with _files.atomic(path) as temporary:
            bare.save(temporary)
        return model

    def _build(self, seed):
        how = self.settings
        units = self.features("a_train").shape[1]
        features = keras.Input((1, 1, units), name="features")
        fixed = keras.Model(features, keras.layers.Identity(name="pool5")(features), name="fixed")
        start = initializers.papers(seed) if how.initializer == "papers" else None
        model = models.cnn_rnn(
            fixed,
            "expression",
            landmarks=False,
            length=how.length,
            representation=True,
            hidden_units=how.hidden_units,
            dropout=how.dropout,
            rnn_dropout=how.rnn_dropout,
            initializer=start,
            output_activation="linear",
        )
        if len(self.classes) < len(EXPRESSIONS):
            model = adapted.with_classes(model, len(self.classes), "classes")
            model.get_layer("classes").set_weights(_first_weights(model, start))
        return model

    def _batches(self, part, seed):
        """Endless batches of windows of features, in an order of its own in every round."""
        import tensorflow as tf

        index, inside = self._windows(part)
        weights = self._weights(part)
        counting = np.flatnonzero((weights[index] * inside).sum(axis=1))
        features, weights = tf.constant(self.features(part)), tf.constant(weights)
        labels, index = tf.constant(self.labels[part]), tf.constant(index)
        inside = tf.constant(inside, tf.float32)

        def batch(rows):
            places = tf.gather(index, rows)
            images = tf.gather(features, places)[:, :, None, None, :]
            weight = tf.gather(weights, places) * tf.gather(inside, rows)
            return {"images": images}, tf.gather(labels, places), weight

        return (
            tf.data.Dataset.from_tensor_slices(counting)
            .shuffle(len(counting), seed=seed)
            .repeat()
            .batch(self.settings.batch_size)
            .map(batch)
        )

    def _windows(self, part):
        """`windows.window_index` of a part."""
        length = self.settings.length
        return windows.window_index([len(clip) for clip in self.clips[part]], length, length)

    def _weights(self, part):
        labels = self.labels[part]
        weights = (labels >= 0).astype(np.float32)
        if self.settings.balanced:
            counts = np.bincount(labels[labels >= 0], minlength=len(self.classes))
            each = weights.sum() / (np.count_nonzero(counts) * np.maximum(counts, 1))
            weights = weights * each[np.maximum(labels, 0)].astype(np.float32)
        return weights

    def _representations(self, model, part):
        found = self._predict(model, part)
        return found["representation"], found["labels"]

    def _predict(self, model, part):
        index, inside = self._windows(part)
        features = self.features(part)[index][:, :, None, None, :]
        found = model.predict({"images": features}, batch_size=1024, verbose=0)
        counts = inside & (self.labels[part][index] >= 0)
        task = adapted.task_of(model)
        owner = np.repeat(np.arange(len(self.clips[part])), [len(c) for c in self.clips[part]])
        return {
            "clips": owner[index][counts],
            "labels": self.labels[part][index][counts],
            "outputs": found[task][counts],
            "representation": found[adapted.REPRESENTATION][counts],
        }

    def _write_outputs(self, name, part, path):
        model = keras.saving.load_model(self.out_dir / "models" / f"{name}.keras", compile=False)
        found = self._predict(model, part)
        z = self.centroids().values
        x = found["representation"].astype(np.float64)
        distances = ((x[:, None] - z[None]) ** 2).sum(axis=-1)
        with _files.atomic(path) as temporary:
            np.savez(temporary, distances=distances.astype(np.float32), **found)

    def _refuse_other_settings(self, backbone):
        path = self.out_dir / "settings.json"
        content = {
            "settings": dataclasses.asdict(self.settings),
            "classes": list(self.names),
            "backbone": _fingerprint(backbone),
            # The splits, written down before the first network is trained.
            "clips": {part: [clip.key for clip in self.clips[part]] for part in PARTS},
            "labels": {part: _hash(self.labels[part].tobytes()) for part in PARTS},
        }
        content = json.loads(json.dumps(content))
        if path.exists():
            before = json.loads(path.read_text(encoding="utf-8"))
            changed = [name for name in content if before.get(name) != content[name]]
            if changed:
                raise ValueError(
                    f"A folder holds one experiment. {path} was made with other {changed}. Repeat "
                    "the arguments to go on with that one, or choose another folder."
                )
        elif any(not path.name.startswith("crops") for path in self.out_dir.iterdir()):
            raise FileExistsError(
                f"An experiment needs a folder of its own. {self.out_dir} holds other files. "
                "Choose another folder."
            )
        _files.write_json(path, content)


def cell_name(lam, seed):
    """Name of the network of one λ and seed, such as `lambda0.25_seed0`."""
    return f"lambda{lam:g}_seed{seed}"


def _labels(clips):
    """Expression of every frame, -1 where it does not count."""
    without = [clip.key for clip in clips if clip.expression is None]
    if without or not clips:
        raise ValueError(
            f"Every part needs clips with expressions. Received: {len(clips)} clips, without: "
            f"{without[:5]}. Choose another dataset or split."
        )
    return np.concatenate([np.where(clip.valid, clip.expression, -1) for clip in clips])


def _renumbered(labels, classes):
    table = np.full(len(EXPRESSIONS) + 1, -1, np.int64)  # the last row is for -1
    table[classes] = np.arange(len(classes))
    return table[labels]


def _first_weights(model, initializer):
    """Initial weights of the output layer `classes`, as the other layers have them."""
    layer = model.get_layer("classes")
    if initializer is None:
        return layer.get_weights()
    kernel, bias = (initializer[f"{name}_initializer"] for name in ("kernel", "bias"))
    return [
        np.asarray(keras.initializers.get(rule)(weight.shape))
        for rule, weight in zip((kernel, bias), layer.weights, strict=True)
    ]


def _fingerprint(backbone):
    return _hash(b"".join(np.ascontiguousarray(w).tobytes() for w in backbone.get_weights()))


def _hash(content):
    return hashlib.sha256(content).hexdigest()[:16]

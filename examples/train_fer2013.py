"""Trains the expression network that ships with the package, on FER-2013.

    python examples/train_fer2013.py fer2013.tar run

A killed run goes on by the same command. The network has the topology of VGG-Face at half its
width, with batch normalisation, and sees grey faces. `run/best.keras` holds a running mean of the
weights (Polyak & Juditsky, 1992), from the epoch at which it was best on PublicTest.

The first epochs see smaller pictures, which cost less (Howard, 2018). The faces are mirrored,
turned, moved, scaled, lit and partly hidden, and at first mixed in pairs (Zhang et al., 2018). The
labels are noisy; with `--teachers` the network learns in part from what networks that were trained
before say of a face (Hinton et al., 2015). `--start` goes on from one; with `--frozen` its first
blocks stay as they are, which saves a part of the time.

It runs with each of Keras' backends. On a processor without bfloat16 `KERAS_BACKEND=torch` was the
fastest.
"""

import argparse
from pathlib import Path

import cv2
import keras
import numpy as np

from kollias_affect import EXPRESSIONS, _files, backbones, datasets, models, training, transfer

SIZE = 40  # of 48 pixels; it costs a third less
PIXELS = 48  # of FER-2013
SMOOTHING = 0.1
STEPS_IN_MEAN, STEPS_BETWEEN = 400, 8
MIXED_EPOCHS = 0.6  # of all


def main():
    """Reads the arguments and trains on one size of pictures after the other."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", help="FER-2013: a tar archive, a csv or a folder")
    parser.add_argument("out", type=Path, help="folder of the run")
    parser.add_argument(
        "--sizes",
        nargs="+",
        type=lambda text: tuple(map(int, text.split(":"))),
        default=[(32, 24), (SIZE, 50)],
        metavar="SIZE:EPOCHS",
        help="pixels of the pictures, and for how many epochs; the network has the last size",
    )
    parser.add_argument("--width", type=float, default=0.5, help="factor on the channels")
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--learning-rate", type=float, default=0.05, help="the highest")
    parser.add_argument("--weight-decay", type=float, default=5e-3)
    parser.add_argument("--mixing", type=float, default=0.2, help="of pairs; 0 for none")
    parser.add_argument("--taught", type=float, default=0.7, help="share of outputs in the labels")
    parser.add_argument("--start", help=".keras file whose weights come first")
    parser.add_argument(
        "--frozen", type=int, default=0, help="how many of the five blocks stay as they start"
    )
    parser.add_argument("--teachers", nargs="*", default=[], help=".keras files to learn from")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    arguments.epochs = sum(epochs for _, epochs in arguments.sizes)
    keras.utils.set_random_seed(arguments.seed)
    keras.config.set_dtype_policy(models.native_precision())
    images, labels = read(arguments.data, "Training")
    test = read(arguments.data, "PublicTest")
    outputs = taught(images, arguments) if arguments.teachers else None
    targets = Targets(one_hot(labels), outputs, arguments.taught, arguments.epochs)
    weights = models.load(arguments.start)[0].get_weights() if arguments.start else None
    last = 0
    for size, epochs in arguments.sizes:
        last += epochs
        if training.AtomicBackup.epochs_done(arguments.out / "backup") < last:
            weights = train(size, last, images, targets, test, weights, arguments)


def train(size, last, images, targets, test, weights, arguments):
    """Trains on pictures of one size up to the epoch `last`; returns the weights."""
    model = with_fused_normalization(network(arguments.width, size))
    mean = network(arguments.width, size)
    if weights is not None:
        model.set_weights(weights)
    frozen = tuple(f"conv{block + 1}_" for block in range(arguments.frozen))
    names = [one.name for one in transfer.freezing.leaves(model) if one.name.startswith(frozen)]
    if names:
        transfer.freeze(model, names=names)
    batches = Faces(images, targets, size, arguments)
    loss = {"loss": "categorical_crossentropy", "metrics": ["accuracy"]}
    model.compile(optimizer(len(batches), arguments), **loss)
    mean.compile(**loss)
    callbacks = training.callbacks(arguments.out, "val_accuracy")
    best = next(one for one in callbacks if isinstance(one, training.BestModel))
    callbacks.remove(best)
    if size != arguments.sizes[-1][0]:
        best.path = arguments.out / f"best-{size}.keras"
    test = {"images": to_unit_range(resized(test[0], size))}, one_hot(test[1])
    averaging = MeanOfWeights(mean, arguments.out / "mean.keras", test, best)
    model.fit(batches, epochs=last, callbacks=[averaging, *callbacks], shuffle=False, verbose=2)
    return model.get_weights()


def network(width=0.5, size=SIZE, pixels=None):
    """The expression network: float RGB `[batch, size, size, 3]` in [-1, 1] to seven probabilities.

    With `pixels` it takes pictures of so many and brings them to `size` as `changed` does, linearly
    and without a filter, so that they need not be shrunk elsewhere. Its first layers make
    the picture grey and bring it to mean 0 and deviation 1, so that colour and exposure do not
    matter. The last pooling is an average over what conv5_3 leaves, 2 x 2 of 40 x 40 pixels; so the
    weights are the same for every size.
    """
    pixels = pixels or size
    images = keras.Input((pixels, pixels, 3), name="images")
    sized = keras.layers.Resizing(size, size, dtype="float32", name="sized")
    luma = np.repeat(np.array([0.299, 0.587, 0.114]), 3).reshape(1, 1, 3, 3)  # ITU-R BT.601
    grey = keras.layers.Conv2D(3, 1, use_bias=False, trainable=False, name="grey")
    contrast = keras.layers.GroupNormalization(1, center=False, scale=False, name="contrast")
    vgg = backbones.vgg_face((size, size, 3), width, batch_normalization=True)
    vgg = keras.Model(vgg.input, vgg.get_layer("conv5_3_relu").output, name="vgg_face")
    pool = keras.layers.GlobalAveragePooling2D(keepdims=True, name="pool5")
    backbone = keras.Model(
        images,
        pool(vgg(contrast(grey(images if pixels == size else sized(images))))),
        name="grey_vgg_face",
    )
    grey.set_weights([luma])
    return models.cnn(
        backbone, "expression", landmarks=False, hidden_units=(256,), dropout=0.5, name="fer2013"
    )


class FusedBatchNormalization(keras.layers.BatchNormalization):
    """The same function by one kernel of the backend; a step takes two thirds of the time."""

    def call(self, inputs, training=None, mask=None):
        """Normalises by the batch in training, else by the moving moments."""
        if not (training and self.trainable and keras.backend.backend() in KERNELS):
            return super().call(inputs, training=training)
        scale, offset = (keras.ops.cast(value, "float32") for value in (self.gamma, self.beta))
        kernel = KERNELS[keras.backend.backend()]
        outputs, mean, variance = kernel(inputs, scale, offset, self.epsilon)
        for moving, batch in ((self.moving_mean, mean), (self.moving_variance, variance)):
            moving.assign(self.momentum * moving + (1 - self.momentum) * batch)
        return outputs


def normalized_by_tensorflow(inputs, scale, offset, epsilon):
    """Outputs, mean and variance of a batch."""
    import tensorflow as tf

    outputs, mean, variance, *_ = tf.compat.v1.nn.fused_batch_norm(
        inputs, scale, offset, epsilon=epsilon, is_training=True
    )
    return outputs, mean, variance


def normalized_by_torch(inputs, scale, offset, epsilon):
    """Outputs, mean and variance of a batch."""
    import torch

    mean, variance = torch.zeros_like(scale), torch.ones_like(scale)
    outputs = torch.nn.functional.batch_norm(
        inputs.permute(0, 3, 1, 2), mean, variance, scale, offset, True, 1.0, epsilon
    )
    return outputs.permute(0, 2, 3, 1), mean, variance


KERNELS = {"tensorflow": normalized_by_tensorflow, "torch": normalized_by_torch}


def with_fused_normalization(model):
    """A copy of a network, for training."""

    def copied(layer):
        kind = type(layer)
        if kind is keras.layers.BatchNormalization:
            kind = FusedBatchNormalization
        return kind.from_config(layer.get_config())

    copy = keras.models.clone_model(model, clone_function=copied, recursive=True)
    copy.set_weights(model.get_weights())
    return copy


def optimizer(steps, arguments):
    """SGD with Nesterov's momentum; the rate rises for two epochs, then falls as a cosine."""
    warmup = min(2, arguments.epochs // 2)
    rate = keras.optimizers.schedules.CosineDecay(
        0.0,
        (arguments.epochs - warmup) * steps,
        warmup_target=arguments.learning_rate,
        warmup_steps=warmup * steps,
    )
    sgd = keras.optimizers.SGD(
        rate, momentum=0.9, nesterov=True, weight_decay=arguments.weight_decay
    )
    sgd.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return sgd


class MeanOfWeights(keras.callbacks.Callback):
    """Keeps an exponential mean of all weights, tests it after each epoch, saves the best one.

    Args:
        mean: `keras.Model` that holds it, compiled.
        path: file for a run that goes on.
        test: inputs and labels.
        best: `training.BestModel`.
    """

    def __init__(self, mean, path, test, best):
        super().__init__()
        self.mean, self.path, self.test, self.best = mean, path, test, best

    def on_train_begin(self, logs=None):
        """Takes up the mean, or starts it at the weights."""
        self.mean.set_weights(self.model.get_weights())
        if self.path.exists():
            self.mean.set_weights(models.load(self.path)[0].get_weights())
        self.best.set_model(self.mean)
        self.best.on_train_begin()

    def on_train_batch_end(self, batch, logs=None):
        """Follows the weights, every few steps."""
        if batch % STEPS_BETWEEN:
            return
        if keras.backend.backend() == "jax":
            self.model.jax_state_sync()
        for mean, value in zip(self.mean.variables, self.model.variables, strict=True):
            if mean.dtype == "float32":  # not the states of random generators
                mean.assign_add((value - mean) * (STEPS_BETWEEN / STEPS_IN_MEAN))

    def on_epoch_end(self, epoch, logs=None):
        """Tests the mean, as `val_loss` and `val_accuracy`."""
        scores = self.mean.evaluate(*self.test, batch_size=256, verbose=0, return_dict=True)
        logs.update({f"val_{name}": value for name, value in scores.items()})
        self.best.on_epoch_end(epoch, logs)
        models.save(self.mean, self.path)


class Targets:
    """What the faces are trained against: smoothed labels and outputs of teachers.

    Args:
        labels: one-hot `[n, 7]`.
        outputs: mean of the teachers' `[n, 7]`, or None.
        share: of the outputs in the last epoch; it grows by the epochs.
        epochs: of the whole training.
    """

    def __init__(self, labels, outputs, share, epochs):
        self.labels = (1 - SMOOTHING) * labels + SMOOTHING / labels.shape[1]
        self.outputs, self.share, self.epochs = outputs, share, epochs

    def at(self, epoch, rows):
        """Probabilities of some faces in an epoch."""
        if self.outputs is None:
            return self.labels[rows]
        share = self.share * (epoch + 1) / self.epochs
        return (1 - share) * self.labels[rows] + share * self.outputs[rows]


def taught(images, arguments):
    """Mean of the teachers' outputs for pictures and their mirror images, `[n, 7]`, kept."""
    path = arguments.out / "taught.npy"
    if not path.exists():
        networks = [models.load(teacher)[0] for teacher in arguments.teachers]
        both = images, images[:, :, ::-1]
        outputs = np.mean([outputs_of(one, faces) for one in networks for faces in both], axis=0)
        with _files.atomic(path) as temporary, temporary.open("wb") as file:
            np.save(file, outputs)
    return np.load(path, allow_pickle=False)


def outputs_of(model, images):
    """Probabilities `[n, 7]` for grey uint8 `[n, h, w]`, 4096 at a time."""
    size = model.inputs[0].shape[1]
    parts = (resized(images[i : i + 4096], size) for i in range(0, len(images), 4096))
    inputs = ({"images": to_unit_range(part)} for part in parts)
    return np.concatenate([model.predict(one, batch_size=256, verbose=0) for one in inputs])


def read(data, split):
    """Images of a split, uint8 `[n, 48, 48]`, and labels `[n]`."""
    clips = datasets.load("fer2013", data, split)
    images = np.stack([cv2.imread(clip.paths[0], cv2.IMREAD_GRAYSCALE) for clip in clips])
    return images, np.concatenate([clip.expression for clip in clips])


def resized(images, size):
    """Pictures `[n, h, w]` of `size` x `size` pixels."""
    if images.shape[1] == size:
        return images
    return np.stack([cv2.resize(one, (size, size), interpolation=cv2.INTER_AREA) for one in images])


def to_unit_range(images):
    """Grey `[n, h, w]` in [0, 255] to float32 RGB `[n, h, w, 3]` in [-1, 1]."""
    return np.repeat(images[..., None].astype(np.float32) / np.float32(127.5) - 1, 3, axis=-1)


def one_hot(labels):
    """Labels `[n]` to float32 `[n, 7]`."""
    return np.eye(len(EXPRESSIONS), dtype=np.float32)[labels]


class Faces(keras.utils.PyDataset):
    """Batches of changed faces; each batch is a function of seed, epoch and its number."""

    def __init__(self, images, targets, size, arguments):
        super().__init__(workers=1, use_multiprocessing=False, max_queue_size=8)
        self.images, self.targets, self.size = images, targets, size
        self.batch_size, self.seed = arguments.batch_size, arguments.seed
        self.mixing = arguments.mixing
        self.epoch = training.AtomicBackup.epochs_done(arguments.out / "backup")

    def __len__(self):
        return len(self.images) // self.batch_size

    def on_epoch_end(self):
        """The next epoch has another order and other changes."""
        self.epoch += 1

    def __getitem__(self, index):
        order = np.random.default_rng([self.seed, self.epoch]).permutation(len(self.images))
        chosen = order[index * self.batch_size : (index + 1) * self.batch_size]
        random = np.random.default_rng([self.seed, self.epoch, index])
        images = changed(self.images[chosen], random, self.size).astype(np.float32)
        labels = self.targets.at(self.epoch, chosen)
        if self.mixing and self.epoch < MIXED_EPOCHS * self.targets.epochs:
            share = random.beta(self.mixing, self.mixing, (len(chosen), 1)).astype(np.float32)
            images = images * share[..., None] + images[::-1] * (1 - share[..., None])
            labels = labels * share + labels[::-1] * (1 - share)
        return {"images": to_unit_range(images)}, labels


def changed(images, random, size):
    """Faces `[n, 48, 48]`, each mirrored, turned, scaled, moved, lit, partly hidden at random."""
    n = len(images)
    mirrored, hidden = random.random((2, n)) < 0.5
    angles, scales = random.uniform(-12, 12, n), np.exp(random.uniform(-0.12, 0.16, n))
    moves, gammas = random.uniform(-3, 3, (n, 2)), np.exp(random.uniform(-0.3, 0.3, n))
    levels = (255 * (np.arange(256) / 255) ** gammas[:, None]).astype(np.uint8)
    sides = random.integers(size // 8, size // 3, (n, 2))
    corners = random.integers(0, size - sides)
    greys = random.integers(256, size=n)
    centre, factor = (PIXELS - 1) / 2, size / PIXELS
    out = np.empty((n, size, size), np.uint8)
    for i, image in enumerate(images):
        matrix = cv2.getRotationMatrix2D((centre, centre), angles[i], scales[i])
        matrix[:, 2] += moves[i]
        matrix *= factor
        matrix[:, 2] += (factor - 1) / 2  # pixels are counted from their centres
        if mirrored[i]:
            image = cv2.flip(image, 1)
        image = cv2.warpAffine(image, matrix, (size, size), borderMode=cv2.BORDER_REPLICATE)
        cv2.LUT(image, levels[i], out[i])
        if hidden[i]:
            (top, left), (height, width) = corners[i], sides[i]
            out[i, top : top + height, left : left + width] = greys[i]
    return out


if __name__ == "__main__":
    main()

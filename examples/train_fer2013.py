"""Trains the expression network that ships with the package, on FER-2013.

    python examples/train_fer2013.py fer2013.tar teacher --width 1 --size 48
    python examples/train_fer2013.py fer2013.tar run --teachers teacher/best.keras

A killed run goes on by the same command. The network has the topology of VGG-Face at a part of its
width, with batch normalisation, and sees grey faces. `run/best.keras` holds a running mean of the
weights (Polyak & Juditsky, 1992), from the epoch at which it was best on PublicTest.

The faces are mirrored, turned, moved, scaled, lit and partly hidden, and at first mixed in pairs
(Zhang et al., 2018). The labels are noisy; with `--teachers` the network learns in part what other
networks say (Hinton et al., 2015) of the very pictures that it sees (Beyer et al., 2022). As they
cost more than the training of a narrow network, they are asked about `--views` sets of changed
faces, which are then learned from in turn.

It runs with each of Keras' backends, and is made for a GPU: a network of full width takes hours of
many processors. On a processor without bfloat16 `KERAS_BACKEND=torch` was the fastest.
"""

import argparse
import itertools
import os
import threading
from pathlib import Path

import cv2
import keras
import numpy as np
from tqdm import tqdm

from kollias_affect import EXPRESSIONS, _files, backbones, datasets, models, training, transfer

SIZE = 40  # of 48 pixels; it costs a third less
PIXELS = 48  # of FER-2013
SMOOTHING = 0.1
DEGREES, ZOOMS, MOVES = 15, (-0.2, 0.15), 4  # zooms are logarithms, moves pixels
STEPS_IN_MEAN, STEPS_BETWEEN = 400, 16
MIXED_VIEWS = 0.8  # of all; the last are of single faces
NORMALIZED_BY = 512  # faces, or some more


def main():
    """Reads the arguments and trains."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", help="FER-2013: a tar archive, a csv or a folder")
    parser.add_argument("out", type=Path, help="folder of the run")
    parser.add_argument("--width", type=float, default=0.375, help="factor on the channels")
    parser.add_argument("--size", type=int, default=SIZE, help="pixels that the network sees")
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--learning-rate", type=float, default=0.05, help="the highest")
    parser.add_argument("--weight-decay", type=float, default=5e-3)
    parser.add_argument("--ahead", type=float, default=0, help="distance of Momentum-SAM")
    parser.add_argument("--dropout", type=float, default=0.5, help="before the last layer")
    parser.add_argument("--mixing", type=float, default=0.2, help="of pairs; 0 for none")
    parser.add_argument("--start", help=".keras file with the first weights")
    parser.add_argument("--frozen-blocks", type=int, default=0, help="the first so many stay")
    parser.add_argument("--teachers", nargs="*", default=[], help=".keras files to learn from")
    parser.add_argument("--taught", type=float, default=0.9, help="teachers' share of the labels")
    parser.add_argument("--views", type=int, help="sets of changed faces [default: one an epoch]")
    parser.add_argument("--backup-every", type=int, default=1, help="epochs")
    parser.add_argument("--keep", type=int, default=0, help="means of so many last epochs, too")
    precisions = "float32", "mixed_bfloat16"
    parser.add_argument("--precision", choices=precisions, help="[default: by the machine]")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    keras.utils.set_random_seed(arguments.seed)
    keras.config.set_dtype_policy(arguments.precision or models.native_precision())
    if training.AtomicBackup.epochs_done(arguments.out / "backup") < arguments.epochs:
        train(arguments)


def train(arguments):
    """Trains up to the last epoch."""
    images, labels = read(arguments.data, "Training")
    test = read(arguments.data, "PublicTest")
    test = {"images": to_unit_range(test[0])}, one_hot(test[1])
    sizes = arguments.width, arguments.size, PIXELS, arguments.dropout
    model, mean = with_fused_normalization(network(*sizes)), network(*sizes)
    if arguments.start:
        some = images[:: max(1, len(images) // NORMALIZED_BY)]  # of each class: they lie by class
        start(model, models.load(arguments.start)[0], to_unit_range(some))
    if arguments.frozen_blocks:
        blocks = tuple(f"conv{block}_" for block in range(1, arguments.frozen_blocks + 1))
        names = [layer.name for layer in transfer.freezing.leaves(model)]
        transfer.freeze(model, names=[name for name in names if name.startswith(blocks)])
    teachers = [models.load(path)[0] for path in arguments.teachers]
    batches = Faces(images, labels, arguments, teachers)
    loss = {"loss": "categorical_crossentropy", "metrics": ["accuracy"]}
    model.compile(optimizer(len(batches), arguments), **loss)
    mean.compile(**loss)
    callbacks = training.callbacks(
        arguments.out, "val_accuracy", backup_every=arguments.backup_every
    )
    best, backup = (
        next(one for one in callbacks if isinstance(one, kind))
        for kind in (training.BestModel, training.AtomicBackup)
    )
    callbacks.remove(best)
    kept_from = arguments.epochs - arguments.keep
    averaging = MeanOfWeights(mean, arguments.out / "mean.keras", test, best, backup, kept_from)
    model.fit(
        batches,
        epochs=arguments.epochs,
        callbacks=[averaging, *callbacks],
        shuffle=False,
        verbose=2,
    )


def network(width=0.375, size=SIZE, pixels=PIXELS, dropout=0.5, batch_normalization=True):
    """The expression network: float RGB `[batch, pixels, pixels, 3]` in [-1, 1] to seven
    probabilities.

    It sees `size` pixels: it shrinks what has more, linearly and with a filter. Its first layers
    make the picture grey and bring it to mean 0 and deviation 1, so that colour and exposure do not
    matter. The last pooling is an average over what conv5_3 leaves, 2 x 2 of 40 x 40 pixels; so the
    weights are the same for every size.
    """
    images = x = keras.Input((pixels, pixels, 3), name="images")
    if size != pixels:
        sized = keras.layers.Resizing(size, size, antialias=True, dtype="float32", name="sized")
        x = sized(x, training=False)  # else all behind it is in training where nobody says so
    luma = np.repeat(np.array([0.299, 0.587, 0.114]), 3).reshape(1, 1, 3, 3)  # ITU-R BT.601
    grey = keras.layers.Conv2D(3, 1, use_bias=False, trainable=False, name="grey")
    contrast = keras.layers.GroupNormalization(1, center=False, scale=False, name="contrast")
    vgg = backbones.vgg_face((size, size, 3), width, batch_normalization)
    vgg = keras.Model(vgg.input, vgg.get_layer("pool5").input, name="vgg_face")
    pool = keras.layers.GlobalAveragePooling2D(keepdims=True, name="pool5")
    backbone = keras.Model(images, pool(vgg(contrast(grey(x)))), name="grey_vgg_face")
    grey.set_weights([luma])
    return models.cnn(
        backbone,
        "expression",
        landmarks=False,
        hidden_units=(256,),
        dropout=dropout,
        name="fer2013",
    )


def start(model, trained, faces):
    """Sets the weights of a network to those of a trained one.

    Args:
        model: `network(...)`.
        trained: another, which may be wider; or of the same width, without normalisation as in the
            file that ships. Then each layer of normalisation gets the moments of these faces, a
            scale and an offset, so that it changes nothing.
        faces: float32 RGB `[n, 48, 48, 3]` in [-1, 1].
    """
    layers = {layer.name: layer for layer in transfer.freezing.leaves(trained)}
    if missing := {"conv1_1", "conv5_3", "fc1", "expression"} - set(layers):
        missing = ", ".join(sorted(missing))
        raise SystemExit(f"--start needs a network of this script; the file's has no {missing}.")
    if "conv1_1_bn" in layers:
        model.set_weights(narrowed(trained.get_weights(), model))
        return
    outputs, offset = faces, None
    for layer in transfer.freezing.leaves(model):
        if isinstance(layer, keras.layers.BatchNormalization):
            values = keras.ops.cast(outputs, "float32")
            moments = keras.ops.moments(values, (0, 1, 2))
            mean, variance = map(keras.ops.convert_to_numpy, moments)
            scale = np.sqrt(variance + layer.epsilon)
            layer.set_weights([scale, offset + mean, mean, variance])
        elif layer.weights:
            *_, offset = weights = layers[layer.name].get_weights()
            if weights[0].shape != layer.weights[0].shape:
                raise SystemExit(
                    f"--start without normalisation must have the same --width; its {layer.name} "
                    f"has weights of {weights[0].shape}, not {tuple(layer.weights[0].shape)}."
                )
            layer.set_weights(weights[: len(layer.weights)])
        if not isinstance(layer, keras.layers.InputLayer):
            outputs = layer(outputs, training=False)


def narrowed(weights, model):
    """Weights of a network of the same layers, those of its strongest channels where it is wider.

    A channel is as strong as the product of its normalisation's scale (Liu et al., 2017) and the
    norm of the weights that take it up.
    """
    weights, widths = list(weights), [len(weight.T) for weight in model.get_weights()]
    kernels = [i for i, weight in enumerate(weights) if weight.ndim > 1]
    kept = slice(None)
    for kernel, following in itertools.pairwise([*kernels, len(weights)]):
        weights[kernel] = weights[kernel][..., kept, :]
        kept = slice(None)
        if widths[kernel] < len(weights[kernel].T):
            axes = tuple({-1, *range(-weights[following].ndim, -2)})
            norms = np.sqrt((weights[following] ** 2).sum(axes))
            strengths = np.abs(weights[kernel + 1]) * norms
            kept = np.sort(np.argsort(-strengths)[: widths[kernel]])
        weights[kernel:following] = [weight[..., kept] for weight in weights[kernel:following]]
    return weights


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

    def layer_of(layer):
        kind = type(layer)
        if kind is keras.layers.BatchNormalization:
            kind = FusedBatchNormalization
        return kind.from_config(layer.get_config())

    copy = keras.models.clone_model(model, clone_function=layer_of, recursive=True)
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
    sgd = MomentumSAM(
        rate, arguments.ahead, momentum=0.9, nesterov=True, weight_decay=arguments.weight_decay
    )
    sgd.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return sgd


class MomentumSAM(keras.optimizers.SGD):
    """Gradients are taken at weights that lie a distance ahead, in the direction of the momentum.

    So weights are found around which the loss is low, too, at no more cost (Momentum-SAM, Becker et
    al., 2024). Between steps the variables hold the weights ahead.

    Args:
        learning_rate: number or schedule.
        distance: Euclidean, over all variables; with 0 it is SGD.
        **options: of `keras.optimizers.SGD`.
    """

    def __init__(self, learning_rate, distance, **options):
        super().__init__(learning_rate, **options)
        self.distance = distance

    def apply(self, grads, trainable_variables=None):
        """A step from the weights themselves."""
        if not self.built:
            self.build(trainable_variables)  # makes the momentums
        self.move_ahead(-1)
        super().apply(grads, trainable_variables)
        self.move_ahead()

    def move_ahead(self, times=1):
        """Moves the variables by so many distances; by -1 to the weights themselves."""
        if not self.distance:
            return
        norm = keras.ops.sqrt(sum(keras.ops.sum(m * m) for m in self.momentums))
        factor = times * self.distance / keras.ops.maximum(norm, 1e-12)
        for variable, momentum in zip(self._trainable_variables, self.momentums, strict=True):
            variable.assign_add(factor * momentum)


class MeanOfWeights(keras.callbacks.Callback):
    """Keeps an exponential mean of all weights, tests it after each epoch, saves the best one.

    Args:
        mean: `keras.Model` that holds it, compiled.
        path: file for a run that goes on.
        test: inputs and labels.
        best: `training.BestModel`.
        backup: `training.AtomicBackup`; the file is written when it is.
        kept_from: epoch from which on, counted from 0, each one's mean is kept beside it, with its
            number.
    """

    def __init__(self, mean, path, test, best, backup, kept_from):
        super().__init__()
        self.mean, self.path, self.kept_from = mean, path, kept_from
        self.test, self.best, self.backup = test, best, backup

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
        optimizer = self.model.optimizer
        optimizer.move_ahead(-1)
        for mean, value in zip(self.mean.weights, self.model.weights, strict=True):
            mean.assign_add((value - mean) * (STEPS_BETWEEN / STEPS_IN_MEAN))
        optimizer.move_ahead()

    def on_epoch_end(self, epoch, logs=None):
        """Tests the mean, as `val_loss` and `val_accuracy`."""
        scores = self.mean.evaluate(*self.test, batch_size=256, verbose=0, return_dict=True)
        logs.update({f"val_{name}": value for name, value in scores.items()})
        self.best.on_epoch_end(epoch, logs)
        if self.backup.is_due(epoch):
            models.save(self.mean, self.path)
        if epoch >= self.kept_from:
            models.save(self.mean, self.path.with_stem(f"mean{epoch:03}"), epoch=epoch)


def read(data, split):
    """Images of a split, uint8 `[n, 48, 48]`, and labels `[n]`."""
    clips = datasets.load("fer2013", data, split)
    images = np.stack([cv2.imread(clip.paths[0], cv2.IMREAD_GRAYSCALE) for clip in clips])
    return images, np.concatenate([clip.expression for clip in clips])


def to_unit_range(images):
    """Grey `[n, h, w]` in [0, 255] to float32 RGB `[n, h, w, 3]` in [-1, 1]."""
    return np.repeat(images[..., None].astype(np.float32) / np.float32(127.5) - 1, 3, axis=-1)


def one_hot(labels):
    """Labels `[n]` to float32 `[n, 7]`."""
    return np.eye(len(EXPRESSIONS), dtype=np.float32)[labels]


class Faces(keras.utils.PyDataset):
    """Batches of changed faces and of what a network is to say of them.

    An epoch is a view of all faces: their order, and a change of each. It is a function of the seed
    and of its number; after so many epochs as there are views they come again.

    Args:
        images: grey uint8 `[n, 48, 48]`.
        labels: `[n]`.
        arguments: of the command line.
        teachers: networks to learn from. What they say of a view is kept in `said` of the run.
    """

    def __init__(self, images, labels, arguments, teachers=()):
        workers = max(1, (os.cpu_count() or 1) // 4)  # threads
        super().__init__(workers=workers, use_multiprocessing=False, max_queue_size=8)
        smoothed = (1 - SMOOTHING) * one_hot(labels) + np.float32(SMOOTHING / len(EXPRESSIONS))
        self.images, self.labels = images, smoothed
        self.batch_size, self.seed = arguments.batch_size, arguments.seed
        self.mixing, self.views = arguments.mixing, arguments.views or arguments.epochs
        self.epoch = training.AtomicBackup.epochs_done(arguments.out / "backup")
        self.teachers, self.taught = teachers, arguments.taught
        self.folder, self.lock, self.said = arguments.out / "said", threading.Lock(), (None, None)

    def __len__(self):
        return len(self.images) // self.batch_size

    def on_epoch_end(self):
        """The next epoch has another view."""
        self.epoch += 1

    def __getitem__(self, index):
        view = self.epoch % self.views
        pictures, labels = self.batch(view, index)
        if self.teachers:
            labels += self.taught * (self.said_of(view)[index] - labels)
        return {"images": pictures}, labels

    def batch(self, view, index):
        """Changed faces and their smoothed labels."""
        order = np.random.default_rng([self.seed, view]).permutation(len(self.images))
        chosen = order[index * self.batch_size : (index + 1) * self.batch_size]
        random = np.random.default_rng([self.seed, view, index])
        changes = drawn(random, len(chosen), self.mixing if view < MIXED_VIEWS * self.views else 0)
        labels, share = self.labels[chosen], changes["shares"][:, None].astype(np.float32)
        labels = labels * share + labels[::-1] * (1 - share)
        return changed(self.images[chosen], **changes), labels

    def said_of(self, view):
        """What the teachers say of a view, `[batches, batch, 7]`."""
        path = self.folder / f"view{view:03}.npy"
        with self.lock:  # batches are made by several threads
            if not path.exists():
                batches = tqdm(range(len(self)), f"asking the teachers about view {view}")
                said = [self.said_now(self.batch(view, index)[0]) for index in batches]
                with _files.atomic(path) as temporary:
                    np.save(temporary, np.array(said, np.float16))
            if self.said[0] != view:
                self.said = view, np.load(path, allow_pickle=False).astype(np.float32)
            return self.said[1]

    def said_now(self, pictures):
        """Mean probabilities `[batch, 7]` that the teachers give to pictures."""
        said = [teacher.predict_on_batch({"images": pictures}) for teacher in self.teachers]
        return np.mean(said, axis=0)


def drawn(random, n, mixing):
    """How `changed` is to change `n` pictures, by name."""
    mirrored = np.where(random.random(n) < 0.5, -1.0, 1.0)
    angles = np.radians(random.uniform(-DEGREES, DEGREES, n))
    zooms = np.exp(random.uniform(*ZOOMS, n))
    moves = random.uniform(-MOVES, MOVES, (2, n))
    cosines, sines = zooms * np.cos(angles), zooms * np.sin(angles)
    rows = (mirrored * cosines, mirrored * sines), (-sines, cosines)
    centre = (PIXELS - 1) / 2  # pixels are counted from their centres
    offsets = [centre - x * (centre + moves[0]) - y * (centre + moves[1]) for x, y in rows]
    transforms = [[*row, offset] for row, offset in zip(rows, offsets, strict=True)]
    hidden = random.random((n, 1)) < 0.5
    sides = random.integers(PIXELS // 8, PIXELS // 3, (n, 2))
    return {
        "transforms": np.moveaxis(np.array(transforms), -1, 0),
        "gammas": np.exp(random.uniform(-0.3, 0.3, n)),
        "corners": random.integers(0, PIXELS - sides),
        "sides": sides * hidden,
        "greys": random.random(n),
        "shares": random.beta(mixing, mixing, n) if mixing else np.ones(n),
    }


def changed(images, transforms, gammas, corners, sides, greys, shares):
    """Grey faces `[n, 48, 48]` in [0, 255], changed, as float32 RGB `[n, 48, 48, 3]` in [-1, 1].

    Args:
        images: the faces.
        transforms: `[n, 2, 3]`, from column and row of a pixel of the new picture to those of one
            of the old.
        gammas: `[n]`, powers of the light.
        corners, sides: `[n, 2]`, row and column, of the part that is hidden.
        greys: `[n]` in [0, 1], what hides it.
        shares: `[n]`, of a picture in its mixture with one from the other end of the batch.
    """
    faces = images.astype(np.float32) / 255
    # Linear interpolation would blur them, and faces that are not changed are not blurred.
    how = {"flags": cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP, "borderMode": cv2.BORDER_REPLICATE}
    for face, transform in zip(faces, transforms, strict=True):
        face[:] = cv2.warpAffine(face, transform, face.shape, **how)
    faces = faces.clip(0, 1) ** gammas.astype(np.float32)[:, None, None]
    for face, (top, left), (height, width), grey in zip(faces, corners, sides, greys, strict=True):
        face[top : top + height, left : left + width] = grey
    share = shares.astype(np.float32)[:, None, None]
    faces = faces * share + faces[::-1] * (1 - share)
    return to_unit_range(255 * faces)


if __name__ == "__main__":
    main()

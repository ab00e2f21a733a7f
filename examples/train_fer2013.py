"""Trains the expression network that ships with the package, on FER-2013.

    python examples/train_fer2013.py fer2013.tar teacher --width 1 --size 48
    python examples/train_fer2013.py fer2013.tar run --teachers teacher/best.keras

The same command resumes a killed run. The network has the topology of VGG-Face with fewer channels
and batch normalisation, and converts faces to grey. `run/best.keras` holds a running mean of the
weights (Polyak & Juditsky, 1992), from the epoch with the best accuracy on PublicTest.

The faces are mirrored, rotated, shifted, scaled, relit and partly hidden, and in most epochs mixed
in pairs (Zhang et al., 2018). The labels are noisy, so with `--teachers` the targets are mostly the
outputs of other networks (Hinton et al., 2015) for the same augmented images (Beyer et al., 2022).
Teachers cost more than the training of a narrow network. They therefore process `--views` sets of
augmented faces, which the epochs use in turn.

The script runs with every backend of Keras. It is made for a GPU: a network of full width takes
hours on many processor cores. On processors without bfloat16, `KERAS_BACKEND=torch` was fastest.
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

PIXELS = 48  # side of the images of FER-2013
SIZE = 40  # default side of the network's input; a third cheaper than 48
SMOOTHING = 0.1  # of the labels
DEGREES, ZOOMS, MOVES = 15, (-0.2, 0.15), 4  # of the augmentation; log factors, pixels
STEPS_IN_MEAN, STEPS_BETWEEN = 400, 16  # of the mean of weights, and between its updates
MIXED_VIEWS = 0.8  # share of the views with mixed pairs; the last views have single faces
NORMALIZATION_FACES = 512  # approximate number of faces for the moments of `set_start_weights`


def main(command_line=None):
    """Reads the arguments, by default those of the process, and trains."""
    arguments = parse_arguments(command_line)
    keras.utils.set_random_seed(arguments.seed)
    keras.config.set_dtype_policy(arguments.precision or models.native_precision())
    if training.AtomicBackup.epochs_done(arguments.out / "backup") < arguments.epochs:
        train(arguments)


def parse_arguments(command_line):
    """Returns the arguments of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", help="FER-2013: a tar archive, a csv or a folder")
    parser.add_argument("out", type=Path, help="folder of the run")
    parser.add_argument("--width", type=float, default=0.375, help="factor on the channels")
    parser.add_argument("--size", type=int, default=SIZE, help="side of the network's input")
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--learning-rate", type=float, default=0.05, help="maximum")
    parser.add_argument("--weight-decay", type=float, default=5e-3)
    parser.add_argument("--ahead", type=float, default=0, help="distance of Momentum-SAM")
    parser.add_argument("--dropout", type=float, default=0.5, help="before the last layer")
    parser.add_argument("--mixing", type=float, default=0.2, help="beta of mixup; 0 for none")
    parser.add_argument("--start", help=".keras file with the first weights")
    parser.add_argument("--frozen-blocks", type=int, default=0, help="number of frozen blocks")
    parser.add_argument("--teachers", nargs="*", default=[], help=".keras files of teachers")
    parser.add_argument("--taught", type=float, default=0.9, help="teachers' share of the targets")
    parser.add_argument(
        "--views", type=int, help="sets of augmented faces [default: one per epoch]"
    )
    parser.add_argument("--backup-every", type=int, default=1, help="epochs between backups")
    parser.add_argument("--keep", type=int, default=0, help="number of last means to keep")
    precisions = "float32", "mixed_bfloat16"
    parser.add_argument("--precision", choices=precisions, help="[default: by the machine]")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args(command_line)


def train(arguments):
    """Trains up to the last epoch."""
    images, labels = read(arguments.data, "Training")
    sizes = arguments.width, arguments.size, PIXELS, arguments.dropout
    model, mean = with_fused_normalization(network(*sizes)), network(*sizes)
    if arguments.start:
        # The images are sorted by class, so every class is among these.
        faces = images[:: max(1, len(images) // NORMALIZATION_FACES)]
        set_start_weights(model, models.load(arguments.start)[0], to_unit_range(faces))
    freeze_blocks(model, arguments.frozen_blocks)
    teachers = [models.load(path)[0] for path in arguments.teachers]
    batches = AugmentedFaces(images, labels, arguments, teachers)
    options = {"loss": "categorical_crossentropy", "metrics": ["accuracy"]}
    model.compile(optimizer(len(batches), arguments), **options)
    mean.compile(**options)
    model.fit(
        batches,
        epochs=arguments.epochs,
        callbacks=callbacks(mean, arguments),
        shuffle=False,
        verbose=2,
    )


def freeze_blocks(model, count):
    """Freezes the convolutions and normalisations of the first `count` blocks."""
    blocks = tuple(f"conv{block}_" for block in range(1, count + 1))
    names = [layer.name for layer in transfer.freezing.leaves(model)]
    if names := [name for name in names if name.startswith(blocks)]:
        transfer.freeze(model, names=names)


def callbacks(mean, arguments):
    """Returns the callbacks of a training; `BestModel` saves `mean` instead of the model."""
    images, labels = read(arguments.data, "PublicTest")
    test = {"images": to_unit_range(images)}, one_hot(labels)
    others = training.callbacks(arguments.out, "val_accuracy", backup_every=arguments.backup_every)
    best, backup = (
        next(callback for callback in others if isinstance(callback, kind))
        for kind in (training.BestModel, training.AtomicBackup)
    )
    others.remove(best)
    kept_from = arguments.epochs - arguments.keep
    return [
        MeanOfWeights(mean, arguments.out / "mean.keras", test, best, backup, kept_from),
        *others,
    ]


def network(width=0.375, size=SIZE, pixels=PIXELS, dropout=0.5, batch_normalization=True):
    """Returns the expression network.

    Its input is float RGB `[batch, pixels, pixels, 3]` in [-1, 1], its output seven probabilities.
    It downsizes larger images to `size` pixels, linearly and with an antialiasing filter. Its first
    layers convert the image to grey with mean 0 and deviation 1, so that colour and exposure do not
    matter. The last pooling averages the output of conv5_3, 2 x 2 for 40 x 40 pixels, so the
    weights are the same for every size.
    """
    images = x = keras.Input((pixels, pixels, 3), name="images")
    if size != pixels:
        sized = keras.layers.Resizing(size, size, antialias=True, dtype="float32", name="sized")
        # Without the argument, all following layers would be in training mode by default.
        x = sized(x, training=False)
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


def set_start_weights(model, trained, faces):
    """Sets the weights of a network to those of a trained one.

    Args:
        model: `network(...)`.
        trained: Network of this script. With batch normalisation it may be wider. Without it, like
            the file that ships, it has the same width; each normalisation of `model` then gets the
            moments of `faces`, and a scale and an offset that cancel them.
        faces: float32 RGB `[n, 48, 48, 3]` in [-1, 1].
    """
    layers = {layer.name: layer for layer in transfer.freezing.leaves(trained)}
    if missing := {"conv1_1", "conv5_3", "fc1", "expression"} - set(layers):
        missing = ", ".join(sorted(missing))
        raise SystemExit(f"--start needs a network of this script; the file's has no {missing}.")
    if "conv1_1_bn" in layers:
        model.set_weights(narrow_weights(trained.get_weights(), model))
    else:
        insert_normalization(model, layers, faces)


def insert_normalization(model, layers, faces):
    """Sets the weights to those of a network without normalisation; the outputs are the same."""
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


def narrow_weights(weights, model):
    """Returns the weights of the strongest channels of a network, as many as `model` has.

    The strength of a channel is the product of the scale of its normalisation (Liu et al., 2017)
    and the norm of the weights of the next layer that it enters.
    """
    weights, widths = list(weights), [len(weight.T) for weight in model.get_weights()]
    kernels = [i for i, weight in enumerate(weights) if weight.ndim > 1]
    channels = slice(None)
    for kernel, following in itertools.pairwise([*kernels, len(weights)]):
        weights[kernel] = weights[kernel][..., channels, :]
        channels = slice(None)
        if widths[kernel] < len(weights[kernel].T):
            axes = tuple({-1, *range(-weights[following].ndim, -2)})
            norms = np.sqrt((weights[following] ** 2).sum(axes))
            strengths = np.abs(weights[kernel + 1]) * norms
            channels = np.sort(np.argsort(-strengths)[: widths[kernel]])
        weights[kernel:following] = [weight[..., channels] for weight in weights[kernel:following]]
    return weights


class FusedBatchNormalization(keras.layers.BatchNormalization):
    """Batch normalisation by one kernel of the backend; a step takes two thirds of the time."""

    def call(self, inputs, training=None, mask=None):
        """Normalises by the moments of the batch in training, otherwise by the moving moments."""
        if not (training and self.trainable and keras.backend.backend() in KERNELS):
            return super().call(inputs, training=training)
        scale, offset = (keras.ops.cast(value, "float32") for value in (self.gamma, self.beta))
        kernel = KERNELS[keras.backend.backend()]
        outputs, mean, variance = kernel(inputs, scale, offset, self.epsilon)
        for moving, batch in ((self.moving_mean, mean), (self.moving_variance, variance)):
            moving.assign(self.momentum * moving + (1 - self.momentum) * batch)
        return outputs


def tensorflow_normalization(inputs, scale, offset, epsilon):
    """Returns the outputs, the mean and the variance of a batch."""
    import tensorflow as tf

    outputs, mean, variance, *_ = tf.compat.v1.nn.fused_batch_norm(
        inputs, scale, offset, epsilon=epsilon, is_training=True
    )
    return outputs, mean, variance


def torch_normalization(inputs, scale, offset, epsilon):
    """Returns the outputs, the mean and the variance of a batch."""
    import torch

    mean, variance = torch.zeros_like(scale), torch.ones_like(scale)
    outputs = torch.nn.functional.batch_norm(
        inputs.permute(0, 3, 1, 2), mean, variance, scale, offset, True, 1.0, epsilon
    )
    return outputs.permute(0, 2, 3, 1), mean, variance


KERNELS = {"tensorflow": tensorflow_normalization, "torch": torch_normalization}


def with_fused_normalization(model):
    """Returns a copy of a network whose batch normalisation is fused, for training."""

    def copy_layer(layer):
        kind = type(layer)
        if kind is keras.layers.BatchNormalization:
            kind = FusedBatchNormalization
        return kind.from_config(layer.get_config())

    copy = keras.models.clone_model(model, clone_function=copy_layer, recursive=True)
    copy.set_weights(model.get_weights())
    return copy


def optimizer(steps, arguments):
    """Returns SGD with Nesterov's momentum, two epochs of warm-up and a cosine decay."""
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
    """SGD whose gradients are taken at a distance ahead, in the direction of the momentum.

    The loss is then low around the weights, too, at the same cost (Momentum-SAM, Becker et al.,
    2024). Between steps, the variables hold the weights ahead.

    Args:
        learning_rate: Number or schedule.
        distance: Euclidean distance over all variables; 0 is plain SGD.
        **options: Options of `keras.optimizers.SGD`.
    """

    def __init__(self, learning_rate, distance, **options):
        super().__init__(learning_rate, **options)
        self.distance = distance

    def apply(self, grads, trainable_variables=None):
        """Applies the gradients to the weights, from which the variables are a distance ahead."""
        if not self.built:
            self.build(trainable_variables)  # creates the momentums
        self.move_ahead(-1)
        super().apply(grads, trainable_variables)
        self.move_ahead()

    def move_ahead(self, times=1):
        """Moves the variables ahead by `times` distances; -1 moves them back to the weights."""
        if not self.distance:
            return
        norm = keras.ops.sqrt(sum(keras.ops.sum(m * m) for m in self.momentums))
        factor = times * self.distance / keras.ops.maximum(norm, 1e-12)
        for variable, momentum in zip(self._trainable_variables, self.momentums, strict=True):
            variable.assign_add(factor * momentum)


class MeanOfWeights(keras.callbacks.Callback):
    """Exponential mean of all weights, which is tested after each epoch.

    Args:
        mean: Compiled `keras.Model` that holds the mean.
        path: File of the mean, for a run that resumes.
        test: Inputs and labels.
        best: `training.BestModel`, which saves the best mean.
        backup: `training.AtomicBackup`. `path` is written in the same epochs.
        kept_from: First epoch, counted from 0, whose mean is also kept in a file of its own.
    """

    def __init__(self, mean, path, test, best, backup, kept_from):
        super().__init__()
        self.mean, self.path, self.kept_from = mean, path, kept_from
        self.test, self.best, self.backup = test, best, backup

    def on_train_begin(self, logs=None):
        """Restores the mean, or starts it at the weights."""
        self.mean.set_weights(self.model.get_weights())
        if self.path.exists():
            self.mean.set_weights(models.load(self.path)[0].get_weights())
        self.best.set_model(self.mean)
        self.best.on_train_begin()

    def on_train_batch_end(self, batch, logs=None):
        """Updates the mean every few steps."""
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
        """Tests the mean; its scores are `val_loss` and `val_accuracy`."""
        scores = self.mean.evaluate(*self.test, batch_size=256, verbose=0, return_dict=True)
        logs.update({f"val_{name}": value for name, value in scores.items()})
        self.best.on_epoch_end(epoch, logs)
        if self.backup.is_due(epoch):
            models.save(self.mean, self.path)
        if epoch >= self.kept_from:
            models.save(self.mean, self.path.with_stem(f"mean{epoch:03}"), epoch=epoch)


def read(data, split):
    """Returns the images of a split, uint8 `[n, 48, 48]`, and their labels `[n]`."""
    clips = datasets.load("fer2013", data, split)
    images = np.stack([cv2.imread(clip.paths[0], cv2.IMREAD_GRAYSCALE) for clip in clips])
    return images, np.concatenate([clip.expression for clip in clips])


def to_unit_range(images):
    """Converts grey `[n, h, w]` in [0, 255] to float32 RGB `[n, h, w, 3]` in [-1, 1]."""
    return np.repeat(images[..., None].astype(np.float32) / np.float32(127.5) - 1, 3, axis=-1)


def one_hot(labels):
    """Converts labels `[n]` to float32 `[n, 7]`."""
    return np.eye(len(EXPRESSIONS), dtype=np.float32)[labels]


class AugmentedFaces(keras.utils.PyDataset):
    """Batches of augmented faces and their targets.

    Each epoch is a view of all faces: an order and an augmentation of each. They depend on the seed
    and the number of the view only, and the views repeat after `views` epochs.

    Args:
        images: Grey uint8 `[n, 48, 48]`.
        labels: Integers `[n]`.
        arguments: Arguments of the command line.
        teachers: Networks whose outputs become part of the targets. Their outputs for each view are
            cached in `said` in the folder of the run.
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
        self.folder, self.lock = arguments.out / "said", threading.Lock()
        self.cached_view, self.cached_outputs = None, None

    def __len__(self):
        return len(self.images) // self.batch_size

    def on_epoch_end(self):
        """Proceeds to the view of the next epoch."""
        self.epoch += 1

    def __getitem__(self, index):
        view = self.epoch % self.views
        images, targets = self.batch(view, index)
        if self.teachers:
            targets += self.taught * (self.teacher_outputs(view)[index] - targets)
        return {"images": images}, targets

    def batch(self, view, index):
        """Returns augmented faces and their smoothed labels."""
        order = np.random.default_rng([self.seed, view]).permutation(len(self.images))
        rows = order[index * self.batch_size : (index + 1) * self.batch_size]
        random = np.random.default_rng([self.seed, view, index])
        mixing = self.mixing if view < MIXED_VIEWS * self.views else 0
        augmentation = draw_augmentation(random, len(rows), mixing)
        labels, share = self.labels[rows], augmentation["shares"][:, None].astype(np.float32)
        labels = labels * share + labels[::-1] * (1 - share)
        return augment(self.images[rows], **augmentation), labels

    def teacher_outputs(self, view):
        """Returns the teachers' mean probabilities for a view, `[batches, batch, 7]`."""
        path = self.folder / f"view{view:03}.npy"
        with self.lock:  # several threads make batches
            if not path.exists():
                indices = tqdm(
                    range(len(self)), f"outputs of the teachers, view {view}", disable=None
                )
                outputs = [self.mean_output(self.batch(view, index)[0]) for index in indices]
                with _files.atomic(path) as temporary:
                    np.save(temporary, np.array(outputs, np.float16))
            if self.cached_view != view:
                self.cached_view = view
                self.cached_outputs = np.load(path, allow_pickle=False).astype(np.float32)
            return self.cached_outputs

    def mean_output(self, images):
        """Returns the teachers' mean probabilities for a batch of images, `[batch, 7]`."""
        outputs = [teacher.predict_on_batch({"images": images}) for teacher in self.teachers]
        return np.mean(outputs, axis=0)


def draw_augmentation(random, n, mixing):
    """Draws the arguments of `augment` for `n` images, by name."""
    mirrored = np.where(random.random(n) < 0.5, -1.0, 1.0)
    angles = np.radians(random.uniform(-DEGREES, DEGREES, n))
    zooms = np.exp(random.uniform(*ZOOMS, n))
    moves = random.uniform(-MOVES, MOVES, (2, n))
    cosines, sines = zooms * np.cos(angles), zooms * np.sin(angles)
    rows = (mirrored * cosines, mirrored * sines), (-sines, cosines)
    centre = (PIXELS - 1) / 2  # coordinates of pixels are those of their centres
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


def augment(images, transforms, gammas, corners, sides, greys, shares):
    """Augments grey faces.

    Args:
        images: Faces `[n, 48, 48]` in [0, 255].
        transforms: Affine maps `[n, 2, 3]` from column and row of a pixel of the new image to those
            of a pixel of the old one.
        gammas: Exponents `[n]` of the brightness.
        corners: Row and column `[n, 2]` of the rectangle that is hidden.
        sides: Height and width `[n, 2]` of that rectangle.
        greys: Brightness `[n]` of that rectangle, in [0, 1].
        shares: Share `[n]` of an image in its mixture with one from the other end of the batch.

    Returns:
        float32 RGB `[n, 48, 48, 3]` in [-1, 1].
    """
    faces = images.astype(np.float32) / 255
    # Linear interpolation would blur augmented faces, while the others stay sharp.
    options = {"flags": cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP, "borderMode": cv2.BORDER_REPLICATE}
    for face, transform in zip(faces, transforms, strict=True):
        face[:] = cv2.warpAffine(face, transform, face.shape, **options)
    faces = faces.clip(0, 1) ** gammas.astype(np.float32)[:, None, None]
    for face, (top, left), (height, width), grey in zip(faces, corners, sides, greys, strict=True):
        face[top : top + height, left : left + width] = grey
    share = shares.astype(np.float32)[:, None, None]
    faces = faces * share + faces[::-1] * (1 - share)
    return to_unit_range(255 * faces)


if __name__ == "__main__":
    main()

"""Trains the expression network that ships with the package, on FER-2013.

    python examples/train_fer2013.py fer2013.tar run

A killed run goes on by the same command. The network has the topology of VGG-Face at half its
width, with batch normalisation, and sees 48 x 48 grey faces; `run/best.keras` is the epoch with
the best accuracy on PublicTest. It is trained with mirrored, turned, moved, scaled and partly
hidden faces, mixed in pairs, against the labels or, with `--teachers`, against these and the mean
of the outputs of networks trained before (Hinton et al., 2015). `--start` goes on from one.
"""

import argparse
import math

import cv2
import keras
import numpy as np

from kollias_affect import EXPRESSIONS, backbones, datasets, models, training

SIZE = 48


def main():
    """Reads the arguments and trains."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", help="FER-2013: a tar archive, a csv or a folder")
    parser.add_argument("out", help="folder of the run")
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--width", type=float, default=0.5, help="factor on the channels")
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--learning-rate", type=float, default=0.05, help="the highest")
    parser.add_argument("--weight-decay", type=float, default=5e-3)
    parser.add_argument("--mixing", type=float, default=0.3, help="of pairs; 0 for none")
    parser.add_argument("--start", help=".keras file whose weights come first")
    parser.add_argument("--teachers", nargs="*", default=[], help=".keras files to learn from")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    keras.utils.set_random_seed(arguments.seed)
    keras.config.set_dtype_policy("mixed_bfloat16")
    images, labels = read(arguments.data, "Training")
    labels = one_hot(labels) * 0.9 + 0.1 / len(EXPRESSIONS)  # smoothed
    if arguments.teachers:
        labels = 0.4 * labels + 0.6 * taught(images, arguments.teachers)
    batches = Faces(images, labels, arguments.batch_size, arguments.seed, arguments.mixing)
    batches.epoch = training.AtomicBackup.epochs_done(f"{arguments.out}/backup")
    model = network(arguments.width)
    if arguments.start:
        model.set_weights(models.load(arguments.start)[0].get_weights())
    steps, warmup = len(batches), min(2, arguments.epochs // 2)
    rate = keras.optimizers.schedules.CosineDecay(
        0.0,
        (arguments.epochs - warmup) * steps,
        warmup_target=arguments.learning_rate,
        warmup_steps=warmup * steps,
    )
    optimizer = keras.optimizers.SGD(
        rate, momentum=0.9, nesterov=True, weight_decay=arguments.weight_decay
    )
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    model.compile(optimizer, "categorical_crossentropy", metrics=["accuracy"])
    test_images, test_labels = read(arguments.data, "PublicTest")
    model.fit(
        batches,
        validation_data=({"images": to_unit_range(test_images)}, one_hot(test_labels)),
        validation_batch_size=256,
        epochs=arguments.epochs,
        callbacks=training.callbacks(arguments.out, "val_accuracy"),
        verbose=2,
    )


def network(width=0.5):
    """The expression network: float RGB `[batch, 48, 48, 3]` in [-1, 1] to seven probabilities.

    Its first layers make the picture grey and bring it to mean 0 and deviation 1, so that colour
    and exposure do not matter. The last pooling is an average over what conv5_3 leaves, 3 x 3.
    """
    images = keras.Input((SIZE, SIZE, 3), name="images")
    luma = np.repeat(np.array([0.299, 0.587, 0.114]), 3).reshape(1, 1, 3, 3)  # ITU-R BT.601
    grey = keras.layers.Conv2D(3, 1, use_bias=False, trainable=False, name="grey")
    contrast = keras.layers.GroupNormalization(1, center=False, scale=False, name="contrast")
    vgg = backbones.vgg_face((SIZE, SIZE, 3), width, batch_normalization=True)
    vgg = keras.Model(vgg.input, vgg.get_layer("conv5_3_relu").output, name="vgg_face")
    pool = keras.layers.GlobalAveragePooling2D(keepdims=True, name="pool5")
    backbone = keras.Model(images, pool(vgg(contrast(grey(images)))), name="grey_vgg_face")
    grey.set_weights([luma])
    return models.cnn(
        backbone, "expression", landmarks=False, hidden_units=(256,), dropout=0.5, name="fer2013"
    )


def read(data, split):
    """Images of a split, uint8 `[n, 48, 48]`, and labels `[n]`."""
    clips = datasets.load("fer2013", data, split)
    images = np.stack([cv2.imread(clip.paths[0], cv2.IMREAD_GRAYSCALE) for clip in clips])
    return images, np.concatenate([clip.expression for clip in clips])


def to_unit_range(images):
    """Grey uint8 `[n, h, w]` to float32 RGB `[n, h, w, 3]` in [-1, 1]."""
    return np.repeat(images[..., None].astype(np.float32) / 127.5 - 1, 3, axis=-1)


def one_hot(labels):
    """Labels `[n]` to float32 `[n, 7]`."""
    return np.eye(len(EXPRESSIONS), dtype=np.float32)[labels]


def taught(images, teachers):
    """Mean of the outputs of networks for pictures and their mirror images, `[n, 7]`."""
    both = [to_unit_range(images), to_unit_range(images[:, :, ::-1])]
    outputs = [
        network.predict({"images": faces}, batch_size=256, verbose=0)
        for network in (models.load(path)[0] for path in teachers)
        for faces in both
    ]
    return np.mean(outputs, axis=0)


class Faces(keras.utils.PyDataset):
    """Batches of changed faces; each batch is a function of seed, epoch and its number."""

    def __init__(self, images, labels, batch_size, seed, mixing=0.3):
        super().__init__(workers=1, use_multiprocessing=False, max_queue_size=8)
        self.images, self.labels, self.mixing = images, labels, mixing
        self.batch_size, self.seed, self.epoch = batch_size, seed, 0

    def __len__(self):
        return len(self.images) // self.batch_size

    def on_epoch_end(self):
        """The next epoch has another order and other changes."""
        self.epoch += 1

    def __getitem__(self, index):
        order = np.random.default_rng([self.seed, self.epoch]).permutation(len(self.images))
        chosen = order[index * self.batch_size : (index + 1) * self.batch_size]
        random = np.random.default_rng([self.seed, self.epoch, index])
        images = to_unit_range(np.stack([changed(self.images[i], random) for i in chosen]))
        labels = self.labels[chosen]
        if not self.mixing:
            return {"images": images}, labels
        # Mixed in pairs (Zhang et al., 2018).
        share = random.beta(self.mixing, self.mixing, (len(chosen), 1)).astype(np.float32)
        images = images * share[..., None, None] + images[::-1] * (1 - share[..., None, None])
        return {"images": images}, labels * share + labels[::-1] * (1 - share)


def changed(image, random):
    """A face mirrored, turned, scaled, moved, lit and partly hidden, each at random."""
    angle, scale = random.uniform(-15, 15), math.exp(random.uniform(-0.15, 0.2))
    centre = (SIZE - 1) / 2
    matrix = cv2.getRotationMatrix2D((centre, centre), angle, scale)
    matrix[:, 2] += random.uniform(-4, 4, 2)
    if random.random() < 0.5:
        image = image[:, ::-1]
    image = cv2.warpAffine(
        np.ascontiguousarray(image), matrix, (SIZE, SIZE), borderMode=cv2.BORDER_REPLICATE
    )
    levels = (np.arange(256) / 255) ** math.exp(random.uniform(-0.4, 0.4))
    image = (255 * levels).astype(np.uint8)[image]
    if random.random() < 0.5:
        sides = random.integers(6, 20, 2)
        top, left = random.integers(0, SIZE - sides)
        image[top : top + sides[0], left : left + sides[1]] = random.integers(256)
    return image


if __name__ == "__main__":
    main()

"""Paper D's two networks (§3.2), with random crops, mirroring and colour shifts as layers."""

import cv2
import keras
import numpy as np
from keras import layers

from kollias_affect import _checks, backbones, weights
from kollias_affect.backbones import parts
from kollias_affect.models import outputs

IMAGE = 256  # side of paper D's pictures in pixels
CROP, MIRROR, COLOUR, MEAN = (
    "crop",
    "random_mirror",
    "colour_shift",
    "mean_image",
)  # names of layers
# Principal components (columns) and eigenvalues of ImageNet's RGB values in [0, 1], as the public
# re-implementations of Krizhevsky et al. (2012) use them.
COMPONENTS = (
    (-0.5675, 0.7192, 0.4009),
    (-0.5808, -0.0045, -0.8140),
    (-0.5836, -0.6948, 0.4203),
)
EIGENVALUES = (0.2175, 0.0188, 0.0045)
# Backbone and its options, side of the crops in pixels, units of fc6 and fc7, importer of weights.
NETWORKS = {
    "alexnet": (backbones.alexnet, {}, 227, (4096, 4096), weights.load_alexnet),
    "vgg_cnn_m_2048": (
        backbones.cnn_m,
        {"form": "vgg_cnn_m_2048"},
        224,
        (4096, 2048),
        weights.load_vgg_cnn_m,
    ),
}


def network(
    name, size=IMAGE, width=1.0, dropout=0.5, pretrained=None, seed=0, colour=0.0, mean=None
):
    """Builds AlexNet or VGG-CNN-M-2048 for the seven expressions, as paper D fine-tunes them.

    In training, the model cuts a random crop out of each picture (227 of 256 pixels for AlexNet,
    224 for VGG-CNN-M-2048) and mirrors half of the crops; otherwise it cuts the centre crop. The
    convolutions follow, then `fc6` and `fc7` (ReLU, each followed by dropout) and seven outputs.
    All of this consists of Keras layers, so that the saved file loads without this package.

    A random crop is a random shift by an integer number of pixels before a centre crop. This is
    equivalent to Caffe's random crop: the padded border is never inside. Keras' `RandomCrop` cuts
    all pictures of a batch at the same position and, outside of training, resizes them instead.

    Args:
        name: `"alexnet"` or `"vgg_cnn_m_2048"`.
        size: Side of the pictures in pixels. The side of the crop has the same ratio to it as in
            the paper.
        width: Factor on channels and units.
        dropout: Dropout rate after `fc6` and `fc7`, in [0, 1).
        pretrained: File of ImageNet weights, see `weights.load_alexnet` (`.npy` or `.mat`) and
            `weights.load_vgg_cnn_m` (`.mat`). It needs width 1.0, and size 256 for `fc6`. If it
            has a mean image, see `mean`; the mean colour is part of `conv1` in any case.
        seed: Seed of shifts, mirroring, colours and dropout.
        colour: Standard deviation of the random factors by which Krizhevsky et al. shift the
            colours of each picture in training along the principal components of ImageNet's
            colours, in [0, 1); theirs is 0.1. 0 leaves the colours as they are.
        mean: File of the mean image that the weights of `pretrained` expect, see
            `weights.mean_image`. Default: `pretrained` itself, if it has one. The layer
            `mean_image` subtracts it, pixel by pixel: from the pictures if it has the side of
            paper D's pictures, as in Caffe, otherwise from the crops, as in MatConvNet.

    Returns:
        `keras.Model` from `images`, `[batch, size, size, 3]` in [-1, 1], to `expression`,
        `[batch, 7]`.

    Raises:
        OSError: If the file of weights cannot be read.
        ValueError: If an argument is out of range, or if the weights do not fit.

    References: paper D §3.2 and §3.3; Krizhevsky et al. (2012) §4.1; Chatfield et al. (2014).
    """
    _checks.one_of("network", name, NETWORKS)
    size = _checks.positive_integer("size", size)
    _checks.share("dropout", dropout)
    colour = _checks.share("colour", colour)
    build, options, crop, units, load = NETWORKS[name]
    crop = round(size * crop / IMAGE)
    images = keras.Input((size, size, 3), name="images")
    average = _mean_image(mean, pretrained)
    of_pictures = average is not None and average.shape[0] == IMAGE
    x = _subtract(images, average) if of_pictures else images
    x = _crop(x, size, crop, seed)
    x = _shift_colours(x, colour, seed) if colour else x
    x = x if average is None or of_pictures else _subtract(x, average)
    x = build((crop, crop, 3), width, **options)(x)
    x = layers.Flatten(name="pool5_flat")(x)
    for number, count in enumerate(units, start=6):
        x = layers.Dense(parts.channels(count, width), "relu", name=f"fc{number}")(x)
        x = layers.Dropout(dropout, seed=seed, name=f"fc{number}_dropout")(x)
    model = keras.Model({"images": images}, outputs.output_layer("expression")(x), name=name)
    if pretrained is not None:
        load(model, pretrained)
    return model


def _mean_image(file, pretrained):
    """Returns the mean image in a file or in the file of the weights, or `None`."""
    if file is None:
        return None if pretrained is None else weights.mean_image(pretrained)
    if pretrained is None:
        raise ValueError(
            "A mean image belongs to published weights. Received: `mean` without `pretrained`. "
            "Leave it out, or give the weights."
        )
    image = weights.mean_image(file)
    if image is None:
        raise ValueError(
            f"`mean` must be a file with a mean image. Received: {file}. Give a .binaryproto file "
            "of Caffe or a .mat file of MatConvNet."
        )
    return image


def _crop(images, size, crop, seed):
    """Cuts random crops and mirrors them in training, otherwise cuts the centre crop.

    Keras' image layers take a call without `training=` for one in training, and so do the layers
    after them. `training=False` here is the default for such calls; `fit` overrides it.
    """
    margin = (size - crop) // 2
    x = images
    if margin:
        share = (margin + 0.49) / size  # after rounding, all integer shifts are equally probable
        x = layers.RandomTranslation(
            share,
            share,
            fill_mode="nearest",
            interpolation="nearest",
            seed=seed,
            name="random_shift",
        )(x, training=False)
    x = layers.CenterCrop(crop, crop, name=CROP)(x, training=False)
    return layers.RandomFlip("horizontal", seed=seed, name=MIRROR)(x, training=False)


def _shift_colours(x, deviation, seed):
    """Adds one random colour to all pixels of a picture in training.

    The factors of the components are Gaussian noise on three zeros of each picture.
    """
    # From [0, 1] to [-1, 1] differences double.
    components = 2 * np.array(COMPONENTS, "float32") * np.array(EIGENVALUES, "float32")
    zeros = keras.ops.zeros_like(x[:, :1, :1, :])
    factors = layers.GaussianNoise(deviation, seed=seed, name="random_colour")(zeros)
    return layers.Add(name=COLOUR)([x, keras.ops.matmul(factors, components.T)])


def _subtract(x, mean):
    """Subtracts what a mean image in 0-255 differs from its mean colour.

    The mean colour itself is in the folded first convolution. An image of another side is resized.
    """
    side = x.shape[1]
    mean = np.asarray(mean, "float32")
    if mean.shape[:2] != (side, side):
        mean = cv2.resize(mean, (side, side), interpolation=cv2.INTER_AREA)
    difference = (mean - mean.mean(axis=(0, 1))) / 127.5
    layer = layers.Normalization(axis=(1, 2, 3), name=MEAN)
    layer.build(x.shape)
    layer.set_weights([difference, np.ones_like(difference), np.zeros((), "int32")])
    layer.finalize_state()
    return layer(x)

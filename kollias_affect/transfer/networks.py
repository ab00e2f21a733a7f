"""Paper D's two networks (§3.2), with random crops and mirroring as layers."""

import keras
from keras import layers

from kollias_affect import _checks, backbones, weights
from kollias_affect.backbones import parts
from kollias_affect.models import outputs

IMAGE = 256  # side of paper D's pictures in pixels
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


def network(name, size=IMAGE, width=1.0, dropout=0.5, pretrained=None, seed=0):
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
        pretrained: File of ImageNet weights, see `weights.load_alexnet` (`.npy`) and
            `weights.load_vgg_cnn_m` (`.mat`). It needs width 1.0, and size 256 for `fc6`.
        seed: Seed of shifts, mirroring and dropout.

    Returns:
        `keras.Model` from `images`, `[batch, size, size, 3]` in [-1, 1], to `expression`,
        `[batch, 7]`.

    Raises:
        OSError: If the file of weights cannot be read.
        ValueError: If an argument is out of range, or if the weights do not fit.

    References: paper D §3.2 and §3.3; Krizhevsky et al. (2012); Chatfield et al. (2014).
    """
    _checks.one_of("network", name, NETWORKS)
    size = _checks.positive_integer("size", size)
    _checks.share("dropout", dropout)
    build, options, crop, units, load = NETWORKS[name]
    crop = round(size * crop / IMAGE)
    images = keras.Input((size, size, 3), name="images")
    x = _crop(images, size, crop, seed)
    x = build((crop, crop, 3), width, **options)(x)
    x = layers.Flatten(name="pool5_flat")(x)
    for number, count in enumerate(units, start=6):
        x = layers.Dense(parts.channels(count, width), "relu", name=f"fc{number}")(x)
        x = layers.Dropout(dropout, seed=seed, name=f"fc{number}_dropout")(x)
    model = keras.Model({"images": images}, outputs.output_layer("expression")(x), name=name)
    if pretrained is not None:
        load(model, pretrained)
    return model


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
    x = layers.CenterCrop(crop, crop, name="crop")(x, training=False)
    return layers.RandomFlip("horizontal", seed=seed, name="random_mirror")(x, training=False)

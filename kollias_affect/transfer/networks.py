"""Paper D's two networks, with cropping and mirroring inside."""

import keras
from keras import layers

from kollias_affect import _checks, backbones, weights
from kollias_affect.backbones import parts
from kollias_affect.models import outputs

IMAGE = 256  # side of paper D's pictures
# Backbone and its options, side of the crops, units of fc6 and fc7, importer of weights.
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
    """AlexNet or VGG-CNN-M-2048 for the seven expressions, as paper D fine-tunes them.

    The model takes whole pictures. In training it cuts a random crop out of each, 227 of 256
    pixels for AlexNet and 224 for VGG-CNN-M-2048, and mirrors one half of them; else it takes
    the crop in the middle. Then come the convolutions, `fc6` and `fc7` (ReLU, each followed by
    dropout), and seven outputs. All of it is layers of Keras, so the saved file needs nothing
    else. Keras' `RandomCrop` is not used: it cuts a whole batch in one place, and outside of
    training it shrinks the picture instead of cutting its middle. A random shift by whole
    pixels before a crop of the middle is what Caffe does, and nothing of the border shows.

    Args:
        name: `"alexnet"` or `"vgg_cnn_m_2048"`.
        size: side of the pictures; the crop has the same share of it as in the paper.
        width: factor on channels and units, for narrow versions.
        dropout: share of the units of fc6 and fc7 that is set to zero in training.
        pretrained: file of ImageNet weights, see `weights.load_alexnet` (`.npy`) and
            `weights.load_vgg_cnn_m` (`.mat`); needs width 1.0, and size 256 for fc6.
        seed: of shifts, mirroring and dropout.

    Returns:
        `keras.Model` from `images`, `[batch, size, size, 3]`, to `expression`, `[batch, 7]`.

    Raises:
        ValueError: if an argument is out of range, or the weights do not fit.
        OSError: if the file of weights cannot be read.

    References: paper D §3.2–3.3; Krizhevsky et al. (2012); Chatfield et al. (2014).
    """
    _checks.one_of("network", name, NETWORKS)
    size = _checks.positive_integer("size", size)
    _checks.share("dropout", dropout)
    build, options, crop, units, load = NETWORKS[name]
    crop = round(size * crop / IMAGE)
    images = keras.Input((size, size, 3), name="images")
    x = _cropped(images, size, crop, seed)
    x = build((crop, crop, 3), width, **options)(x)
    x = layers.Flatten(name="pool5_flat")(x)
    for number, count in enumerate(units, start=6):
        x = layers.Dense(parts.channels(count, width), "relu", name=f"fc{number}")(x)
        x = layers.Dropout(dropout, seed=seed, name=f"fc{number}_dropout")(x)
    model = keras.Model({"images": images}, outputs.output_layer("expression")(x), name=name)
    if pretrained is not None:
        load(model, pretrained)
    return model


def _cropped(images, size, crop, seed):
    """Random crops and mirror images in training, else the centre.

    A layer of Keras for images takes a call that says nothing for one in training, and so do then
    the layers behind it. What is said here is for such a call alone; `fit` says otherwise.
    """
    margin = (size - crop) // 2
    x = images
    if margin:
        share = (margin + 0.49) / size  # rounded to whole pixels, every shift is as likely
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

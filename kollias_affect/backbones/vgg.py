"""VGG-Face and VGG-16 without their fully connected layers."""

import keras
from keras import layers

from kollias_affect.backbones import parts

# Number of convolutions and channels of each block (paper C, table 7).
BLOCKS = ((2, 64), (2, 128), (3, 256), (3, 512), (3, 512))
MIN_SIZE = 2 ** len(BLOCKS)


def vgg_face(input_shape=(96, 96, 3), width=1.0, batch_normalization=False, name="vgg_face"):
    """Builds the convolutional and pooling layers of VGG-Face, `conv1_1` to `pool5`.

    Args:
        input_shape: `(height, width, 3)`, both at least 32; RGB in [-1, 1].
        width: Factor on the numbers of channels, for narrow versions.
        batch_normalization: Whether to add batch normalisation between each convolution, which
            then has no bias, and its ReLU. The published weights belong to a network without.
        name: Name of the model.

    Returns:
        `keras.Model`; its output is `pool5`, `[batch, height / 32, width / 32, 512 * width]`.

    Raises:
        ValueError: If the input is smaller than 32 x 32 pixels, or `width` is not positive.

    References: Parkhi et al. (2015); paper C §4.2.1.2, table 7, blocks 1 to 5; paper A, table I.
    """
    inputs = x = parts.image_input(input_shape, width, MIN_SIZE, "five poolings halve it")
    for block, (convolutions, channels) in enumerate(BLOCKS, start=1):
        for i in range(1, convolutions + 1):
            x = _convolution(
                x, parts.channels(channels, width), f"conv{block}_{i}", batch_normalization
            )
        x = layers.MaxPooling2D(2, name=f"pool{block}")(x)
    return keras.Model(inputs, x, name=name)


def _convolution(x, channels, name, batch_normalization):
    if not batch_normalization:
        return layers.Conv2D(channels, 3, padding="same", activation="relu", name=name)(x)
    x = layers.Conv2D(channels, 3, padding="same", use_bias=False, name=name)(x)
    x = layers.BatchNormalization(name=f"{name}_bn")(x)
    return layers.ReLU(name=f"{name}_relu")(x)


def vgg16(input_shape=(96, 96, 3), width=1.0, batch_normalization=False, name="vgg16"):
    """Builds the convolutional and pooling layers of VGG-16, which has the topology of `vgg_face`.

    The published weights of VGG-16 were trained on ImageNet, those of VGG-Face on faces.

    Args:
        input_shape: See `vgg_face`.
        width: See `vgg_face`.
        batch_normalization: See `vgg_face`.
        name: Name of the model.

    Returns:
        `keras.Model`, see `vgg_face`.

    Raises:
        ValueError: See `vgg_face`.

    References: Simonyan & Zisserman (2015), configuration D; paper C §4.2.1.2, table 7.
    """
    return vgg_face(input_shape, width, batch_normalization, name)

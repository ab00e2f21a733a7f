"""AlexNet of Caffe (`bvlc_alexnet`) without its fully connected layers."""

import keras
from keras import layers, ops

from kollias_affect.backbones import parts

MIN_SIZE = 39  # conv1 outputs 8 x 8 pixels, which three poolings halve


def alexnet(input_shape=(96, 96, 3), width=1.0, name="alexnet"):
    """Builds the convolutional and pooling layers of AlexNet, `conv1` to `pool5`.

    The published weights expect 227 x 227 pixels, for which `pool5` is 6 x 6.

    `conv2`, `conv4` and `conv5` have two groups: each half of the output channels is computed from
    one half of the input channels. The halves are separate convolutions, such as `conv2_1` and
    `conv2_2`, since not every build of TensorFlow has the gradient of grouped convolutions on a
    CPU; `conv2` concatenates them. Taps: `conv1` to `conv5` (after their ReLU), `norm1`, `norm2`,
    `pool1`, `pool2`, `pool5`.

    Args:
        input_shape: `(height, width, 3)`, both at least 39; RGB in [-1, 1]. The published weights
            expect BGR in [0, 255] minus a mean.
        width: Factor on the numbers of channels, for narrow versions.
        name: Name of the model.

    Returns:
        `keras.Model`; its output is `pool5`, `[batch, height', width', 256 * width]`.

    Raises:
        ValueError: If the input is smaller than 39 x 39 pixels, or `width` is not positive.

    References: Krizhevsky et al. (2012); Caffe's `bvlc_alexnet`; paper D §3.2.
    """
    inputs = parts.image_input(
        input_shape, width, MIN_SIZE, "a convolution quarters it and three poolings halve it"
    )
    x = _convolution(inputs, 96, 11, width, "conv1", strides=4, padding="valid")
    x = _normalize(x, "norm1")
    x = parts.ceil_max_pool(x, "pool1")
    x = _grouped_convolution(x, 256, 5, width, "conv2")
    x = _normalize(x, "norm2")
    x = parts.ceil_max_pool(x, "pool2")
    x = _convolution(x, 384, 3, width, "conv3")
    x = _grouped_convolution(x, 384, 3, width, "conv4")
    x = _grouped_convolution(x, 256, 3, width, "conv5")
    return keras.Model(inputs, parts.ceil_max_pool(x, "pool5"), name=name)


def _convolution(x, channels, kernel, width, name, padding="same", **options):
    # An even number, for the groups of the next layer.
    filters = 2 * parts.channels(channels // 2, width)
    return layers.Conv2D(filters, kernel, padding=padding, activation="relu", name=name, **options)(
        x
    )


def _grouped_convolution(x, channels, kernel, width, name):
    """Applies convolutions `{name}_1` and `{name}_2` to the halves of `x`; concatenates them."""
    filters = parts.channels(channels // 2, width)
    halves = [
        layers.Conv2D(filters, kernel, padding="same", activation="relu", name=f"{name}_{i}")(half)
        for i, half in enumerate(ops.split(x, 2, axis=-1), start=1)
    ]
    return layers.Concatenate(name=name)(halves)


def _normalize(x, name):
    # Caffe's alpha is 1e-4, which it divides by the 5 channels of the window.
    return parts.local_response_normalization(x, alpha=2e-5, beta=0.75, bias=1, name=name)

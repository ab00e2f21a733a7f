"""DenseNet-121 without its classifier."""

import keras
from keras import layers

from kollias_affect.backbones import parts

BLOCKS = (6, 12, 24, 16)  # units of the dense blocks
GROWTH = 32  # channels per unit
MIN_SIZE = 29  # the first two layers output 8 x 8 pixels, which three poolings halve


def densenet121(input_shape=(96, 96, 3), width=1.0, name="densenet121"):
    """Builds DenseNet-121 up to the global average `pool5`.

    The layers with weights have the names, shapes and order of those of
    `keras.applications.DenseNet121`, so that its weights without top fit. Taps: `conv1_relu`,
    `pool1`, `conv2_block6_concat` and so on (the outputs of the dense blocks `conv2` to `conv5`),
    `pool2_pool` to `pool4_pool`, `relu`.

    Args:
        input_shape: `(height, width, 3)`, both at least 29; RGB in [-1, 1]. Keras' ImageNet
            weights expect RGB in [0, 1] minus (0.485, 0.456, 0.406), divided by (0.229, 0.224,
            0.225).
        width: Factor on the channels of the first convolution and on the growth rate, for narrow
            versions.
        name: Name of the model.

    Returns:
        `keras.Model`; its output is `pool5`, `[batch, 1, 1, 1024 * width]`.

    Raises:
        ValueError: If the input is smaller than 29 x 29 pixels, or `width` is not positive.

    References: Huang et al. (2017), table 1; paper B §5.1 and §5.2.2.
    """
    inputs = parts.image_input(
        input_shape, width, MIN_SIZE, "a convolution and four poolings halve it"
    )
    growth = parts.channels(GROWTH, width)
    x = layers.ZeroPadding2D(3, name="conv1_pad")(inputs)
    x = layers.Conv2D(2 * growth, 7, 2, use_bias=False, name="conv1_conv")(x)
    x = _normalize(x, "conv1_bn", "conv1_relu")
    # After a ReLU, zero padding does not change the maximum.
    x = layers.ZeroPadding2D(1, name="pool1_pad")(x)
    x = layers.MaxPooling2D(3, 2, name="pool1")(x)
    for block, units in enumerate(BLOCKS, start=2):
        for unit in range(1, units + 1):
            x = _unit(x, growth, f"conv{block}_block{unit}")
        if block <= len(BLOCKS):
            x = _transition(x, f"pool{block}")
    x = _normalize(x, "bn", "relu")
    return keras.Model(inputs, parts.global_average(x), name=name)


def _unit(x, growth, name):
    """Appends `growth` channels to `x`."""
    new = _normalize(x, f"{name}_0_bn", f"{name}_0_relu")
    new = layers.Conv2D(4 * growth, 1, use_bias=False, name=f"{name}_1_conv")(new)
    new = _normalize(new, f"{name}_1_bn", f"{name}_1_relu")
    new = layers.Conv2D(growth, 3, padding="same", use_bias=False, name=f"{name}_2_conv")(new)
    return layers.Concatenate(name=f"{name}_concat")([x, new])


def _transition(x, name):
    """Halves height, width and channels."""
    x = _normalize(x, f"{name}_bn", f"{name}_relu")
    x = layers.Conv2D(x.shape[-1] // 2, 1, use_bias=False, name=f"{name}_conv")(x)
    return layers.AveragePooling2D(2, name=f"{name}_pool")(x)


def _normalize(x, bn, relu):
    x = layers.BatchNormalization(epsilon=1.001e-5, name=bn)(x)
    return layers.ReLU(name=relu)(x)

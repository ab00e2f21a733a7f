"""ResNet-50 in two forms: that of TF-slim, which the authors used, and that of Keras.

They differ in the position of the stride (slim: last unit of a block, 3 x 3 convolution; Keras:
first unit, first 1 x 1 convolution and projection), in the padding of the first pooling, in the
biases of the convolutions (Keras only), in the epsilon of batch normalisation, and in names.
"""

import keras
from keras import layers

from kollias_affect import _checks
from kollias_affect.backbones import parts

# Units of each block, and channels of its 1 x 1 and 3 x 3 convolutions. A unit outputs 4 times as
# many channels.
BLOCKS = ((3, 64), (4, 128), (6, 256), (3, 512))
MIN_SIZE = 1  # every layer with a stride is padded


def resnet50(input_shape=(96, 96, 3), width=1.0, form="slim", name="resnet50"):
    """Builds ResNet-50 up to the global average `pool5`, without its logits.

    Layers of the form "slim" are named after the variables of TF-slim: the variable
    `block1/unit_1/bottleneck_v1/conv1/weights` is the kernel of the layer `block1_unit_1_conv1`,
    and `…/conv1/BatchNorm/*` are the weights of `block1_unit_1_conv1_bn`. The same holds for
    `shortcut` and for the first `conv1`. Taps: `conv1_relu`, `pool1`, `block1_unit_1` and so on,
    and `block1` to `block4`, the output of each block's last unit (after its ReLU).

    Layers of the form "keras" have the names, shapes and order of those of
    `keras.applications.ResNet50`, so that its weights without top fit.
    Taps: `conv1_relu`, `pool1_pool`, `conv2_block1_out` to `conv5_block3_out`.

    Args:
        input_shape: `(height, width, 3)`, of any size; RGB in [-1, 1]. Imported weights may expect
            another range: those of slim were trained on RGB in [0, 255] minus (123.68, 116.78,
            103.94), those of Keras on BGR in [0, 255] minus (103.939, 116.779, 123.68).
        width: Factor on the numbers of channels, for narrow versions.
        form: `"slim"` or `"keras"`.
        name: Name of the model.

    Returns:
        `keras.Model`; its output is `pool5`, `[batch, 1, 1, 2048 * width]`, the shape of slim.

    Raises:
        ValueError: If the form is unknown, the input is not RGB of a fixed size, or `width` is not
            positive.

    References: He et al. (2016); TF-slim's `resnet_v1`; paper C §4.2.1.1; paper B §5.1.
    """
    build = FORMS[_checks.one_of("form", form, FORMS)]
    inputs = parts.image_input(input_shape, width, MIN_SIZE, "its size must be fixed")
    return keras.Model(inputs, parts.global_average(build(inputs, width)), name=name)


def _slim(x, width):
    """Applies TF-slim's `resnet_v1_50`, with stride 2 in the last units of blocks 1 to 3."""
    x = _slim_convolution(x, parts.channels(64, width), 7, "conv1", stride=2)
    x = layers.MaxPooling2D(3, 2, "same", name="pool1")(x)
    for block, (units, depth) in enumerate(BLOCKS, start=1):
        for unit in range(1, units + 1):
            last = unit == units
            x = _slim_unit(
                x,
                parts.channels(depth, width),
                f"block{block}_unit_{unit}",
                stride=2 if last and block < len(BLOCKS) else 1,
                project=unit == 1,
                output=f"block{block}" if last else None,
            )
    return x


def _slim_unit(x, depth, name, stride, project, output):
    """Applies a bottleneck unit. Its output layer is named `output`, or like the unit."""
    if project:
        shortcut = _slim_convolution(x, 4 * depth, 1, f"{name}_shortcut", stride, relu=False)
    elif stride > 1:
        shortcut = layers.MaxPooling2D(1, stride, name=f"{name}_shortcut")(x)
    else:
        shortcut = x
    x = _slim_convolution(x, depth, 1, f"{name}_conv1")
    x = _slim_convolution(x, depth, 3, f"{name}_conv2", stride)
    x = _slim_convolution(x, 4 * depth, 1, f"{name}_conv3", relu=False)
    x = layers.Add(name=f"{name}_add")([shortcut, x])
    return layers.ReLU(name=output or name)(x)


def _slim_convolution(x, filters, kernel, name, stride=1, relu=True):
    return _convolution(x, filters, kernel, stride, name, name, relu, use_bias=False, epsilon=1e-5)


def _keras(x, width):
    """Applies `keras.applications.ResNet50`, with stride 2 in the first units of blocks 2 to 4."""
    x = _keras_convolution(x, parts.channels(64, width), 7, "conv1", stride=2)
    # After a ReLU, zero padding does not change the maximum.
    x = layers.ZeroPadding2D(1, name="pool1_pad")(x)
    x = layers.MaxPooling2D(3, 2, name="pool1_pool")(x)
    for block, (units, depth) in enumerate(BLOCKS, start=2):  # Keras counts conv1 as block 1.
        for unit in range(1, units + 1):
            x = _keras_unit(
                x,
                parts.channels(depth, width),
                f"conv{block}_block{unit}",
                stride=2 if unit == 1 and block > 2 else 1,
                project=unit == 1,
            )
    return x


def _keras_unit(x, depth, name, stride, project):
    shortcut = x
    if project:
        shortcut = _keras_convolution(x, 4 * depth, 1, f"{name}_0", stride, relu=False)
    x = _keras_convolution(x, depth, 1, f"{name}_1", stride)
    x = _keras_convolution(x, depth, 3, f"{name}_2")
    x = _keras_convolution(x, 4 * depth, 1, f"{name}_3", relu=False)
    x = layers.Add(name=f"{name}_add")([shortcut, x])
    return layers.ReLU(name=f"{name}_out")(x)


def _keras_convolution(x, filters, kernel, name, stride=1, relu=True):
    return _convolution(
        x, filters, kernel, stride, f"{name}_conv", name, relu, use_bias=True, epsilon=1.001e-5
    )


def _convolution(x, filters, kernel, stride, conv, name, relu, use_bias, epsilon):
    """Applies the convolution `conv`, then `{name}_bn`, then `{name}_relu` if `relu`."""
    if stride > 1 and kernel > 1:
        # TensorFlow's "same" pads an even side less at its start than at its end. slim's
        # conv2d_same, and Keras' explicit padding, always pad both ends equally.
        x = layers.ZeroPadding2D(kernel // 2, name=f"{name}_pad")(x)
    x = layers.Conv2D(
        filters, kernel, stride, "same" if stride == 1 else "valid", use_bias=use_bias, name=conv
    )(x)
    x = layers.BatchNormalization(epsilon=epsilon, name=f"{name}_bn")(x)
    return layers.ReLU(name=f"{name}_relu")(x) if relu else x


FORMS = {"slim": _slim, "keras": _keras}

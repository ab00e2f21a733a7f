"""Parts that several backbones share: input, number of channels, layers of Caffe."""

import math
import numbers

import keras
from keras import layers, ops


def image_input(input_shape, width, min_size, reason):
    """Creates the input `images` of a backbone, `[batch, height, width, 3]`, and checks arguments.

    Args:
        input_shape: `(height, width, 3)`.
        width: Factor on the numbers of channels.
        min_size: Minimum height and width of the topology.
        reason: Reason for that size, for the message.

    Returns:
        Symbolic tensor of Keras.

    Raises:
        ValueError: If the input is smaller, not RGB or of no fixed size, or `width` is not
            positive.
    """
    sides = tuple(input_shape) if isinstance(input_shape, (tuple, list)) else ()
    if (
        len(sides) != 3
        or not all(isinstance(side, numbers.Integral) for side in sides)
        or min(sides[:2]) < min_size
        or sides[2] != 3
    ):
        raise ValueError(
            f"`input_shape` must be (height, width, 3) of at least {min_size} x {min_size} pixels: "
            f"{reason}. Received: {input_shape}. Use larger crops."
        )
    if not isinstance(width, numbers.Real) or not 0 < width < math.inf:
        raise ValueError(
            f"`width` must be positive. Received: width={width}. Use 1.0 for the full width."
        )
    return keras.Input(sides, name="images")


def channels(number, width):
    """Returns `number * width`, rounded, but at least 1."""
    return max(1, round(number * width))


def global_average(x, name="pool5"):
    """Averages over height and width: `[batch, height, width, C]` becomes `[batch, 1, 1, C]`."""
    return layers.GlobalAveragePooling2D(keepdims=True, name=name)(x)


def ceil_max_pool(x, name):
    """Applies Caffe's max-pooling of 3 x 3 pixels and stride 2, where a side `n` becomes `n // 2`.

    Formula: There are `ceil((n - 3) / 2) + 1` windows from the first pixel on. The last one may be
    incomplete; Keras' "valid" would drop it.

    Args:
        x: `[batch, height, width, C]`, both sides at least 2.
        name: Name of the last layer.
    """
    # An even side lacks one pixel at its end, which "same" adds. An odd side lacks none.
    rows, columns = ("valid" if side % 2 else "same" for side in x.shape[1:3])
    if rows == columns:
        return layers.MaxPooling2D(3, 2, rows, name=name)(x)
    x = layers.MaxPooling2D((3, 1), (2, 1), rows, name=f"{name}_rows")(x)
    return layers.MaxPooling2D((1, 3), (1, 2), columns, name=name)(x)


def local_response_normalization(x, alpha, beta, bias, name, radius=2):
    """Divides every channel by the energy of the neighbouring channels at the same pixel.

    Formula: `x[c] / (bias + alpha * sum(x[j] ** 2 for j in c - radius … c + radius)) ** beta`,
    where missing channels count as 0. Caffe divides `alpha` by the number of channels in the
    window, `2 * radius + 1`; this function, like TensorFlow, does not.

    The sums are float32 under every dtype policy. All layers are built in, so that a saved model
    needs neither this package nor a `Lambda`.

    Args:
        x: `[batch, height, width, C]`.
        alpha: Factor on the energy.
        beta: Exponent.
        bias: Number that is added to the energy.
        name: Name of the last layer, whose output has the shape of `x`.
        radius: Number of channels on each side.

    Returns:
        Tensor of the shape of `x`.

    References: Krizhevsky et al. (2012), §3.3.
    """
    height, width, depth = x.shape[1:]
    window = 2 * radius + 1
    full = {"dtype": "float32"}
    # Pooling runs over height and width, so the channels become the width of a grey image. It would
    # average over fewer channels at the borders, hence the explicit zeros.
    energy = layers.Multiply(name=f"{name}_squares", **full)([x, x])
    energy = layers.Reshape((height * width, depth, 1), name=f"{name}_flat", **full)(energy)
    energy = layers.ZeroPadding2D((0, radius), name=f"{name}_pad", **full)(energy)
    energy = layers.AveragePooling2D((1, window), 1, name=f"{name}_window", **full)(energy)
    energy = layers.Reshape((height, width, depth), name=f"{name}_unflat", **full)(energy)
    energy = layers.Rescaling(alpha * window, bias, name=f"{name}_energy", **full)(energy)
    return layers.Multiply(name=name)([x, ops.power(energy, -beta)])

"""What several backbones share: their input, the scaling of channels, and layers of Caffe's."""

import math
import numbers

import keras
from keras import layers, ops


def image_input(input_shape, width, smallest, why):
    """The input `images` of a backbone, `[batch, height, width, 3]`, after a check of both sizes.

    Args:
        input_shape: `(height, width, 3)`, as the user gave it.
        width: factor on the numbers of channels, as the user gave it.
        smallest: smallest height and width that the topology takes.
        why: what in the topology needs that size, for the message.

    Raises:
        ValueError: if the input is smaller, not RGB or of no fixed size, or `width` is not
            positive.
    """
    sides = tuple(input_shape) if isinstance(input_shape, (tuple, list)) else ()
    if (
        len(sides) != 3
        or not all(isinstance(side, numbers.Integral) for side in sides)
        or min(sides[:2]) < smallest
        or sides[2] != 3
    ):
        raise ValueError(
            f"`input_shape` must be (height, width, 3) of at least {smallest} x {smallest} pixels: "
            f"{why}. Received: {input_shape}. Use larger crops."
        )
    if not isinstance(width, numbers.Real) or not 0 < width < math.inf:
        raise ValueError(f"`width` must be positive. Received: width={width}. Use 1.0 for all.")
    return keras.Input(sides, name="images")


def channels(number, width):
    """`number * width`, rounded, and never less than one channel."""
    return max(1, round(number * width))


def global_average(x, name="pool5"):
    """Mean over height and width: `[batch, height, width, C]` becomes `[batch, 1, 1, C]`."""
    return layers.GlobalAveragePooling2D(keepdims=True, name=name)(x)


def ceil_max_pool(x, name):
    """Max-pooling 3 x 3, stride 2, as Caffe does it: a side of `n` becomes `n // 2`, at least 2.

    Formula: `ceil((n - 3) / 2) + 1` windows from the first pixel on; the last one may hang over
    the end, and what hangs over does not count. Keras' "valid" would drop that window.
    """
    # An even side lacks one pixel at its end, which is what "same" adds; an odd one lacks none.
    rows, columns = ("valid" if side % 2 else "same" for side in x.shape[1:3])
    if rows == columns:
        return layers.MaxPooling2D(3, 2, rows, name=name)(x)
    x = layers.MaxPooling2D((3, 1), (2, 1), rows, name=f"{name}_rows")(x)
    return layers.MaxPooling2D((1, 3), (1, 2), columns, name=name)(x)


def local_response_normalization(x, alpha, beta, bias, name, radius=2):
    """Divides every channel by the energy of its neighbours at the same pixel.

    Formula: `x[c] / (bias + alpha * sum(x[j] ** 2 for j in c - radius … c + radius)) ** beta`,
    where channels that do not exist count as 0. Caffe's `alpha` is divided by the number of
    channels in the window, `2 * radius + 1`; this one, like TensorFlow's, is not.

    The sums are float32 under every dtype policy. All of it is built-in layers, so that a saved
    model needs neither this package nor a `Lambda`.

    Args:
        x: `[batch, height, width, C]`.
        alpha, beta, bias: of the formula.
        name: of the last layer, whose output has the shape of `x`.
        radius: channels on each side.

    References: Krizhevsky et al. (2012), §3.3.
    """
    height, width, depth = x.shape[1:]
    window = 2 * radius + 1
    full = {"dtype": "float32"}
    # Pooling runs over height and width, so the channels pose as the width of a grey image. It
    # would average over fewer channels at the borders, hence the explicit zeros.
    energy = layers.Multiply(name=f"{name}_squares", **full)([x, x])
    energy = layers.Reshape((height * width, depth, 1), name=f"{name}_flat", **full)(energy)
    energy = layers.ZeroPadding2D((0, radius), name=f"{name}_pad", **full)(energy)
    energy = layers.AveragePooling2D((1, window), 1, name=f"{name}_window", **full)(energy)
    energy = layers.Reshape((height, width, depth), name=f"{name}_unflat", **full)(energy)
    energy = layers.Rescaling(alpha * window, bias, name=f"{name}_energy", **full)(energy)
    return layers.Multiply(name=name)([x, ops.power(energy, -beta)])

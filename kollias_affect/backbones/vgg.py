"""VGG with 16 weight layers, less its fully connected ones: the topology of VGG-Face."""

import keras
from keras import layers

# (convolutions, channels) of each block; paper C table 7.
BLOCKS = ((2, 64), (2, 128), (3, 256), (3, 512), (3, 512))
SMALLEST = 2 ** len(BLOCKS)


def vgg_face(input_shape=(96, 96, 3), width=1.0, name="vgg_face"):
    """Convolutional and pooling layers of VGG-Face, `conv1_1` … `pool5`.

    Args:
        input_shape: `(height, width, 3)`, both at least 32; RGB in [-1, 1].
        width: factor on the numbers of channels, for narrow versions.
        name: name of the model.

    Returns:
        `keras.Model`; its output is `pool5`, `[batch, height / 32, width / 32, 512 * width]`.

    Raises:
        ValueError: if the input is smaller than 32 x 32 pixels, or `width` is not positive.

    References: Parkhi et al. (2015); paper C table 7, blocks 1–5.
    """
    sides = tuple(input_shape) if isinstance(input_shape, (tuple, list)) else (0,)
    if len(sides) != 3 or None in sides or min(sides[:2]) < SMALLEST or sides[2] != 3:
        raise ValueError(
            f"`input_shape` must be (height, width, 3) of at least {SMALLEST} x {SMALLEST} pixels: "
            f"five poolings halve it. Received: {input_shape}. Use larger crops."
        )
    if width <= 0:
        raise ValueError(f"`width` must be positive. Received: width={width}. Use 1.0 for all.")
    inputs = x = keras.Input(sides, name="images")
    for block, (convolutions, channels) in enumerate(BLOCKS, start=1):
        for i in range(1, convolutions + 1):
            x = layers.Conv2D(
                max(1, round(channels * width)),
                3,
                padding="same",
                activation="relu",
                name=f"conv{block}_{i}",
            )(x)
        x = layers.MaxPooling2D(2, name=f"pool{block}")(x)
    return keras.Model(inputs, x, name=name)

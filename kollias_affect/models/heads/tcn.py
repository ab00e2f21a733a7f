"""Temporal convolutional network: residual blocks of dilated convolutions."""

from keras import layers

KERNEL = 3


def tcn(x, size):
    """Applies blocks `tcn1`, `tcn2`, …: a dilated convolution, then a layer on each frame.

    The dilation doubles from block to block, so that an output depends on
    `1 + (KERNEL - 1) (2**blocks - 1)` frames. Convolutions are padded with zeros, before the first
    frame only if they are causal. The normalization is over the units of one frame: statistics
    over time would see later frames.

    Args:
        x: Tensor `[batch, length, units]`.
        size: `Size`.

    Returns:
        Tensor `[batch, length, size.units]`.

    References: Bai, Kolter and Koltun, "An empirical evaluation of generic convolutional and
        recurrent networks for sequence modeling" (2018), section 3; there a block has two
        convolutions and weight normalization.
    """
    # Missing frames are zeros here, too, as is the padding: the layer has no bias.
    x = layers.Dense(size.units, use_bias=False, name="head_inputs")(x)
    for i in range(size.layers):
        name = f"tcn{i + 1}"
        padding = "causal" if size.causal else "same"
        y = layers.Conv1D(
            size.units, KERNEL, dilation_rate=2**i, padding=padding, name=f"{name}_convolution"
        )(x)
        y = layers.LayerNormalization(name=f"{name}_normalization")(y)
        y = layers.Activation("relu", name=f"{name}_relu")(y)
        y = layers.Dropout(size.dropout, name=f"{name}_dropout")(y)
        y = layers.Dense(size.units, name=f"{name}_outputs")(y)
        x = layers.Add(name=name)([x, y])
    return x

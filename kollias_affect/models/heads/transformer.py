"""Transformer encoder whose frames attend to the frames near them."""

from keras import layers

from kollias_affect.layers import RotaryAttention

HEAD_SIZE = 32  # units of one attention head, if the units are a multiple
GROWTH = 4  # of the units within the layer on each frame: section 3.3 of the paper


def transformer(x, size):
    """Applies blocks `transformer1`, …: attention, then two layers on each frame.

    Blocks normalize their inputs first ("pre-norm"), which trains without a warm-up.

    Args:
        x: Tensor `[batch, length, units]`.
        size: `Size`; its units must be even.

    Returns:
        Tensor `[batch, length, size.units]`.

    References: Vaswani et al., "Attention is all you need" (2017); Xiong et al., "On layer
        normalization in the transformer architecture" (2020), table 1.
    """
    heads = size.units // HEAD_SIZE if size.units % HEAD_SIZE == 0 else 1
    x = layers.Dense(size.units, name="head_inputs")(x)
    for i in range(size.layers):
        name = f"transformer{i + 1}"
        y = layers.LayerNormalization(name=f"{name}_normalization1")(x)
        y = RotaryAttention(
            heads, size.context, size.causal, size.dropout, name=f"{name}_attention"
        )(y)
        y = layers.Dropout(size.dropout, name=f"{name}_dropout1")(y)
        x = layers.Add(name=f"{name}_attended")([x, y])
        y = layers.LayerNormalization(name=f"{name}_normalization2")(x)
        y = layers.Dense(GROWTH * size.units, "gelu", name=f"{name}_hidden")(y)
        y = layers.Dense(size.units, name=f"{name}_outputs")(y)
        y = layers.Dropout(size.dropout, name=f"{name}_dropout2")(y)
        x = layers.Add(name=name)([x, y])
    return layers.LayerNormalization(name="transformer_normalization")(x)

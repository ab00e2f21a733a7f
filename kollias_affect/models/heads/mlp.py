"""Layers on each frame and a mean over nearby frames: the baseline of the temporal heads."""

from keras import layers

from kollias_affect.layers import MovingAverage


def mlp(x, size):
    """Applies layers `mlp1`, `mlp2`, … (ReLU) to each frame, then `MovingAverage`.

    Linear outputs of the mean are the mean of the outputs: smoothed predictions.

    Args:
        x: Tensor `[batch, length, units]`.
        size: `Size`.

    Returns:
        Tensor `[batch, length, size.units]`.
    """
    for i in range(size.layers):
        x = layers.Dense(size.units, "relu", name=f"mlp{i + 1}")(x)
        x = layers.Dropout(size.dropout, name=f"mlp{i + 1}_dropout")(x)
    return MovingAverage(size.context, size.causal, name="smoothing")(x)

"""Self-attention over nearby frames, with rotary positions."""

import math

import keras
import numpy as np
from keras import layers, ops

from kollias_affect import _checks
from kollias_affect.layers.neighbours import check_context, near

HIDDEN = -1e9  # logit of a frame that is not seen
_BASE = 10_000  # of the wave lengths, Su et al., section 3.2.2


def frequencies(size):
    """Returns the angle per frame of each pair of coordinates of a head, float32 `[size / 2]`."""
    return (_BASE ** (-np.arange(0, size, 2) / size)).astype(np.float32)


def rotate(values, positions):
    """Rotates pairs of coordinates by angles that grow with the position.

    The product of two rotated vectors depends on their distance in time alone.

    Args:
        values: Tensor `[..., frames, size]`; coordinate `i` and `i + size / 2` are a pair.
        positions: Array `[frames]`.

    Returns:
        Tensor like `values`.

    References: Su et al., "RoFormer: enhanced transformer with rotary position embedding" (2021),
        eq. 34.
    """
    angles = np.asarray(positions, np.float32)[:, None] * frequencies(values.shape[-1])
    cos, sin = (ops.cast(turn(angles), values.dtype) for turn in (np.cos, np.sin))
    first, second = ops.split(values, 2, axis=-1)
    return ops.concatenate([first * cos - second * sin, second * cos + first * sin], axis=-1)


@keras.saving.register_keras_serializable(package="kollias_affect")
class RotaryAttention(layers.Layer):
    """Self-attention of each frame to the frames near it, with rotary positions.

    Formula, for each head: `softmax(R_t q_t . R_s k_s / sqrt(size)) v_s`, summed over the frames
    `s` that frame `t` sees; `R` is `rotate`. The input and the output are
    `[batch, length, units]`. Masked frames are not seen; the sum is 0 if no other frame is.

    Positions are relative and a frame sees a fixed number of frames, so a window may have any
    length, and a causal layer runs frame by frame with `context - 1` frames of memory.

    Args:
        heads: Number of heads. The units must be a multiple of `2 * heads`.
        context: Number of frames that a frame sees, itself included.
        causal: Whether it sees only frames before it; otherwise `context // 2` on both sides.
        dropout: Share of the attention weights that are dropped in training, in [0, 1).
        **kwargs: Arguments of `keras.layers.Layer`.

    Raises:
        ValueError: If an argument is out of its range.

    Example:

    >>> import keras
    >>> from kollias_affect import layers
    >>> layer = layers.RotaryAttention(heads=2, context=5, causal=True)
    >>> layer(keras.Input((80, 8))).shape
    (None, 80, 8)

    References: Vaswani et al., "Attention is all you need" (2017), section 3.2; Su et al.,
        "RoFormer" (2021), section 3.
    """

    def __init__(self, heads, context, causal=False, dropout=0.0, **kwargs):
        super().__init__(**kwargs)
        self.heads = _checks.positive_integer("heads", heads)
        self.context = check_context(context)
        self.causal = bool(causal)
        self.dropout = _checks.share("dropout", dropout)
        self.supports_masking = True

    def build(self, input_shape):
        """Creates the weights for frames `[batch, length, units]`."""
        units = input_shape[-1]
        if units % (2 * self.heads):
            raise ValueError(
                f"Units of attention must be a multiple of 2 * heads. Received: {units} units and "
                f"{self.heads} heads. Choose other units."
            )
        self.query, self.key_value, self.output_projection = (
            layers.Dense(n, name=name, dtype=self.dtype_policy)
            for n, name in ((units, "query"), (2 * units, "key_value"), (units, "output"))
        )
        self.weight_dropout = layers.Dropout(self.dropout, name="weights", dtype=self.dtype_policy)
        for layer in (self.query, self.key_value, self.output_projection):
            layer.build(input_shape)

    def call(self, inputs, mask=None, training=False):
        """Computes the outputs of all frames.

        Args:
            inputs: Tensor `[batch, length, units]`.
            mask: Tensor of bool `[batch, length]`, false for missing frames, or `None`.
            training: Whether dropout is on.
        """
        return self.over(inputs, mask, inputs.shape[1], training)

    def over(self, frames, known, queries, training=False):
        """Computes the outputs of the last frames.

        Args:
            frames: Tensor `[batch, frames, units]`.
            known: Tensor of bool `[batch, frames]`, false for frames that are not seen, or `None`.
            queries: Number of last frames whose outputs are returned.
            training: Whether dropout is on.

        Returns:
            Tensor `[batch, queries, units]`.
        """
        count = frames.shape[1]
        query = self._by_head(self.query(frames[:, count - queries :]))
        key, value = map(self._by_head, ops.split(self.key_value(frames), 2, axis=-1))
        query = rotate(query, np.arange(count - queries, count))
        key = rotate(key, np.arange(count))
        scale = 1 / math.sqrt(query.shape[-1])
        logits = ops.cast(ops.matmul(query, ops.swapaxes(key, -1, -2)), "float32") * scale
        seen = near(queries, count, self.context, self.causal)
        seen = ops.convert_to_tensor(seen.astype(np.float32))
        if known is not None:
            seen = seen * ops.cast(known, "float32")[:, None, None, :]
        # The product at the end lets a frame that sees no known frame see none at all.
        weights = ops.softmax(logits + HIDDEN * (1 - seen), axis=-1) * seen
        weights = ops.cast(weights, value.dtype)
        weights = self.weight_dropout(weights, training=training)
        joined = ops.swapaxes(ops.matmul(weights, value), 1, 2)
        return self.output_projection(ops.reshape(joined, (-1, queries, frames.shape[-1])))

    def _by_head(self, values):
        """Returns `[batch, frames, units]` as `[batch, heads, frames, units / heads]`."""
        _, frames, units = values.shape
        values = ops.reshape(values, (-1, frames, self.heads, units // self.heads))
        return ops.swapaxes(values, 1, 2)

    def compute_output_shape(self, input_shape):
        """Returns the shape of the input."""
        return input_shape

    def get_config(self):
        """Returns the arguments of `__init__`."""
        return {
            **super().get_config(),
            "heads": self.heads,
            "context": self.context,
            "causal": self.causal,
            "dropout": self.dropout,
        }

"""Mean over nearby frames."""

import keras
import numpy as np
from keras import layers, ops

from kollias_affect.layers.neighbours import check_context, near


@keras.saving.register_keras_serializable(package="kollias_affect")
class MovingAverage(layers.Layer):
    """Mean of the frames near each frame; at the ends of the window, of those that exist.

    The input and the output are `[batch, length, units]`. Masked frames do not count.

    Args:
        context: Number of frames of a mean.
        causal: Whether it takes a frame and those before it; otherwise `context // 2` frames on
            both sides and the frame.
        **kwargs: Arguments of `keras.layers.Layer`.

    Raises:
        ValueError: If `context` is not an integer of at least 2.

    Example:

    >>> import numpy as np
    >>> from kollias_affect import layers
    >>> layer = layers.MovingAverage(context=2, causal=True)
    >>> layer(np.array([[[2.0], [4.0], [8.0]]])).numpy().ravel().tolist()
    [2.0, 3.0, 6.0]
    """

    def __init__(self, context, causal=False, **kwargs):
        super().__init__(**kwargs)
        self.context = check_context(context)
        self.causal = bool(causal)
        self.supports_masking = True

    def call(self, inputs, mask=None):
        """Computes the means of all frames.

        Args:
            inputs: Tensor `[batch, length, units]`.
            mask: Tensor of bool `[batch, length]`, false for missing frames, or `None`.
        """
        return self.over(inputs, mask, inputs.shape[1])

    def over(self, frames, known, queries):
        """Computes the means of the last `queries` frames, see `RotaryAttention.over`."""
        seen = near(queries, frames.shape[1], self.context, self.causal)
        seen = ops.convert_to_tensor(seen.astype(np.float32))
        values = ops.cast(frames, "float32")  # A long sum in bfloat16 would lose its last terms.
        known = ops.ones_like(values[..., 0]) if known is None else ops.cast(known, "float32")
        total = ops.matmul(seen, values * known[..., None])
        count = ops.maximum(ops.matmul(seen, known[..., None]), 1)
        return ops.cast(total / count, frames.dtype)

    def compute_output_shape(self, input_shape):
        """Returns the shape of the input."""
        return input_shape

    def get_config(self):
        """Returns the arguments of `__init__`."""
        return {**super().get_config(), "context": self.context, "causal": self.causal}

"""Causal layers frame by frame: the frames that they still see are a state."""

import keras
from keras import layers, ops

from kollias_affect.layers import MovingAverage, RotaryAttention


def past_frames(layer):
    """Returns how many frames before the current one a causal layer sees; 0 for any other layer."""
    if type(layer) is layers.Conv1D and layer.padding == "causal" and layer.strides == (1,):
        return (layer.kernel_size[0] - 1) * layer.dilation_rate[0]
    if isinstance(layer, (RotaryAttention, MovingAverage)) and layer.causal:
        return layer.context - 1
    return 0


def tells_known(layer):
    """Returns whether a layer must know which past frames exist: zeros do not stand for none."""
    return not isinstance(layer, layers.Conv1D)


def past_shape(layer):
    """Returns a list with the shape of the state, `[1, past frames * units]`; empty if none."""
    frames = past_frames(layer)
    if not frames:
        return []
    units = keras.tree.flatten(layer.input)[0].shape[-1] + tells_known(layer)  # a mask may follow
    return [(1, frames * units)]


class WithPastFrames(layers.Layer):
    """A causal layer on chunks of a sequence, and the past frames as input and output.

    The state has the past frames one after the other, each with its units and, unless the layer is
    a convolution, a 1 if the frame exists and is not masked. Zeros stand before the first frame.

    Args:
        layer: Layer of which `past_frames` is not 0; it holds the weights.
    """

    def __init__(self, layer):
        super().__init__(name=layer.name, dtype=layer.dtype_policy)
        self.layer = layer
        self.past = past_frames(layer)
        self.supports_masking = True
        self.built = True

    def call(self, inputs, state, known=None):
        """Returns the outputs of a chunk `[1, length, units]` with its mask, and the new state."""
        frames = inputs
        if tells_known(self.layer):
            known = ops.ones_like(inputs[..., 0]) if known is None else known
            flags = ops.cast(known, inputs.dtype)[..., None]
            frames = ops.concatenate([inputs, flags], axis=-1)
        before = ops.reshape(state, (-1, self.past, frames.shape[-1]))
        frames = ops.concatenate([before, frames], axis=1)
        outputs = self._outputs(frames, inputs.shape[1])
        return outputs, ops.reshape(frames[:, -self.past :], (-1, state.shape[-1]))

    def _outputs(self, frames, length):
        layer = self.layer
        if tells_known(layer):
            return layer.over(frames[..., :-1], frames[..., -1], length)
        outputs = ops.conv(
            frames, layer.kernel, padding="valid", dilation_rate=layer.dilation_rate[0]
        )
        return layer.activation(outputs + layer.bias if layer.use_bias else outputs)

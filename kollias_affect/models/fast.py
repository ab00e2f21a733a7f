"""A model as one that runs faster, with the same weights and outputs."""

import weakref

import keras
from keras import layers, ops

from kollias_affect.layers import PeepholeLSTM
from kollias_affect.models.parts import is_model_of_windows

_made = weakref.WeakKeyDictionary()


def fast(model):
    """The same network with recurrent layers that read their kernels once per window.

    Keras multiplies the input by the kernel frame by frame; for 4096 features and 128 units that
    reads 6 MB a frame, and training writes as much. Here all frames of a window are multiplied at
    once, and only what depends on the state before stays in the loop.

    The weights are the same variables, not copies: train and run either of the two. What
    `models.save` writes of the result is `model`, of plain layers.

    Args:
        model: `keras.Model` of `kollias_affect.models`.

    Returns:
        `keras.Model` with the inputs and outputs of `model`, not compiled, the same one for the
        same model; `model` itself if there is nothing to gain.

    References: Appleyard et al. (2016), §3.
    """
    if not any(_gains(layer) for layer in model.layers):
        return model
    if model not in _made:
        _made[model] = _with(model, lambda layer: _Fast(layer) if _gains(layer) else layer)
    return _made[model]


def plain(model):
    """The network that `fast` was given; any other model itself."""
    if not any(isinstance(layer, _Fast) for layer in _layers(model)):
        return model
    return _with(model, lambda layer: layer.layer if isinstance(layer, _Fast) else layer)


def _with(model, exchange):
    """The model with layers exchanged, also in models of windows within it; the rest is shared."""

    def exchanged(layer):
        return _with(layer, exchange) if is_model_of_windows(layer) else exchange(layer)

    return keras.models.clone_model(model, clone_function=exchanged)


def _layers(model):
    """The layers of a model and of the models of windows within it."""
    for layer in model.layers:
        yield from _layers(layer) if is_model_of_windows(layer) else [layer]


def _gains(layer):
    if is_model_of_windows(layer):
        return any(map(_gains, layer.layers))
    if isinstance(layer, layers.Bidirectional):
        both = (layer.forward_layer, layer.backward_layer)
        return layer.merge_mode == "concat" and all(map(_is_plain, both))
    return _is_plain(layer) and not layer.go_backwards


def _is_plain(layer):
    """Whether an RNN gives outputs for all frames and does nothing that `_Fast` does not."""
    return (
        type(layer) in _CELLS
        and layer.return_sequences
        and not (layer.return_state or layer.stateful or layer.activity_regularizer)
        and not (layer.cell.dropout or layer.cell.recurrent_dropout)
    )


class _Fast(layers.Layer):
    """A recurrent layer, or a bidirectional pair: the product of all inputs, then the loop."""

    def __init__(self, layer):
        super().__init__(name=layer.name, dtype=layer.dtype_policy)
        self.layer = layer
        both = isinstance(layer, layers.Bidirectional)
        self.parts = [layer.forward_layer, layer.backward_layer] if both else [layer]
        self.loops = [
            layers.RNN(
                _CELLS[type(part)](part.cell), return_sequences=True, dtype=part.dtype_policy
            )
            for part in self.parts
        ]
        self.built = True

    def compute_output_shape(self, input_shape):
        return self.layer.compute_output_shape(input_shape)

    def call(self, inputs, training=None, mask=None):
        outputs = [self._run(0, inputs)]
        if len(self.parts) > 1:
            outputs.append(ops.flip(self._run(1, ops.flip(inputs, axis=1)), axis=1))
        return ops.concatenate(outputs, axis=-1)

    def _run(self, number, inputs):
        kernel = ops.cast(self.parts[number].cell.kernel, inputs.dtype)
        return self.loops[number](ops.matmul(inputs, kernel))

    def get_config(self):
        return {"layer": keras.saving.serialize_keras_object(self.layer)}


class _Cell(layers.Layer):
    """What is left of a cell when its input has been multiplied by the kernel."""

    def __init__(self, cell):
        super().__init__(dtype=cell.dtype_policy)
        self.cell = cell
        self.state_size, self.output_size = cell.state_size, cell.units
        self.built = True

    def get_initial_state(self, batch_size=None):
        return self.cell.get_initial_state(batch_size)


class _GRU(_Cell):
    def call(self, x, states, training=None):
        cell, units, h = self.cell, self.cell.units, states[0]
        kernel, bias, recurrent_bias = cell.recurrent_kernel, cell.bias, None
        if cell.use_bias:
            if cell.reset_after:
                bias, recurrent_bias = bias[0], bias[1]
            x = x + bias
        if cell.reset_after:
            recurrent = ops.matmul(h, kernel)
            recurrent = recurrent + recurrent_bias if cell.use_bias else recurrent
        else:
            recurrent = ops.matmul(h, kernel[:, : 2 * units])
        gates = cell.recurrent_activation(x[:, : 2 * units] + recurrent[:, : 2 * units])
        update, reset = gates[:, :units], gates[:, units:]
        if cell.reset_after:
            recurrent = reset * recurrent[:, 2 * units :]
        else:
            recurrent = ops.matmul(reset * h, kernel[:, 2 * units :])
        h = update * h + (1 - update) * cell.activation(x[:, 2 * units :] + recurrent)
        return h, [h]


class _LSTM(_Cell):
    def call(self, x, states, training=None):
        cell, (h, c) = self.cell, states
        x = x + ops.matmul(h, cell.recurrent_kernel)
        x_i, x_f, x_c, x_o = ops.split(x + cell.bias if cell.use_bias else x, 4, axis=-1)
        i = cell.recurrent_activation(self.peep(x_i, c, "input"))
        f = cell.recurrent_activation(self.peep(x_f, c, "forget"))
        c = f * c + i * cell.activation(x_c)
        h = cell.recurrent_activation(self.peep(x_o, c, "output")) * cell.activation(c)
        return h, [h, c]

    def peep(self, x, c, gate):
        return x


class _PeepholeLSTM(_LSTM):
    def peep(self, x, c, gate):
        return x + getattr(self.cell, f"peephole_{gate}") * c


_CELLS = {layers.GRU: _GRU, layers.LSTM: _LSTM, PeepholeLSTM: _PeepholeLSTM}

"""Fast form of a model: the same weights and outputs, recurrent layers that run faster."""

import weakref

import keras
from keras import layers, ops

from kollias_affect.layers import PeepholeLSTM
from kollias_affect.models.parts import is_model_of_windows, leaves

_fast_models = weakref.WeakKeyDictionary()


def fast(model):
    """Returns the same network with recurrent layers that read their kernels once per window.

    Keras multiplies the input by the kernel frame by frame. For 4096 features and 128 units that
    reads 6 MB per frame, and training writes as much. The fast form multiplies all frames of a
    window at once; only what depends on the previous state stays in the loop.

    The weights are the same variables, not copies: train and run either model. `models.save`
    writes the fast form as `model`, with plain layers.

    Args:
        model: `keras.Model` of `kollias_affect.models`.

    Returns:
        `keras.Model` with the inputs and outputs of `model`, not compiled. Repeated calls on one
        model return the same object. `model` itself if no layer would run faster.

    References: Appleyard et al. (2016), §3.
    """
    if not any(_runs_faster(layer) for layer in model.layers):
        return model
    if model not in _fast_models:
        _fast_models[model] = _replace_layers(
            model, lambda layer: _FastRNN(layer) if _runs_faster(layer) else layer
        )
    return _fast_models[model]


def with_plain_layers(model):
    """Returns the plain form of a model that `fast` returned; any other model unchanged."""
    if not any(isinstance(layer, _FastRNN) for layer in leaves(model)):
        return model
    return _replace_layers(
        model, lambda layer: layer.layer if isinstance(layer, _FastRNN) else layer
    )


def _replace_layers(model, replace):
    """Clones the model, and the models of windows in it, with `replace(layer)` as its layers."""

    def clone(layer):
        return _replace_layers(layer, replace) if is_model_of_windows(layer) else replace(layer)

    return keras.models.clone_model(model, clone_function=clone)


def _runs_faster(layer):
    """Returns whether `_FastRNN` can replace a layer, or a layer of a model of windows."""
    if is_model_of_windows(layer):
        return any(map(_runs_faster, layer.layers))
    if isinstance(layer, layers.Bidirectional):
        pair = (layer.forward_layer, layer.backward_layer)
        return layer.merge_mode == "concat" and all(map(_is_plain, pair))
    return _is_plain(layer) and not layer.go_backwards


def _is_plain(layer):
    """Returns whether an RNN returns all frames and has no option that `_FastRNN` lacks."""
    return (
        type(layer) in _CELLS
        and layer.return_sequences
        and not (layer.return_state or layer.stateful or layer.activity_regularizer)
        and not (layer.cell.dropout or layer.cell.recurrent_dropout)
    )


class _FastRNN(layers.Layer):
    """Recurrent layer, or bidirectional pair, that multiplies all inputs before its loop."""

    def __init__(self, layer):
        super().__init__(name=layer.name, dtype=layer.dtype_policy)
        self.layer = layer
        is_pair = isinstance(layer, layers.Bidirectional)
        self.parts = [layer.forward_layer, layer.backward_layer] if is_pair else [layer]
        self.loops = [
            layers.RNN(
                _CELLS[type(part)](part.cell),
                return_sequences=True,
                zero_output_for_mask=part.zero_output_for_mask,
                dtype=part.dtype_policy,
            )
            for part in self.parts
        ]
        self.supports_masking = True
        self.built = True

    def compute_output_shape(self, input_shape):
        return self.layer.compute_output_shape(input_shape)

    def call(self, inputs, training=None, mask=None):
        outputs = [self._run(0, inputs, mask)]
        if len(self.parts) > 1:
            mask = None if mask is None else ops.flip(mask, axis=1)
            outputs.append(ops.flip(self._run(1, ops.flip(inputs, axis=1), mask), axis=1))
        return ops.concatenate(outputs, axis=-1)

    def _run(self, number, inputs, mask):
        kernel = ops.cast(self.parts[number].cell.kernel, inputs.dtype)
        return self.loops[number](ops.matmul(inputs, kernel), mask=mask)

    def get_config(self):
        return {"layer": keras.saving.serialize_keras_object(self.layer)}


class _ProjectedCell(layers.Layer):
    """Step of a cell whose input has been multiplied by the kernel already."""

    def __init__(self, cell):
        super().__init__(dtype=cell.dtype_policy)
        self.cell = cell
        self.state_size, self.output_size = cell.state_size, cell.units
        self.built = True

    def get_initial_state(self, batch_size=None):
        return self.cell.get_initial_state(batch_size)


class _ProjectedGRUCell(_ProjectedCell):
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


class _ProjectedLSTMCell(_ProjectedCell):
    def call(self, x, states, training=None):
        cell, (h, c) = self.cell, states
        x = x + ops.matmul(h, cell.recurrent_kernel)
        x_i, x_f, x_c, x_o = ops.split(x + cell.bias if cell.use_bias else x, 4, axis=-1)
        i = cell.recurrent_activation(self.add_peephole(x_i, c, "input"))
        f = cell.recurrent_activation(self.add_peephole(x_f, c, "forget"))
        c = f * c + i * cell.activation(x_c)
        h = cell.recurrent_activation(self.add_peephole(x_o, c, "output")) * cell.activation(c)
        return h, [h, c]

    def add_peephole(self, x, c, gate):
        return x


class _ProjectedPeepholeLSTMCell(_ProjectedLSTMCell):
    def add_peephole(self, x, c, gate):
        return x + getattr(self.cell, f"peephole_{gate}") * c


_CELLS = {
    layers.GRU: _ProjectedGRUCell,
    layers.LSTM: _ProjectedLSTMCell,
    PeepholeLSTM: _ProjectedPeepholeLSTMCell,
}

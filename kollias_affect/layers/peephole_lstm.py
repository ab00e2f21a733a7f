"""The LSTM whose gates also see the cell state, through one weight per unit (peepholes)."""

import keras
from keras import ops

from kollias_affect import _checks

_PEEPHOLES = ("peephole_input", "peephole_forget", "peephole_output")


@keras.saving.register_keras_serializable(package="kollias_affect")
class PeepholeLSTMCell(keras.layers.LSTMCell):
    """One step of an LSTM with peepholes.

    Formula, with `s` the recurrent activation, `a` the activation and `*` elementwise:

        i  = s(x W_i + h R_i + b_i + p_i * c)
        f  = s(x W_f + h R_f + b_f + p_f * c)
        c' = f * c + i * a(x W_c + h R_c + b_c)
        o  = s(x W_o + h R_o + b_o + p_o * c')
        h' = o * a(c')

    Weights, in this order: `kernel` `[features, 4 units]` and `recurrent_kernel`
    `[units, 4 units]`, the gates in the order i, f, c, o; `bias` `[4 units]` unless
    `use_bias=False`; `peephole_input`, `peephole_forget`, `peephole_output`, `[units]` each.
    The weights are those of `tensorflow_addons.rnn.PeepholeLSTMCell`, in its order. TF1's
    `LSTMCell(use_peepholes=True)` has the gates in the order i, c, f, o and adds its
    `forget_bias` while it runs; here that constant is part of `bias`.

    Args:
        units: size of the state and of the output.
        peephole_initializer: of the three peephole weights.
        **kwargs: of `keras.layers.LSTMCell`. Dropout acts on `x` and `h`, never on the peepholes.

    Raises:
        ValueError: if `units` is not an integer of at least 1.

    References: Gers et al., JMLR 3 (2002); Sak et al., Interspeech (2014).
    """

    def __init__(self, units, peephole_initializer="glorot_uniform", **kwargs):
        super().__init__(_checks.positive_integer("units", units), **kwargs)
        self.peephole_initializer = keras.initializers.get(peephole_initializer)

    def build(self, input_shape):
        """Creates the weights for inputs of shape `[batch, features]`."""
        super().build(input_shape)
        for name in _PEEPHOLES:
            # A Keras initializer returns the same numbers whenever it is called.
            clone = getattr(self.peephole_initializer, "clone", lambda: self.peephole_initializer)
            setattr(self, name, self.add_weight((self.units,), initializer=clone(), name=name))

    def call(self, inputs, states, training=False):
        """One step.

        Args:
            inputs: `[batch, features]`.
            states: `[h, c]`, each `[batch, units]`.
            training: whether dropout is on.

        Returns:
            `(h', [h', c'])`, each `[batch, units]`.
        """
        h, c = states
        input_mask = recurrent_mask = None
        if training and 0 < self.dropout < 1:
            input_mask = self.get_dropout_mask(inputs)
        if training and 0 < self.recurrent_dropout < 1:
            recurrent_mask = self.get_recurrent_dropout_mask(h)
        z = _product(inputs, self.kernel, input_mask)
        z = z + _product(h, self.recurrent_kernel, recurrent_mask)
        if self.use_bias:
            z = z + self.bias
        z_i, z_f, z_c, z_o = ops.split(z, 4, axis=-1)
        i = self.recurrent_activation(z_i + self.peephole_input * c)
        f = self.recurrent_activation(z_f + self.peephole_forget * c)
        c = f * c + i * self.activation(z_c)
        o = self.recurrent_activation(z_o + self.peephole_output * c)
        h = o * self.activation(c)
        return h, [h, c]

    def get_config(self):
        """The arguments of `__init__`."""
        initializer = keras.initializers.serialize(self.peephole_initializer)
        return {**super().get_config(), "peephole_initializer": initializer}


def _product(values, kernel, mask):
    """`values @ kernel`, `[batch, 4 units]`, under no mask, one mask, or one mask per gate."""
    if mask is None:
        return ops.matmul(values, kernel)
    if not isinstance(mask, (list, tuple)):
        return ops.matmul(values * mask, kernel)
    gates = zip(mask, ops.split(kernel, 4, axis=1), strict=True)
    return ops.concatenate([ops.matmul(values * each, part) for each, part in gates], axis=-1)


def _of_the_cell(name):
    return property(lambda layer: getattr(layer.cell, name), doc=f"`{name}` of the cell.")


@keras.saving.register_keras_serializable(package="kollias_affect")
class PeepholeLSTM(keras.layers.RNN):
    """`keras.layers.LSTM` with peepholes; `PeepholeLSTMCell` has the formula and the weights.

    `[batch, length, features]` becomes `[batch, units]`, or `[batch, length, units]` with
    `return_sequences`; with `return_state` the final `h` and `c`, `[batch, units]` each, follow.
    Masked frames leave the state as it was, and repeat the last output.

    Args:
        units: size of the state and of the output.
        peephole_initializer: of the three peephole weights.
        **kwargs: `name`, `dtype`, `trainable`, `zero_output_for_mask` (of `keras.layers.RNN`).

    The other arguments are those of `keras.layers.LSTM`, in its order, with its defaults. There
    is no cuDNN kernel with peepholes, hence no `use_cudnn`.

    Raises:
        ValueError: if `units` is not an integer of at least 1.

    References: see `PeepholeLSTMCell`; the "LSTM" of papers B and C.
    """

    def __init__(
        self,
        units,
        activation="tanh",
        recurrent_activation="sigmoid",
        use_bias=True,
        kernel_initializer="glorot_uniform",
        recurrent_initializer="orthogonal",
        bias_initializer="zeros",
        unit_forget_bias=True,
        kernel_regularizer=None,
        recurrent_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        kernel_constraint=None,
        recurrent_constraint=None,
        bias_constraint=None,
        dropout=0.0,
        recurrent_dropout=0.0,
        seed=None,
        return_sequences=False,
        return_state=False,
        go_backwards=False,
        stateful=False,
        unroll=False,
        peephole_initializer="glorot_uniform",
        **kwargs,
    ):
        cell = PeepholeLSTMCell(
            units,
            activation=activation,
            recurrent_activation=recurrent_activation,
            use_bias=use_bias,
            kernel_initializer=kernel_initializer,
            recurrent_initializer=recurrent_initializer,
            bias_initializer=bias_initializer,
            unit_forget_bias=unit_forget_bias,
            peephole_initializer=peephole_initializer,
            kernel_regularizer=kernel_regularizer,
            recurrent_regularizer=recurrent_regularizer,
            bias_regularizer=bias_regularizer,
            kernel_constraint=kernel_constraint,
            recurrent_constraint=recurrent_constraint,
            bias_constraint=bias_constraint,
            dropout=dropout,
            recurrent_dropout=recurrent_dropout,
            seed=seed,
            dtype=kwargs.get("dtype"),
            trainable=kwargs.get("trainable", True),
            name="peephole_lstm_cell",
        )
        super().__init__(
            cell,
            return_sequences=return_sequences,
            return_state=return_state,
            go_backwards=go_backwards,
            stateful=stateful,
            unroll=unroll,
            activity_regularizer=activity_regularizer,
            **kwargs,
        )
        self.input_spec = keras.layers.InputSpec(ndim=3)

    units = _of_the_cell("units")
    activation = _of_the_cell("activation")
    recurrent_activation = _of_the_cell("recurrent_activation")
    use_bias = _of_the_cell("use_bias")
    dropout = _of_the_cell("dropout")
    recurrent_dropout = _of_the_cell("recurrent_dropout")

    def get_config(self):
        """The arguments of `__init__`."""
        config = {**self.cell.get_config(), **super().get_config()}
        del config["cell"]
        config["activity_regularizer"] = keras.regularizers.serialize(self.activity_regularizer)
        return config

    @classmethod
    def from_config(cls, config):
        """The layer that `get_config` describes."""
        return cls(**config)  # `RNN.from_config` would look for a cell

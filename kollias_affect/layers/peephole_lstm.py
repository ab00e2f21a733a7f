"""LSTM with peepholes: its gates also see the cell state, through one weight per unit."""

import keras
from keras import ops

from kollias_affect import _checks

_PEEPHOLES = ("peephole_input", "peephole_forget", "peephole_output")


@keras.saving.register_keras_serializable(package="kollias_affect")
class PeepholeLSTMCell(keras.layers.LSTMCell):
    """Cell of `PeepholeLSTM`: one step of an LSTM with peepholes.

    Formula, with `s` the recurrent activation, `a` the activation and `*` elementwise:

        i  = s(x W_i + h R_i + b_i + p_i * c)
        f  = s(x W_f + h R_f + b_f + p_f * c)
        c' = f * c + i * a(x W_c + h R_c + b_c)
        o  = s(x W_o + h R_o + b_o + p_o * c')
        h' = o * a(c')

    The weights are, in this order, `kernel` `[features, 4 units]` and `recurrent_kernel`
    `[units, 4 units]` with the gates in the order i, f, c, o; `bias` `[4 units]` unless
    `use_bias=False`; `peephole_input`, `peephole_forget` and `peephole_output`, `[units]` each.
    These are the weights of `tensorflow_addons.rnn.PeepholeLSTMCell` in the same order. TF1's
    `LSTMCell(use_peepholes=True)` has the gates in the order i, c, f, o and adds its
    `forget_bias` in every step; here that constant is part of `bias`.

    Args:
        units: Size of the state and of the output.
        peephole_initializer: Initializer of the three peephole weights.
        **kwargs: Arguments of `keras.layers.LSTMCell`. Dropout acts on `x` and `h`, never on the
            peepholes.

    Raises:
        ValueError: If `units` is not an integer of at least 1.

    Examples:

    >>> import keras
    >>> from kollias_affect import layers
    >>> layer = keras.layers.RNN([layers.PeepholeLSTMCell(4), layers.PeepholeLSTMCell(2)])
    >>> layer(keras.Input((80, 3))).shape
    (None, 2)

    References:
        Gers et al., JMLR 3 (2002). Sak et al., Interspeech (2014).
    """

    def __init__(self, units, peephole_initializer="glorot_uniform", **kwargs):
        super().__init__(_checks.positive_integer("units", units), **kwargs)
        self.peephole_initializer = keras.initializers.get(peephole_initializer)

    def build(self, input_shape):
        """Creates the weights for inputs of shape `[batch, features]`."""
        super().build(input_shape)
        for name in _PEEPHOLES:
            # A Keras initializer returns the same numbers in every call.
            clone = getattr(self.peephole_initializer, "clone", lambda: self.peephole_initializer)
            setattr(self, name, self.add_weight((self.units,), initializer=clone(), name=name))

    def call(self, inputs, states, training=False):
        """Computes one step.

        Args:
            inputs: Tensor `[batch, features]`.
            states: List of `h` and `c`, each `[batch, units]`.
            training: Whether dropout is on.

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
        """Returns the arguments of `__init__`."""
        initializer = keras.initializers.serialize(self.peephole_initializer)
        return {**super().get_config(), "peephole_initializer": initializer}


def _product(values, kernel, mask):
    """Computes `values @ kernel`, `[batch, 4 units]`, with no mask, one, or one per gate."""
    if mask is None:
        return ops.matmul(values, kernel)
    if not isinstance(mask, (list, tuple)):
        return ops.matmul(values * mask, kernel)
    gates = zip(mask, ops.split(kernel, 4, axis=1), strict=True)
    return ops.concatenate(
        [ops.matmul(values * gate_mask, part) for gate_mask, part in gates], axis=-1
    )


def _cell_property(name):
    return property(lambda layer: getattr(layer.cell, name), doc=f"`{name}` of the cell.")


@keras.saving.register_keras_serializable(package="kollias_affect")
class PeepholeLSTM(keras.layers.RNN):
    """`keras.layers.LSTM` with peepholes.

    `PeepholeLSTMCell` documents the formula and the weights.

    The input is `[batch, length, features]`, the output `[batch, units]`, or
    `[batch, length, units]` with `return_sequences`. With `return_state`, the final `h` and `c`,
    `[batch, units]` each, follow. Masked frames do not change the state and repeat the last
    output.

    The arguments that are not listed here are those of `keras.layers.LSTM`, with the same order
    and defaults, except `use_cudnn`: cuDNN has no kernel with peepholes.

    Args:
        units: Size of the state and of the output.
        peephole_initializer: Initializer of the three peephole weights.
        **kwargs: `name`, `dtype`, `trainable` and `zero_output_for_mask`, see
            `keras.layers.RNN`.

    Raises:
        ValueError: If `units` is not an integer of at least 1.

    Examples:

    >>> import keras
    >>> from kollias_affect import layers
    >>> layer = layers.PeepholeLSTM(4, return_sequences=True)
    >>> layer(keras.Input((80, 3))).shape
    (None, 80, 4)

    References:
        The references of `PeepholeLSTMCell`. This layer is the "LSTM" of papers B and C.
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

    units = _cell_property("units")
    activation = _cell_property("activation")
    recurrent_activation = _cell_property("recurrent_activation")
    use_bias = _cell_property("use_bias")
    dropout = _cell_property("dropout")
    recurrent_dropout = _cell_property("recurrent_dropout")

    def get_config(self):
        """Returns the arguments of `__init__`."""
        config = {**self.cell.get_config(), **super().get_config()}
        del config["cell"]
        config["activity_regularizer"] = keras.regularizers.serialize(self.activity_regularizer)
        return config

    @classmethod
    def from_config(cls, config):
        """Builds the layer from the result of `get_config`."""
        return cls(**config)  # `RNN.from_config` would look for a cell

"""Recurrent heads: the RNNs of papers B and C on given features."""

from kollias_affect.models import parts


def gru(x, size):
    """Applies GRUs, `rnn1`, `rnn2`, …; bidirectional ones if the head is not causal.

    Args:
        x: Tensor `[batch, length, units]`. Masked frames do not change the state.
        size: `Size`. The units of a bidirectional GRU are those of each direction.

    Returns:
        Tensor `[batch, length, units]`.

    References: Paper B §5.2; paper C §4.2.1.3.
    """
    return _stack(x, size, "gru" if size.causal else "bgru")


def lstm(x, size):
    """Applies LSTMs, as `gru` does GRUs.

    References: Paper B §5.2; paper C §4.2.1.3.
    """
    return _stack(x, size, "lstm" if size.causal else "blstm")


def _stack(x, size, rnn):
    return parts.rnn_stack(x, rnn, size.units, size.layers, size.dropout)

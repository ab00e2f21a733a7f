"""The temporal heads of `models.temporal`: one file and one line of `HEADS` each."""

import dataclasses
from collections.abc import Callable

from kollias_affect.models.heads.mlp import mlp
from kollias_affect.models.heads.recurrent import gru, lstm
from kollias_affect.models.heads.tcn import tcn
from kollias_affect.models.heads.transformer import transformer


@dataclasses.dataclass(frozen=True)
class Head:
    """A kind of temporal head.

    Args:
        build: Function from frames `[batch, length, units]` and `Size` to such frames.
        layers: Default of its number of layers.
        context: Default of the frames that one layer sees; `None` if the head has no such number.
        masks: Whether it takes a mask of missing frames.
    """

    build: Callable
    layers: int
    context: int | None = None
    masks: bool = True


HEADS = {
    "tcn": Head(tcn, 5, masks=False),
    "transformer": Head(transformer, 2, 64),
    "gru": Head(gru, 2),
    "lstm": Head(lstm, 2),
    "mlp": Head(mlp, 2, 16),
}
"""Dict from a name of `models.temporal` to its `Head`."""

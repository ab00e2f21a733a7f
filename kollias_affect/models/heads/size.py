"""What all temporal heads have in common: their numbers."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Size:
    """Numbers of a temporal head; see `models.temporal` for the ranges.

    Args:
        units: Units of each layer.
        layers: Number of layers.
        context: Frames that a layer sees, of the heads that have this number.
        causal: Whether outputs depend on no later frame.
        dropout: Dropout rate within each layer.
    """

    units: int
    layers: int
    context: int | None
    causal: bool
    dropout: float

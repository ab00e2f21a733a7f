"""The public names of `kollias_affect.annotations`, importable from here as in earlier versions."""

from kollias_affect import annotations
from kollias_affect.annotations import *  # noqa: F403

__all__ = annotations.__all__

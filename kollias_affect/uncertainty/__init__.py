"""How sure a model is: intervals and sets that hold, and a flag for what it never saw.

Predicting needs no Keras: what fits a model to clips is imported on use.
"""

import importlib
import typing

from kollias_affect.uncertainty.conformal import quantile
from kollias_affect.uncertainty.record import columns, extras

if typing.TYPE_CHECKING:  # for the reference and for editors
    from kollias_affect.uncertainty.calibration import calibrate
    from kollias_affect.uncertainty.measured import coverage

__all__ = ["calibrate", "columns", "coverage", "extras", "quantile"]

_WITH_KERAS = {"calibrate": "calibration", "coverage": "measured"}


def __getattr__(name):
    if name in _WITH_KERAS:
        module = importlib.import_module(f"{__name__}.{_WITH_KERAS[name]}")
        return getattr(module, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return sorted(__all__)

"""How sure a model is: intervals and sets that hold, and a flag for what it never saw.

Predicting needs no Keras: what fits a model to clips is imported on use.
"""

import typing

from kollias_affect import _lazy
from kollias_affect.uncertainty.conformal import quantile
from kollias_affect.uncertainty.record import columns, extras

if typing.TYPE_CHECKING:  # for the reference and for editors
    from kollias_affect.uncertainty.calibration import calibrate
    from kollias_affect.uncertainty.measured import coverage

__all__ = ["calibrate", "columns", "coverage", "extras", "quantile"]

_WITH_KERAS = {"calibrate": "calibration", "coverage": "measured"}

__getattr__, __dir__ = _lazy.attributes(__name__, _WITH_KERAS, __all__)

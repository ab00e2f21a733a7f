"""The public names of `kollias_affect.annotations`, importable from here as in earlier versions."""

from kollias_affect.annotations import *  # noqa: F403
from kollias_affect.annotations import __all__  # noqa: F401

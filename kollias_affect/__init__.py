"""Facial affect from video: valence and arousal, or one of seven expressions, frame by frame.

The reference implementation of four papers (Kollias et al. 2018, 2019, 2020; Ng et al. 2015)
as plain Keras models. Importing the package is fast: TensorFlow, dlib and OpenCV are imported
when a module that needs them is first used.
"""

import importlib

from kollias_affect import _registration
from kollias_affect.tasks import EXPRESSIONS

__version__ = "0.1.0"

_MODULES = (
    "adaptation",
    "annotations",
    "augmentation",
    "backbones",
    "catalogue",
    "datasets",
    "evaluation",
    "experiments",
    "faces",
    "features",
    "initializers",
    "layers",
    "losses",
    "metrics",
    "models",
    "prediction",
    "presets",
    "runtime",
    "shards",
    "tasks",
    "training",
    "transfer",
    "uncertainty",
    "weights",
    "windows",
)

__all__ = ["EXPRESSIONS", "__version__", "predict", *_MODULES]


def __getattr__(name):
    if name == "predict":
        return importlib.import_module(f"{__name__}.prediction").predict
    if name in _MODULES:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return sorted(__all__)


_registration.install()

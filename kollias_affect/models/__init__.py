"""The networks as functional Keras models, and their files."""

from kollias_affect.models.cnn import cnn
from kollias_affect.models.cnn_rnn import affwildnet, cnn_rnn
from kollias_affect.models.ensembles import average_weights, ensemble
from kollias_affect.models.exporting import export
from kollias_affect.models.fast import fast
from kollias_affect.models.files import (
    describe,
    fingerprint,
    load,
    load_any,
    save,
)
from kollias_affect.models.fusion import fuse
from kollias_affect.models.heads import HEADS
from kollias_affect.models.multi_rnn import multi_rnn
from kollias_affect.models.parts import RNNS
from kollias_affect.models.precision import native_precision
from kollias_affect.models.reference import REFERENCES, reference
from kollias_affect.models.streaming import Stream
from kollias_affect.models.temporal import temporal
from kollias_affect.models.unit_range import for_unit_range
from kollias_affect.runtime.cards import CROP, CROPS, read_card
from kollias_affect.tasks import tasks_of

__all__ = [
    "CROP",
    "CROPS",
    "HEADS",
    "REFERENCES",
    "RNNS",
    "Stream",
    "affwildnet",
    "average_weights",
    "cnn",
    "cnn_rnn",
    "describe",
    "ensemble",
    "export",
    "fast",
    "fingerprint",
    "for_unit_range",
    "fuse",
    "load",
    "load_any",
    "multi_rnn",
    "native_precision",
    "read_card",
    "reference",
    "save",
    "tasks_of",
    "temporal",
]

"""The networks as functional Keras models, and the files that carry them."""

from kollias_affect.models.cnn_rnn import RNNS, affwildnet, cnn_rnn
from kollias_affect.models.files import CROP, describe, load, read_card, save
from kollias_affect.models.tasks import TASKS

__all__ = [
    "CROP",
    "RNNS",
    "TASKS",
    "affwildnet",
    "cnn_rnn",
    "describe",
    "load",
    "read_card",
    "save",
]

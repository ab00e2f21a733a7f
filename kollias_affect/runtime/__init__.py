"""Trained models without Keras: their cards, ONNX files, and frames one by one."""

from kollias_affect.runtime.arrays import unit_range
from kollias_affect.runtime.cards import CARD, CROP, CROPS, KEYS, read_card
from kollias_affect.runtime.onnx_model import OnnxModel
from kollias_affect.runtime.streaming import SequenceRunner, Stream

__all__ = [
    "CARD",
    "CROP",
    "CROPS",
    "KEYS",
    "OnnxModel",
    "SequenceRunner",
    "Stream",
    "read_card",
    "unit_range",
]

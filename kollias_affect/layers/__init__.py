"""Keras layers that Keras itself does not have."""

from kollias_affect.layers.centroid_outputs import CentroidOutputs
from kollias_affect.layers.moving_average import MovingAverage
from kollias_affect.layers.peephole_lstm import PeepholeLSTM, PeepholeLSTMCell
from kollias_affect.layers.rotary_attention import RotaryAttention
from kollias_affect.layers.task_uncertainty import TaskUncertainty

__all__ = [
    "CentroidOutputs",
    "MovingAverage",
    "PeepholeLSTM",
    "PeepholeLSTMCell",
    "RotaryAttention",
    "TaskUncertainty",
]

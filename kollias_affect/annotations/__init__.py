"""Annotators' traces of valence or arousal over time, and how they become labels of frames.

`matching` assigns the samples of a trace to frames in time. `agreement` compares the annotators
of a video and averages those who agree.
"""

from kollias_affect.annotations.agreement import (
    Agreement,
    agree,
    correlation_matrix,
    mean,
    single,
)
from kollias_affect.annotations.matching import match

__all__ = ["Agreement", "agree", "correlation_matrix", "match", "mean", "single"]

"""Annotators' traces of valence or arousal over time, and how they become labels of frames.

`matching` assigns the samples of a trace to frames in time. `lags` finds by how much annotators are
late. `agreement` compares the annotators of a video and averages those who agree; `reliability`
measures how far they agree. `landmark_correlation` finds the annotator who follows the face most.

`store` keeps what people record with the web tool (`server`, `page`), `formats` reads and writes
files of traces, `comparison` measures the agreement of all recordings, and `labelling` makes labels
of them.
"""

from kollias_affect.annotations.agreement import (
    Agreement,
    agree,
    correlation_matrix,
    mean,
    single,
)
from kollias_affect.annotations.comparison import Comparison, compare
from kollias_affect.annotations.labelling import Labelling, label
from kollias_affect.annotations.lags import CrossCorrelation, cross_correlation, lag, shift
from kollias_affect.annotations.landmark_correlation import LandmarkCorrelation, most_correlated
from kollias_affect.annotations.matching import match
from kollias_affect.annotations.recordings import Recording
from kollias_affect.annotations.reliability import ICC, alpha, concordance_matrix, icc

__all__ = [
    "ICC",
    "Agreement",
    "Comparison",
    "CrossCorrelation",
    "Labelling",
    "LandmarkCorrelation",
    "Recording",
    "agree",
    "alpha",
    "compare",
    "concordance_matrix",
    "correlation_matrix",
    "cross_correlation",
    "icc",
    "label",
    "lag",
    "match",
    "mean",
    "most_correlated",
    "shift",
    "single",
]

"""Post-processing of predictions: median filter of frames, smoothing of utterances, their search.

`search` tries on the validation set which steps raise the CCC, and with which windows. Its result,
a `PostProcessing`, is saved and applied unchanged to the test set (paper B, section 6.3).
"""

from kollias_affect.evaluation.postprocess._settings import WITHIN
from kollias_affect.evaluation.postprocess.grid_search import SMOOTHING, WINDOWS, search
from kollias_affect.evaluation.postprocess.median import median_filter
from kollias_affect.evaluation.postprocess.smoothing import smooth
from kollias_affect.evaluation.postprocess.steps import PostProcessing, no_steps

__all__ = [
    "SMOOTHING",
    "WINDOWS",
    "WITHIN",
    "PostProcessing",
    "median_filter",
    "no_steps",
    "search",
    "smooth",
]

"""Predictions of every frame, scores, intervals, aggregation, post-processing and pictures.

What needs Keras is imported on use: scores and pictures work without it.
"""

import typing

from kollias_affect import _lazy
from kollias_affect.evaluation import postprocess
from kollias_affect.evaluation.aggregation import aggregate, join_labels
from kollias_affect.evaluation.averaging import average
from kollias_affect.evaluation.fusion import decision_fusion
from kollias_affect.evaluation.groups import group_scores
from kollias_affect.evaluation.label_ranges import ranges_of
from kollias_affect.evaluation.levels import level_scores
from kollias_affect.evaluation.plots import clip_picture, traces
from kollias_affect.evaluation.predictions import from_table, paired, predict, to_table
from kollias_affect.evaluation.regions import PAPER_B_REGIONS, mse_by_region
from kollias_affect.evaluation.resampling import compare, confidence_intervals
from kollias_affect.evaluation.scores import confusion, count_single, scores
from kollias_affect.evaluation.tables import markdown, write_table
from kollias_affect.evaluation.videos import video_of

if typing.TYPE_CHECKING:  # for the reference and for editors
    from kollias_affect.evaluation.layer_graph import LayerGraphTensorBoard
    from kollias_affect.evaluation.model_evaluation import (
        Evaluation,
        check_options,
        evaluate_model,
        one_task,
        score_tasks,
    )
    from kollias_affect.evaluation.tensorboard import AffectTensorBoard

__all__ = [
    "PAPER_B_REGIONS",
    "AffectTensorBoard",
    "Evaluation",
    "LayerGraphTensorBoard",
    "aggregate",
    "average",
    "check_options",
    "clip_picture",
    "compare",
    "confidence_intervals",
    "confusion",
    "count_single",
    "decision_fusion",
    "evaluate_model",
    "from_table",
    "group_scores",
    "join_labels",
    "level_scores",
    "markdown",
    "mse_by_region",
    "one_task",
    "paired",
    "postprocess",
    "predict",
    "ranges_of",
    "score_tasks",
    "scores",
    "to_table",
    "traces",
    "video_of",
    "write_table",
]

_WITH_KERAS = {
    "AffectTensorBoard": "tensorboard",
    "LayerGraphTensorBoard": "layer_graph",
    "Evaluation": "model_evaluation",
    "check_options": "model_evaluation",
    "one_task": "model_evaluation",
    "score_tasks": "model_evaluation",
    "evaluate_model": "model_evaluation",
}

__getattr__, __dir__ = _lazy.attributes(__name__, _WITH_KERAS, __all__)

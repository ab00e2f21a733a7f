"""From a model and clips to predictions per frame, scores and pictures."""

from kollias_affect.evaluation.plots import clip_picture, traces
from kollias_affect.evaluation.predictions import from_table, paired, predict, to_table
from kollias_affect.evaluation.scores import scores
from kollias_affect.evaluation.tables import markdown, write_table

__all__ = [
    "clip_picture",
    "from_table",
    "markdown",
    "paired",
    "predict",
    "scores",
    "to_table",
    "traces",
    "write_table",
]

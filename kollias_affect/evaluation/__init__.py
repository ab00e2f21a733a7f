"""From a model and clips to predictions per frame, scores and pictures."""

from kollias_affect.evaluation.plots import clip_picture, traces
from kollias_affect.evaluation.predictions import predict
from kollias_affect.evaluation.scores import scores

__all__ = ["clip_picture", "predict", "scores", "traces"]

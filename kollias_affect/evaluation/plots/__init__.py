"""Pictures that people look at, each a function that returns a `matplotlib.figure.Figure`.

`save` writes a figure as PNG or SVG. All pictures share one style: Okabe and Ito's colours, which
everybody tells apart, and line styles, markers or hatches besides, so that they read in grey too;
colour maps whose lightness rises steadily; axes with units and fixed ranges.
"""

from kollias_affect.evaluation.plots.classes import confusion, distribution
from kollias_affect.evaluation.plots.over_time import clip_picture, traces, traces_figure
from kollias_affect.evaluation.plots.plane import histogram, trajectory
from kollias_affect.evaluation.plots.style import save
from kollias_affect.evaluation.plots.tsne import embedding

__all__ = [
    "clip_picture",
    "confusion",
    "distribution",
    "embedding",
    "histogram",
    "save",
    "traces",
    "traces_figure",
    "trajectory",
]

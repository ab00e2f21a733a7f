"""Pictures of evaluations; each function returns a `matplotlib.figure.Figure`.

`save` writes a figure as PNG or SVG. `figures.draw` writes figures of papers B and C. All pictures
share one style. The colours are those of Okabe and Ito, which colour-blind readers can distinguish.
Line styles, markers or hatches also differ, so that pictures are readable in grey. Colour maps
increase steadily in lightness. Axes have units and fixed ranges.
"""

from kollias_affect.evaluation.plots import figures
from kollias_affect.evaluation.plots.annotators import draw_annotators
from kollias_affect.evaluation.plots.classes import distribution, draw_confusion
from kollias_affect.evaluation.plots.flowchart import flowchart
from kollias_affect.evaluation.plots.over_time import clip_picture, traces, traces_figure
from kollias_affect.evaluation.plots.panels import confusion_panels
from kollias_affect.evaluation.plots.pictures import picture_grid
from kollias_affect.evaluation.plots.plane import histogram, trajectory
from kollias_affect.evaluation.plots.style import save
from kollias_affect.evaluation.plots.tsne import embedding

__all__ = [
    "clip_picture",
    "confusion_panels",
    "distribution",
    "draw_annotators",
    "draw_confusion",
    "embedding",
    "figures",
    "flowchart",
    "histogram",
    "picture_grid",
    "save",
    "traces",
    "traces_figure",
    "trajectory",
]

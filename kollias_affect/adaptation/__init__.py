"""Paper A: training a network with the centroids of a network trained on another dataset.

NetB's representations are clustered (`representations`, `Centroids.fit`; eq. 1 and 2). The
centroids are further desired outputs of NetA (`compile_adapted`, `targets`; eq. 5 to 9). NetA
predicts by its outputs or by the nearest centroid (`centroid_classifier`).
"""

from kollias_affect.adaptation.adapted import (
    centroid_classifier,
    compile_adapted,
    facets,
    with_classes,
    with_representation,
)
from kollias_affect.adaptation.alternation import Alternated, alternate
from kollias_affect.adaptation.centroids import Centroids
from kollias_affect.adaptation.data import representations, targets
from kollias_affect.adaptation.decision import video_decision
from kollias_affect.adaptation.grid import Grid

__all__ = [
    "Alternated",
    "Centroids",
    "Grid",
    "alternate",
    "centroid_classifier",
    "compile_adapted",
    "facets",
    "representations",
    "targets",
    "video_decision",
    "with_classes",
    "with_representation",
]

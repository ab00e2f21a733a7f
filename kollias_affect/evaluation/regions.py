"""Errors in regions of the valence-arousal plane."""

import numpy as np
import pandas as pd

from kollias_affect.evaluation import measures
from kollias_affect.evaluation.scored_rows import scored_rows

# Regions of paper B, table 7: `(valence, arousal)`, each from the lower edge to the upper one.
PAPER_B_REGIONS = {
    "V in [0, 1], A in [0, 0.5)": ((0, 1), (0, 0.5)),
    "V in [0, 1], A in [0.5, 1]": ((0, 1), (0.5, 1)),
    "V in [-1, 0), A in [0, 0.5)": ((-1, 0), (0, 0.5)),
    "V in [-1, 0), A in [0.5, 1]": ((-1, 0), (0.5, 1)),
}


def mse_by_region(clips, predictions, regions=PAPER_B_REGIONS):
    """Computes the mean squared errors of the frames with labels in each region of the plane.

    A region contains its lower edges and not its upper ones. The largest upper edge of a dimension
    belongs to its regions, as in paper B. Edges are compared in float32, the type of the labels.

    Args:
        clips: List of `Clip` with `valence_arousal`.
        predictions: Predictions of valence and arousal; see `scores`.
        regions: Dict from name to `((valence from, to), (arousal from, to))`. Regions must not
            overlap and need not cover the plane.

    Returns:
        `pandas.DataFrame` with the columns `MSE valence`, `MSE arousal` and `frames`. The rows are
        the regions, `elsewhere` (frames in none of them) and `whole` (all frames). Errors are NaN
        where there is no frame.

    Raises:
        ValueError: If regions are malformed or overlap, and as `scores` does.

    Example:

    >>> from kollias_affect.clip import Clip
    >>> clip = Clip("a", ["1.png", "2.png"], valence_arousal=[[0.5, 0.5], [-0.5, 0.5]])
    >>> halves = {"negative": ((-1, 0), (-1, 1)), "positive": ((0, 1), (-1, 1))}
    >>> table = mse_by_region([clip], {"a": [[0.5, 0.0], [0.0, 0.5]]}, halves)
    >>> table.loc["negative"].to_dict()
    {'MSE valence': 0.25, 'MSE arousal': 0.0, 'frames': 1.0}

    References: Paper B, table 7.
    """
    _check(regions)
    rows = scored_rows(clips, predictions, "valence_arousal")
    indices = _region_indices(rows.labels, regions)
    total = measures.sums(rows.labels, rows.predictions, indices, len(regions) + 1)
    total = np.concatenate([total, total.sum(axis=0, keepdims=True)])
    with np.errstate(invalid="ignore"):  # regions without a frame
        errors = measures.MEASURES["MSE"](total)
    columns = [f"MSE {name}" for name in rows.names]
    table = pd.DataFrame(errors, [*regions, "elsewhere", "whole"], columns)
    table[rows.unit] = total[:, 0, 0].astype(np.int64)
    return table


def _region_indices(labels, regions):
    """Returns the index of each label's region, integers `[frames]`; `len(regions)` for none."""
    edges = np.array(list(regions.values()), np.float32)  # [regions, dims, 2]
    labels = labels.astype(np.float32)  # otherwise a label 0.7 would lie below an edge at 0.7
    last = edges[:, :, 1].max(axis=0)
    indices = np.full(len(labels), len(regions))
    for i, (low, high) in enumerate(edges.transpose(0, 2, 1)):
        below = (labels < high) | ((labels == high) & (high == last))
        indices[((labels >= low) & below).all(axis=1)] = i
    return indices


def _check(regions):
    boxes = {name: np.asarray(region, np.float64) for name, region in regions.items()}
    for name, box in boxes.items():
        if box.shape != (2, 2) or not (box[:, 0] < box[:, 1]).all():
            raise ValueError(
                "A region must be ((valence from, to), (arousal from, to)), each from below to. "
                f"Received: {name!r}: {regions[name]!r}. Fix that region."
            )
    reserved = {"elsewhere", "whole"} & set(regions)
    if not regions or reserved:
        raise ValueError(
            "There must be at least one region, and `elsewhere` and `whole` are names of other "
            f"rows. Received: {list(regions)}. Rename the regions."
        )
    _refuse_overlaps(list(boxes.items()))


def _refuse_overlaps(boxes):
    for i, (first, box) in enumerate(boxes):
        for second, other in boxes[i + 1 :]:
            low, high = np.maximum(box[:, 0], other[:, 0]), np.minimum(box[:, 1], other[:, 1])
            if (low < high).all():
                raise ValueError(
                    "Regions must not overlap: a frame would count twice. Received: "
                    f"{first!r} and {second!r}. Move their edges apart."
                )

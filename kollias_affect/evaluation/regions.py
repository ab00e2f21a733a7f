"""Errors in parts of the valence-arousal plane."""

import numpy as np
import pandas as pd

from kollias_affect.evaluation import measures
from kollias_affect.evaluation.counted import counted

# Paper B, table 7: `(valence, arousal)` from the lower edge to the upper one.
PAPER_B_REGIONS = {
    "V in [0, 1], A in [0, 0.5)": ((0, 1), (0, 0.5)),
    "V in [0, 1], A in [0.5, 1]": ((0, 1), (0.5, 1)),
    "V in [-1, 0), A in [0, 0.5)": ((-1, 0), (0, 0.5)),
    "V in [-1, 0), A in [0.5, 1]": ((-1, 0), (0.5, 1)),
}


def mse_by_region(clips, predictions, regions=PAPER_B_REGIONS):
    """Mean squared errors of the frames whose label lies in each region.

    A region holds its lower edges and not its upper ones; but the largest upper edge of a
    dimension belongs to its regions, as in paper B. Edges are compared in float32, as labels are.

    Args:
        clips: list of `Clip` with `valence_arousal`.
        predictions: of valence and arousal; see `scores`.
        regions: dict from a name to `((valence from, to), (arousal from, to))`. They must not
            overlap, and need not cover the plane.

    Returns:
        `pandas.DataFrame` with the columns `MSE valence`, `MSE arousal` and `frames`. The rows are
        the regions, `elsewhere` (frames in none of them) and `whole` (all frames). Where there is
        no frame the errors are NaN.

    Raises:
        ValueError: if regions are malformed or overlap, and as `scores` does.

    References: paper B table 7.
    """
    _check(regions)
    found = counted(clips, predictions, "valence_arousal")
    numbers = _numbers(found.labels, regions)
    total = measures.sums(found.labels, found.predictions, numbers, len(regions) + 1)
    total = np.concatenate([total, total.sum(axis=0, keepdims=True)])
    with np.errstate(invalid="ignore"):  # where there is no frame
        errors = measures.MEASURES["MSE"](total)
    columns = [f"MSE {name}" for name in found.names]
    table = pd.DataFrame(errors, [*regions, "elsewhere", "whole"], columns)
    table[found.unit] = total[:, 0, 0].astype(np.int64)
    return table


def _numbers(labels, regions):
    """The number of the region in which each label lies, integers `[frames]`; the last: none."""
    edges = np.array(list(regions.values()), np.float32)  # [regions, dims, 2]
    labels = labels.astype(np.float32)  # or 0.7 would lie below an edge at 0.7
    last = edges[:, :, 1].max(axis=0)
    numbers = np.full(len(labels), len(regions))
    for i, (low, high) in enumerate(edges.transpose(0, 2, 1)):
        below = (labels < high) | ((labels == high) & (high == last))
        numbers[((labels >= low) & below).all(axis=1)] = i
    return numbers


def _check(regions):
    edges = [np.asarray(region, np.float64) for region in regions.values()]
    for name, box in zip(regions, edges, strict=True):
        if box.shape != (2, 2) or not (box[:, 0] < box[:, 1]).all():
            raise ValueError(
                "A region is ((valence from, to), (arousal from, to)), each from below to. "
                f"Received: {name!r} as {regions[name]!r}. Write it so."
            )
    reserved = {"elsewhere", "whole"} & set(regions)
    if not regions or reserved:
        raise ValueError(
            "There must be at least one region, and `elsewhere` and `whole` are rows of their own. "
            f"Received: {list(regions)}. Name regions otherwise."
        )
    for i, (first, one) in enumerate(zip(regions, edges, strict=True)):
        for second, other in list(zip(regions, edges, strict=True))[i + 1 :]:
            low, high = np.maximum(one[:, 0], other[:, 0]), np.minimum(one[:, 1], other[:, 1])
            if (low < high).all():
                raise ValueError(
                    "Regions must not overlap: a frame would count twice. Received: "
                    f"{first!r} and {second!r}. Move their edges apart."
                )

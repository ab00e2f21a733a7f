"""The class of a video from the outputs of its frames (paper A §IV.C)."""

import numpy as np

from kollias_affect import _checks

RULES = ("mean", "majority")


def video_decision(outputs, by="mean", weights=None):
    """Decides the class of a video.

    Args:
        outputs: Scores `[frames, classes]`; the largest belongs to the most probable class. Rows
            with NaN, which `evaluation.predict` returns for frames without a face, are left out.
        by: `"mean"` chooses the class with the largest mean output; `"majority"` chooses the
            class that has the largest output in most frames. The first of equal classes is
            chosen. The paper says "frame aggregation"; the mean is our choice.
        weights: Weights `[frames]`. Frames of weight 0 are left out. Default: ones.

    Returns:
        Index of the class, an int; -1 if no frame is left.

    Raises:
        ValueError: If the shapes do not fit, or if `by` is unknown.

    References: paper A §IV.C.

    Example:
        >>> outputs = [[0.6, 0.4], [0.6, 0.4], [0.0, 1.0]]
        >>> video_decision(outputs), video_decision(outputs, by="majority")
        (1, 0)
    """
    _checks.one_of("by", by, RULES)
    outputs = np.asarray(outputs, np.float64)
    weights = np.ones(len(outputs)) if weights is None else np.asarray(weights, np.float64)
    if outputs.ndim != 2 or weights.shape != outputs.shape[:1]:
        raise ValueError(
            "`outputs` must have the shape [frames, classes] and `weights` the shape [frames]. "
            f"Received: {outputs.shape} and {weights.shape}. Pass one video at a time."
        )
    counts = (weights > 0) & ~np.isnan(outputs).any(axis=1)
    outputs, weights = outputs[counts], weights[counts]
    if not len(outputs):
        return -1
    if by == "majority":
        outputs = np.eye(outputs.shape[1])[outputs.argmax(axis=1)]
    return int((weights @ outputs).argmax())

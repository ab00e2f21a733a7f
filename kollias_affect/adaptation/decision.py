"""One class per video, from the outputs for its frames."""

import numpy as np

from kollias_affect import _checks

RULES = ("mean", "majority")


def video_decision(outputs, by="mean", weights=None):
    """The class of a video.

    Args:
        outputs: `[frames, classes]`, the larger the likelier. Rows with NaN, as
            `evaluation.predict` gives frames without a face, are left out.
        by: `"mean"`: the largest mean output; `"majority"`: the class that is the largest in
            most frames. Of classes that are equal, the first. The paper says "aggregation"; the
            mean is our choice.
        weights: `[frames]`; frames of weight 0 are left out, the others count by weight.

    Returns:
        index of the class; -1 if no frame is left.

    Raises:
        ValueError: if the shapes do not fit.

    References: paper A §IV-C.
    """
    _checks.one_of("by", by, RULES)
    outputs = np.asarray(outputs, np.float64)
    weights = np.ones(len(outputs)) if weights is None else np.asarray(weights, np.float64)
    if outputs.ndim != 2 or weights.shape != outputs.shape[:1]:
        raise ValueError(
            "`outputs` must have the shape [frames, classes] and `weights` the shape [frames]. "
            f"Received: {outputs.shape} and {weights.shape}. Give one video at a time."
        )
    counts = (weights > 0) & ~np.isnan(outputs).any(axis=1)
    outputs, weights = outputs[counts], weights[counts]
    if not len(outputs):
        return -1
    if by == "majority":
        outputs = np.eye(outputs.shape[1])[outputs.argmax(axis=1)]
    return int((weights @ outputs).argmax())

"""Average of the predictions of repeated trainings."""

import numpy as np

from kollias_affect.evaluation.predictions import from_table


def average(trainings):
    """Averages the predictions of several trainings of one network, frame by frame.

    Args:
        trainings: List of predictions of the same clips, in any order of clips and rows. Each is a
            dict from key to `[frames, outputs]` or a table; see `paired`.

    Returns:
        Dict from key to float64 `[frames, outputs]`, in the order of the first training: the mean
        over all trainings, NaN in frames that no training predicts.

    Raises:
        ValueError: If there is no training, if clips, frames or outputs differ, or if only some
            trainings predict a frame.

    Example:

    >>> import numpy as np
    >>> average([{"a": np.array([[0.2, 0.4]])}, {"a": np.array([[0.4, 0.0]])}])["a"].round(2)
    array([[0.3, 0.2]])

    References: Paper B, section 7.
    """
    trainings = [from_table(t) if hasattr(t, "columns") else t for t in trainings]
    if not trainings:
        raise ValueError(
            "An average needs at least one training. Received: none. Pass a list of predictions."
        )
    for other in trainings[1:]:
        differing = sorted(map(str, set(trainings[0]) ^ set(other)))
        if differing:
            raise ValueError(
                "All trainings must predict the same clips. Received: only some predict "
                f"{differing[:5]} ({len(differing)} clips). Predict the same clips with each."
            )
    return {key: _mean(key, [training[key] for training in trainings]) for key in trainings[0]}


def _mean(key, values):
    values = [np.asarray(v, np.float64) for v in values]
    shapes = sorted({v.shape for v in values})
    if len(shapes) > 1:
        raise ValueError(
            "All trainings must predict the same frames and outputs. Received: shapes "
            f"{shapes} for clip {key!r}. Predict the same clips with each."
        )
    missing = np.isnan(values)
    partly = missing.any(axis=0) & ~missing.all(axis=0)
    if partly.any():
        raise ValueError(
            "A frame must be predicted by all trainings or by none. Received: "
            f"{int(partly.any(axis=-1).sum())} frames of clip {key!r} that only some predict. "
            "Predict the same crops with each."
        )
    return np.mean(values, axis=0)

"""Running median of the predictions of a clip."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from kollias_affect.evaluation.postprocess._settings import odd_windows
from kollias_affect.evaluation.predictions import from_table


def median_filter(predictions, windows=(81, 3)):
    """Filters the predictions of each clip by a running median, with one window per dimension.

    A window contains `windows[i] // 2` frames on each side of a frame. At the edges of a clip it is
    cut to the existing frames. NaN frames (no face) are left out of other windows and stay NaN.

    Args:
        predictions: Dict from clip key to `[frames, dims]` as `predict` returns it, a table of
            its rows (see `to_table`), or the array `[frames, dims]` of one clip.
        windows: Odd numbers of frames, one per dimension or one for all; 1 leaves a dimension
            unchanged. The defaults, for valence and arousal, are those of paper B.

    Returns:
        Dict from clip key to float64 `[frames, dims]`, or one array.

    Raises:
        ValueError: If a window is even or below 1, there is not one window per dimension, or a
            prediction is infinite.

    Example:

    >>> median_filter([[0.0], [0.9], [0.1], [0.2]], 3).round(2).ravel().tolist()
    [0.45, 0.1, 0.2, 0.15]

    References: Paper B, section 6.3; section 7.1 for the windows.
    """
    if hasattr(predictions, "columns"):
        predictions = from_table(predictions)
    if not isinstance(predictions, Mapping):
        return _filter("predictions", predictions, windows)
    return {key: _filter(key, values, windows) for key, values in predictions.items()}


def _filter(key, values, windows):
    values = np.array(values, np.float64)
    if values.ndim != 2 or np.isinf(values).any():
        raise ValueError(
            "Predictions of a clip must have the shape [frames, dims] and be finite, or NaN where "
            f"there is no face. Received for {key!r}: shape {values.shape}, "
            f"{int(np.isinf(values).sum())} infinite. Pass one row per frame."
        )
    for i, window in enumerate(odd_windows("windows", windows, values.shape[1])):
        if window > 1:
            column = pd.Series(values[:, i])
            medians = column.rolling(window, center=True, min_periods=1).median()
            values[:, i] = medians.where(column.notna())
    return values

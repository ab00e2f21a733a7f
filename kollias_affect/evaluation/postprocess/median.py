"""Running median of the predictions of a clip, within its sequences or over all of it."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from kollias_affect.evaluation.postprocess._settings import (
    filtered_parts,
    odd_windows,
    sequence_length,
)
from kollias_affect.evaluation.predictions import from_table
from kollias_affect.evaluation.sequences import LENGTH, count_sequences, sequence_numbers


def median_filter(predictions, windows=(81, 3), within="sequence", length=LENGTH):
    """Filters the predictions of each clip by a running median, with one window per dimension.

    A window contains `windows[i] // 2` frames on each side of a frame, as far as they belong to the
    same sequence: it is cut at both ends of the sequence. Sequences are those of `aggregate`:
    `length` consecutive frames from the start of the clip, the last one may be shorter. NaN frames
    (no face) are left out of other windows and stay NaN.

    With the defaults, the window of valence is longer than a sequence. Frames 40 and 41 of 80 get
    the median of the whole sequence; the first frame gets that of the first 41 frames, and the last
    one that of the last 41.

    Args:
        predictions: Dict from clip key to `[frames, dims]` as `predict` returns it, a table of
            its rows (see `to_table`), or the array `[frames, dims]` of one clip.
        windows: Odd numbers of frames, one per dimension or one for all; 1 leaves a dimension
            unchanged. The defaults, for valence and arousal, are those of paper B.
        within: `"sequence"` (paper B), or `"clip"`, whose windows cross the sequences of a clip.
            One per dimension or one for all.
        length: Frames of a sequence; `None` does not split clips.

    Returns:
        Dict from clip key to float64 `[frames, dims]`, or one array.

    Raises:
        ValueError: If a window is even or below 1, there is not one window per dimension, `within`
            is unknown, `length` is below 1, or a prediction is infinite.

    Example:

    >>> values = [[0.0], [0.9], [0.1], [0.2]]
    >>> median_filter(values, 3).round(2).ravel().tolist()
    [0.45, 0.1, 0.2, 0.15]
    >>> median_filter(values, 3, length=2).round(2).ravel().tolist()
    [0.45, 0.45, 0.15, 0.15]

    References: Paper B, section 6.3; section 7.1 for the windows.
    """
    length = sequence_length(length)
    if hasattr(predictions, "columns"):
        predictions = from_table(predictions)
    if not isinstance(predictions, Mapping):
        return _filter("predictions", predictions, windows, within, length)
    return {
        key: _filter(key, values, windows, within, length) for key, values in predictions.items()
    }


def _filter(key, values, windows, within, length):
    values = np.array(values, np.float64)
    if values.ndim != 2 or np.isinf(values).any():
        raise ValueError(
            "Predictions of a clip must have the shape [frames, dims] and be finite, or NaN where "
            f"there is no face. Received for {key!r}: shape {values.shape}, "
            f"{int(np.isinf(values).sum())} infinite. Pass one row per frame."
        )
    dims = values.shape[1]
    settings = zip(odd_windows("windows", windows, dims), filtered_parts(within, dims), strict=True)
    for i, (window, part) in enumerate(settings):
        if window > 1:
            medians = _medians(values[:, i], window, length if part == "sequence" else None)
            values[:, i] = np.where(np.isnan(values[:, i]), np.nan, medians)
    return values


def _medians(values, window, length):
    """Returns running medians `[frames]` of values `[frames]`, within sequences."""
    sequences = sequence_numbers(len(values), length)
    size = len(values) if length is None else min(length, len(values))
    positions = np.arange(len(values)) - sequences * size
    # One column per sequence. What is missing in the last one does not count, as NaN do not.
    table = np.full((size, count_sequences(len(values), length)), np.nan)
    table[positions, sequences] = values
    rolling = pd.DataFrame(table).rolling(window, center=True, min_periods=1)
    return rolling.median().to_numpy()[positions, sequences]

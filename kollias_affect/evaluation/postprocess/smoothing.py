"""Smoothing of predictions over neighbouring utterances of a video."""

import numpy as np

from kollias_affect import _files
from kollias_affect.evaluation.postprocess._settings import frame_limits, odd_windows
from kollias_affect.evaluation.videos import video_of_key
from kollias_affect.tasks import DIMENSIONS


def smooth(table, windows=3, few=None):
    """Replaces utterances by weighted means over neighbouring utterances of the same video.

    An utterance becomes the mean of itself and of the `windows[i] // 2` utterances on each side in
    its video, as far as they exist, weighted by their numbers of frames. Therefore utterances of
    few frames change most. Neighbours follow the natural order of their names (`utterance_10` after
    `utterance_9`). Means are computed from the input, not from other means. NaN utterances are left
    out of the means of others and stay NaN.

    Args:
        table: Table of `aggregate(..., by="utterance")`: one row per utterance under its key, with
            the columns `valence`, `arousal` or both, and `frames`, its number of frames. The video
            of a row is derived from its key; see `videos.video_of`.
        windows: Odd numbers of utterances, one per dimension or one for all; 1 leaves a dimension
            unchanged.
        few: Only utterances with fewer frames change; `None` changes all. One value per dimension
            or one for all.

    Returns:
        Copy of the table with smoothed valence and arousal, rows in the same order.

    Raises:
        ValueError: If a window is even or below 1, `few` is not a positive integer, there is not
            one value per dimension, two rows have one key, or a column is missing or wrong.

    Example:

    >>> import pandas as pd
    >>> keys = ["v/utterance_1", "v/utterance_2"]
    >>> table = pd.DataFrame({"valence": [0.0, 0.8], "frames": [30, 10]}, keys)
    >>> smooth(table, 3, few=25)["valence"].round(2).tolist()
    [0.0, 0.2]

    References: Paper B, section 6.3, which names the step without a formula; this one is ours.
    """
    names = _dimensions(table)
    windows, few = odd_windows("windows", windows, len(names)), frame_limits(few, len(names))
    table = table.astype(dict.fromkeys(names, np.float64))
    for rows in _rows_by_video(table):
        frames = table["frames"].to_numpy(np.float64)[rows]
        for name, window, limit in zip(names, windows, few, strict=True):
            values = table[name].to_numpy()[rows]
            changed = ~np.isnan(values) & (frames < (np.inf if limit is None else limit))
            means = _neighbour_means(values, frames, window)
            table.iloc[rows, table.columns.get_loc(name)] = np.where(changed, means, values)
    return table


def _dimensions(table):
    """Returns the names of the dimensions in a table; raises `ValueError` for a wrong table."""
    columns = getattr(table, "columns", ())
    names = [name for name in DIMENSIONS if name in columns]
    if not names or "frames" not in columns or table.index.has_duplicates:
        raise ValueError(
            "Smoothing needs a table with one row per key and the columns frames and valence or "
            f"arousal. Received: {type(table).__name__} with {list(columns)}. Create it with "
            "`aggregate`."
        )
    frames, values = table["frames"].to_numpy(np.float64), table[names].to_numpy(np.float64)
    has_values = ~np.isnan(values).all(axis=1)
    bad = ~(np.isfinite(frames) & (frames >= has_values)) | np.isinf(values).any(axis=1)
    if bad.any():
        raise ValueError(
            "An utterance must have finite outputs and at least one frame, or NaN. Received: "
            f"{table[bad].iloc[0].to_dict()} for {table.index[bad][0]!r} ({int(bad.sum())} such "
            "rows). Create the table with `aggregate`."
        )
    return names


def _rows_by_video(table):
    """Returns the row numbers of each video, in the natural order of its utterances."""
    keys = [str(key) for key in table.index]
    videos = {}
    for row in sorted(range(len(keys)), key=lambda row: _files.natural_key(keys[row])):
        videos.setdefault(video_of_key(keys[row]), []).append(row)
    return videos.values()


def _neighbour_means(values, frames, window):
    """Returns the weighted mean of each window, 0 for windows without a value."""
    weights = np.where(np.isnan(values), 0, frames)

    def sums(terms):
        padded = np.pad(terms, window // 2)
        return np.lib.stride_tricks.sliding_window_view(padded, window).sum(axis=-1)

    total, weighted = sums(weights), sums(weights * np.nan_to_num(values))
    return np.divide(weighted, total, out=np.zeros_like(total), where=total > 0)

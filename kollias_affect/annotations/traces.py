"""The trace that the segments of a take make together."""

import typing

import numpy as np

from kollias_affect.annotations import matching

GAP = 0.5  # seconds of video time without a sample that count as a gap


class Trace(typing.NamedTuple):
    """Samples of a take that count, sorted by time.

    Attributes:
        times: Video time in seconds, `[samples]`.
        values: `[samples, values]`: one value, or valence and arousal.
        clocks: Milliseconds of the browser's clock, `[samples]`.
        segments: Position of each sample's segment in the order of recording, `[samples]`.
    """

    times: np.ndarray
    values: np.ndarray
    clocks: np.ndarray
    segments: np.ndarray


def effective(segments, values=1):
    """Joins segments: where several cover a time, the one that was recorded last counts.

    A segment covers the time from its first to its last sample.

    Args:
        segments: Arrays `[samples, 2 + values]` of video time, clock and values, in the order in
            which they were recorded.
        values: Number of values of a sample; for takes without segments.

    Returns:
        `Trace`.

    Example:
        The second segment replaces the stretch from 1 s to 2 s.

        >>> first = [[0, 0, 0.1], [1, 1000, 0.2], [2, 2000, 0.3], [3, 3000, 0.4]]
        >>> again = [[1, 9000, 0.7], [2, 9900, 0.8]]
        >>> trace = effective([first, again])
        >>> trace.times.tolist(), trace.values[:, 0].tolist()
        ([0.0, 1.0, 2.0, 3.0], [0.1, 0.7, 0.8, 0.4])
    """
    arrays = [np.asarray(s, np.float64).reshape(-1, 2 + values) for s in segments]
    parts, later = [np.empty((0, 3 + values))], []
    for position in reversed(range(len(arrays))):
        samples = arrays[position]
        if not len(samples):
            continue
        times = samples[:, 0]
        replaced = np.zeros(len(samples), bool)
        for start, stop in later:
            replaced |= (start <= times) & (times <= stop)
        kept = samples[~replaced]
        parts.append(np.column_stack([kept, np.full(len(kept), position)]))
        later.append((times.min(), times.max()))
    rows = np.concatenate(parts)
    # Equal times (two samples of one frame) stay in the order of the clock.
    rows = rows[np.lexsort((rows[:, 1], rows[:, -1], rows[:, 0]))]
    return Trace(rows[:, 0], rows[:, 2:-1], rows[:, 1], rows[:, -1].astype(int))


def gap_of(times):
    """Returns from how many seconds without a sample on a trace has a gap.

    That is 0.5 s, or, for files with fewer samples, 1.5 times their usual distance.
    """
    spacing = np.diff(np.unique(times))
    return max(GAP, 1.5 * float(np.median(spacing))) if len(spacing) else GAP


def sampled(times, values, grid, dropped=()):
    """Returns the values of a trace at other times, as `matching.match` does; NaN in gaps.

    Args:
        times: Times of the samples in seconds, sorted.
        values: Values `[samples]`.
        grid: Times in seconds.
        dropped: Pairs of seconds in which the trace does not count.

    Returns:
        Float64 array of the length of `grid`.

    Example:
        >>> sampled([0, 0.4, 0.8, 3.0], [1, 2, 3, 4], [0.1, 0.7, 2.0, 3.1]).tolist()
        [1.0, 3.0, nan, 4.0]
    """
    times, values = np.asarray(times, np.float64), np.asarray(values, np.float64)
    grid = np.asarray(grid, np.float64)
    kept = np.ones(len(times), bool)
    outside = np.zeros(len(grid), bool)
    for start, stop in dropped:
        kept &= (times < start) | (times > stop)
        outside |= (grid >= start) & (grid <= stop)
    bound = gap_of(times) / 2
    times, values = times[kept], values[kept]
    if not len(times):
        return np.full(len(grid), np.nan)
    after = np.searchsorted(times, grid).clip(0, len(times) - 1)
    before = (after - 1).clip(0)
    distance = np.minimum(np.abs(times[after] - grid), np.abs(times[before] - grid))
    outside |= distance > bound
    return np.where(outside, np.nan, matching.match(grid, times, values))

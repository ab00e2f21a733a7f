"""Matching the samples of a trace to the frames of a video in time.

References: paper C §3.3.
"""

import numpy as np

NANOSECOND = 1e-9  # seconds


def match(frame_times, annotation_times, values, bound=None):
    """Returns the annotation nearest in time to each frame.

    If several annotations are equally near (to a nanosecond), the mean of their values is
    returned, whether they lie on both sides of the frame or at the same time. The order of the
    annotations does not matter.

    Args:
        frame_times: Times of the frames in seconds, `[frames]`, in any order.
        annotation_times: Times of the annotations in seconds, `[annotations]`, in any order. Times
            may repeat.
        values: Annotated values, `[annotations]` or `[annotations, dims]`; NaN marks a missing
            value.
        bound: Maximum distance in seconds between a frame and its annotation. Default: no bound.

    Returns:
        Float64 array `[frames]` or `[frames, dims]`.

    Raises:
        ValueError: If shapes differ, if a time is not finite, if there are no annotations, or if a
            frame is further than `bound` from all of them.

    Example:
        A frame at 0.02 s lies half-way between two annotations and gets their mean.

        >>> match([0.0, 0.02, 0.05], [0.0, 0.04], [0.5, 1.0]).tolist()
        [0.5, 0.75, 1.0]

    References: paper C §3.3.
    """
    frames = _finite_times("frame_times", frame_times)
    times = _finite_times("annotation_times", annotation_times)
    values = np.asarray(values, np.float64)
    if values.shape[:1] != times.shape:
        raise ValueError(
            "`values` must have one row per annotation. Received: shape "
            f"{values.shape} with {len(times)} times. Read both from the same file."
        )
    if not len(times):
        raise ValueError(
            "`annotation_times` must not be empty. Received: no times. Leave the clip out."
        )
    # Sorting by value too makes the sum of the same numbers the same to the last bit.
    order = np.lexsort((*values.reshape(len(times), -1).T[::-1], times))
    times, values = times[order], values[order]
    distances = _nearest_distances(frames, times)
    _refuse_far_frames(frames, distances, bound)
    # Decimal times are inexact in binary: 0.02 is equally far from 0 and from 0.04, but a plain
    # comparison of floats would say otherwise.
    slack = NANOSECOND + 4 * np.spacing(np.abs(frames) + distances)
    start = np.searchsorted(times, frames - distances - slack, side="left")
    stop = np.searchsorted(times, frames + distances + slack, side="right")
    return _slice_means(values, start, stop)


def _nearest_distances(frames, times):
    """Seconds from each frame to the nearest of the sorted times."""
    after = np.searchsorted(times, frames).clip(0, len(times) - 1)
    before = (after - 1).clip(0)
    return np.minimum(np.abs(times[after] - frames), np.abs(times[before] - frames))


def _slice_means(values, start, stop):
    """Mean of `values[start[i]:stop[i]]` for each i; no slice is empty."""
    padded = np.concatenate([values, np.zeros_like(values[:1])])  # `stop` may be the length
    edges = np.stack([start, stop], axis=-1).reshape(-1)
    sums = np.add.reduceat(padded, edges, axis=0)[::2] if len(edges) else values[:0]
    return sums / (stop - start).reshape(-1, *[1] * (values.ndim - 1))


def _finite_times(name, times):
    times = np.asarray(times, np.float64)
    if times.ndim != 1 or not np.isfinite(times).all():
        raise ValueError(
            f"`{name}` must be a one-dimensional sequence of finite seconds. Received: shape "
            f"{times.shape}, {int((~np.isfinite(times)).sum())} not finite. Leave out the entries "
            "without a time."
        )
    return times


def _refuse_far_frames(frames, distances, bound):
    if bound is None:
        return
    if not np.isfinite(bound) or bound < 0:
        raise ValueError(
            f"`bound` must be a number of seconds of at least 0. Received: {bound}. Use, for "
            "example, half the time between two annotations."
        )
    far = np.flatnonzero(distances > bound + NANOSECOND)
    if len(far):
        raise ValueError(
            f"Every frame must have an annotation within {bound} s. Received: a frame at "
            f"{frames[far[0]]:g} s that is {distances[far[0]]:g} s away from the nearest "
            f"({len(far)} such frames). Cut the video to the annotated part, or raise `bound`."
        )

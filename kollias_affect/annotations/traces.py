"""How annotations become labels: matched to frames in time, agreed upon, averaged.

References: paper C §3.3 (matching) and §3.4 (the most correlated annotators, their mean).
"""

import itertools
import typing

import numpy as np

from kollias_affect import _checks

NANOSECOND = 1e-9
DIGITS = 9  # of correlations that are compared


def match(frame_times, annotation_times, values, bound=None):
    """The annotation nearest in time to each frame.

    Where several are equally near (to a nanosecond), on either side of the frame or at the same
    time, it is the mean of their values. The order of the annotations does not matter.

    Args:
        frame_times: seconds, `[frames]`, in any order.
        annotation_times: seconds, `[annotations]`, in any order; the same time may come twice.
        values: `[annotations]` or `[annotations, dims]`; NaN for no value.
        bound: largest distance in seconds that a frame may have from its annotation. Default:
            no bound.

    Returns:
        float64 `[frames]` or `[frames, dims]`.

    Raises:
        ValueError: if shapes differ, a time is not finite, there are no annotations, or a frame
            is further than `bound` from all of them.

    References: paper C §3.3.
    """
    frames = _times("frame_times", frame_times)
    times = _times("annotation_times", annotation_times)
    values = np.asarray(values, np.float64)
    if values.shape[:1] != times.shape:
        raise ValueError(
            "`values` must have one row per annotation. Received: shape "
            f"{values.shape} with {len(times)} times. Read both from the same file."
        )
    if not len(times):
        raise ValueError(
            "`annotation_times` must not be empty. Received: none. Leave the clip out."
        )
    # Sorted by value too: the sum of the same numbers is then the same to the last bit.
    order = np.lexsort((*values.reshape(len(times), -1).T[::-1], times))
    times, values = times[order], values[order]
    distances = _distances(frames, times)
    _refuse_far(frames, distances, bound)
    # Times are decimal numbers of seconds in binary: 0.02 is as far from 0 as from 0.04, and a
    # comparison of floats would say otherwise.
    slack = NANOSECOND + 4 * np.spacing(np.abs(frames) + distances)
    start = np.searchsorted(times, frames - distances - slack, side="left")
    stop = np.searchsorted(times, frames + distances + slack, side="right")
    return _means(values, start, stop)


def _distances(frames, times):
    """Seconds from each frame to the nearest of sorted times."""
    after = np.searchsorted(times, frames).clip(0, len(times) - 1)
    before = (after - 1).clip(0)
    return np.minimum(np.abs(times[after] - frames), np.abs(times[before] - frames))


def _means(values, start, stop):
    """Mean of `values[start[i]:stop[i]]` for each i, none of them empty."""
    padded = np.concatenate([values, np.zeros_like(values[:1])])  # `stop` may be the length
    edges = np.stack([start, stop], axis=-1).reshape(-1)
    sums = np.add.reduceat(padded, edges, axis=0)[::2] if len(edges) else values[:0]
    return sums / (stop - start).reshape(-1, *[1] * (values.ndim - 1))


def _times(name, times):
    times = np.asarray(times, np.float64)
    if times.ndim != 1 or not np.isfinite(times).all():
        raise ValueError(
            f"`{name}` must be finite numbers of seconds in one row. Received: shape "
            f"{times.shape}, {int((~np.isfinite(times)).sum())} not finite. Leave out what has no "
            "time."
        )
    return times


def _refuse_far(frames, distances, bound):
    if bound is None:
        return
    if not np.isfinite(bound) or bound < 0:
        raise ValueError(
            f"`bound` must be a number of seconds of at least 0. Received: {bound}. Use half the "
            "time between two annotations, say."
        )
    far = np.flatnonzero(distances > bound + NANOSECOND)
    if len(far):
        raise ValueError(
            f"Every frame must have an annotation within {bound} s. Received: a frame at "
            f"{frames[far[0]]:g} s that is {distances[far[0]]:g} s away from the nearest "
            f"({len(far)} such frames). Cut the video to the annotated part, or raise `bound`."
        )


class Agreement(typing.NamedTuple):
    """What `agree` returns; `np.asarray` of it is `values`.

    Attributes:
        values: float64 `[frames]`, mean of the annotators that were kept.
        kept: tuple of indices of the annotators that were kept, ascending.
        correlations: float64 `[annotators, annotators]`, Pearson's; NaN where one of the two
            traces is constant, and 1 on the diagonal of the others.
    """

    values: np.ndarray
    kept: tuple
    correlations: np.ndarray

    def __array__(self, dtype=None, copy=None):
        return np.array(self.values, dtype=dtype)


def agree(annotations, keep=(2, 4), accept=None):
    """The mean of the annotators of one video that correlate most with each other.

    The most correlated pair is kept. Others join in the order of their mean correlation with
    those kept so far, while it is positive and at least half of the first pair's. Two experts
    confirmed the choice in the paper; `accept` stands for them.

    Args:
        annotations: `[annotators, frames]`, one dimension (valence or arousal) of one video.
        keep: least and largest number of annotators to keep (fewer if there are not as many).
        accept: function of a tuple of ascending indices that says whether these annotators may
            be kept together; a group that it refuses is passed over. It is asked about groups
            of the least number and above.

    Returns:
        `Agreement`. Constant traces correlate with nobody and are left out, unless fewer than
        two others are left: then all are averaged. The result does not depend on the order of
        the annotators.

    Raises:
        ValueError: if there are no annotators or frames, a value is not finite, `keep` is no
            range, or `accept` refuses every group.

    References: paper C §3.4.
    """
    traces = _traces(annotations)
    least, most = _range(keep)
    # Ties must not depend on the order of the annotators: they are compared in one of their own.
    order = np.lexsort(traces.T[::-1])
    ordered = correlation_matrix(traces[order])
    varied = np.flatnonzero(np.ptp(traces[order], axis=1) > 0).tolist()
    least = min(least, max(len(varied), 1))
    allowed = _allowed(accept, order, least)
    if len(varied) >= 2:
        group = _group(ordered, varied, least, most, allowed)
    else:
        group = tuple(range(len(traces)))
        group = group if allowed(group) else None
    if group is None:
        raise ValueError(
            "`accept` must let at least one group of annotators pass. Received: no group of "
            f"{least} to {most} among {len(traces)} annotators was accepted. Loosen it, or leave "
            "the video out."
        )
    place = np.argsort(order)
    kept = tuple(sorted(order[list(group)].tolist()))
    return Agreement(_mean(traces[list(kept)]), kept, ordered[np.ix_(place, place)])


def mean(annotations):
    """The mean of all annotators of one video (the plain alternative to `agree`).

    Args:
        annotations: `[annotators, frames]`.

    Returns:
        float64 `[frames]`.
    """
    return _mean(_traces(annotations))


def single(annotations, annotator):
    """The trace of one annotator (paper C table 11 compares it with the mean of several).

    Args:
        annotations: `[annotators, frames]`.
        annotator: index.

    Returns:
        float64 `[frames]`.
    """
    traces = _traces(annotations)
    return traces[_checks.integer_between("annotator", annotator, 0, len(traces) - 1)]


def correlation_matrix(annotations):
    """Pearson's correlation of every pair of annotators over one video.

    Args:
        annotations: `[annotators, frames]`.

    Returns:
        float64 `[annotators, annotators]`, symmetric; NaN for constant traces.
    """
    traces = _traces(annotations)
    centred = traces - traces.mean(axis=1, keepdims=True)
    # Each trace by its own largest value first: squares of tiny numbers would vanish.
    largest = np.abs(centred).max(axis=1, keepdims=True)
    constant = np.ptp(traces, axis=1) == 0
    centred = centred / np.where(largest > 0, largest, 1)
    norms = np.sqrt((centred**2).sum(axis=1))
    products = centred @ centred.T
    with np.errstate(invalid="ignore", divide="ignore"):
        matrix = np.clip(products / np.outer(norms, norms), -1, 1)
    matrix = (matrix + matrix.T) / 2
    np.fill_diagonal(matrix, 1.0)
    matrix[constant] = matrix[:, constant] = np.nan
    return matrix


def _traces(annotations):
    try:
        traces = np.asarray(annotations, np.float64)
    except (TypeError, ValueError):
        traces = np.empty(0)
    if traces.ndim != 2 or 0 in traces.shape or not np.isfinite(traces).all():
        raise ValueError(
            "`annotations` must be finite numbers [annotators, frames], at least one of each. "
            f"Received: shape {traces.shape}, {int((~np.isfinite(traces)).sum())} not finite. "
            "Match every annotator to the same frames first (`match`)."
        )
    return traces


def _range(keep):
    try:
        least, most = (_checks.positive_integer("keep", number) for number in keep)
    except (TypeError, ValueError):
        least = most = 0
    if not 2 <= least <= most:
        raise ValueError(
            "`keep` must be the least and the largest number of annotators, from 2 up. Received: "
            f"{keep!r}. Use (2, 4), as paper C."
        )
    return least, most


def _allowed(accept, order, least):
    """`accept` for groups of positions in `order`; smaller ones than `least` may yet grow."""
    if accept is None:
        return lambda group: True
    return lambda group: (
        len(group) < least or bool(accept(tuple(sorted(order[list(group)].tolist()))))
    )


def _group(correlations, varied, least, most, allowed):
    """The annotators that agree most, or `None` if no group of at least `least` is allowed."""
    # Equal correlations differ in their last digits, which must not decide.
    correlations = np.round(correlations, DIGITS)
    pairs = sorted(itertools.combinations(varied, 2), key=lambda pair: -correlations[pair])
    for pair in filter(allowed, pairs):
        group = pair
        while len(group) < most:
            joining = _next(correlations, varied, group, allowed)
            if joining is None:
                break
            correlation = _to_group(correlations, joining, group)
            if len(group) >= least and not 0 < correlation >= correlations[pair] / 2:
                break
            group = (*group, joining)
        if len(group) >= least:
            return group
    return None


def _next(correlations, varied, group, allowed):
    """The annotator outside who correlates most with those inside and is allowed, or `None`."""
    outside = [index for index in varied if index not in group]
    outside.sort(key=lambda index: -_to_group(correlations, index, group))
    return next((index for index in outside if allowed((*group, index))), None)


def _to_group(correlations, index, group):
    """Mean correlation of one annotator with those of a group."""
    return np.round(correlations[index, group].mean(), DIGITS)


def _mean(traces):
    # Sorted first: the sum then does not depend on the order of the annotators.
    return np.sort(traces, axis=0).mean(axis=0)

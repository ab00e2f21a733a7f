"""Agreement between the annotators of one video, and the mean of those who agree.

References: paper C §3.4.
"""

import itertools
import typing

import numpy as np

from kollias_affect import _checks

DIGITS = 9  # decimal places to which correlations are compared


class Agreement(typing.NamedTuple):
    """Result of `agree`; `np.asarray` converts it to `values`.

    Attributes:
        values: Mean of the annotators that were kept, float64 `[frames]`.
        kept: Ascending tuple of the indices of these annotators.
        correlations: Pearson's correlations, float64 `[annotators, annotators]`. Entries of a
            constant trace are NaN, the other entries of the diagonal are 1.

    Example:
        >>> result = agree([[0, 1, 2, 3], [0, 1, 2, 4], [3, 0, 3, 0]])
        >>> values, kept, correlations = result
        >>> kept, correlations.shape
        ((0, 1), (3, 3))
    """

    values: np.ndarray
    kept: tuple
    correlations: np.ndarray

    def __array__(self, dtype=None, copy=None):
        return np.array(self.values, dtype=dtype)


def agree(annotations, keep=(2, 4), accept=None):
    """Averages the annotators of one video that correlate most with each other.

    The most correlated pair is kept first. Other annotators join in descending order of their mean
    correlation with the group, as long as it is positive and at least half of the first pair's
    correlation. In the paper, two experts confirmed the choice; `accept` takes their place.

    Args:
        annotations: Traces `[annotators, frames]` of one dimension (valence or arousal) of one
            video.
        keep: Minimum and maximum number of annotators to keep. Fewer are kept if there are not
            enough.
        accept: Function that receives a tuple of ascending indices and returns whether these
            annotators may be kept together. A rejected group is skipped. The function is called
            for groups of at least the minimum size. Default: every group is accepted.

    Returns:
        `Agreement`. Constant traces have no correlation and are left out. If fewer than two
        other traces remain, all annotators are averaged. The result does not depend on the order
        of the annotators.

    Raises:
        ValueError: If there are no annotators or no frames, if a value is not finite, if `keep` is
            not a valid range, or if `accept` rejects every group.

    Example:
        The third annotator disagrees with the other two and is left out.

        >>> result = agree([[0, 1, 2, 3], [0, 1, 2, 4], [3, 0, 3, 0]])
        >>> result.kept
        (0, 1)
        >>> result.values.tolist()
        [0.0, 1.0, 2.0, 3.5]

    References: paper C §3.4.
    """
    traces = check_traces(annotations)
    least, most = _range(keep)
    # Ties must not depend on the order of the annotators: traces are compared in sorted order.
    order = np.lexsort(traces.T[::-1])
    correlations = correlation_matrix(traces[order])
    varied = np.flatnonzero(np.ptp(traces[order], axis=1) > 0).tolist()
    least = min(least, max(len(varied), 1))
    allowed = _allowed(accept, order, least)
    if len(varied) >= 2:
        group = _best_group(correlations, varied, least, most, allowed)
    else:
        group = tuple(range(len(traces)))
        group = group if allowed(group) else None
    if group is None:
        raise ValueError(
            "`accept` must accept at least one group of annotators. Received: no group of "
            f"{least} to {most} among {len(traces)} annotators was accepted. Relax the condition, "
            "or leave the video out."
        )
    rank = np.argsort(order)
    kept = tuple(sorted(order[list(group)].tolist()))
    return Agreement(_mean(traces[list(kept)]), kept, correlations[np.ix_(rank, rank)])


def mean(annotations):
    """Averages all annotators of one video (the plain alternative to `agree`).

    Args:
        annotations: Traces `[annotators, frames]`.

    Returns:
        Float64 array `[frames]`.

    Raises:
        ValueError: If there are no annotators or no frames, or if a value is not finite.

    Example:
        >>> mean([[0.0, 0.5], [1.0, 0.5]]).tolist()
        [0.5, 0.5]
    """
    return _mean(check_traces(annotations))


def single(annotations, annotator):
    """Returns the trace of one annotator.

    Args:
        annotations: Traces `[annotators, frames]`.
        annotator: Index of the annotator.

    Returns:
        Float64 array `[frames]`.

    Raises:
        ValueError: If there is no such annotator, or if a value is not finite.

    Example:
        >>> single([[0.0, 0.5], [1.0, 0.5]], annotator=1).tolist()
        [1.0, 0.5]

    References: paper C, table 11, which compares one annotator with the mean of several.
    """
    traces = check_traces(annotations)
    return traces[_checks.integer_between("annotator", annotator, 0, len(traces) - 1)]


def correlation_matrix(annotations):
    """Computes Pearson's correlation of every pair of annotators of one video.

    Args:
        annotations: Traces `[annotators, frames]`.

    Returns:
        Float64 array `[annotators, annotators]` in [-1, 1], symmetric; NaN for constant traces.

    Raises:
        ValueError: If there are no annotators or no frames, or if a value is not finite.

    Example:
        >>> correlation_matrix([[0, 1, 2], [2, 3, 4], [1, 0, -1]]).round(6).tolist()
        [[1.0, 1.0, -1.0], [1.0, 1.0, -1.0], [-1.0, -1.0, 1.0]]
    """
    traces = check_traces(annotations)
    centred = traces - traces.mean(axis=1, keepdims=True)
    # Each trace is divided by its largest value first: squares of tiny numbers would vanish.
    largest = np.abs(centred).max(axis=1, keepdims=True)
    centred = centred / np.where(largest > 0, largest, 1)
    norms = np.sqrt((centred**2).sum(axis=1))
    products = centred @ centred.T
    with np.errstate(invalid="ignore", divide="ignore"):
        matrix = np.clip(products / np.outer(norms, norms), -1, 1)
    matrix = (matrix + matrix.T) / 2
    np.fill_diagonal(matrix, 1.0)
    return mask_constant(matrix, traces)


def mask_constant(matrix, traces):
    """Returns a matrix of pairs of annotators, NaN where the trace of one is constant."""
    constant = np.ptp(traces, axis=1) == 0
    matrix[constant] = matrix[:, constant] = np.nan
    return matrix


def check_traces(annotations, missing=False):
    """Returns traces as float64 `[annotators, frames]`, else raises `ValueError`.

    Args:
        annotations: Array-like.
        missing: Whether NaN is allowed, as a missing value.
    """
    try:
        traces = np.asarray(annotations, np.float64)
    except (TypeError, ValueError):
        traces = np.empty(0)
    if traces.ndim != 2 or 0 in traces.shape or not _allowed_values(traces, missing).all():
        raise ValueError(
            "`annotations` must be finite numbers [annotators, frames], at least one of each. "
            f"Received: shape {traces.shape}, {int((~np.isfinite(traces)).sum())} not finite. "
            "Match every annotator to the same frames first (`match`)."
        )
    return traces


def _allowed_values(traces, missing):
    return np.isfinite(traces) | (missing & np.isnan(traces))


def _range(keep):
    try:
        least, most = (_checks.positive_integer("keep", number) for number in keep)
    except (TypeError, ValueError):
        least = most = 0
    if not 2 <= least <= most:
        raise ValueError(
            "`keep` must be the minimum and the maximum number of annotators, both at least 2. "
            f"Received: {keep!r}. Use (2, 4), as paper C does."
        )
    return least, most


def _allowed(accept, order, least):
    """Returns `accept` for groups of positions in `order`; smaller groups may still grow."""
    if accept is None:
        return lambda group: True
    return lambda group: (
        len(group) < least or bool(accept(tuple(sorted(order[list(group)].tolist()))))
    )


def _best_group(correlations, varied, least, most, allowed):
    """Returns the annotators that agree most, or `None` if no group of `least` is allowed."""
    # Equal correlations may differ in their last digits, which must not decide.
    correlations = np.round(correlations, DIGITS)
    pairs = sorted(itertools.combinations(varied, 2), key=lambda pair: -correlations[pair])
    for pair in filter(allowed, pairs):
        group = pair
        while len(group) < most:
            candidate = _next_member(correlations, varied, group, allowed)
            if candidate is None:
                break
            correlation = _group_correlation(correlations, candidate, group)
            if len(group) >= least and not 0 < correlation >= correlations[pair] / 2:
                break
            group = (*group, candidate)
        if len(group) >= least:
            return group
    return None


def _next_member(correlations, varied, group, allowed):
    """Returns the allowed annotator that correlates most with the group, or `None`."""
    outside = [index for index in varied if index not in group]
    outside.sort(key=lambda index: -_group_correlation(correlations, index, group))
    return next((index for index in outside if allowed((*group, index))), None)


def _group_correlation(correlations, index, group):
    """Mean correlation of one annotator with the members of a group."""
    return np.round(correlations[index, group].mean(), DIGITS)


def _mean(traces):
    # Sorted values make the sum independent of the order of the annotators.
    return np.sort(traces, axis=0).mean(axis=0)

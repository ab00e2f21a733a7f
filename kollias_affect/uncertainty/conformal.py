"""Conformal quantiles of scores whose frames depend on each other within a video."""

import math

import numpy as np

from kollias_affect import _checks


def quantile(scores, groups, coverage):
    """Returns the conformal quantile of scores in groups.

    Every group (a video) has the weight `1 / (groups + 1)`, shared by its scores, and infinity has
    the remaining `1 / (groups + 1)`; the result is the smallest score whose cumulative weight
    reaches the coverage. If groups are exchangeable, a score of a new group is at most this number
    with a probability of at least `coverage`, however the scores within a group depend on each
    other.

    Args:
        scores: Float `[rows]`.
        groups: Group of each row, of any type.
        coverage: In (0, 1).

    Returns:
        float.

    Raises:
        ValueError: If there are too few groups for that coverage: fewer than
            `coverage / (1 - coverage)`.

    Example:

    >>> quantile([1, 2, 3, 4], ["a", "b", "c", "d"], 0.6)
    3.0

    References: Lee, Barber and Willett, "Distribution-free inference with hierarchical data"
        (2023), hierarchical conformal prediction; Vovk, Gammerman and Shafer (2005).
    """
    coverage = _checks.share("coverage", coverage)
    weights = group_weights(groups)
    count = len(np.unique(np.asarray(groups)))
    check_count(count, coverage)
    return weighted_quantile(scores, weights * count / (count + 1), coverage)


def check_count(count, coverage):
    """Raises `ValueError` if so many groups cannot promise a coverage."""
    least = max(1, math.ceil(coverage / (1 - coverage) - 1e-9))
    if count < least:
        raise ValueError(
            f"A coverage of {coverage:g} needs at least {least} videos to calibrate. Received: "
            f"{count}. Give more, or lower the coverage to at most {count / (count + 1):.2f}."
        )


def group_weights(groups):
    """Returns weights `[rows]` that sum to 1, with which every group counts the same."""
    _, number, sizes = np.unique(np.asarray(groups), return_inverse=True, return_counts=True)
    return 1 / (len(sizes) * sizes[number])


def weighted_quantile(scores, weights, share):
    """Returns the smallest score whose cumulative weight reaches a share."""
    scores = np.asarray(scores, np.float64)
    order = np.argsort(scores, kind="stable")
    cumulative = np.cumsum(weights[order])
    # Sums of weights are not exact.
    place = np.searchsorted(cumulative, share * (1 - 1e-9))
    return float(scores[order][min(place, len(scores) - 1)])

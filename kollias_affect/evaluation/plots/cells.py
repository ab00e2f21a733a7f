"""Cells of histograms: one for each level of discrete labels, otherwise parts of equal size."""

import numpy as np

CELL = 0.1  # side of a cell of continuous numbers
_MIN_LEVELS, _MAX_LEVELS = 3, 64
_MIN_PER_LEVEL = 3  # numbers per level; a few continuous numbers may happen to be evenly spaced
_MIN_FILLED = 0.5  # share of the levels between the lowest and the highest number that occur
_ROUNDING = 2e-6  # share of the range below which two numbers are one level
_TOLERANCE = 5e-3  # distance from a level as a share of the step


def cell_edges(values, low, high, bins=None):
    """Returns the edges of the cells of a histogram along one axis.

    If the numbers are discrete, every level has a cell of its own and lies in its middle. With
    edges on the levels, rounding errors would decide where a number counts, and some cells would
    stay empty.

    Args:
        values: Finite numbers `[frames]` that determine the cells: labels, if there are any.
        low, high: Range of the axis.
        bins: Number of cells; `None` for the levels of discrete numbers, or cells of 0.1.

    Returns:
        Increasing float64 `[cells + 1]`. The first and the last edge are `low` and `high`, or half
        a step outside the outermost levels.

    Example:

    >>> import numpy as np
    >>> levels = np.linspace(-1, 1, 5)
    >>> cell_edges(np.repeat(levels, 10), -1, 1).tolist()
    [-1.25, -0.75, -0.25, 0.25, 0.75, 1.25]
    >>> len(cell_edges(np.random.default_rng(0).uniform(-1, 1, 50), -1, 1))
    21
    """
    if bins is None:
        levels = find_levels(values, low, high)
        if levels is not None:
            half = (levels[1] - levels[0]) / 2
            return np.append(levels - half, levels[-1] + half)
        bins = max(1, round((high - low) / CELL))
    return np.linspace(low, high, bins + 1)


def find_levels(values, low, high):
    """Returns the levels of discrete numbers, or `None` for continuous ones.

    Numbers are discrete if they take few values (3 to 64), evenly spaced apart from missing ones,
    several times each.

    Args:
        values: Finite numbers `[frames]`.
        low, high: Range in which they lie.

    Returns:
        Increasing float64 `[levels]` that cover the range, also levels that do not occur; or
        `None`.

    Example:

    >>> find_levels([0, 0.5, 1] * 4, 0, 1).tolist()
    [0.0, 0.5, 1.0]
    """
    values = np.asarray(values, np.float64)
    distinct = np.unique(np.round((values - low) / (high - low), 7))
    # Rounding may divide a level in two, so that there may be twice as many values.
    if len(distinct) > 2 * _MAX_LEVELS:
        return None
    distinct = distinct[np.diff(distinct, prepend=-np.inf) > _ROUNDING]
    if len(distinct) < _MIN_LEVELS or len(values) < _MIN_PER_LEVEL * len(distinct):
        return None
    step = _step(distinct - distinct[0])
    if step is None:
        return None
    # The outermost cells contain the ends of the range.
    below = int(np.ceil(distinct[0] / step - 0.5 - _TOLERANCE))
    above = int(np.ceil((1 - distinct[0]) / step - 0.5 - _TOLERANCE))
    positions = distinct[0] + step * np.arange(-max(below, 0), above + 1)
    return low + (high - low) * positions


def _step(offsets):
    """Returns the distance of levels, or `None` if offsets from the first one are not even.

    Args:
        offsets: Increasing numbers from 0, as shares of the range.
    """
    smallest, last = np.diff(offsets).min(), offsets[-1]
    # Between neighbours that occur there may be levels that do not.
    for parts in range(1, int(smallest * _MAX_LEVELS) + 2):
        count = round(last * parts / smallest)
        step = last / count
        if len(offsets) < _MIN_FILLED * (count + 1) or step * (_MAX_LEVELS - 1) < 1 - _TOLERANCE:
            return None
        positions = offsets / step
        if np.abs(positions - np.round(positions)).max() < _TOLERANCE:
            return step
    return None


def count_cells(points, edges):
    """Counts points in cells; those beyond the edges count in the outermost cells.

    Args:
        points: Finite numbers `[frames, 2]`.
        edges: Edges of both axes.

    Returns:
        Float64 `[cells of the first axis, cells of the second axis]`.

    Example:

    >>> count_cells([[0.1, 0.9], [0.3, 7.0]], ([0, 0.3, 1], [0, 0.5, 1])).tolist()
    [[0.0, 1.0], [0.0, 1.0]]
    """
    lows, highs = zip(*((edge[0], edge[-1]) for edge in edges), strict=True)
    # A number on an edge belongs to the upper cell, whatever its rounding error is.
    raised = np.asarray(points, np.float64) + 1e-6 * (np.array(highs) - lows)
    return np.histogram2d(*np.clip(raised, lows, highs).T, bins=edges)[0]

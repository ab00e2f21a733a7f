"""Checks of settings that have one value per affect dimension."""

import numbers

from kollias_affect import _checks


def per_dimension(name, values, dims):
    """Returns a tuple with one value per dimension; a single value applies to all of them."""
    if values is None or isinstance(values, numbers.Number):
        values = (values,) * dims
    values = tuple(values)
    if len(values) != dims:
        raise ValueError(
            f"`{name}` must be one value, or one for each of the {dims} dimensions. Received: "
            f"{name}={values!r}. Pass one value per output."
        )
    return values


def odd_windows(name, windows, dims):
    """Returns a tuple with one odd window per dimension, else raises `ValueError`."""
    windows = [_checks.positive_integer(name, w) for w in per_dimension(name, windows, dims)]
    if not all(window % 2 for window in windows):
        raise ValueError(
            f"`{name}` must be odd, so that a window has a centre; 1 leaves a dimension unchanged. "
            f"Received: {windows}. Add or subtract one."
        )
    return tuple(windows)


def frame_limits(few, dims):
    """Returns a tuple with one positive integer or `None` per dimension, else raises."""
    limits = per_dimension("few", few, dims)
    return tuple(
        None if limit is None else _checks.positive_integer("few", limit) for limit in limits
    )

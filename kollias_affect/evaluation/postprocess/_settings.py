"""Checks of settings that have one value per affect dimension."""

import numbers

from kollias_affect import _checks

# What the median filter is applied to: sequences of a clip (paper B), or the whole clip.
WITHIN = ("sequence", "clip")


def per_dimension(name, values, dims):
    """Returns a tuple with one value per dimension; a single value applies to all of them."""
    if values is None or isinstance(values, (numbers.Number, str)):
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


def filtered_parts(within, dims):
    """Returns a tuple with `"sequence"` or `"clip"` per dimension, else raises `ValueError`."""
    return tuple(
        _checks.one_of("within", part, WITHIN) for part in per_dimension("within", within, dims)
    )


def sequence_length(length):
    """Returns a positive integer or `None`, else raises `ValueError`."""
    return None if length is None else _checks.positive_integer("length", length)


def frame_limits(few, dims):
    """Returns a tuple with one positive integer or `None` per dimension, else raises."""
    limits = per_dimension("few", few, dims)
    return tuple(
        None if limit is None else _checks.positive_integer("few", limit) for limit in limits
    )

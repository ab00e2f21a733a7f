"""Which frames of a window a frame sees."""

import numpy as np

from kollias_affect import _checks


def check_context(context):
    """Returns `context` as an `int` of at least 2, else raises `ValueError`."""
    return _checks.integer_between("context", context, 2, 100_000)


def near(queries, frames, context, causal):
    """Returns which of `frames` each of the last `queries` frames sees.

    Args:
        queries: Number of frames that look.
        frames: Number of frames, of which they are the last.
        context: Number of frames that are seen.
        causal: Whether a frame sees itself and `context - 1` frames before it; otherwise it sees
            `context // 2` frames on both sides.

    Returns:
        Array of bool, `[queries, frames]`.

    Example:

    >>> near(2, 3, context=2, causal=True).astype(int).tolist()
    [[1, 1, 0], [0, 1, 1]]
    """
    back = np.arange(frames - queries, frames)[:, None] - np.arange(frames)
    return (back >= 0) & (back < context) if causal else np.abs(back) <= context // 2

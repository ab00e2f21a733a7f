"""Conversion of valence and arousal between the ranges of databases."""

import dataclasses

import numpy as np

from kollias_affect.tasks import DIMENSIONS

TOLERANCE = 1e-5


def scale_labels(clips, from_range=(-1, 1), to_range=(-1, 1)):
    """Maps valence and arousal of clips linearly from one range to another.

    The labels of Aff-Wild are in [-1, 1], but the arousal of OMG-Emotion is in [0, 1]. Before a
    model of Aff-Wild is trained on OMG-Emotion, `scale_labels(omg, ((-1, 1), (0, 1)), (-1, 1))`
    scales the labels. The same call with exchanged ranges inverts it.

    Args:
        clips: List of `Clip` with `valence_arousal`.
        from_range: Range of the labels: `(minimum, maximum)` for both dimensions, or one pair
            for valence and one for arousal.
        to_range: Range of the result in the same form, inside [-1, 1].

    Returns:
        List of `Clip`. Frames that are not valid stay invalid.

    Raises:
        ValueError: If a range is not a range, if a clip has no such labels, or if the label of a
            valid frame lies outside of `from_range`.

    References: paper C §5.1; paper B §5.3.

    Example:
        >>> from kollias_affect.clip import Clip
        >>> clip = Clip("omg", ["1.png", "2.png"], valence_arousal=[[0.5, 0.0], [-1.0, 0.75]])
        >>> [scaled] = scale_labels([clip], from_range=((-1, 1), (0, 1)))
        >>> scaled.valence_arousal.tolist()
        [[0.5, -1.0], [-1.0, 0.5]]
    """
    low, high = _range("from_range", from_range)
    to_low, to_high = _range("to_range", to_range)
    if to_low.min() < -1 or to_high.max() > 1:
        raise ValueError(
            f"`to_range` must lie in [-1, 1], as the labels of clips do. Received: "
            f"to_range={to_range}. Choose a smaller range."
        )
    return [_scale(clip, low, high, to_low, to_high) for clip in clips]


def _range(name, value):
    """Returns the minima and the maxima of both dimensions, two arrays `[2]`."""
    try:
        pairs = np.broadcast_to(np.asarray(value, np.float64), (2, 2))
        is_range = np.isfinite(pairs).all() and (pairs[:, 0] < pairs[:, 1]).all()
    except (TypeError, ValueError):
        is_range = False
    if not is_range:
        raise ValueError(
            f"`{name}` must be (minimum, maximum), or such a pair for valence and one for arousal. "
            f"Received: {name}={value!r}. Write, for example, ((-1, 1), (0, 1))."
        )
    return pairs[:, 0], pairs[:, 1]


def _scale(clip, low, high, to_low, to_high):
    if clip.valence_arousal is None:
        raise ValueError(
            f"`scale_labels` needs valence and arousal. Received: {clip!r}. Load a database "
            "that has them."
        )
    values = clip.valence_arousal.astype(np.float64)
    inside = (values >= low - TOLERANCE) & (values <= high + TOLERANCE)
    for i, name in enumerate(DIMENSIONS):
        bad = np.flatnonzero(~inside[:, i] & clip.valid)
        if len(bad):
            raise ValueError(
                f"Labels must lie in `from_range`. Received: {name} {values[bad[0], i]:g} at frame "
                f"{bad[0] + 1} of {clip.key!r}, outside of [{low[i]:g}, {high[i]:g}] ({len(bad)} "
                "such frames). Correct the range."
            )
    fractions = (values - low) / (high - low)
    scaled = np.clip(to_low + fractions * (to_high - to_low), to_low, to_high)
    return dataclasses.replace(clip, valence_arousal=scaled)

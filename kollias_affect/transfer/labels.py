"""Valence and arousal from one database's range to another's."""

import dataclasses

import numpy as np

DIMENSIONS = ("valence", "arousal")
ROUNDING = 1e-5


def scale_labels(clips, from_range=(-1, 1), to_range=(-1, 1)):
    """Clips whose valence and arousal are mapped linearly from one range to another.

    A model of Aff-Wild, in [-1, 1], goes on with OMG-Emotion, whose arousal is in [0, 1]:
    `scale_labels(omg, ((-1, 1), (0, 1)), (-1, 1))` spreads the latter, and the ranges exchanged
    bring predictions or labels back.

    Args:
        clips: list of `Clip` with `valence_arousal`.
        from_range: of the labels: `(least, largest)` for both dimensions, or one pair for
            valence and one for arousal.
        to_range: the like, inside [-1, 1].

    Returns:
        list of `Clip`; what is not valid stays so.

    Raises:
        ValueError: if a range is no range, a clip has no such labels, or a label of a valid
            frame lies outside of `from_range`.

    References: paper C §5.1; paper B §5.3.
    """
    low, high = _range("from_range", from_range)
    to_low, to_high = _range("to_range", to_range)
    if to_low.min() < -1 or to_high.max() > 1:
        raise ValueError(
            f"`to_range` must lie in [-1, 1]. Received: to_range={to_range}. Labels of clips do."
        )
    return [_scaled(clip, low, high, to_low, to_high) for clip in clips]


def _range(name, given):
    try:
        pairs = np.broadcast_to(np.asarray(given, np.float64), (2, 2))
        good = np.isfinite(pairs).all() and (pairs[:, 0] < pairs[:, 1]).all()
    except (TypeError, ValueError):
        good = False
    if not good:
        raise ValueError(
            f"`{name}` must be (least, largest), or such a pair for valence and one for arousal. "
            f"Received: {name}={given!r}. Write ((-1, 1), (0, 1)), say."
        )
    return pairs[:, 0], pairs[:, 1]


def _scaled(clip, low, high, to_low, to_high):
    if clip.valence_arousal is None:
        raise ValueError(
            f"`scale_labels` needs valence and arousal. Received: {clip!r}. Load a set with them."
        )
    values = clip.valence_arousal.astype(np.float64)
    inside = (values >= low - ROUNDING) & (values <= high + ROUNDING)
    for i, name in enumerate(DIMENSIONS):
        bad = np.flatnonzero(~inside[:, i] & clip.valid)
        if len(bad):
            raise ValueError(
                f"Labels must lie in `from_range`. Received: {name} {values[bad[0], i]:g} at frame "
                f"{bad[0] + 1} of {clip.key!r}, outside of [{low[i]:g}, {high[i]:g}] ({len(bad)} "
                "such frames). Correct the range."
            )
    shares = (values - low) / (high - low)
    scaled = np.clip(to_low + shares * (to_high - to_low), to_low, to_high)
    return dataclasses.replace(clip, valence_arousal=scaled)

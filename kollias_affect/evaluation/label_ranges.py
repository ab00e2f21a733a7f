"""Ranges of the labels of a database, where they differ from [-1, 1]."""

import re

# The key of an utterance of OMG-Emotion, see `videos`.
_UTTERANCE = re.compile(r"/utterance_[^/]*$")
_OMG = {"arousal": (0, 1)}


def ranges_of(clips):
    """Returns the ranges that the labels of clips can take, where they differ from [-1, 1].

    Arousal of OMG-Emotion is in [0, 1]. Its clips are recognised by their keys
    (`<video>/utterance_N`), which parts of a database keep.

    Args:
        clips: List of `Clip`.

    Returns:
        Dict from dimension to `(low, high)`, as pictures take it; empty for other databases, and
        if a valid frame has a label below 0 after all.

    Example:

    >>> from kollias_affect.clip import Clip
    >>> ranges_of([Clip("v/utterance_1", ["1.png"], valence_arousal=[[-0.5, 0.2]])])
    {'arousal': (0, 1)}
    >>> ranges_of([Clip("video1", ["1.png"], valence_arousal=[[-0.5, 0.2]])])
    {}

    References: Paper B, section 3.
    """
    if not clips or not all(_UTTERANCE.search(clip.key) for clip in clips):
        return {}
    labelled = [clip for clip in clips if clip.valence_arousal is not None]
    # False for unknown labels, which are NaN.
    negative = any((clip.valence_arousal[clip.valid, 1] < 0).any() for clip in labelled)
    return {} if negative else dict(_OMG)

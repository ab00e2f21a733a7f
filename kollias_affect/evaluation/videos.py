"""The video of a clip: the unit of resampling and of tables per video."""

import re

# Suffixes of a key, from the last one: a copy (`+1`, see `sampling.balance_quadrants`), a person
# (see `faces.identity.people`), an utterance of OMG-Emotion.
_SUFFIXES = (r"\+\d+$", r"_(left|right|face\d+)$", r"/utterance_[^/]*$")


def video_of(clip):
    """Returns the name of the video of a clip, derived from its key.

    The suffixes of copies (`+1`), people (`_left`, `_right`, `_face0`) and utterances of
    OMG-Emotion (`<video>/utterance_4`) are removed. Every other key is a video of its own.
    Functions that need videos accept another rule as `video_of`, such as
    `lambda clip: clip.subject`.

    Args:
        clip: `Clip`.

    Returns:
        Text.

    Example:

    >>> from kollias_affect.clip import Clip
    >>> video_of(Clip("5b44393ed/utterance_4_left", ["1.png"]))
    '5b44393ed'
    """
    return video_of_key(clip.key)


def video_of_key(key):
    """Returns the name of the video of the clip with this key; see `video_of`."""
    for suffix in _SUFFIXES:
        key = re.sub(suffix, "", key)
    return key

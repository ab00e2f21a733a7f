"""Which video a clip is from: the unit of resampling, and of tables per video."""

import re

# A copy (`+1`, see `sampling.balance_quadrants`), then a person (see `faces.identity.people`),
# then an utterance of OMG-Emotion.
_ENDINGS = (r"\+\d+$", r"_(left|right|face\d+)$", r"/utterance_[^/]*$")


def video_of(clip):
    """The name of the video that a clip is from, made from its key.

    Taken off are copies (`+1`), people (`_left`, `_right`, `_face0`) and the utterance of
    OMG-Emotion (`<video>/utterance_4`). Every other key is a video of its own. Functions that
    need videos take another rule as `video_of`, such as `lambda clip: clip.subject`.

    Args:
        clip: `Clip`.

    Returns:
        str.
    """
    name = clip.key
    for ending in _ENDINGS:
        name = re.sub(ending, "", name)
    return name

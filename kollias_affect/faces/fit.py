"""How well 68 points fit a face: what tells faces from other things that a detector found."""

import numpy as np

from kollias_affect.faces.detectors import Box
from kollias_affect.faces.landmarks import LEFT_EYE, RIGHT_EYE, find_landmarks

# Moves of the box: to the right and down, in its sides, and a factor on its size.
MOVES = (
    (0.0, 0.0, 1.0),
    (0.08, 0.0, 1.0),
    (-0.08, 0.0, 1.0),
    (0.0, 0.08, 1.0),
    (0.0, -0.08, 1.0),
    (0.0, 0.0, 0.9),
    (0.0, 0.0, 1.12),
)
# Mean distance of the points from their medians, in distances between the eyes, of fit 0. On
# photographs and videos, faces had at most 0.062 and boxes beside faces at least 0.094.
LARGEST_SPREAD = 0.11
LEAST = 0.3  # paper D §3.1: what fits less is no face


def fit(image, box):
    """How sure it is that the points found in a box are those of a face, in [0, 1].

    The points are looked for again in boxes that are moved and scaled a little. On a face they
    come to rest in the same places; where there is no face they follow the box. The fit is
    `1 - spread / LARGEST_SPREAD`, and 0 below that, where the spread is the mean distance of
    the points from their medians over all boxes, divided by the distance between the eyes.

    It stands for the fit that the Intraface library gave paper D: another number, with the same
    range and the same threshold `LEAST`. dlib's points always have the shape of a face, so
    their shape alone could not tell.

    Args:
        image: uint8 RGB `[height, width, 3]`.
        box: `Box` in pixels of the image.

    Returns:
        float in [0, 1].

    References: paper D §3.1.
    """
    found = np.stack([find_landmarks(image, _moved(box, *move)) for move in MOVES])
    found = found.astype(np.float64)
    middle = np.median(found, axis=0)
    eyes = np.hypot(*(middle[RIGHT_EYE].mean(axis=0) - middle[LEFT_EYE].mean(axis=0)))
    if eyes < 1:
        return 0.0
    spread = np.linalg.norm(found - middle, axis=-1).mean() / eyes
    return float(max(0.0, 1 - spread / LARGEST_SPREAD))


def _moved(box, right, down, scale):
    width, height = box.width * scale, box.height * scale
    x = box.x + box.width * (0.5 + right) - width / 2
    y = box.y + box.height * (0.5 + down) - height / 2
    return Box(round(x), round(y), round(width), round(height), box.score)

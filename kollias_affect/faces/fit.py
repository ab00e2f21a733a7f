"""Fit of 68 landmarks to a face, which distinguishes faces from false detections."""

import numpy as np

from kollias_affect.faces.boxes import Box
from kollias_affect.faces.landmarks import LEFT_EYE, RIGHT_EYE, find_landmarks

# Moves of the box: right and down in units of its sides, and a factor of its size.
MOVES = (
    (0.0, 0.0, 1.0),
    (0.08, 0.0, 1.0),
    (-0.08, 0.0, 1.0),
    (0.0, 0.08, 1.0),
    (0.0, -0.08, 1.0),
    (0.0, 0.0, 0.9),
    (0.0, 0.0, 1.12),
)
# Spread at which the fit is 0: mean distance of the points from their medians, in units of the
# distance between the eyes. On photographs and videos it was at most 0.062 for faces and at least
# 0.094 for boxes beside faces.
MAX_SPREAD = 0.11
MIN_FIT = 0.3  # Paper D §3.1: a detection with a smaller fit is no face.


def fit(image, box):
    """Computes how well the landmarks in a box fit a face.

    The landmarks are predicted again in boxes that are slightly moved and scaled. On a face the
    predictions agree; elsewhere they move with the box. The fit is
    `max(0, 1 - spread / MAX_SPREAD)`. The spread is the mean distance of the points from their
    medians over all boxes, divided by the distance between the eyes.

    The fit replaces the one of the Intraface library in paper D. It is another quantity with the
    same range and the same threshold `MIN_FIT`. The shape of the points cannot be used: dlib's
    points always have the shape of a face.

    Args:
        image: uint8 RGB `[height, width, 3]`.
        box: `Box` in pixels of the image.

    Returns:
        Float in [0, 1].

    References:
        Paper D §3.1.
    """
    predictions = np.stack([find_landmarks(image, _moved(box, *move)) for move in MOVES])
    predictions = predictions.astype(np.float64)
    middle = np.median(predictions, axis=0)
    eyes = np.hypot(*(middle[RIGHT_EYE].mean(axis=0) - middle[LEFT_EYE].mean(axis=0)))
    if eyes < 1:
        return 0.0
    spread = np.linalg.norm(predictions - middle, axis=-1).mean() / eyes
    return float(max(0.0, 1 - spread / MAX_SPREAD))


def _moved(box, right, down, scale):
    width, height = box.width * scale, box.height * scale
    x = box.x + box.width * (0.5 + right) - width / 2
    y = box.y + box.height * (0.5 + down) - height / 2
    return Box(round(x), round(y), round(width), round(height), box.score)

"""Crops aligned by the centres of the eyes, as in paper D (and similar to FER-2013)."""

import cv2
import numpy as np

from kollias_affect import _checks
from kollias_affect.faces.alignment import warp

# Paper D §3.1, in units of the distance between the centres of the eyes: beyond the outer corners
# of the eyes on either side, above the eyes, and below them.
SIDES, ABOVE, BELOW = 0.62, 0.9, 1.35

_RIGHT_EYE, _LEFT_EYE = slice(36, 42), slice(42, 48)  # The subject's right is left in the image.
_OUTER_CORNERS = (36, 45)
_MOUTH = slice(48, 68)


def eye_crop(image, landmarks, size=256):
    """Cuts the grey crop of paper D, aligned by the eyes and stretched to full contrast.

    The line through the centres of the eyes becomes horizontal. The box extends by 0.62 of their
    distance beyond the outer corners, by 0.9 above and by 1.35 below. It is nearly square and is
    resized to a square. Pixels beyond the border of the image repeat the border. The darkest pixel
    becomes 0 and the brightest 255; a crop of one grey level becomes 0.

    Args:
        image: uint8 RGB `[height, width, 3]`.
        landmarks: `[68, 2]` in pixels of the image.
        size: Side of the crop in pixels.

    Returns:
        uint8 grey `[size, size]`.

    Raises:
        ValueError: If the landmarks are not finite, the eyes coincide, or they are swapped, so that
            the mouth would lie above them.

    References:
        Paper D §3.1.
    """
    return grey_eye_align(image, landmarks, size)[0][..., 0]


def eye_align(image, landmarks, size=96):
    """Cuts the crop of `eye_crop` in colour, without the stretched contrast.

    Args:
        image, landmarks, size: See `eye_crop`.

    Returns:
        `(crop, landmarks_in_crop)` as `align` returns.

    Raises:
        ValueError: See `eye_crop`.
    """
    size = _checks.integer_between("size", size, 2, 4096)
    image = _checks.rgb_image("image", np.asarray(image))
    transform = _transform(landmarks, size)
    moved = np.asarray(landmarks, np.float64) @ transform[:, :2].T + transform[:, 2]
    return warp(image, transform, size, cv2.BORDER_REPLICATE), moved.astype(np.float32)


def grey_eye_align(image, landmarks, size=96):
    """Cuts the crop of `eye_crop` with three equal channels, for networks of colour images.

    Args:
        image, landmarks, size: See `eye_crop`.

    Returns:
        `(crop, landmarks_in_crop)` as `align` returns.

    Raises:
        ValueError: See `eye_crop`.
    """
    crop, moved = eye_align(image, landmarks, size)
    return stretched_grey(crop), moved


def stretched_grey(crop):
    """Returns an RGB crop in grey, from 0 to 255, with three equal channels."""
    grey = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY)
    grey = cv2.normalize(grey, None, 0, 255, cv2.NORM_MINMAX)
    return cv2.cvtColor(grey, cv2.COLOR_GRAY2RGB)


def _transform(landmarks, size):
    """Returns the map from pixels of the image to pixels of the crop, `[2, 3]`."""
    landmarks = _checks.landmarks("landmarks", landmarks)
    right, left = landmarks[_RIGHT_EYE].mean(axis=0), landmarks[_LEFT_EYE].mean(axis=0)
    distance = np.hypot(*(left - right))
    along = (left - right) / max(distance, 1e-12)
    below = np.array([-along[1], along[0]])  # a quarter turn clockwise, as y points down
    middle = (right + left) / 2
    mouth = (landmarks[_MOUTH].mean(axis=0) - middle) @ below
    if distance < 1 or mouth <= 0:
        raise ValueError(
            "The eyes must be at least one pixel apart, the subject's right eye (points 36 to 41) "
            f"left of the other when the mouth is below. Received: centres {right.tolist()} and "
            f"{left.tolist()}, the mouth {mouth:g} pixels below them. Correct the order of the "
            "points, or leave this face out."
        )
    outer_right, outer_left = ((landmarks[i] - middle) @ along for i in _OUTER_CORNERS)
    start = outer_right - SIDES * distance
    width = outer_left + SIDES * distance - start
    height = (ABOVE + BELOW) * distance
    # The centres of the first and last pixels lie on the box's edges, as in `align`.
    scale = (size - 1) / np.array([[width], [height]])
    linear = np.stack([along, below]) * scale
    origin = middle + start * along - ABOVE * distance * below
    return np.concatenate([linear, -(linear @ origin)[:, None]], axis=1)

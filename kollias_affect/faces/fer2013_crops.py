"""Crops in which faces lie as in the images of FER-2013, for networks trained on these."""

import cv2
import numpy as np

from kollias_affect import _checks
from kollias_affect.faces.alignment import similarity, warp
from kollias_affect.faces.landmarks import anchors

# Eye centres, nose tip and mouth corners in units of the image's side: medians over faces of
# FER-2013's Training part, made symmetric. `examples/affect_gap.py` measures them. The box of paper
# D is wider than high and is stretched to a square; in FER-2013 faces are not stretched, and the
# mouth lies higher.
FER2013 = np.array([[0.314, 0.393], [0.686, 0.393], [0.5, 0.582], [0.338, 0.777], [0.662, 0.777]])


def fer2013_transform(landmarks, size=96, margin=1.0):
    """Returns the map from pixels of an image to those of the crop.

    Args:
        landmarks: `[68, 2]` in pixels of the image.
        size: Side of the crop in pixels.
        margin: Side of the crop in sides of FER-2013's images; more shows more around the face.

    Returns:
        Float64 `[2, 3]`: rotation, isotropic scale and translation.

    Raises:
        ValueError: If the landmarks coincide or are not finite.
    """
    layout = (FER2013 - 0.5) / margin + 0.5
    return similarity(anchors(landmarks), layout * (size - 1))


def fer2013_align(image, landmarks, size=96):
    """Cuts the crop in which a face lies as in FER-2013.

    The eyes, the nose tip and the corners of the mouth are moved to their usual places by rotation,
    scale and translation. Pixels beyond the border of the image repeat the border.

    Args:
        image: uint8 RGB `[height, width, 3]`.
        landmarks: `[68, 2]` in pixels of the image.
        size: Side of the crop in pixels.

    Returns:
        `(crop, landmarks_in_crop)` as `align` returns.

    Raises:
        ValueError: If an argument has another shape, or the landmarks coincide.
    """
    size = _checks.integer_between("size", size, 2, 4096)
    image = _checks.rgb_image("image", np.asarray(image))
    landmarks = _checks.landmarks("landmarks", landmarks)
    transform = fer2013_transform(landmarks, size)
    moved = landmarks @ transform[:, :2].T + transform[:, 2]
    return warp(image, transform, size, cv2.BORDER_REPLICATE), moved.astype(np.float32)

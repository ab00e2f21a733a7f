"""Pictures that show one face and little else, such as crops that somebody else made."""

import cv2
import numpy as np

from kollias_affect import _checks
from kollias_affect.faces import alignment
from kollias_affect.faces.cropping import AlignedFace
from kollias_affect.faces.detectors import Box
from kollias_affect.faces.landmarks import find_landmarks


def complete_face(image, size=96, layout="procrustes"):
    """Takes a complete picture for the crop of a face. No detector runs, and nothing is aligned.

    Args:
        image: uint8 RGB `[height, width, 3]`.
        size: Side to which the picture is scaled, in pixels. Other shapes are made square.
        layout: One of `LAYOUTS`; `"eyes_grey"` makes the picture grey, with full contrast.

    Returns:
        `AlignedFace` whose box is the picture, with a score of 1. Its landmarks are those that fit
        best in that box.

    Raises:
        ValueError: If `image` is none.

    Example:

    >>> import numpy as np
    >>> face = complete_face(np.zeros((48, 40, 3), np.uint8), size=32)
    >>> face.crop.shape, face.box
    ((32, 32, 3), Box(x=0, y=0, width=40, height=48, score=1.0))
    """
    image = _checks.rgb_image("image", np.asarray(image))
    height, width = image.shape[:2]
    shrinks = min(height, width) > size
    interpolation = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    crop = cv2.resize(image, (size, size), interpolation=interpolation)
    if layout == "eyes_grey":
        grey = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY)
        grey = cv2.normalize(grey, None, 0, 255, cv2.NORM_MINMAX)
        crop = cv2.cvtColor(grey, cv2.COLOR_GRAY2RGB)
    box = Box(0, 0, width, height, 1.0)
    points = find_landmarks(image, box)
    # The centres of the first and last pixels lie on the borders, as in `align`.
    inside = points * (size - 1) / np.maximum(1, np.array([width, height]) - 1)
    return AlignedFace(box, points, alignment.normalize(inside.astype(np.float32), size), crop)

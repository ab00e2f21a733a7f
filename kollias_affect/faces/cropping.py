"""Detection, landmarks and crops of all faces of one image."""

import dataclasses
import logging

import numpy as np

from kollias_affect import _checks
from kollias_affect.faces import alignment, detectors, eyes
from kollias_affect.faces.boxes import Box
from kollias_affect.faces.landmarks import find_landmarks

_log = logging.getLogger(__name__)

# Layouts of crops: functions from image, landmarks and size to a crop and its landmarks.
LAYOUTS = {
    "procrustes": alignment.align,
    "eyes": eyes.eye_align,
    "eyes_grey": eyes.grey_eye_align,
}


@dataclasses.dataclass(frozen=True)
class AlignedFace:
    """One face of one image.

    Attributes:
        box: `Box` in pixels of the image.
        in_frame: Landmarks in pixels of the image, float32 `[68, 2]`.
        in_crop: Landmarks in [-1, 1] of the crop, float32 `[68, 2]`.
        crop: uint8 RGB `[size, size, 3]`.
        portrait: uint8 RGB of `likeness.portrait`, where the person is to be recognised.
    """

    box: Box
    in_frame: np.ndarray
    in_crop: np.ndarray
    crop: np.ndarray
    portrait: np.ndarray | None = None


def faces_of(image, detector="auto", size=96, layout="procrustes", longest_side=640):
    """Finds and crops the faces in an image.

    Args:
        image: uint8 RGB `[height, width, 3]`.
        detector: Name or callable, see `detectors.get`.
        size: Side of the crops in pixels.
        layout: One of `LAYOUTS`: `"procrustes"` (five anchors, paper B), `"eyes"` (the box of
            paper D) or `"eyes_grey"` (the same box, grey and stretched to full contrast as in
            paper D).
        longest_side: The image is shrunk to this number of pixels for the detection only; `None`
            for full size.

    Returns:
        List of `AlignedFace` by descending detection score. Boxes whose landmarks do not form a
        face are left out.

    Raises:
        ValueError: If an argument is invalid.
    """
    _checks.one_of("layout", layout, LAYOUTS)
    boxes = detectors.detect(image, detectors.get(detector), longest_side)
    faces = [face_in(image, box, size, layout) for box in boxes]
    return [face for face in faces if face is not None]


def face_in(image, box, size=96, layout="procrustes"):
    """Returns the `AlignedFace` in a box of an image; `None` if its landmarks form no face."""
    points = find_landmarks(image, box)
    try:
        crop, points_in_crop = LAYOUTS[layout](image, points, size)
    except ValueError:  # All points are in one place.
        _log.debug("No landmarks in %s.", box)
        return None
    return AlignedFace(box, points, alignment.normalize(points_in_crop, size), crop)

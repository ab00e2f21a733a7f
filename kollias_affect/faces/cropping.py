"""Detection, landmarks and crops of all faces of one image."""

import dataclasses
import logging

import cv2
import numpy as np

from kollias_affect import _checks
from kollias_affect.faces import alignment, detectors, eyes, fer2013_crops
from kollias_affect.faces.boxes import Box
from kollias_affect.faces.landmarks import find_landmarks

_log = logging.getLogger(__name__)

# Layouts of crops: functions from image, landmarks and size to a crop and its landmarks.
LAYOUTS = {
    "procrustes": alignment.align,
    "eyes": eyes.eye_align,
    "eyes_grey": eyes.grey_eye_align,
    "fer2013": fer2013_crops.fer2013_align,
}
_GREY = ("eyes_grey",)  # layouts whose crops are grey and stretched to full contrast


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
            paper D), `"eyes_grey"` (the same box, grey and stretched to full contrast as in
            paper D) or `"fer2013"` (five anchors, placed as in FER-2013).
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


def cropped_face(image, size=96, layout="procrustes"):
    """Returns the `AlignedFace` of a picture that is a face already.

    Nothing is cut off and nothing is turned: the crop is the whole picture in the size, and in the
    colours of the layout. Use it for pictures that were cropped like those of a model's training.

    Args:
        image: uint8 RGB `[height, width, 3]`.
        size: Side of the crop in pixels.
        layout: One of `LAYOUTS`.

    Returns:
        `AlignedFace` whose box is the whole picture, with the score 1. Its landmarks are those of
        the face that is detected inside; without one, those in a box as large as the picture.

    Raises:
        ValueError: If an argument is invalid.
    """
    _checks.one_of("layout", layout, LAYOUTS)
    size = _checks.integer_between("size", size, 2, 4096)
    height, width = _checks.rgb_image("image", image).shape[:2]
    whole = Box(0, 0, width, height, 1.0)
    inside = detectors.detect(image, detectors.chosen(detectors.AUTO, "main"))
    points = find_landmarks(image, max(inside, key=lambda box: box.area, default=whole))
    # The centres of the pixels of the crop and of the picture lie over each other.
    in_crop = (points + 0.5) * np.float32([size / width, size / height]) - 0.5
    method = cv2.INTER_AREA if max(height, width) > size else cv2.INTER_LINEAR
    crop = cv2.resize(image, (size, size), interpolation=method)
    crop = eyes.stretched_grey(crop) if layout in _GREY else crop
    return AlignedFace(whole, points, alignment.normalize(in_crop, size), crop)

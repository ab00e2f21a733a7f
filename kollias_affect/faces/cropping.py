"""All faces of one picture: detected, landmarks found, cropped in one of the layouts."""

import logging

from kollias_affect import _checks
from kollias_affect.faces import alignment, detectors, eyes
from kollias_affect.faces.landmarks import find_landmarks
from kollias_affect.faces.work import Face

_log = logging.getLogger(__name__)

# How a crop is laid out: functions of image, landmarks and size to a crop and its landmarks.
LAYOUTS = {
    "procrustes": alignment.align,
    "eyes": eyes.eye_align,
    "eyes_grey": eyes.grey_eye_align,
}


def faces_of(image, detector="hog", size=96, layout="procrustes", longest_side=640):
    """The faces in a picture.

    Args:
        image: uint8 RGB `[height, width, 3]`.
        detector: `"hog"`, `"cnn"`, `"haar"` or a callable (see `detectors.get`).
        size: side of the crops in pixels.
        layout: one of `LAYOUTS`: `"procrustes"` (five anchors, paper B), `"eyes"` (paper D's box)
            or `"eyes_grey"` (that box as paper D shades it).
        longest_side: the picture is shrunk to this for detection alone; `None` for full size.

    Returns:
        list of `Face` in the detector's order: `box`, `in_frame` (landmarks in pixels of the
        picture), `in_crop` (in [-1, 1] of the crop) and `crop`, uint8 RGB `[size, size, 3]`.
        Boxes whose landmarks make no face are left out.
    """
    _checks.one_of("layout", layout, LAYOUTS)
    boxes = detectors.detect(image, detectors.get(detector), longest_side)
    found = [face_in(image, box, size, layout) for box in boxes]
    return [face for face in found if face is not None]


def face_in(image, box, size=96, layout="procrustes"):
    """The `Face` in a box of a picture, or `None` if its landmarks make no face."""
    points = find_landmarks(image, box)
    try:
        crop, moved = LAYOUTS[layout](image, points, size)
    except ValueError:  # all points in one place: no face
        _log.debug("No landmarks in %s.", box)
        return None
    return Face(box, points, alignment.normalize(moved, size), crop)

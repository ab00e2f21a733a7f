"""Face detectors behind one protocol: an RGB image in, boxes with scores out.

A detector is any callable `detector(image) -> list[Box]` for a uint8 RGB image. The built-in
ones are named in `DETECTORS`; another one is passed as the callable itself wherever a
`detector=` is taken. The papers' ffld2 (deformable parts, Mathias et al. 2014) does not build
with current compilers and OpenCV, so it is not among them.
"""

import functools
from typing import NamedTuple, Protocol

import cv2
import numpy as np

from kollias_affect import _checks
from kollias_affect.faces import model_files


class Box(NamedTuple):
    """A face rectangle in pixels of the image; it may reach beyond the border.

    `score` is the detector's own: comparable within one detector, not between two.
    """

    x: int
    y: int
    width: int
    height: int
    score: float

    @property
    def area(self):
        """Area in square pixels."""
        return self.width * self.height


class Detector(Protocol):
    """What a detector must be."""

    def __call__(self, image: np.ndarray) -> list[Box]:
        """Returns the faces in a uint8 RGB image."""


def _hog():
    import dlib

    detector = dlib.get_frontal_face_detector()

    def detect(image):
        rectangles, scores, _ = detector.run(image, 0, 0.0)
        return [_from_dlib(r, s) for r, s in zip(rectangles, scores, strict=True)]

    return detect


def _cnn():
    import dlib

    detector = dlib.cnn_face_detection_model_v1(str(model_files.path("mmod_human_face_detector")))
    return lambda image: [_from_dlib(found.rect, found.confidence) for found in detector(image, 0)]


def _haar():
    def cascade(name):
        return cv2.CascadeClassifier(f"{cv2.data.haarcascades}haarcascade_{name}.xml")

    frontal, profile = cascade("frontalface_default"), cascade("profileface")

    def boxes(classifier, grey):
        found, _, weights = classifier.detectMultiScale3(
            grey, scaleFactor=1.1, minNeighbors=5, minSize=(40, 40), outputRejectLevels=True
        )
        return [Box(*map(int, f), float(w)) for f, w in zip(found, np.ravel(weights), strict=True)]

    def detect(image):
        grey = cv2.equalizeHist(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY))
        width = grey.shape[1]
        # The profile cascade knows faces turned to one side; the mirrored image has the other.
        mirrored = [
            box._replace(x=width - box.x - box.width)
            for box in boxes(profile, np.ascontiguousarray(grey[:, ::-1]))
        ]
        return _without_overlaps(boxes(frontal, grey) + boxes(profile, grey) + mirrored)

    return detect


DETECTORS = {"hog": _hog, "cnn": _cnn, "haar": _haar}


@functools.cache
def _built_in(name):
    return DETECTORS[name]()


def get(detector):
    """Returns the detector of that name, or `detector` itself if it is callable.

    Args:
        detector: `"hog"` (dlib's frontal detector, faces of at least 80 pixels), `"cnn"`
            (dlib's MMOD network, more poses, slow without a GPU), `"haar"` (OpenCV's frontal
            and profile cascades), or a callable by the protocol `Detector`.
    """
    if callable(detector):
        return detector
    return _built_in(_checks.one_of("detector", detector, DETECTORS))


def detect(image, detector="hog", longest_side=640):
    """Faces of `image`, best score first, in its own pixels.

    Args:
        image: uint8 RGB `[height, width, 3]`.
        detector: see `get`.
        longest_side: larger images are shrunk to this many pixels for the search, or `None`.
    """
    _checks.rgb_image("image", image)
    scale = 1.0 if longest_side is None else min(1.0, longest_side / max(image.shape[:2]))
    small = image
    if scale < 1:
        shape = [max(1, round(side * scale)) for side in image.shape[1::-1]]
        small = cv2.resize(image, shape, interpolation=cv2.INTER_AREA)
    boxes = [_scaled(_box(box), 1 / scale) for box in get(detector)(small) or []]
    return sorted((b for b in boxes if b.area > 0), key=lambda box: (-box.score, box))


def overlap(a, b):
    """Intersection over union of two boxes, in [0, 1]."""
    width = min(a.x + a.width, b.x + b.width) - max(a.x, b.x)
    height = min(a.y + a.height, b.y + b.height) - max(a.y, b.y)
    shared = max(width, 0) * max(height, 0)
    return shared / (a.area + b.area - shared) if shared else 0.0


def _box(found):
    """What a detector found as a `Box`; `ValueError` if it is none."""
    try:
        box = Box(*found)
        if np.isfinite(np.array(box, np.float64)).all():
            return box
    except (TypeError, ValueError):
        pass
    raise ValueError(
        "A detector returns boxes (x, y, width, height, score) of finite numbers. Received: "
        f"{found!r}. Mend the detector."
    )


def _scaled(box, factor):
    return Box(*(round(value * factor) for value in box[:4]), float(box.score))


def _from_dlib(rectangle, score):
    return Box(
        rectangle.left(), rectangle.top(), rectangle.width(), rectangle.height(), float(score)
    )


def _without_overlaps(boxes, limit=0.3):
    kept = []
    for box in sorted(boxes, key=lambda box: -box.score):
        if all(overlap(box, other) <= limit for other in kept):
            kept.append(box)
    return kept

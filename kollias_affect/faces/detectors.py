"""Face detectors with one protocol: from an RGB image to boxes with scores.

A detector is any callable `detector(image) -> list[Box]` for a uint8 RGB image. `DETECTORS` names
the built-in ones; every `detector=` argument also accepts a callable. ffld2, which the papers use
(deformable parts, Mathias et al. 2014), is not built in: it does not compile with current compilers
and OpenCV.
"""

import functools
import threading
from typing import NamedTuple, Protocol

import cv2
import numpy as np

from kollias_affect import _checks
from kollias_affect.faces import model_files


class Box(NamedTuple):
    """A face rectangle in pixels of the image; it may reach beyond the border.

    Attributes:
        x, y: Left upper corner.
        width, height: Sides.
        score: Detection score. Scores of different detectors cannot be compared.
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
    """Protocol of a detector."""

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
    return lambda image: [_from_dlib(face.rect, face.confidence) for face in detector(image, 0)]


def _haar():
    def cascade(name):
        return cv2.CascadeClassifier(f"{cv2.data.haarcascades}haarcascade_{name}.xml")

    frontal, profile = cascade("frontalface_default"), cascade("profileface")

    def boxes(classifier, grey):
        rectangles, _, weights = classifier.detectMultiScale3(
            grey, scaleFactor=1.1, minNeighbors=5, minSize=(40, 40), outputRejectLevels=True
        )
        pairs = zip(rectangles, np.ravel(weights), strict=True)
        return [Box(*map(int, rectangle), float(weight)) for rectangle, weight in pairs]

    def detect(image):
        grey = cv2.equalizeHist(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY))
        width = grey.shape[1]
        # The profile cascade detects faces turned to one side; the mirrored image has the others.
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
    """Returns the detector with this name, or `detector` itself if it is callable.

    Args:
        detector: `"hog"` (dlib's frontal detector, faces of at least 80 pixels), `"cnn"` (dlib's
            MMOD network, more poses, slow without a GPU), `"haar"` (OpenCV's frontal and profile
            cascades), or a callable with the protocol `Detector`.

    Raises:
        ValueError: If the name is unknown.
    """
    if callable(detector):
        return detector
    return _built_in(_checks.one_of("detector", detector, DETECTORS))


def one_per_thread(name):
    """Returns a built-in detector that several threads may call at the same time.

    Every thread has its own copy: detectors keep what they know of an image while they search it.

    Args:
        name: Name of a built-in detector, see `get`.
    """
    own = threading.local()

    def detect(image):
        if not hasattr(own, "detect"):
            own.detect = _built_in.__wrapped__(name)
        return own.detect(image)

    return detect


def name_of(detector):
    """Returns the name of a detector for settings and comparisons.

    Args:
        detector: Name in `DETECTORS`, or a callable.

    Returns:
        The name itself, or `<module>.<qualified name>` of the callable or of its class.
    """
    if isinstance(detector, str):
        return detector
    owner = detector if hasattr(detector, "__qualname__") else type(detector)
    return f"{owner.__module__}.{owner.__qualname__}"


def detect(image, detector="hog", longest_side=640):
    """Detects the faces in an image.

    Args:
        image: uint8 RGB `[height, width, 3]`.
        detector: Name or callable, see `get`.
        longest_side: Larger images are shrunk to this number of pixels for the search; `None` for
            full size.

    Returns:
        List of `Box` in pixels of the image, by descending score.

    Raises:
        ValueError: If the image, the detector or one of its boxes is invalid.
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
    """Computes the intersection over union of two boxes, in [0, 1]."""
    width = min(a.x + a.width, b.x + b.width) - max(a.x, b.x)
    height = min(a.y + a.height, b.y + b.height) - max(a.y, b.y)
    shared = max(width, 0) * max(height, 0)
    return shared / (a.area + b.area - shared) if shared else 0.0


def _box(detection):
    """Returns a result of a detector as a `Box`; raises `ValueError` if it is none."""
    try:
        box = Box(*detection)
        if np.isfinite(np.array(box, np.float64)).all():
            return box
    except (TypeError, ValueError):
        pass
    raise ValueError(
        "A detector returns boxes (x, y, width, height, score) of finite numbers. Received: "
        f"{detection!r}. Fix the detector."
    )


def _scaled(box, factor):
    return Box(*(round(value * factor) for value in box[:4]), float(box.score))


def _from_dlib(rectangle, score):
    return Box(
        rectangle.left(), rectangle.top(), rectangle.width(), rectangle.height(), float(score)
    )


def _without_overlaps(boxes, limit=0.3):
    chosen = []
    for box in sorted(boxes, key=lambda box: -box.score):
        if all(overlap(box, other) <= limit for other in chosen):
            chosen.append(box)
    return chosen

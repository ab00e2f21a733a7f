"""Face detectors with one protocol: from an RGB image to boxes with scores.

A detector is any callable `detector(image) -> list[Box]` for a uint8 RGB image. `DETECTORS` names
the built-in ones; every `detector=` argument also accepts a callable. ffld2, which the papers use
(deformable parts, Mathias et al. 2014), is not built in: it does not compile with current compilers
and OpenCV.
"""

import functools
import threading
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np

from kollias_affect import _checks
from kollias_affect.faces import blazeface, dlib_detectors, haar, yunet
from kollias_affect.faces.boxes import Box


class Detector(Protocol):
    """Protocol of a detector."""

    def __call__(self, image: np.ndarray) -> list[Box]:
        """Returns the faces in a uint8 RGB image."""


# From a name to a function that returns the detector.
DETECTORS = {
    "blazeface": blazeface.every_face,
    "blazeface_main": blazeface.main_faces,
    "hog": dlib_detectors.hog,
    "cnn": dlib_detectors.cnn,
    "haar": haar.haar,
    "yunet": yunet.yunet,
}
FROM_FILE = ("yunet",)  # named with their file, as in `yunet:FILE`
AUTO = "auto"


@functools.cache
def _built_in(name):
    kind, _, file = name.partition(":")
    return DETECTORS[kind](file) if kind in FROM_FILE else DETECTORS[kind]()


def chosen(detector, faces="all"):
    """Returns the detector that `"auto"` stands for, and any other `detector` itself.

    Args:
        detector: See `get`.
        faces: `"main"` where only the main face is wanted, otherwise `"all"`.
    """
    if isinstance(detector, str) and detector == AUTO:
        return "blazeface_main" if faces == "main" else "blazeface"
    return detector


def get(detector):
    """Returns the detector with this name, or `detector` itself if it is callable.

    Args:
        detector: `"auto"` (the same as `"blazeface_main"` where only the main face is wanted, and
            as `"blazeface"` otherwise), `"blazeface"` (every face from about 30 pixels),
            `"blazeface_main"` (main faces; smaller ones only where there are none; fast), `"hog"`
            (dlib's frontal detector, faces of at least 80 pixels), `"cnn"` (dlib's MMOD network,
            more poses, slow without a GPU), `"haar"` (OpenCV's frontal and profile cascades),
            `"yunet:FILE"` (YuNet from its ONNX file), or a callable with the protocol `Detector`.

    Raises:
        FileNotFoundError, ValueError: If the name is unknown, or the file cannot be read.
    """
    if callable(detector):
        return detector
    return _built_in(checked(chosen(detector)))


def checked(detector):
    """Returns the name of a detector if it is one, without loading anything.

    Raises:
        FileNotFoundError, ValueError: If the name is unknown, or its file is missing.
    """
    kind, colon, file = str(detector).partition(":")
    if kind not in FROM_FILE:
        return _checks.one_of("detector", detector, (AUTO, *(_usage(name) for name in DETECTORS)))
    if not (colon and file):
        raise ValueError(
            f"`{kind}` needs its file. Received: detector={detector!r}. Write {kind}:FILE; "
            f"{yunet.FILE} of OpenCV's model zoo fits."
        )
    _checks.existing_file("detector", file)
    return detector


def _usage(name):
    return f"{name}:FILE" if name in FROM_FILE else name


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
        detector: Name, see `get`, or a callable.

    Returns:
        The name itself, a file without its folder, or `<module>.<qualified name>` of the callable
        or of its class.
    """
    if isinstance(detector, str):
        kind, colon, file = detector.partition(":")
        return f"{kind}{colon}{Path(file).name}"
    owner = detector if hasattr(detector, "__qualname__") else type(detector)
    return f"{owner.__module__}.{owner.__qualname__}"


def detect(image, detector=AUTO, longest_side=640):
    """Detects the faces in an image.

    Args:
        image: uint8 RGB `[height, width, 3]`.
        detector: Name or callable, see `get`.
        longest_side: Larger images are shrunk to this number of pixels for the search; `None` for
            full size.

    Returns:
        List of `Box` in pixels of the image, by descending score. The scores are in [0, 1]; those
        of a callable are cut off there.

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
    boxes = sorted((b for b in boxes if b.area > 0), key=lambda box: (-box.score, box))
    return [box._replace(score=min(max(box.score, 0.0), 1.0)) for box in boxes]


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

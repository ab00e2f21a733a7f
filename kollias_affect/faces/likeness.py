"""How alike two faces are: from one frame to the next, and whether they are of one person.

Consecutive frames are compared by small grey copies of the crops. Persons are compared by the
descriptors of dlib's network for face recognition, 128 numbers whose distance tells people apart.

References:
    King (2017), High quality face recognition with deep metric learning,
    http://blog.dlib.net/2017/02/high-quality-face-recognition-with-deep.html.
"""

import functools

import cv2
import numpy as np

from kollias_affect.faces import model_files

SIDE = 150  # pixels of a portrait, as the network expects
_PADDING = 0.25  # around the face, as in the network's training
_COPY_SIDE = 16  # pixels
_MIN_CONTRAST = 2.0  # standard deviation of grey levels, below which a copy shows nothing


def small_copy(crop):
    """Returns a small grey copy of a crop, uint8 `[16, 16]`."""
    grey = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY)
    return cv2.resize(grey, (_COPY_SIDE, _COPY_SIDE), interpolation=cv2.INTER_AREA)


def correlation(a, b):
    """Computes the correlation of two copies, in [-1, 1]; 0 if one has no contrast."""
    a, b = np.float64(a), np.float64(b)
    if min(a.std(), b.std()) < _MIN_CONTRAST:
        return 0.0
    return float(((a - a.mean()) * (b - b.mean())).mean() / (a.std() * b.std()))


def portrait(image, points):
    """Cuts out a face as dlib's network for face recognition expects it.

    Args:
        image: uint8 RGB `[height, width, 3]`.
        points: Landmarks `[68, 2]` in pixels of the image.

    Returns:
        uint8 RGB `[150, 150, 3]`.
    """
    import dlib

    whole = dlib.rectangle(0, 0, image.shape[1] - 1, image.shape[0] - 1)
    parts = dlib.points([dlib.point(int(x), int(y)) for x, y in np.rint(points)])
    # dlib takes no views, such as mirrored pictures.
    image = np.ascontiguousarray(image)
    return dlib.get_face_chip(image, dlib.full_object_detection(whole, parts), SIDE, _PADDING)


def descriptors(portraits):
    """Computes the descriptors of portraits.

    Args:
        portraits: List of uint8 RGB `[150, 150, 3]`.

    Returns:
        Float64 `[portraits, 128]`. Euclidean distances between pictures of one person are mostly
        below 0.6, and between those of different people mostly above.
    """
    vectors = [_network().compute_face_descriptor(picture) for picture in portraits]
    return np.array(vectors, np.float64).reshape(-1, 128)


@functools.cache
def _network():
    import dlib

    return dlib.face_recognition_model_v1(str(model_files.path("face_embedding")))

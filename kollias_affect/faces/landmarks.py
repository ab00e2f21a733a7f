"""The 68 facial points of dlib's predictor, in iBUG order."""

import functools

import numpy as np

from kollias_affect.faces import model_files

LEFT_EYE, RIGHT_EYE = slice(36, 42), slice(42, 48)  # left and right in the image
NOSE_TIP, LEFT_MOUTH_CORNER, RIGHT_MOUTH_CORNER = 30, 48, 54


@functools.cache
def _predictor():
    import dlib

    return dlib.shape_predictor(str(model_files.path("landmarks_68")))


def find_landmarks(image, box):
    """Predicts the 68 landmarks of the face in a box.

    Args:
        image: uint8 RGB `[height, width, 3]`.
        box: `Box` in pixels of the image.

    Returns:
        Float32 `[68, 2]`, x then y, in pixels of `image`.
    """
    import dlib

    rectangle = dlib.rectangle(box.x, box.y, box.x + box.width - 1, box.y + box.height - 1)
    points = _predictor()(image, rectangle)
    return np.array([(point.x, point.y) for point in points.parts()], np.float32)


def anchors(points):
    """Computes the five rigid points of paper B §4: eye centres, nose tip, mouth corners.

    Args:
        points: Landmarks `[68, 2]`.

    Returns:
        Float64 `[5, 2]`, in the order of `alignment.PROTOTYPE`.
    """
    points = np.asarray(points, np.float64)
    return np.stack(
        [
            points[LEFT_EYE].mean(axis=0),
            points[RIGHT_EYE].mean(axis=0),
            points[NOSE_TIP],
            points[LEFT_MOUTH_CORNER],
            points[RIGHT_MOUTH_CORNER],
        ]
    )

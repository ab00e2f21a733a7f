"""Pose of the head in degrees, from the 68 landmarks of one face."""

import cv2
import numpy as np

ANGLES = ("pitch", "yaw", "roll")

# Landmarks of eyes, nose and chin, and their places on an average face: vertices of the canonical
# face model of MediaPipe (Apache License 2.0), in centimetres, x to the right of the image, y up, z
# towards the camera. Corners of the mouth are left out: a smile moves them by more than a nod.
_POINTS = {
    8: (0.0, -9.403, 4.264),  # chin
    27: (0.0, 3.271, 5.236),  # bridge of the nose, from above to the tip
    28: (0.0, 1.728, 6.317),
    29: (0.0, 0.366, 7.243),
    30: (0.0, -0.463, 7.587),
    31: (-1.406, -1.714, 5.241),  # wings of the nose, and the point between them
    33: (0.0, -2.089, 6.058),
    35: (1.406, -1.714, 5.241),
    36: (-4.446, 2.664, 3.173),  # corners of the eyes, from left to right
    39: (-1.856, 2.585, 3.758),
    42: (1.856, 2.585, 3.758),
    45: (4.446, 2.664, 3.173),
}
INDICES = tuple(_POINTS)
# In the axes of OpenCV's camera: x to the right, y down, z away from the camera.
MODEL = np.array(list(_POINTS.values())) * (1, -1, -1)


def head_pose(landmarks, shape):
    """Computes how a head is turned, by `cv2.solvePnP` on its eyes, nose and chin.

    The camera is assumed to be a pinhole without distortion, whose focal length in pixels is the
    longer side of the image (a field of view of 53 degrees along it) and whose axis passes through
    the middle of the image. A face that looks along this axis has three zeros. Seen in the image,
    angles are positive

    - `pitch`: if the face looks up,
    - `yaw`: if the face turns to the right of the image (to the left of the person),
    - `roll`: if the head tilts clockwise.

    The head rolls first, then pitches, then turns about the vertical. `pitch` is in [-90, 90], the
    others are in [-180, 180]. Real faces differ from the average one, and a mouth that opens lowers
    the chin: expect errors of several degrees, most of all in `pitch`.

    Args:
        landmarks: Float `[68, 2]` in pixels of the image.
        shape: Shape of the image, `(height, width, ...)`.

    Returns:
        Float64 `[3]`, in the order of `ANGLES`, in degrees; NaN if a landmark is not finite or the
        landmarks fit no face.

    Example:

    >>> import numpy as np
    >>> head_pose(np.full((68, 2), np.nan), (480, 640)).tolist()
    [nan, nan, nan]

    References: Terzakis and Lourakis (2020), A consistently fast and globally optimal solution to
    the perspective-n-point problem; Lugaresi et al. (2019), MediaPipe, for the average face.
    """
    points = np.asarray(landmarks, np.float64)[list(INDICES)]
    nothing = np.full(len(ANGLES), np.nan)
    if not np.isfinite(points).all():
        return nothing
    camera = _camera(shape)
    try:
        found, rotation, shift = cv2.solvePnP(MODEL, points, camera, None, flags=cv2.SOLVEPNP_SQPNP)
        if found:
            rotation, shift = cv2.solvePnPRefineLM(MODEL, points, camera, None, rotation, shift)
    except cv2.error:  # such as points that are all in one place
        return nothing
    if not found or not np.isfinite(rotation).all() or shift[2, 0] <= 0:
        return nothing
    return _angles(cv2.Rodrigues(rotation)[0])


def _camera(shape):
    height, width = shape[:2]
    focal = max(height, width)
    return np.array([[focal, 0, (width - 1) / 2], [0, focal, (height - 1) / 2], [0, 0, 1.0]])


def _angles(matrix):
    """Returns the angles of a rotation, which is (about y) (about x) (about z)."""
    pitch = np.arcsin(np.clip(matrix[1, 2], -1, 1))
    yaw = -np.arctan2(matrix[0, 2], matrix[2, 2])
    roll = np.arctan2(matrix[1, 0], matrix[1, 1])
    return np.degrees([pitch, yaw, roll])

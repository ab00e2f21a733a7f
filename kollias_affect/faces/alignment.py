"""Procrustes alignment of a face onto a prototypical frontal one (paper B §4)."""

import cv2
import numpy as np

from kollias_affect import _checks
from kollias_affect.faces.landmarks import anchors

# Eye centres, nose tip and mouth corners of a frontal face as shares of the crop's side: eyes
# and mouth corners on a square, the nose tip in its middle. In dlib's points a moving, speaking
# face scatters around these proportions; the scale keeps brows, jaw and chin inside the crop.
PROTOTYPE = np.array([[0.33, 0.32], [0.67, 0.32], [0.50, 0.49], [0.33, 0.66], [0.67, 0.66]])

_FINEST = 8  # the finest grid, in cells per pixel of the crop


def prototype(size=96):
    """The five anchors in pixels of a crop of `size`: float64 `[5, 2]`."""
    return PROTOTYPE * (size - 1)


def similarity(source, target):
    """The rotation, isotropic scale and translation that best map `source` onto `target`.

    Least squares in closed form: with points as complex numbers the map is `z -> a z + b`,
    which rotates and scales but cannot reflect.

    Args:
        source, target: float `[points, 2]`.

    Returns:
        float64 `[2, 3]`: `[R | t]` such that `target ~ source @ R.T + t`.

    Raises:
        ValueError: if the source points coincide or are not finite.
    """
    p = np.asarray(source, np.float64) @ (1, 1j)
    q = np.asarray(target, np.float64) @ (1, 1j)
    p_centred, q_centred = p - p.mean(), q - q.mean()
    spread = np.vdot(p_centred, p_centred).real
    if not np.isfinite(spread) or spread < 1e-12:
        raise ValueError(
            "The points to align must be finite and not all in one place. "
            f"Received: {np.asarray(source).tolist()}. Leave this frame out as one without a face."
        )
    a = np.vdot(p_centred, q_centred) / spread
    b = q.mean() - a * p.mean()
    return np.array([[a.real, -a.imag, b.real], [a.imag, a.real, b.imag]])


def align(image, landmarks, size=96):
    """Warps the whole image so that the face lies on the prototype, and crops it.

    Pixels from beyond the image's border are black. Faces larger than the crop are shrunk by
    averaging, so that they do not alias.

    Args:
        image: uint8 RGB `[height, width, 3]`.
        landmarks: `[68, 2]` in pixels of the image.
        size: side of the crop in pixels.

    Returns:
        `(crop, landmarks_in_crop)`: uint8 `[size, size, 3]` and float32 `[68, 2]` in pixels of
        the crop; `normalize` brings them to [-1, 1].

    References: paper B §4; Gower (1975).
    """
    size = _checks.integer_between("size", size, 2, 4096)
    image = _checks.rgb_image("image", np.asarray(image))
    landmarks = np.asarray(landmarks, np.float64)
    if landmarks.shape != (68, 2):
        raise ValueError(
            f"`landmarks` must have shape (68, 2). Received: {landmarks.shape}. "
            "`kollias_affect.faces.find_landmarks` returns such points."
        )
    transform = similarity(anchors(landmarks), prototype(size))
    moved = landmarks @ transform[:, :2].T + transform[:, 2]
    return warp(image, transform, size), moved.astype(np.float32)


def normalize(landmarks, size=96):
    """Pixels of a crop to [-1, 1]: the centres of its first and last pixels are -1 and 1."""
    return (np.asarray(landmarks) * (2 / (size - 1)) - 1).astype(np.float32)


def warp(image, transform, size, border=cv2.BORDER_CONSTANT):
    """The square crop that an affine map cuts out of an image, without aliasing.

    Args:
        image: uint8 `[height, width]` or `[height, width, 3]`.
        transform: `[2, 3]`, from pixels of the image to pixels of the crop.
        size: side of the crop in pixels.
        border: what lies beyond the image, one of OpenCV's constants; black by default.
    """
    scale = np.linalg.norm(transform[:, :2], axis=1).min()
    if scale * _FINEST < 1:  # a very large face: shrink the image first, to bound the grid below
        shrink = scale * _FINEST
        height, width = (max(1, round(side * shrink)) for side in image.shape[:2])
        image = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
        transform = transform.copy()
        transform[:, 2] += transform[:, :2] @ (0.5 / shrink - 0.5, 0.5 / shrink - 0.5)
        transform[:, :2] /= shrink
        scale = 1 / _FINEST
    # Warp onto a finer grid and average its cells: bilinear sampling alone would skip pixels.
    finer = max(1, int(np.ceil(1 / scale - 1e-6)))
    fine = transform * finer
    fine[:, 2] += (finer - 1) / 2
    side = size * finer
    crop = cv2.warpAffine(image, fine, (side, side), flags=cv2.INTER_LINEAR, borderMode=border)
    return crop if finer == 1 else cv2.resize(crop, (size, size), interpolation=cv2.INTER_AREA)

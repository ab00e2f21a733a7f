"""Procrustes alignment of a face onto a prototypical frontal one (paper B §4)."""

import cv2
import numpy as np

from kollias_affect import _checks
from kollias_affect.faces.landmarks import anchors

# Eye centres, nose tip and mouth corners of a frontal face, in units of the crop's side. Eyes and
# mouth corners lie on a square, the nose tip in its middle. dlib's points of moving, speaking faces
# scatter around these proportions. The scale keeps brows, jaw and chin inside the crop.
PROTOTYPE = np.array([[0.33, 0.32], [0.67, 0.32], [0.50, 0.49], [0.33, 0.66], [0.67, 0.66]])

_MAX_OVERSAMPLING = 8  # cells per pixel of the crop, along each axis


def prototype(size=96):
    """Returns the five anchors in pixels of a crop with side `size`, float64 `[5, 2]`."""
    return PROTOTYPE * (size - 1)


def similarity(source, target):
    """Fits the rotation, isotropic scale and translation that map `source` onto `target`.

    The least squares solution has a closed form: with points as complex numbers the map is
    `z -> a z + b`, which rotates and scales but cannot reflect.

    Args:
        source, target: Float `[points, 2]`.

    Returns:
        Float64 `[2, 3]`: `[R | t]` such that `target ~ source @ R.T + t`.

    Raises:
        ValueError: If the source points coincide or are not finite.
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
    """Warps an image so that the face lies on the prototype, and crops it.

    Pixels beyond the border of the image are black. Faces larger than the crop are shrunk by
    averaging, which avoids aliasing.

    Args:
        image: uint8 RGB `[height, width, 3]`.
        landmarks: `[68, 2]` in pixels of the image.
        size: Side of the crop in pixels.

    Returns:
        `(crop, landmarks_in_crop)`: uint8 `[size, size, 3]` and float32 `[68, 2]` in pixels of the
        crop. `normalize` maps them to [-1, 1].

    Raises:
        ValueError: If an argument has another shape, or the landmarks coincide.

    References:
        Paper B §4; Gower (1975).
    """
    size = _checks.integer_between("size", size, 2, 4096)
    image = _checks.rgb_image("image", np.asarray(image))
    landmarks = _checks.landmarks("landmarks", landmarks)
    transform = similarity(anchors(landmarks), prototype(size))
    moved = landmarks @ transform[:, :2].T + transform[:, 2]
    return warp(image, transform, size), moved.astype(np.float32)


def normalize(landmarks, size=96):
    """Maps pixels of a crop to [-1, 1]: the centres of its first and last pixels are -1 and 1."""
    return (np.asarray(landmarks) * (2 / (size - 1)) - 1).astype(np.float32)


def warp(image, transform, size, border=cv2.BORDER_CONSTANT):
    """Cuts the square crop of an affine map out of an image, without aliasing.

    Args:
        image: uint8 `[height, width]` or `[height, width, 3]`.
        transform: `[2, 3]`, from pixels of the image to pixels of the crop.
        size: Side of the crop in pixels.
        border: OpenCV's constant for pixels beyond the image. Default: black.

    Returns:
        uint8 `[size, size]` or `[size, size, 3]`.
    """
    scale = np.linalg.norm(transform[:, :2], axis=1).min()
    if scale * _MAX_OVERSAMPLING < 1:  # A very large face is shrunk first, to bound the grid below.
        shrink = scale * _MAX_OVERSAMPLING
        height, width = (max(1, round(side * shrink)) for side in image.shape[:2])
        image = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
        transform = transform.copy()
        transform[:, 2] += transform[:, :2] @ (0.5 / shrink - 0.5, 0.5 / shrink - 0.5)
        transform[:, :2] /= shrink
        scale = 1 / _MAX_OVERSAMPLING
    # Warp onto a finer grid and average its cells: bilinear sampling alone would skip pixels.
    finer = max(1, int(np.ceil(1 / scale - 1e-6)))
    fine = transform * finer
    fine[:, 2] += (finer - 1) / 2
    side = size * finer
    crop = cv2.warpAffine(image, fine, (side, side), flags=cv2.INTER_LINEAR, borderMode=border)
    return crop if finer == 1 else cv2.resize(crop, (size, size), interpolation=cv2.INTER_AREA)

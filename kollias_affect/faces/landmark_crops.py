"""Crops from the landmarks or boxes that a database brings, written once and then read.

`<crops>/<key>/` holds `00001.jpg`, `00002.jpg` and so on, named and encoded as by `extract`, and
`aligned.npz` with the times and the landmarks. The folder appears when it is complete, so an
interrupted run resumes with its current video. It is replaced only with `overwrite`.
"""

import os
import shutil
from pathlib import Path

import cv2
import numpy as np

from kollias_affect import _files, _untrusted
from kollias_affect.clip import Clip
from kollias_affect.faces import alignment
from kollias_affect.faces.crop_files import image_name, write_crop
from kollias_affect.faces.landmarks import anchors

ARRAYS = "aligned.npz"
_MAX_COORDINATE = 2**30  # pixels; larger coordinates are clipped
_MIN_EXTENT = 1e-6  # pixels; points with a smaller extent are in one place


def exists(crops, key):
    """Returns whether `make` has written the crops of `key`."""
    return (Path(crops) / key / ARRAYS).is_file()


def fits(crops, key, size, source=None):
    """Returns whether `make` has written the crops of `key` with this size and source.

    Args:
        crops: Folder of the crops of a database.
        key: Name of the folder in it.
        size: Side of the crops in pixels.
        source: Description of the source; `None` for any.
    """
    if not exists(crops, key):
        return False
    try:
        read(crops, key, size, source)
    except ValueError:
        return False
    return True


def marks_face(points):
    """Returns whether points can be those of a face.

    Args:
        points: 68 landmarks, which must not lie in one place, or the 4 corners of a box, which must
            enclose an area.
    """
    if len(points) == 4:
        return bool((np.ptp(points, axis=0) > 0).all())
    return bool(np.ptp(anchors(points), axis=0).max() > _MIN_EXTENT)


def make(crops, key, frames, points, size, source, overwrite=False):
    """Crops the face of every frame that has points.

    Args:
        crops: Folder of the crops of a database.
        key: Name of the folder in it.
        frames: Iterable of `Frame`, such as `Video`. Its `broken`, if it has one, is stored.
        points: Dict from the index of a frame to pixels `[points, 2]`, x then y, with the centre of
            the left upper pixel at (0, 0). 68 landmarks align the face; the square of the 4 corners
            of a box is cut out. Frames may differ in their number of points.
        size: Side of the crops in pixels.
        source: Description of the source of `frames`, which `read` compares.
        overwrite: Whether to replace existing crops once the new ones are complete.

    Raises:
        FileExistsError: If the folder exists and is not to be replaced.
    """
    folder = Path(crops) / key
    if folder.exists() and not (overwrite and exists(crops, key)):
        raise FileExistsError(
            f"The crops of {key!r} need the folder {folder}. It exists and is not one of finished "
            "crops. Move it away, or name another folder with `crops`."
        )
    missing = np.full((68, 2), np.nan, np.float32)
    times, has_crop, landmarks = [], [], []
    with _files.atomic_folder(folder) as temporary:
        for frame in frames:
            of_frame = points.get(frame.index) if frame.image is not None else None
            crop, moved = (None, None) if of_frame is None else _cut(frame.image, of_frame, size)
            if crop is not None:
                write_crop(temporary / image_name(frame.index), crop)
            times.append(frame.time)
            has_crop.append(crop is not None)
            landmarks.append(missing if moved is None else moved)
        arrays = {"times": np.float64(times), "found": np.array(has_crop, bool), "size": size}
        arrays["source"] = np.array(source)
        if not points or any(len(p) == 68 for p in points.values()):
            arrays["landmarks"] = np.float32(landmarks).reshape(-1, 68, 2)
        arrays["broken"] = np.array(getattr(frames, "broken", None) or "")
        np.savez(temporary / ARRAYS, **arrays)
        old = temporary.with_name(temporary.name.removesuffix(".partial") + "-old.partial")
        if overwrite and folder.exists():
            os.replace(folder, old)
    shutil.rmtree(old, ignore_errors=True)


def read(crops, key, size, source=None):
    """Reads the crops that `make` wrote.

    Args:
        crops: Folder of the crops of a database.
        key: Name of the folder in it.
        size: Required side of the crops in pixels.
        source: Required description of the source; `None` for any.

    Returns:
        `(clip, broken)`: a `Clip` of all frames without labels, with landmarks if they aligned the
        faces; and a description of where the video broke, or `""`.

    Raises:
        ValueError: If the crops have another size or source, or the file beside them is damaged.
    """
    folder = Path(crops).resolve() / key
    with _untrusted.reading(
        "Crops need the arrays that were written beside them",
        folder / ARRAYS,
        f"Remove the folder {folder}; its crops are then made again.",
    ):
        content = _untrusted.read_npz(folder / ARRAYS)
        times, has_crop = content["times"].astype(float), content["found"].astype(bool)
        stored_size, stored_source = int(content["size"]), str(content["source"])
        broken, landmarks = str(content["broken"]), content.get("landmarks")
        if times.shape != has_crop.shape or times.ndim != 1:
            raise ValueError(f"{times.shape} times for {has_crop.shape} frames")
        if landmarks is not None and landmarks.astype(float).shape != (len(times), 68, 2):
            raise ValueError(f"landmarks of shape {landmarks.shape} for {len(times)} frames")
    if stored_size != size or source not in (None, stored_source):
        raise ValueError(
            f"A folder holds crops of one size, from one source. {folder} has size={stored_size}, "
            f"from {stored_source}. Received: size={size}, from {source}. Name another folder with "
            "`crops`."
        )
    paths = [str(folder / image_name(i)) if there else "" for i, there in enumerate(has_crop, 1)]
    times = None if np.isnan(times).any() else times
    clip = Clip(key, paths, times=times, landmarks=landmarks)
    return clip, broken


def _cut(image, points, size):
    """Returns the crop, and its landmarks in [-1, 1]; `None` in place of what there is not."""
    if not marks_face(points):
        return None, None
    if len(points) == 4:
        return _square(image, points, size), None
    try:
        crop, moved = alignment.align(image, points, size)
    except ValueError:  # The points are so far away that numbers overflow.
        return None, None
    return crop, alignment.normalize(moved, size)


def _square(image, corners, size):
    """Returns the square around a box, black outside the image; `None` if it lies outside."""
    low, high = corners.min(axis=0), corners.max(axis=0)
    side = (high - low).max()
    # Points are centres of pixels; slices count edges of pixels.
    start = (low + high - side) / 2 + 0.5
    start = np.clip(start, -_MAX_COORDINATE, _MAX_COORDINATE).round().astype(int)
    side = max(1, round(min(side, _MAX_COORDINATE)))
    limits = np.array(image.shape[1::-1])
    first, last = np.clip(start, 0, limits), np.clip(start + side, 0, limits)
    if not (last > first).all():
        return None
    visible = image[first[1] : last[1], first[0] : last[0]]
    # It is shrunk before it is placed, because a box may be far larger than the image.
    (x, y) = ((first - start) * size // side).clip(0, size - 1)
    width, height = np.maximum(1, ((last - start) * size // side) - (x, y))
    interpolation = cv2.INTER_AREA if side > size else cv2.INTER_LINEAR
    crop = np.zeros((size, size, 3), np.uint8)
    crop[y : y + height, x : x + width] = cv2.resize(
        visible, (int(width), int(height)), interpolation=interpolation
    )
    return crop

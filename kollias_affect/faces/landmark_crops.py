"""Crops cut by the landmarks or boxes that a database brings, made once and then read.

`<crops>/<key>/` holds `00001.jpg` … as `faces.extract` names and encodes them, and `aligned.npz`
with the times and the landmarks. The folder appears when it is complete, so an interrupted run
goes on with the video that it was at. It is made again only with `overwrite`.
"""

import os
import shutil
import zipfile
from pathlib import Path

import cv2
import numpy as np

from kollias_affect import _files, faces
from kollias_affect.clip import Clip
from kollias_affect.faces.work import JPEG_QUALITY, image_name

ARRAYS = "aligned.npz"
_FARTHEST = 2**30  # pixels; what lies further out is as far as this
_SMALLEST = 1e-6  # pixels; what lies closer together is in one place


def exists(crops, key):
    """Whether `make` has made the crops of `key`."""
    return (Path(crops) / key / ARRAYS).is_file()


def fits(crops, key, size, source=None):
    """Whether `make` has made the crops of `key` of this size and, if named, from `source`."""
    if not exists(crops, key):
        return False
    try:
        read(crops, key, size, source)
    except ValueError:
        return False
    return True


def marks_face(points):
    """Whether 68 landmarks do not lie in one place, or the 4 corners of a box enclose an area."""
    if len(points) == 4:
        return bool((np.ptp(points, axis=0) > 0).all())
    return bool(np.ptp(faces.anchors(points), axis=0).max() > _SMALLEST)


def make(crops, key, frames, points, size, source, overwrite=False):
    """Cuts the face out of every frame that has points.

    Args:
        crops: folder of the crops of a database.
        key: name of the folder in it.
        frames: iterable of `faces.Frame`, such as `faces.Video`; its `broken`, if it has one, is
            kept.
        points: dict from the index of a frame to pixels `[points, 2]`, x then y, the centre of the
            left upper pixel at (0, 0): 68 landmarks, by which the face is aligned, or the 4
            corners of its box, whose square is cut out. Frames may differ in that.
        size: side of the crops.
        source: text that tells what `frames` are from; `read` compares it.
        overwrite: replace crops that were made here before, once the new ones are complete.

    Raises:
        FileExistsError: if the folder is there and is not to be replaced.
    """
    folder = Path(crops) / key
    if folder.exists() and not (overwrite and exists(crops, key)):
        raise FileExistsError(
            f"The crops of {key!r} need the folder {folder}. It exists and is not one of finished "
            "crops. Move it away, or name another folder with `crops`."
        )
    nothing = np.full((68, 2), np.nan, np.float32)
    times, found, landmarks = [], [], []
    with _files.atomic_folder(folder) as temporary:
        for frame in frames:
            here = points.get(frame.index) if frame.image is not None else None
            crop, moved = (None, None) if here is None else _cut(frame.image, here, size)
            if crop is not None:
                _write(temporary / image_name(frame.index), crop)
            times.append(frame.time)
            found.append(crop is not None)
            landmarks.append(nothing if moved is None else moved)
        arrays = {"times": np.float64(times), "found": np.array(found, bool), "size": size}
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
    """What `make` made, of this size and, unless it is `None`, from this source.

    Returns:
        `(clip, broken)`: a `Clip` of all frames without labels, with landmarks if the faces were
        aligned by them; where the video broke, or `""`.

    Raises:
        ValueError: if the crops have another size or source, or the file beside them is damaged.
    """
    folder = Path(crops).resolve() / key
    try:
        with np.load(folder / ARRAYS, allow_pickle=False) as arrays:
            content = dict(arrays)
        times, found = content["times"], content["found"]
        made = (int(content["size"]), str(content["source"]))
    except (ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(
            f"Crops need the arrays that were written beside them. Received: {folder / ARRAYS} "
            f"({error}). Remove the folder {folder}; its crops are then made again."
        ) from error
    if made != (size, made[1] if source is None else source):
        raise ValueError(
            f"A folder holds crops of one size, from one source. {folder} has size={made[0]}, from "
            f"{made[1]}. Received: size={size}, from {source}. Name another folder with `crops`."
        )
    paths = [str(folder / image_name(i)) if here else "" for i, here in enumerate(found, 1)]
    times = None if np.isnan(times).any() else times
    clip = Clip(key, paths, times=times, landmarks=content.get("landmarks"))
    return clip, str(content["broken"])


def _cut(image, points, size):
    """Crop, and landmarks in [-1, 1] of it or `None`; `(None, None)` if the points mark no face."""
    if not marks_face(points):
        return None, None
    if len(points) == 4:
        return _square(image, points, size), None
    try:
        crop, moved = faces.align(image, points, size)
    except ValueError:  # so far away that numbers overflow
        return None, None
    return crop, faces.normalize(moved, size)


def _square(image, corners, size):
    """The square around a box, black where it leaves the image; `None` if it shows nothing."""
    low, high = corners.min(axis=0), corners.max(axis=0)
    side = (high - low).max()
    # From centres of pixels to their edges, which is what slices count.
    start = np.clip((low + high - side) / 2 + 0.5, -_FARTHEST, _FARTHEST).round().astype(int)
    side = max(1, round(min(side, _FARTHEST)))
    limits = np.array(image.shape[1::-1])
    first, last = np.clip(start, 0, limits), np.clip(start + side, 0, limits)
    if not (last > first).all():
        return None
    visible = image[first[1] : last[1], first[0] : last[0]]
    # Shrunk before it is placed: a box may be far larger than the image.
    (x, y) = ((first - start) * size // side).clip(0, size - 1)
    width, height = np.maximum(1, ((last - start) * size // side) - (x, y))
    way = cv2.INTER_AREA if side > size else cv2.INTER_LINEAR
    crop = np.zeros((size, size, 3), np.uint8)
    crop[y : y + height, x : x + width] = cv2.resize(
        visible, (int(width), int(height)), interpolation=way
    )
    return crop


def _write(path, image):
    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    quality = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
    path.write_bytes(cv2.imencode(".jpg", bgr, quality)[1].tobytes())

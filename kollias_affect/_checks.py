"""Checks of arguments. Their messages state the rule, the value received and the remedy."""

import math
import numbers
import os
from pathlib import Path

import numpy as np


def one_of(name, value, options):
    """Returns `value` if it is one of `options`, else raises `ValueError` naming them."""
    options = tuple(options)
    if value not in options:
        raise ValueError(
            f"`{name}` must be one of {options}. Received: {name}={value!r}. Choose one of them."
        )
    return value


def positive_integer(name, value):
    """Returns `value` as an `int` of at least 1, else raises `ValueError`."""
    if not _is_integer(value) or value < 1:
        raise ValueError(
            f"`{name}` must be an integer of at least 1. Received: {name}={value!r}. Use 1 or more."
        )
    return int(value)


def integer_between(name, value, least, most):
    """Returns `value` as an `int` in [least, most], else raises `ValueError`."""
    if not _is_integer(value) or not least <= value <= most:
        raise ValueError(
            f"`{name}` must be an integer from {least} to {most}. Received: {name}={value!r}. "
            "Choose one in between."
        )
    return int(value)


def number_between(name, value, least, most):
    """Returns `value` as a `float` in (least, most], else raises `ValueError`."""
    if not isinstance(value, numbers.Real) or not least < value <= most:
        raise ValueError(
            f"`{name}` must be a number above {least} and at most {most}. Received: "
            f"{name}={value!r}. Choose one in between."
        )
    return float(value)


def share(name, value):
    """Returns `value` as a `float` in [0, 1), else raises `ValueError`."""
    if not isinstance(value, numbers.Real) or not 0 <= value < 1:
        raise ValueError(
            f"`{name}` must be a share of at least 0 and below 1. Received: {name}={value!r}. "
            "Choose one in between."
        )
    return float(value)


def rgb_image(name, image):
    """Returns `image` if it is a uint8 RGB array, else raises `ValueError`."""
    kind, shape = getattr(image, "dtype", type(image)), getattr(image, "shape", ())
    if kind != np.uint8 or len(shape) != 3 or shape[2] != 3 or 0 in shape:
        raise ValueError(
            f"`{name}` must be uint8 RGB of shape [height, width, 3]. Received: {kind} of shape "
            f"{shape}. Convert it first (drop alpha, repeat grey)."
        )
    return image


def landmarks(name, points):
    """Returns `points` as float64 if they are the landmarks of a face, else raises `ValueError`."""
    points = np.asarray(points, np.float64)
    if points.shape != (68, 2) or not np.isfinite(points).all():
        raise ValueError(
            f"`{name}` must be finite and of shape (68, 2). Received: shape {points.shape}, "
            f"{int((~np.isfinite(points)).sum())} not finite. Give what "
            "`kollias_affect.faces.find_landmarks` returns, and leave frames without a face out."
        )
    return points


def _is_integer(value):
    real = isinstance(value, numbers.Real) and not isinstance(value, bool)
    return real and math.isfinite(value) and value == int(value)


def existing_file(name, path):
    """Returns `path` as a `Path` to a non-empty file, else raises an `OSError` or `ValueError`."""
    path = Path(path)
    if path.is_dir():
        raise IsADirectoryError(
            f"`{name}` must be a file. Received: the folder {path}. Name a file inside it."
        )
    if not path.is_file():
        raise FileNotFoundError(
            f"`{name}` must be an existing file. Received: {path}, which does not exist "
            f"(looked from {Path.cwd()}). Check the path."
        )
    if path.stat().st_size == 0:
        raise ValueError(
            f"`{name}` must not be empty. Received: {path}, which has 0 bytes. Copy or download "
            "it again."
        )
    return path


def writable_folder(name, path):
    """Creates the folder `path` and returns it, or raises an `OSError` with the remedy."""
    path = Path(path)
    remedy = f"`{name}` must be a folder that can be written. Received: {path}"
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OSError(f"{remedy} ({error.strerror}). Choose another folder.") from error
    if not os.access(path, os.W_OK | os.X_OK):
        raise PermissionError(f"{remedy} (permission denied). Choose another folder.")
    return path


def inside(root, relative):
    """Returns `root / relative` as a normal path, refusing paths that leave `root`.

    Links inside `root` belong to the user and may point anywhere.
    """
    root = Path(os.path.abspath(root))
    path = Path(os.path.normpath(root / relative))
    if not path.is_relative_to(root):
        raise ValueError(
            f"Paths inside a data file must stay under its folder {root}. Received: {relative!r}. "
            "Write paths relative to that folder, or name the folder that holds the images."
        )
    return path

"""The mean image of published weights: in their file, or in a file of Caffe."""

from pathlib import Path

import numpy as np

from kollias_affect import _checks
from kollias_affect.weights import arrays

_DATA = 5  # field of Caffe's `BlobProto`; 1 to 4 are num, channels, height and width


def mean_image(path):
    """Reads the mean image of a file of weights, or of Caffe's file of a mean image.

    Importers fold the mean colour into the first convolution. A mean image differs from place to
    place, which a convolution cannot express; `transfer.network` subtracts the difference.

    Args:
        path: File of published weights, of which `.mat` files of MatConvNet can have a mean image,
            `averageImage`; or Caffe's `imagenet_mean.binaryproto`.

    Returns:
        float32 `[height, width, 3]`, RGB in 0-255; `None` if the file has none, or a mean colour.

    Raises:
        OSError: If the file does not exist.
        ValueError: If it is damaged.

    References: Chatfield et al. (2014); Krizhevsky et al. (2012) §2; Caffe's `caffe.proto`.
    """
    path = _checks.existing_file("path", path)
    if Path(path).suffix == ".binaryproto":
        return _of_caffe(path)
    if arrays.kind(path) != "mat":
        return None
    _, average = arrays.read_matconvnet_layers(path)
    if average is None or np.ndim(average) != 3 or np.shape(average)[:2] == (1, 1):
        return None
    return np.asarray(average, "float32")


def _of_caffe(path):
    """Reads a `BlobProto` of BGR, channels first."""
    rule = f"`path` must be a mean image that Caffe saved. Received: {path}"
    try:
        sizes, values = _blob(Path(path).read_bytes())
        image = values.reshape([sizes[field] for field in (2, 3, 4)])
        if image.shape[0] != 3 or not np.isfinite(image).all():
            raise ValueError(f"shape {image.shape}")
    except (IndexError, KeyError, ValueError) as error:
        raise ValueError(f"{rule}, which is damaged ({error}). Download it again.") from error
    return np.ascontiguousarray(image[::-1].transpose(1, 2, 0), "float32")


def _blob(content):
    """Returns the whole numbers of a protobuf message by field, and the floats of `data`.

    The floats are packed into one entry, or one entry each, as the version of Caffe wrote them.
    """
    numbers, floats, place = {}, [], 0
    while place < len(content):
        key, place = _varint(content, place)
        field, kind = key >> 3, key & 7
        if kind == 0:
            numbers[field], place = _varint(content, place)
            continue
        if kind == 2:
            length, place = _varint(content, place)
        elif kind in (1, 5):
            length = 8 if kind == 1 else 4
        else:
            raise ValueError(f"entry of kind {kind}")
        part = content[place : place + length]
        if len(part) < length:
            raise ValueError("it ends too early")
        if field == _DATA:
            floats.append(part)
        place += length
    return numbers, np.frombuffer(b"".join(floats), "<f4")


def _varint(content, place):
    value, shift = 0, 0
    while True:
        byte = content[place]
        value |= (byte & 127) << shift
        place, shift = place + 1, shift + 7
        if byte < 128:
            return value, place

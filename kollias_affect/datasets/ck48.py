"""CK+ (Lucey et al., 2010) as one h5 file of grey faces, 48 x 48 pixels.

Layout: an h5 file with `data_pixel` and `data_label`. Three consecutive rows are the last three
frames of a sequence of CK+.

Labels: one expression per sequence. The file numbers anger, disgust, fear, happiness, sadness,
surprise and contempt from 0 to 6.

Faces: the images are cropped faces already.

Subjects: every sequence is a subject of its own, because the file does not name the persons. A
person of CK+ has several sequences, so a split of these clips is not person-independent.
"""

import h5py
import numpy as np

from kollias_affect import _checks, _untrusted
from kollias_affect.clip import Clip
from kollias_affect.datasets import _archives, _reading
from kollias_affect.datasets._report import LoadReport
from kollias_affect.tasks import EXPRESSIONS

# The file's numbers, in order.
CLASSES = ("anger", "disgust", "fear", "happiness", "sadness", "surprise", "contempt")
SIDE = 48
FRAMES = 3  # per sequence
LAYOUT = "an h5 file with data_pixel, uint8 [n, 48, 48], and data_label, [n], or its folder"


def load(root, split=None, contempt=None, unpack_to=None):
    """Reads CK+; each sequence of three frames is one clip.

    Args:
        root: H5 file, or folder that holds one. Its images are unpacked once.
        split: `None`, as the file has no parts.
        contempt: Name in `EXPRESSIONS` for sequences of contempt. Default: they are left out.
        unpack_to: Folder for the images. Default: a folder in the package's cache.

    Returns:
        `Clips` with `expression`, sorted by key.

    Raises:
        FileNotFoundError: If `root` does not hold the database.
        ValueError: If the file is malformed, or an argument unknown.
    """
    _checks.one_of("split", split, (None,))
    if contempt is not None:
        _checks.one_of("contempt", contempt, EXPRESSIONS)
    report = LoadReport("ck48", root, split, LAYOUT)
    path = _file(report)
    pixels, labels = _read(path)
    folder = _archives.unpack(path, lambda to: _archives.write_images(pixels, to), unpack_to)
    clips = []
    for start in range(0, len(labels), FRAMES):
        name = CLASSES[labels[start]]
        expression = contempt if name == "contempt" else name
        key = f"sequence{start // FRAMES + 1:03d}"
        if name == "contempt":
            treatment = f"read as {contempt}" if contempt else "left out"
            report.note(f"sequences of contempt, {treatment}", key)
        if expression is not None:
            paths = [str(_archives.image_path(folder, row)) for row in range(start, start + FRAMES)]
            clips.append(Clip(key, paths, expression=[EXPRESSIONS.index(expression)] * FRAMES))
    return report.finish(clips)


def _file(report):
    if report.root.is_file():
        return report.root
    files = _reading.files(report.root, (".h5",))
    if len(files) != 1:
        raise FileNotFoundError(report.expected(f"which has {len(files)} files ending in .h5"))
    return files[0]


def _read(path):
    path = _checks.existing_file("root", path)
    with _untrusted.reading(f"CK+ is read from {LAYOUT}", path, "Copy it again."):
        left = path.stat().st_size
        with h5py.File(path, "r") as file:
            for name in ("data_pixel", "data_label"):
                if not isinstance(file[name], h5py.Dataset):
                    raise ValueError(f"{name} is no array")
                left -= _untrusted.check_hdf5(file[name], left)
            pixels, labels = file["data_pixel"][()], file["data_label"][()]
    labels = np.asarray(labels).reshape(-1)
    if not _are_sequences(pixels, labels):
        raise ValueError(
            "CK+ has uint8 images of 48 x 48 pixels and one label from 0 to 6 for each, three "
            f"times the same. Received: {path} with {pixels.dtype} {pixels.shape} and labels "
            f"{labels.shape} such as {labels[:6].tolist()}. Copy it again."
        )
    return pixels, labels.astype(np.int64)


def _are_sequences(pixels, labels):
    return (
        pixels.dtype == np.uint8
        and pixels.shape == (len(labels), SIDE, SIDE)
        and len(labels) % FRAMES == 0
        and np.isin(labels, range(len(CLASSES))).all()
        and (labels.reshape(-1, FRAMES) == labels[::FRAMES, None]).all()
    )

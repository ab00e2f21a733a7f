"""CK+ as one h5 file of 48 x 48 grey faces: `data_pixel` and `data_label`.

The file numbers 0 anger, 1 disgust, 2 fear, 3 happiness, 4 sadness, 5 surprise, 6 contempt. Its
rows come in threes, the last three frames of a sequence of CK+ (Lucey et al., 2010).
"""

import h5py
import numpy as np

from kollias_affect import _checks
from kollias_affect.clip import Clip
from kollias_affect.datasets import _archives, _reading
from kollias_affect.datasets._report import LoadReport
from kollias_affect.tasks import EXPRESSIONS

CLASSES = ("anger", "disgust", "fear", "happiness", "sadness", "surprise", "contempt")
SIDE = 48
FRAMES = 3  # per sequence
LAYOUT = "an h5 file with data_pixel, uint8 [n, 48, 48], and data_label, [n], or its folder"


def load(root, split=None, contempt=None, unpack_to=None):
    """Reads CK+; each sequence of three frames is a clip and a subject of its own.

    The file does not say who is seen. Persons of CK+ have several sequences, so that a split of
    these clips is not one by person.

    Args:
        root: h5 file, or folder that holds one. Its images are unpacked once.
        split: `None`; the file has no parts.
        contempt: expression that its sequences count as. Default: they are left out.
        unpack_to: folder for the images. Default: in the package's cache folder.

    Returns:
        list of `Clip` with `expression`.

    Raises:
        FileNotFoundError, ValueError: if the file is missing or malformed, an argument unknown.
    """
    _checks.one_of("split", split, (None,))
    if contempt is not None:
        _checks.one_of("contempt", contempt, EXPRESSIONS)
    report = LoadReport("ck48", root, split, LAYOUT)
    path = _file(report)
    pixels, labels = _read(path)
    folder = _archives.unpacked(path, lambda to: _write_images(pixels, to), unpack_to)
    clips = []
    for start in range(0, len(labels), FRAMES):
        name = CLASSES[labels[start]]
        mapped = contempt if name == "contempt" else name
        key = f"sequence{start // FRAMES + 1:03d}"
        if name == "contempt":
            what = "left out" if mapped is None else f"taken as {mapped}"
            report.note(f"sequences of contempt, {what}", key)
        if mapped is not None:
            paths = [str(folder / f"{row:05d}.png") for row in range(start, start + FRAMES)]
            clips.append(Clip(key, paths, expression=[EXPRESSIONS.index(mapped)] * FRAMES))
    return report.finish(clips)


def _file(report):
    if report.root.is_file():
        return report.root
    found = _reading.files(report.root, (".h5",))
    if len(found) != 1:
        raise FileNotFoundError(report.expected(f"which has {len(found)} files ending in .h5"))
    return found[0]


def _read(path):
    _checks.existing_file("root", path)
    try:
        with h5py.File(path, "r") as file:
            pixels, labels = file["data_pixel"][()], file["data_label"][()]
    except (OSError, KeyError, TypeError) as error:  # TypeError: a group in place of an array
        raise ValueError(
            f"CK+ is read from {LAYOUT}. Received: {path} ({error}). Copy it again."
        ) from error
    labels = np.asarray(labels).reshape(-1)
    if (
        pixels.dtype != np.uint8
        or pixels.shape != (len(labels), SIDE, SIDE)
        or len(labels) % FRAMES
        or not np.isin(labels, range(len(CLASSES))).all()
        or (labels.reshape(-1, FRAMES) != labels[::FRAMES, None]).any()
    ):
        raise ValueError(
            "CK+ has uint8 pictures of 48 x 48 and as many labels from 0 to 6, in threes of one "
            f"label. Received: {path} with {pixels.dtype} {pixels.shape} and labels "
            f"{labels.shape} such as {labels[:6].tolist()}. Copy it again."
        )
    return pixels, labels.astype(np.int64)


def _write_images(pixels, folder):
    import cv2

    for row, image in enumerate(pixels):
        (folder / f"{row:05d}.png").write_bytes(cv2.imencode(".png", image)[1].tobytes())

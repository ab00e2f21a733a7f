"""Photographs for the benchmarks of detectors: a seeded sample of the files of a tar archive."""

import io
import random
import tarfile

import numpy as np
import PIL.Image


def sample(archive, number, seed):
    """Returns `number` images of a tar archive as uint8 RGB arrays.

    The files are shuffled once. Sample `seed` is the part from `seed * number` on, so samples of
    one size with different seeds have no picture in common.
    """
    with tarfile.open(archive) as tar:
        names = sorted(n for n in tar.getnames() if n.lower().endswith((".jpg", ".jpeg", ".png")))
        random.Random(0).shuffle(names)
        chosen = names[seed * number : (seed + 1) * number]
        return [_read(tar.extractfile(name)) for name in chosen]


def _read(file):
    return np.asarray(PIL.Image.open(io.BytesIO(file.read())).convert("RGB"))

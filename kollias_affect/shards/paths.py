"""Paths of frames in a few bytes each."""

import os
from collections.abc import Sequence

import numpy as np


class FramePaths(Sequence):
    """Paths that start alike, as a sequence of texts that takes some ten bytes a path.

    A list of texts takes more than a hundred bytes a path, which is too much for ten million.

    Args:
        start: What all paths start with, such as `"crops/105/"`.
        names: What follows, bytes `[frames]`, empty where a frame has no image.

    Examples:

    >>> paths = FramePaths("crops/105/", [b"00001.jpg", b"", b"00003.jpg"])
    >>> paths[0], paths[1], len(paths[1:])
    ('crops/105/00001.jpg', '', 2)
    >>> paths == ["crops/105/00001.jpg", "", "crops/105/00003.jpg"]
    True
    """

    def __init__(self, start, names):
        self.start = start
        # Longer types than needed would follow their array through slices and copies.
        names = np.asarray(names, np.bytes_)
        self.names = names.reshape(-1)

    @property
    def has_image(self):
        """Booleans `[frames]`, true where the path is not empty."""
        return self.names != b""

    def take(self, rows):
        """Returns the paths at some positions."""
        return FramePaths(self.start, self.names[rows])

    def __len__(self):
        return len(self.names)

    def __getitem__(self, index):
        if isinstance(index, slice):
            return self.take(index)
        name = self.names[index]
        return self.start + os.fsdecode(bytes(name)) if name else ""

    def __iter__(self):
        start = self.start
        return (start + os.fsdecode(name) if name else "" for name in self.names.tolist())

    def __eq__(self, other):
        if not isinstance(other, Sequence) or isinstance(other, str):
            return NotImplemented
        return list(self) == list(other)

    __hash__ = None

    def __repr__(self):
        return f"FramePaths({self.start!r}, {len(self)} names)"


def common_paths(paths):
    """Returns any sequence of paths as `FramePaths`, which start with their common folder.

    Args:
        paths: Sequence of texts, or `FramePaths`, which are returned.

    Examples:

    >>> common_paths(["crops/105/1.jpg", "", "crops/105/2.jpg"])
    FramePaths('crops/105/', 3 names)
    """
    if isinstance(paths, FramePaths):
        return paths
    given = [os.fspath(path) for path in paths]
    known = [path for path in given if path]
    first, last = (min(known), max(known)) if known else ("", "")
    start = os.path.commonprefix([first, last])  # noqa: RUF071 - folders are cut off below
    start = start[: start.rfind("/") + 1]
    return FramePaths(start, [os.fsencode(path[len(start) :]) if path else b"" for path in given])

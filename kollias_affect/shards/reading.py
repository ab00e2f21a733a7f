"""Reading of pictures that are files or lie in shards."""

import io
import os
import zlib

import numpy as np

from kollias_affect import _untrusted
from kollias_affect.shards.catalog import index_of, place_of
from kollias_affect.shards.index import REMEDY
from kollias_affect.shards.paths import FramePaths, common_paths

_TOGETHER = 64  # pictures in memory
_LARGEST_GAP = 2  # of the bytes that are wanted: what one read of neighbours may take in addition


def read_bytes(path):
    """Returns the content of a picture.

    Args:
        path: Path of a file, or of a picture in a shard.

    Raises:
        OSError: If the file or the shard cannot be read.
        FileNotFoundError: If the shard has no such picture.
        ValueError: If the picture differs from its checksum.
    """
    return next(contents([path]))


def opened(path):
    """Returns a picture as a binary file that is open for reading."""
    return open(path, "rb") if place_of(path) is None else io.BytesIO(read_bytes(path))


def contents(paths):
    """Yields the content of each picture, empty for an empty path.

    Args:
        paths: Sequence of paths, or `FramePaths`.
    """
    reader = Reader([paths])
    for start in range(0, len(paths), _TOGETHER):
        yield from reader.read(range(start, min(start + _TOGETHER, len(paths))))


def state(path):
    """Returns size (bytes) and modification time (ns) of a picture; zeros for an empty path."""
    if not path:
        return 0, 0
    place = place_of(path)
    if place is None:
        status = os.stat(path)
        return status.st_size, status.st_mtime_ns
    index, row = _found(place)
    return int(index.sizes[row]), int(index.times[row]) * 10**9


def _found(place):
    shard, name = place
    index = index_of(shard)
    row = int(index.find(np.array([os.fsencode(name)], np.bytes_))[0])
    if row < 0:
        raise _missing(shard, name)
    return index, row


def _missing(shard, name):
    return FileNotFoundError(
        f"A picture must be in its shard. Received: {name}, which is not in {shard}. {REMEDY}"
    )


def _content(path):
    """Returns the content of one picture; a shard is searched for it."""
    place = place_of(path)
    if place is not None:
        return Reader([FramePaths(path[: -len(place[1])], [os.fsencode(place[1])])]).read([0])[0]
    with open(path, "rb") as file:
        return file.read()


class Reader:
    """Reads the frames of clips, some of which lie in shards, by their positions.

    It holds some 20 bytes a frame and no open file, so that threads share it.

    Args:
        parts: List of the paths of each clip.

    Raises:
        FileNotFoundError: If a shard lacks a picture.
    """

    def __init__(self, parts):
        self._parts = [common_paths(part) for part in parts]
        self._ends = np.cumsum([len(part) for part in self._parts])
        places = [place_of(part.start + "x") for part in self._parts]
        self._shards = [None if place is None else place[0] for place in places]
        spans = [self._span(*pair) for pair in zip(self._parts, places, strict=True)]
        self._offsets, self._sizes, self._checks = map(np.concatenate, zip(*spans, strict=True))

    @property
    def uses_shards(self):
        """Whether a frame lies in a shard."""
        names = (part.names for part in self._parts)
        return any(self._shards) or any(b".tar/" in b"\n".join(n.tolist()) for n in names)

    @staticmethod
    def _span(paths, place):
        """Returns position, size and CRC-32 of each frame; -1 bytes for a file of its own."""
        has_image = paths.has_image
        if place is None:
            sizes = np.where(has_image, -1, 0)
            return np.zeros(len(paths), np.int64), sizes, np.zeros(len(paths), np.uint32)
        index = index_of(place[0])
        before = os.fsencode(place[1][:-1])
        rows = index.find(np.char.add(before, paths.names)) if len(paths) else np.empty(0, int)
        missing = np.flatnonzero((rows < 0) & has_image)
        if len(missing):
            raise _missing(place[0], os.fsdecode(before + paths.names[missing[0]]))
        rows = np.where(has_image, rows, 0)
        return (
            np.where(has_image, index.offsets[rows], 0),
            np.where(has_image, index.sizes[rows], 0),
            index.checks[rows],
        )

    def read(self, rows):
        """Returns the contents of frames as bytes, empty for a frame without an image.

        Args:
            rows: Positions among the frames of all clips.

        Raises:
            OSError: If a file cannot be read.
            ValueError: If a picture differs from its checksum.
        """
        rows = np.asarray(rows)
        numbers = np.searchsorted(self._ends, rows, side="right")
        result = [b""] * len(rows)
        for number in dict.fromkeys(numbers.tolist()):
            chosen = np.flatnonzero(numbers == number)
            if self._shards[number] is None:
                part, start = self._parts[number], self._ends[number] - len(self._parts[number])
                for i in chosen.tolist():
                    path = part[int(rows[i] - start)]
                    result[i] = _content(path) if path else b""
            else:
                self._read_shard(number, rows[chosen], chosen.tolist(), result)
        return result

    def _read_shard(self, number, rows, places, result):
        offsets, sizes = self._offsets[rows], self._sizes[rows]
        first, last = int(offsets[sizes > 0].min(initial=2**62)), int((offsets + sizes).max())
        together = 0 <= last - first <= _LARGEST_GAP * int(sizes.sum())
        with open(self._shards[number], "rb") as file:
            if together:
                file.seek(first)
                block = file.read(last - first)
            for i, row, offset, size in zip(
                places, rows.tolist(), offsets.tolist(), sizes.tolist(), strict=True
            ):
                if together:
                    content = block[offset - first : offset - first + size] if size else b""
                else:
                    file.seek(offset)
                    content = file.read(size)
                if size and zlib.crc32(content) != self._checks[row]:
                    raise self._damaged(number, row)
                result[i] = content

    def _damaged(self, number, row):
        part = self._parts[number]
        path = part[int(row - self._ends[number] + len(part))]
        return _untrusted.UnreadableError(
            f"A picture in a shard must be whole. Received: {path}, which differs from its "
            f"checksum. {REMEDY}"
        )

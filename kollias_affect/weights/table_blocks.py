"""The blocks of a table in the format of LevelDB: whether the file holds what they claim.

TensorFlow keeps the names of a checkpoint's variables in such a table (`model.ckpt.index`, or the
single file of old checkpoints) and allocates the sizes of its blocks before it reads them.

References: LevelDB, *Table file format* (doc/table_format.md of its repository).
"""

import mmap
from pathlib import Path

from kollias_affect import _untrusted

_FOOTER = 48  # bytes: two handles, padding and the magic number
_MAGIC = bytes.fromhex("57fb808b247547db")
_TRAILER = 5  # bytes behind each block: the kind of its compression, and a checksum


def check(path):
    """Raises `UnreadableError` if a block of a table is larger than its file.

    Blocks of a compressed index are not followed.
    """
    if Path(path).stat().st_size < _FOOTER:
        raise _untrusted.UnreadableError("it is too short for a table")
    # A file of old checkpoints holds the weights, too: only its blocks are read.
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        _check_blocks(content)


def _check_blocks(content):
    if content[-len(_MAGIC) :] != _MAGIC:
        raise _untrusted.UnreadableError("it does not end as a table does")
    _, place = _block(content, len(content) - _FOOTER)
    (start, end), _ = _block(content, place)
    if content[end]:
        return
    for place in _values(content, start, end):
        _block(content, place)


def _block(content, place):
    """Returns `((start, end), next place)` of a block from its handle."""
    start, place = _number(content, place)
    size, place = _number(content, place)
    _untrusted.check_claim(start + size + _TRAILER, len(content), "a block")
    return (start, start + size), place


def _values(content, start, end):
    """Yields the places of the values of a block: the handles of others, in an index."""
    restarts = int.from_bytes(content[max(start, end - 4) : end], "little")
    _untrusted.check_claim(4 * (restarts + 1), end - start, "a block")
    end -= 4 * (restarts + 1)
    while start < end:
        _, start = _number(content, start)  # bytes of the key before
        others, start = _number(content, start)
        size, start = _number(content, start)
        yield start + others
        start += others + size


def _number(content, place):
    """Returns a whole number of seven bits a byte, and the place behind it."""
    number = 0
    for position, byte in enumerate(content[place : place + 10]):
        number |= (byte & 127) << 7 * position
        if byte < 128:
            return number, place + position + 1
    raise _untrusted.UnreadableError("it ends within a number")

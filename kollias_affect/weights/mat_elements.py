"""The elements of a MATLAB file of version 5 to 7: whether their sizes and types are possible.

SciPy allocates what an element claims, up to 4 GiB each, and looks types up in a table without
bounds: a type that does not exist ends the process.

References: MathWorks, *MAT-File Format* (2019), chapter 1.
"""

import struct
import zlib
from pathlib import Path

from kollias_affect import _untrusted

_HEADER = 128
_MATRIX, _COMPRESSED = 14, 15
_NUMBERS = {*range(1, 8), 9, 12, 13, 16, 17, 18}  # texts included; 8, 10 and 11 are reserved
_OF_MATRICES = {1, 2, 3, 16, 17}  # classes of arrays: cell, struct, object, function, opaque
_MAX_DEPTH = 50


def check(path):
    """Raises `UnreadableError` if an element of a `.mat` file is larger than what is around it."""
    content = Path(path).read_bytes()
    order = ">" if content[126:128] == b"MI" else "<"
    place = _HEADER
    while place + 8 <= len(content):
        kind, start, end, place = _element(content, place, len(content), order)
        if kind == _COMPRESSED:
            place = end  # These are not padded.
            _check_compressed(content[start:end], order)
        elif kind == _MATRIX:
            _check_matrix(content, start, end, order, 0)


def _check_compressed(packed, order):
    limit = _untrusted.unpacked_limit(len(packed))
    unpacker = zlib.decompressobj()
    content = unpacker.decompress(packed, limit)
    if unpacker.unconsumed_tail:
        raise _untrusted.UnreadableError(f"an element of {len(packed):,} bytes becomes too large")
    kind, start, end, _ = _element(content, 0, len(content), order)
    if kind == _MATRIX:
        _check_matrix(content, start, end, order, 0)


def _check_matrix(content, start, end, order, depth):
    if depth > _MAX_DEPTH:
        raise RecursionError
    place = start
    holds_numbers = _class_of(content, start, end, order) not in _OF_MATRICES
    while place + 8 <= end:
        kind, inner, inner_end, place = _element(content, place, end, order)
        if kind not in _NUMBERS and (kind != _MATRIX or holds_numbers):
            raise _untrusted.UnreadableError(f"an element in an array has the type {kind}")
        if kind == _MATRIX:
            _check_matrix(content, inner, inner_end, order, depth + 1)


def _class_of(content, start, end, order):
    """Returns the class of an array, which its first element names; 0 if there is none."""
    if start + 12 > end:
        return 0
    return struct.unpack_from(f"{order}I", content, start + 8)[0] & 0xFF


def _element(content, place, limit, order):
    """Returns `(kind, start, end, place of the next one)` of an element."""
    if place + 8 > len(content):
        raise _untrusted.UnreadableError("it ends in the head of an element")
    kind, size = struct.unpack_from(f"{order}II", content, place)
    start = place + 8
    if kind >> 16:  # small: up to four bytes in the head itself
        kind, size, start = kind & 0xFFFF, kind >> 16, place + 4
        _untrusted.check_claim(size, 4, "a small element")
        return kind, start, start + size, place + 8
    _untrusted.check_claim(size, limit - start, "an element")
    return kind, start, start + size, min(limit, start + size + -size % 8)

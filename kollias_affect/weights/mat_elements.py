"""The elements of a MATLAB file of version 5 to 7: whether their sizes, types and numbers fit.

SciPy allocates what an element or an array claims. It reads the elements of nested arrays one after
the other, without their ends, and looks types up in a table without bounds: an element that is
missing or has a type that does not exist ends the process.

References: MathWorks, *MAT-File Format* (2019), chapter 1.
"""

import math
import struct
import zlib
from pathlib import Path

from kollias_affect import _untrusted

_HEADER = 128
_MATRIX, _COMPRESSED = 14, 15
_INTEGERS, _FLAGS = {5, 6}, 6
_NUMBERS = {*range(1, 8), 9, 12, 13, 16, 17, 18}  # texts included; 8, 10 and 11 are reserved
_CELL, _STRUCT, _OBJECT, _CHAR, _SPARSE, _FUNCTION = 1, 2, 3, 4, 5, 16  # classes of arrays
_COMPLEX = 0x800  # flag
_MAX_DEPTH = 50


def check(path):
    """Raises `UnreadableError` if an element of a `.mat` file is larger than what is around it."""
    content = memoryview(Path(path).read_bytes())
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
    content = memoryview(unpacker.decompress(packed, limit))
    if unpacker.unconsumed_tail:
        raise _untrusted.UnreadableError(f"an element of {len(packed):,} bytes becomes too large")
    kind, start, end, _ = _element(content, 0, len(content), order)
    if kind == _MATRIX:
        _check_matrix(content, start, end, order, 0)


def _check_matrix(content, start, end, order, depth):
    """Checks an array and those in it; an empty element is an empty array."""
    if depth > _MAX_DEPTH:
        raise RecursionError
    if start == end:
        return
    elements, place = [], start
    while place < end:
        kind, inner, inner_end, place = _element(content, place, end, order)
        elements.append((kind, content[inner:inner_end]))
        if kind == _MATRIX:
            _check_matrix(content, inner, inner_end, order, depth + 1)
    wanted = _kinds(elements, end - start, order)
    found = [kind for kind, _ in elements]
    if len(found) != len(wanted) or not all(k in w for k, w in zip(found, wanted, strict=True)):
        raise _untrusted.UnreadableError(f"an array has elements of the types {found[:9]}")


def _kinds(elements, available, order):
    """Returns the sets of types that the elements of an array may have, in their order."""
    if len(elements) < 3 or elements[0][0] != _FLAGS or len(elements[0][1]) != 8:
        raise _untrusted.UnreadableError("an array has no flags")
    (flags,) = struct.unpack(f"{order}I", elements[0][1][:4])
    kind, count = flags & 0xFF, math.prod(map(abs, _integers(elements[1][1], order)))
    head = [{_FLAGS}, _INTEGERS, _NUMBERS]
    if kind == _SPARSE:
        return head + [_NUMBERS] * (4 if flags & _COMPLEX else 3)
    _untrusted.check_claim(count, available, "an array")  # a byte for a number, eight for an array
    if kind == _CELL:
        _untrusted.check_claim(8 * count, available, "a cell")
        return head + [{_MATRIX}] * count
    if kind in (_STRUCT, _OBJECT):
        head += [_NUMBERS] * (kind == _OBJECT)  # the name of its class
        rest = [*elements[len(head) :], (0, b""), (0, b"")]  # The caller refuses missing ones.
        (_, length), (_, names) = rest[:2]
        fields = len(names) // max([1, *_integers(length, order)])
        _untrusted.check_claim(8 * count * fields, available, "a struct")
        return [*head, _INTEGERS, _NUMBERS] + [{_MATRIX}] * (count * fields)
    if kind == _FUNCTION:
        return [*head, {_MATRIX}]
    if _CHAR <= kind < _FUNCTION:
        return head + [_NUMBERS] * (2 if flags & _COMPLEX else 1)
    raise _untrusted.UnreadableError(f"an array has the class {kind}, which is not documented")


def _integers(content, order):
    return struct.unpack(f"{order}{len(content) // 4}i", content[: len(content) // 4 * 4])


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

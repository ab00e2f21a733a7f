"""Whether a media file ends where its container says that it ends.

FFmpeg reads a file that was cut as if it ended there, unless the file declares its duration.
"""

import os

_EBML, _SEGMENT, _CLUSTER = 0x1A45DFA3, 0x18538067, 0x1F43B675
# What stands beside and in clusters: blocks, times, indices, tags, space.
_ELEMENTS = {
    *(_EBML, _SEGMENT, _CLUSTER, 0xA3, 0xA0, 0xE7, 0xA7, 0xAB, 0xEC, 0xBF, 0x5854),
    *(0x114D9B74, 0x1549A966, 0x1654AE6B, 0x1C53BB6B, 0x1254C367, 0x1043A770, 0x1941A469),
}
_MAX_ELEMENTS = 10**7


def missing_bytes(path):
    """Returns how many bytes the outermost elements of a container lack; 0 if none is known.

    MP4 and MOV, AVI (and other RIFF), Matroska and WebM say the sizes of their elements. In
    Matroska that was written live, the last cluster or block counts.

    Args:
        path: Media file.
    """
    size = os.path.getsize(path)
    with open(path, "rb") as file:
        head = file.read(12)
        if head[4:8] == b"ftyp":
            end = _end_of_boxes(file, size)
        elif head[:4] == b"RIFF":
            end = _end_of_riff(file, size)
        elif head[:4] == _EBML.to_bytes(4, "big"):
            end = _end_of_ebml(file, size)
        else:
            return 0
    return max(0, end - size)


def _end_of_boxes(file, size):
    place = 0
    for _ in range(_MAX_ELEMENTS):
        file.seek(place)
        head = file.read(16)
        if len(head) < 8 or not (head[4:8].isalnum() and head[4:8].isascii()):
            break  # bytes behind the last box
        length = int.from_bytes(head[:4], "big")
        if length == 1 and len(head) == 16:
            length = int.from_bytes(head[8:], "big")
        if length < 8:  # 0: until the end of the file; others are damaged
            return size
        place += length
        if place >= size:
            break
    return place


def _end_of_riff(file, size):
    place = 0
    for _ in range(_MAX_ELEMENTS):
        file.seek(place)
        head = file.read(8)
        length = int.from_bytes(head[4:], "little")
        if head[:4] != b"RIFF" or not length:  # A writer that was killed left a size of 0.
            return min(place, size)
        place += 8 + length + length % 2
        if place >= size:
            # Many writers leave out the byte that makes the length even.
            return place - length % 2
    return size


def _end_of_ebml(file, size):
    place, end = 0, 0
    for _ in range(_MAX_ELEMENTS):
        file.seek(place)
        name, length, start = _element(file)
        if name not in _ELEMENTS or place >= size:
            break
        if length is None and name in (_SEGMENT, _CLUSTER):
            place = end = start  # its size is unknown: look at what is in it
            continue
        if length is None:
            return size
        place = end = start + length
    return end


def _element(file):
    """Returns `(name, length, start)` of an EBML element; a length is `None` if it is unknown."""
    start = file.tell()
    head = file.read(12)
    if len(head) < 2 or not head[0] >> 4:
        return None, None, start
    width = 9 - head[0].bit_length()
    name = int.from_bytes(head[:width], "big")
    rest = head[width:]
    if not rest or not rest[0]:
        return None, None, start
    digits = 9 - rest[0].bit_length()
    if len(rest) < digits:
        return None, None, start
    mask = (1 << 7 * digits) - 1
    length = int.from_bytes(rest[:digits], "big") & mask
    return name, None if length == mask else length, start + width + digits

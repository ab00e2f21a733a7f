"""Damage to files: of bytes, of text, and of what stands in archives and headers."""

import io
import json
import re
import tarfile
import zipfile
import zlib

BRACKETS = b"[" * 100_000
_TOKENS = (
    *(b"", b"nan", b"inf", b"-inf", b"1e999", b"-5", b"9" * 400, b"0x10", b"1_000", b"''", b'"'),
    *(b"\x00", b"\xff\xfe", b"\xef\xbb\xbf", b"\r", b"\n\n", b";", b",", b",,", b"\t", b"{}"),
    *(b"null", b"true", b"[]", b"[[[", b"\xc3\xa9", b"../../x", b"/etc/passwd", b"a\\b", b" "),
    *(b"1,5", b"-1", b"0", b"18446744073709551616", b"-9223372036854775809", b"\xed\xa0\x80"),
)
_HUGE = (0, 1, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF, 2**40, 2**62, 2**63, 2**64 - 1)


def damaged(content, name, random):
    """Returns the content of a file with one to three damages that fit its kind.

    Args:
        content: Bytes.
        name: File name.
        random: `random.Random`.
    """
    kinds = [_bytes]
    if name.endswith((".npz", ".keras", ".zip")):
        kinds += [_member] * 2
    if name.endswith((".tar", ".tar.gz", ".tgz")):
        kinds += [_tar] * 2
    if content.startswith((b"\x93NUMPY", b"PK")) or b"\x93NUMPY" in content[:200]:
        kinds += [_npy_header] * 2
    if content.startswith(b"\x89PNG"):
        kinds += [_png] * 2
    if name.endswith((".json", ".jsonl")):
        kinds += [_json] * 3
    if _is_text(content):
        kinds = kinds[1:] + [_text] * 3 + [_bytes]
    for _ in range(random.choice((1, 1, 2, 3))):
        content = random.choice(kinds)(content, random)
    return content


def _is_text(content):
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return b"\x00" not in content


def _bytes(content, random):
    data = bytearray(content)
    if not data:
        return b"\x00"
    # Headers hold more than the rest.
    end = len(data) if random.random() < 0.5 else min(len(data), 512)
    place = random.randrange(end)
    kind = random.randrange(8)
    if kind == 0:
        return bytes(data[: random.randrange(len(data) + 1)])
    if kind == 1:
        for _ in range(random.choice((1, 4, 16, 64))):
            data[random.randrange(end)] = random.randrange(256)
    elif kind == 2:
        width = random.choice((1, 2, 4, 8))
        value = random.choice(_HUGE) & (256**width - 1)
        data[place : place + width] = value.to_bytes(width, random.choice(("big", "little")))
    elif kind == 3:
        length = random.choice((1, 8, 64, 1024))
        data[place : place + length] = bytes(min(length, len(data) - place))
    elif kind == 4:
        data[place:place] = random.randbytes(random.choice((1, 2, 8, 100)))
    elif kind == 5:
        del data[place : place + random.choice((1, 2, 8, 100, 1000))]
    elif kind == 6:
        other, length = random.randrange(len(data)), random.choice((4, 32, 256))
        data[place : place + length] = data[other : other + length]
    else:
        data += random.choice((bytes(1000), random.randbytes(300), bytes(data)))
    return bytes(data)


def _text(content, random):
    kind = random.randrange(6)
    if kind == 0:
        fields = [*re.finditer(rb"[^,;\s:\[\]{}\"]+", content)]
        if fields:
            field = random.choice(fields)
            return content[: field.start()] + random.choice(_TOKENS) + content[field.end() :]
    lines = content.split(b"\n")
    row = random.randrange(len(lines))
    if kind == 1:
        del lines[row]
    elif kind == 2:
        lines.insert(row, random.choice(lines))
    elif kind == 3:  # a column is missing
        separator = random.choice((b",", b";", b" ", b"\t"))
        place = random.randrange(4)
        lines = [
            separator.join(p for i, p in enumerate(x.split(separator)) if i != place) for x in lines
        ]
    elif kind == 4:
        lines[row] += random.choice(_TOKENS)
    else:
        place = random.randrange(len(content) + 1)
        token = random.choice((*_TOKENS, BRACKETS, b"x" * 200_000, b'"' * 3))
        return content[:place] + token + content[place:]
    return b"\n".join(lines)


def _json(content, random):
    """Another value at some place, or deep nesting."""
    try:
        first, *rest = content.split(b"\n") if content.count(b"\n{") else [content]
        tree = json.loads(first)
    except (ValueError, RecursionError):
        return _text(content, random)
    values = (None, True, -1, 1e308, 2**70, "", "text", [], {}, [[]], {"a": {}}, "\ud800")
    if random.random() < 0.1:
        return b'{"a":' + BRACKETS
    places = [*_places(tree)]
    if not places:
        return json.dumps(random.choice(values)).encode()
    parent, key = random.choice(places)
    if random.random() < 0.3:
        del parent[key]
    else:
        parent[key] = random.choice(values)
    return b"\n".join([json.dumps(tree).encode(), *rest])


def _places(tree):
    items = (
        tree.items()
        if isinstance(tree, dict)
        else enumerate(tree)
        if isinstance(tree, list)
        else ()
    )
    for key, value in [*items]:
        yield tree, key
        yield from _places(value)


def _npy_header(content, random):
    """Another shape or dtype, or anything, in the header of an array."""
    old = [*re.finditer(rb"'shape': \([^)]*\)|'descr': '[^']*'|\{[^}]*\}", content)]
    if not old:
        return _bytes(content, random)
    place = random.choice(old)
    shapes = (b"(1000000000000,)", b"(-1,)", b"(2, 2", b"()", b"(99999, 99999, 999)", b"(1.5,)")
    dtypes = (b"|O", b"<U9", b"<f2", b"<c16", b"<M8[s]", b"V4", b"<i8", b"|S0", b"x")
    if place[0].startswith(b"'shape'"):
        new = b"'shape': " + random.choice(shapes)
    elif place[0].startswith(b"'descr'"):
        new = b"'descr': '" + random.choice(dtypes) + b"'"
    else:
        new = random.choice((b"{", b"{}", b"(((", b"'''", b"{'descr': [1], 'shape': 3}"))
    # The header keeps its length, as its padding allows.
    length = place.end() - place.start()
    new = new[:length].ljust(length) if random.random() < 0.5 else new
    return content[: place.start()] + new + content[place.end() :]


def _member(content, random):
    """Damage inside a member of a zip archive, whose checksum then is right, or of its entry."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = [(info, archive.read(info)) for info in archive.infolist()]
    except Exception:
        return _bytes(content, random)
    if not members:
        return content
    chosen = random.randrange(len(members))
    result = io.BytesIO()
    with zipfile.ZipFile(result, "w") as archive:
        for i, (info, data) in enumerate(members):
            name = info.filename
            if i == chosen:
                kind = random.randrange(6)
                if kind == 0:
                    continue
                if kind == 1:
                    name = random.choice(("../x", "x" * 200, name + "x", ""))
                elif kind == 2:
                    data = random.choice((b"", bytes(2**24)))
                else:
                    data = damaged(data, name, random)
            pack = random.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))
            archive.writestr(name or "x", data, pack)
    data = bytearray(result.getvalue())
    if random.random() < 0.3:  # sizes and method that an entry claims
        at = data.rfind(b"PK\x01\x02")
        field = random.choice((10, 20, 24))
        data[at + field : at + field + 2] = random.choice((b"\x63\0", b"\xff\xff", b"\0\0"))
    return bytes(data)


def _tar(content, random):
    """Another size, kind, name or extended header of a member, with a right checksum."""
    packed = content[:2] == b"\x1f\x8b"
    try:
        data = bytearray(zlib.decompress(content, 31) if packed else content)
        with tarfile.open(fileobj=io.BytesIO(bytes(data))) as archive:
            start = random.choice(archive.getmembers()).offset
    except Exception:
        return _bytes(content, random)
    field, values = random.choice(
        (
            (slice(124, 136), (b"77777777777\0", b"\x80" + b"\x7f" * 11, b"-1\0", b"\xff" * 12)),
            (slice(156, 157), (b"1", b"2", b"3", b"S", b"x", b"L", b"g", b"5", b"7")),
            (slice(0, 100), (b"../x\0", b"/x\0", b"a\xff\xfe\0", b"\0" * 100, b"d/" * 50)),
        )
    )
    new = random.choice(values)
    data[start + field.start : start + field.start + len(new)] = new
    if random.random() < 0.9:
        data[start + 148 : start + 156] = b" " * 8
        data[start + 148 : start + 156] = b"%06o\0 " % sum(data[start : start + 512])
    if packed:
        packer = zlib.compressobj(wbits=31)
        return packer.compress(bytes(data)) + packer.flush()
    return bytes(data)


def _png(content, random):
    """Another value in a chunk, with a right checksum."""
    data, places, place = bytearray(content), [], 8
    while place + 12 <= len(data):
        length = int.from_bytes(data[place : place + 4], "big")
        places.append((place, length))
        place += 12 + length
    if not places:  # damaged before
        return content
    place, length = random.choice(places)
    if length and place + 12 + length <= len(data):
        at = place + 8 + random.randrange(length)
        data[at] = random.choice((0, 1, 127, 255, random.randrange(256)))
        check = zlib.crc32(bytes(data[place + 4 : place + 8 + length]))
        data[place + 8 + length : place + 12 + length] = check.to_bytes(4, "big")
    return bytes(data)

"""The index of a shard: where each picture lies in its tar file."""

import logging
import os
import tarfile
import zlib
from pathlib import Path

import numpy as np

from kollias_affect import _checks, _files, _untrusted

ENDING = ".index"
RULE = "A shard must be a complete tar file of pictures"
REMEDY = "Copy it again, or pack it again."
_VERSION = 1
_ARRAYS = ("version", "bytes", "names", "offsets", "sizes", "checks", "times")

_log = logging.getLogger(__name__)


class Index:
    """The pictures of a shard, sorted by name.

    Args:
        size: Bytes of the tar file.
        names: Names in the tar file, bytes `[pictures]`.
        offsets: Position of the first byte of each.
        sizes: Bytes of each.
        checks: CRC-32 of each.
        times: Modification time of each in seconds.
    """

    def __init__(self, size, names, offsets, sizes, checks, times):
        order = np.argsort(names, kind="stable")
        self.size = int(size)
        self.names = names[order]
        self.offsets = np.asarray(offsets, np.int64)[order]
        self.sizes = np.asarray(sizes, np.int64)[order]
        self.checks = np.asarray(checks, np.uint32)[order]
        self.times = np.asarray(times, np.int64)[order]

    def __len__(self):
        return len(self.names)

    def find(self, names):
        """Returns the positions of names, -1 where there is none, integers `[names]`."""
        if not len(self):
            return np.full(len(names), -1)
        places = np.minimum(np.searchsorted(self.names, names), len(self) - 1)
        return np.where(self.names[places] == names, places, -1)

    def write(self, path):
        """Writes the index of the shard `path` beside it, atomically."""
        with _files.atomic(_beside(path)) as temporary, open(temporary, "wb") as file:
            np.savez(
                file, version=_VERSION, bytes=self.size, names=self.names, offsets=self.offsets,
                sizes=self.sizes, checks=self.checks, times=self.times,
            )  # fmt: skip


def read(path):
    """Returns the `Index` of a shard.

    If its file is missing or damaged, it is made from the headers and bytes of the tar file, and
    written if the folder can be written.

    Args:
        path: Tar file.

    Raises:
        OSError: If the tar file cannot be read.
        ValueError: If it is damaged, of another size than its index tells, or does not hold plain
            files alone.
    """
    path = _checks.existing_file("shard", path)
    size = path.stat().st_size
    try:
        with _untrusted.reading("An index must be complete", _beside(path), "Remove it."):
            index = _loaded(_untrusted.read_npz(_beside(path), _ARRAYS))
    except FileNotFoundError:
        return _made_again(path)
    except ValueError as error:
        _log.warning("%s It is made again.", error)
        return _made_again(path)
    if index.size != size:
        raise _untrusted.UnreadableError(
            f"{RULE}, of the size that its index tells. Received: {path} with {size:,} bytes "
            f"instead of {index.size:,}. {REMEDY} If another program changed it, remove "
            f"{_beside(path)}."
        )
    return index


def _loaded(arrays):
    """Returns the `Index` of arrays that a file claims, or raises an error."""
    names, offsets, sizes = arrays["names"], arrays["offsets"], arrays["sizes"]
    shapes = {arrays[name].shape for name in _ARRAYS[2:]}
    kinds = "".join(arrays[name].dtype.kind for name in _ARRAYS)
    if len(shapes) != 1 or names.ndim != 1 or kinds not in ("iiSiiui", "iiSuuui"):
        raise _untrusted.UnreadableError("its arrays do not belong together")
    size = int(arrays["bytes"])
    if arrays["version"] != _VERSION:
        raise _untrusted.UnreadableError(f"version {arrays['version']} of the format")
    bad = (offsets < 0) | (sizes < 0) | (offsets > size) | (sizes > size - offsets)
    if bad.any():
        raise _untrusted.UnreadableError("it claims pictures outside of its tar file")
    return Index(size, names, offsets, sizes, arrays["checks"], arrays["times"])


def _made_again(path):
    index = scan(path)
    try:
        index.write(path)
    except OSError as error:
        _log.warning("The index of %s cannot be kept (%s), so that each use reads it.", path, error)
    return index


def scan(path):
    """Returns the `Index` of a tar file that any program wrote, from its headers and bytes.

    Args:
        path: Tar file, not compressed. Folders in it are left out.

    Raises:
        ValueError: If it is damaged, or holds links or names outside of it.
    """
    path, rows = Path(path), []
    size = path.stat().st_size
    with (
        _untrusted.reading(RULE, path, REMEDY),
        open(path, "rb") as file,
        tarfile.TarFile(fileobj=file) as archive,
    ):
        for member in archive:
            archive.members = []  # which would grow with the file
            if member.isdir():
                continue
            _check_member(member, size)
            file.seek(member.offset_data)
            content = file.read(member.size)
            if len(content) != member.size:
                raise _untrusted.UnreadableError(f"{member.name!a} is cut")
            name = os.fsencode(os.path.normpath(member.name))
            rows.append(
                (name, member.offset_data, member.size, zlib.crc32(content), int(member.mtime))
            )
            file.seek(archive.offset)
    columns = list(zip(*rows, strict=True)) or [()] * 5
    return Index(size, np.array(columns[0], np.bytes_), *columns[1:])


def _check_member(member, size):
    if not member.isreg() or member.issparse():
        raise _untrusted.UnreadableError(f"{member.name!a} is a link or a sparse file")
    _untrusted.check_claim(member.offset_data + member.size, size, ascii(member.name))
    try:
        _checks.inside(os.sep, member.name.lstrip("/"))
        outside = member.name.startswith("/") or ".." in member.name.split("/")
    except ValueError:
        outside = True
    if outside:
        raise _untrusted.UnreadableError(f"the name {member.name!a} leads out of it")


def _beside(path):
    return Path(f"{path}{ENDING}")

"""Writing of shards from a folder of pictures, and back."""

import dataclasses
import os
import re
import shutil
import tarfile
import zlib
from pathlib import Path

import numpy as np

from kollias_affect import _checks, _files, _untrusted
from kollias_affect.shards import catalog, index

PICTURES = (".jpg", ".jpeg", ".png", ".bmp")
# What tells about pictures and is copied beside the shards. Videos and models are not.
BESIDE = (".csv", ".txt", ".json", ".npz", ".npy")
LEAST_SIZE = 2**20
_SHARD = re.compile(r"crops-\d{5,}\.tar")
_BLOCK, _RECORD = tarfile.BLOCKSIZE, tarfile.RECORDSIZE


@dataclasses.dataclass(frozen=True)
class Packed:
    """What `pack` or `unpack` wrote.

    Attributes:
        pictures: Number of pictures.
        shards: Number of shards.
        copied: Number of other files.
        left_out: Files that were left out, for a folder with others than pictures, tables,
            landmarks and settings.
    """

    pictures: int
    shards: int
    copied: int
    left_out: tuple


def pack(folder, out, shard_size=2**30, progress=True):
    """Packs the pictures of a folder into tar files.

    `out` gets `crops-00000.tar` and so on, an index beside each, the tables, landmarks and settings
    of `folder` at their places, and `shards.json`, written last. Pictures of one folder stay
    together and in natural order. `datasets.load("frames_csv", out)` and `faces.read(out, name)`
    then return the clips that they return for `folder`.

    The files have the same bytes in every run. The same call goes on after an interruption, and
    leaves shards alone whose pictures have the same names, sizes and times.

    Args:
        folder: Folder of pictures, at any depth. Hidden files and folders are left out.
        out: Folder for the shards, new or of an earlier call.
        shard_size: Bytes of pictures after which a shard ends, at least 1 MiB. A folder of
            pictures is never divided.
        progress: Whether a progress bar is shown if standard error is a terminal.

    Returns:
        `Packed`.

    Raises:
        FileNotFoundError: If `folder` does not exist or holds no picture.
        FileExistsError: If `out` holds files of another origin.
        ValueError: If one folder lies in the other, or `folder` holds shards.
    """
    shard_size = _checks.integer_between("shard_size", shard_size, LEAST_SIZE, 2**62)
    folder, out = _two_folders(folder, out)
    if catalog.read(folder) is not None:
        raise ValueError(
            f"`folder` must hold pictures as files. Received: {folder}, which holds shards. "
            "Unpack them first."
        )
    pictures, beside, left_out = _walk(folder)
    if not pictures:
        raise FileNotFoundError(
            f"`folder` must hold pictures {PICTURES}. Received: {folder} without any. Check the "
            "path."
        )
    _refuse_foreign(out, folder, beside)
    _checks.writable_folder("out", out)
    (out / catalog.NAME).unlink(missing_ok=True)
    folders = {}
    with _bar(sum(map(len, pictures.values())), "packing", progress) as bar:
        for number, group in enumerate(_groups(folder, pictures, shard_size)):
            name = f"crops-{number:05d}{catalog.TAR}"
            files = [file for place in group for file in pictures[place]]
            _write_shard(out / name, folder, files, bar)
            folders[name] = group
    _copy(folder, out, beside)
    _remove_others(out, set(folders))
    catalog.write(out, folders)
    return Packed(sum(map(len, pictures.values())), len(folders), len(beside), tuple(left_out))


def unpack(folder, out, progress=True):
    """Writes the pictures of shards back to files, and copies what lies beside them.

    Args:
        folder: Folder that `pack` wrote.
        out: New or empty folder. The same call goes on after an interruption.
        progress: Whether a progress bar is shown if standard error is a terminal.

    Returns:
        `Packed`.

    Raises:
        FileNotFoundError: If `folder` does not hold shards.
        FileExistsError: If `out` holds a file with other content.
        ValueError: If a picture differs from its checksum.
    """
    folder, out = _two_folders(folder, out)
    listed = catalog.read(folder)
    if listed is None:
        raise FileNotFoundError(
            f"`folder` must hold shards with their list {catalog.NAME}. Received: {folder} without "
            "it. If it was being packed, pack it again; `tar xf` unpacks single tar files."
        )
    shards = sorted(set(listed.values()))
    pictures = 0
    indices = {name: catalog.index_of(folder / name) for name in shards}
    with _bar(sum(map(len, indices.values())), "unpacking", progress) as bar:
        for name, content in indices.items():
            pictures += _unpack_shard(folder / name, content, out, bar)
    _, beside, _ = _walk(folder)
    _copy(folder, out, beside)
    return Packed(pictures, len(shards), len(beside), ())


def _two_folders(folder, out):
    folder, out = Path(os.path.abspath(folder)), Path(os.path.abspath(out))
    if not folder.is_dir():
        raise FileNotFoundError(
            f"`folder` must be an existing folder. Received: {folder}, which is not one. Check the "
            "path."
        )
    if folder == out or folder.is_relative_to(out) or out.is_relative_to(folder):
        raise ValueError(
            f"Neither folder may lie in the other. Received: {folder} and {out}. Choose another "
            "`out`."
        )
    return folder, out


def _walk(folder):
    """Finds the files of a folder.

    Returns:
        `(pictures, beside, left_out)`: dict from a folder, with slashes, to the paths of its
        pictures in natural order; other files that are copied; and those that are not. All are
        relative to `folder`.
    """
    pictures, beside, left_out = {}, [], []
    for place, inner, names in os.walk(folder, followlinks=True, onerror=_raise):
        inner[:] = sorted(
            (name for name in inner if not name.startswith(".")), key=_files.natural_key
        )
        below = os.path.relpath(place, folder).replace(os.sep, "/")
        below = "" if below == "." else below
        for name in sorted(names, key=_files.natural_key):
            path = f"{below}/{name}" if below else name
            if name.startswith(".") or path == catalog.NAME or _is_shard(path):
                continue
            if name.lower().endswith(PICTURES):
                pictures.setdefault(below, []).append(path)
            elif name.lower().endswith(BESIDE):
                beside.append(path)
            else:
                left_out.append(path)
    return pictures, beside, left_out


def _raise(error):
    raise error


def _is_shard(path):
    return _SHARD.fullmatch(path.removesuffix(index.ENDING)) is not None


def _refuse_foreign(out, folder, beside):
    """Raises `FileExistsError` if `out` holds files that packing this folder does not write."""
    if not out.is_dir():
        return
    others = {place.split("/")[0] for place in beside} | {catalog.NAME}
    names = (entry.name for entry in out.iterdir())
    foreign = [n for n in names if n not in others and not _is_shard(n) and not n.startswith(".")]
    if foreign:
        raise FileExistsError(
            f"`out` must be a new folder, or one that was packed from {folder}. Received: {out} "
            f"with {sorted(foreign)[:3]}. Choose another folder."
        )


def _groups(folder, pictures, shard_size):
    """Yields lists of folders whose pictures become one shard."""
    group, total = [], 0
    for place, files in pictures.items():
        group.append(place)
        total += sum(os.path.getsize(folder / file) for file in files)
        if total >= shard_size:
            yield group
            group, total = [], 0
    if group:
        yield group


def _write_shard(path, folder, files, bar):
    """Writes a shard and its index, unless they are there from the same pictures."""
    states = [os.stat(folder / file) for file in files]
    names = np.array([os.fsencode(file) for file in files], np.bytes_)
    sizes = [state.st_size for state in states]
    times = [int(state.st_mtime) for state in states]
    if _is_written(path, names, sizes, times):
        bar.update(len(files))
        return
    offsets, checks = [], []
    with _files.atomic(path) as temporary, open(temporary, "wb") as out:
        for file, size, time in zip(files, sizes, times, strict=True):
            content = (folder / file).read_bytes()
            if len(content) != size:
                raise OSError(
                    f"Pictures must not change while they are packed. Received: {folder / file}, "
                    "which did. Pack the folder when nothing writes to it."
                )
            out.write(_header(file, size, time))
            offsets.append(out.tell())
            checks.append(zlib.crc32(content))
            out.write(content)
            out.write(bytes(-size % _BLOCK))
            bar.update()
        out.write(bytes(2 * _BLOCK))
        out.write(bytes(-out.tell() % _RECORD))
        total = out.tell()
    index.Index(total, names, offsets, sizes, checks, times).write(path)


def _is_written(path, names, sizes, times):
    try:
        content = index.read(path)
    except (FileNotFoundError, ValueError):
        return False
    rows = content.find(names)
    same = len(content) == len(names) and (rows >= 0).all()
    return bool(
        same and (content.sizes[rows] == sizes).all() and (content.times[rows] == times).all()
    )


def _header(name, size, time):
    """Returns the header of a plain file that belongs to nobody in particular."""
    member = tarfile.TarInfo(name)
    member.size, member.mtime = size, time
    return member.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")


def _copy(folder, out, files):
    """Copies files to their places, each atomically, unless they are there."""
    for file in files:
        target = out / file
        content = (folder / file).read_bytes()
        if not target.is_file() or target.read_bytes() != content:
            with _files.atomic(target) as temporary:
                temporary.write_bytes(content)
                shutil.copystat(folder / file, temporary)


def _remove_others(out, shards):
    """Removes shards of an earlier packing with more of them."""
    for entry in out.iterdir():
        if _is_shard(entry.name) and entry.name.removesuffix(index.ENDING) not in shards:
            entry.unlink()


def _unpack_shard(path, content, out, bar):
    with open(path, "rb") as file:
        for row in np.argsort(content.offsets):
            name = os.fsdecode(bytes(content.names[row]))
            target = _checks.inside(out, name)
            file.seek(content.offsets[row])
            picture = file.read(content.sizes[row])
            if zlib.crc32(picture) != content.checks[row]:
                raise _untrusted.UnreadableError(
                    f"A picture in a shard must be whole. Received: {name} in {path}, which "
                    f"differs from its checksum. {index.REMEDY}"
                )
            _write_picture(target, picture, int(content.times[row]))
            bar.update()
    return len(content)


def _write_picture(target, picture, time):
    if target.exists():
        if target.read_bytes() == picture:
            return
        raise FileExistsError(
            f"`out` must not hold files of another origin. Received: {target}, which has other "
            "content. Choose another folder."
        )
    with _files.atomic(target) as temporary:
        temporary.write_bytes(picture)
        os.utime(temporary, (time, time))


def _bar(total, text, progress):
    from tqdm import tqdm

    return tqdm(total=total, unit="picture", desc=text, disable=None if progress else True)

"""Databases that come as one file, which is unpacked once into the cache folder of the package."""

import bz2
import gzip
import lzma
import shutil
import tarfile
from pathlib import Path

from kollias_affect import _checks, _files, _runs, _untrusted
from kollias_affect._texts import printable

_OPENERS = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ": lzma.open}
_LONGEST_READ = 2**22  # bytes; names and other fields of a file are far shorter
TAR_ENDINGS = (".tar", ".tar.gz", ".tgz")


def is_tar(path):
    """Returns whether `path` is a file that is named like a tar archive."""
    return Path(path).is_file() and str(path).lower().endswith(TAR_ENDINGS)


def unpack_tar(path, unpack_to=None):
    """Returns the folder with the content of a tar archive, see `unpack`."""
    return unpack(path, lambda folder: extract_tar(path, folder), unpack_to)


def unpack(path, write, unpack_to=None):
    """Returns the folder with the content of a file, and creates it on the first call.

    The folder appears when it is complete. An interrupted process leaves none.

    Args:
        path: Archive, or any file that holds images.
        write: Function that takes a new folder and writes the content to it.
        unpack_to: Folder for the images. Default: a folder in the package's cache that is named
            after the path, the size and the modification time of the file.

    Returns:
        `Path` of the folder.

    Raises:
        FileExistsError: If `unpack_to` holds files that were not made from this file.
    """
    path = _checks.existing_file("archive", path)
    fingerprint = _runs.fingerprint_states([path.resolve()])
    folder = Path(unpack_to) if unpack_to else _files.cache_folder() / f"{path.stem}-{fingerprint}"
    if not folder.exists() or (folder.is_dir() and not _files.is_filled_folder(folder)):
        with _files.atomic_folder(folder) as temporary:
            write(temporary)
            (temporary / ".source").write_text(fingerprint)
    marker = folder / ".source"
    if not marker.is_file() or marker.read_text() != fingerprint:
        raise FileExistsError(
            f"`unpack_to` must be a new folder, or one unpacked from the same file. Received: "
            f"{folder}, which was not unpacked from {path} in its present state. Choose another "
            "folder."
        )
    return folder


def image_path(folder, row):
    """Returns the path of an image that `write_images` wrote."""
    return folder / f"{row:05d}.png"


def write_images(images, folder):
    """Writes images to PNG files that are numbered from 0.

    Args:
        images: Iterable of uint8 arrays, grey or BGR.
        folder: `Path` of an existing folder.
    """
    import cv2

    for row, image in enumerate(images):
        image_path(folder, row).write_bytes(cv2.imencode(".png", image)[1].tobytes())


def extract_tar(path, folder):
    """Extracts the plain files of a tar archive.

    Args:
        path: Tar archive.
        folder: Existing folder for the files.

    Raises:
        ValueError: If the archive is damaged, or if a name in it leads out of the folder or is a
            link.
    """
    rule, remedy = "A tar archive must be complete", "Copy or download it again."
    with (
        _untrusted.reading(rule, path, remedy),
        _Unpacked(path) as stream,
        tarfile.TarFile(fileobj=stream) as archive,
    ):
        limit = left = stream.limit
        for member in _with_progress(archive, path):
            if member.isreg() or member.issparse():
                _untrusted.check_claim(member.size, left, ascii(member.name))
                left -= member.size
            _extract(archive, member, path, folder)
        _refuse_truncated(archive, limit)


class _Unpacked:
    """The bytes of a tar archive, which may be packed; `limit` is how many there may be."""

    def __init__(self, path):
        with open(path, "rb") as file:
            head = file.read(6)
        opener = next((o for start, o in _OPENERS.items() if head.startswith(start)), None)
        self.limit = path.stat().st_size
        if opener is not None:
            self.limit = max(self.limit, _untrusted.unpacked_limit(self.limit))
        self._file = (opener or open)(path, "rb")
        self.seek, self.tell, self.close = self._file.seek, self._file.tell, self._file.close

    def read(self, size):
        """Reads at most as much as headers and copies need at once."""
        _untrusted.check_claim(size, _LONGEST_READ, "a header")
        return self._file.read(size)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()


def _extract(archive, member, path, folder):
    try:
        member.name.encode()  # A name of bytes that are no text cannot be listed.
        target = _checks.inside(folder, member.name)
    except ValueError:
        target = None
    plain = member.isdir() or (member.isreg() and not member.issparse())
    if target is None or not plain:
        raise ValueError(
            "An archive of images must hold plain files, with names below its folder. Received: "
            f"{member.name!a} in {path}, a "
            f"{'name outside of it' if target is None else 'link or a sparse file'}. "
            "Inspect the archive and unpack it by hand."
        )
    if member.isreg():
        target.parent.mkdir(parents=True, exist_ok=True)
        with archive.extractfile(member) as source, open(target, "wb") as out:
            shutil.copyfileobj(source, out)
        if target.stat().st_size != member.size:
            raise tarfile.ReadError(f"{member.name!a} is cut")


def _refuse_truncated(archive, limit):
    """Raises `tarfile.ReadError` if an archive ends between two files, which `tarfile` accepts."""
    archive.fileobj.seek(archive.offset)
    if archive.fileobj.read(tarfile.BLOCKSIZE) != tarfile.NUL * tarfile.BLOCKSIZE:
        raise tarfile.ReadError("it ends between two files")
    left = limit
    while part := archive.fileobj.read(2**20):  # gzip compares its checksum at the end
        left -= len(part)
        if left < 0:
            raise tarfile.ReadError("there is too much behind its last file")


def _with_progress(members, path):
    import tqdm

    return tqdm.tqdm(members, desc=f"unpacking {printable(path.name)}", unit=" files", disable=None)

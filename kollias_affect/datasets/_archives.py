"""Databases that come as one file: unpacked once into the cache folder of the package."""

import gzip
import hashlib
import tarfile
import zlib
from pathlib import Path

from kollias_affect import _checks, _files

TAR_ENDINGS = (".tar", ".tar.gz", ".tgz")


def is_tar(path):
    """Whether `path` is a file with the name of a tar archive."""
    return Path(path).is_file() and str(path).lower().endswith(TAR_ENDINGS)


def unpacked_tar(path, unpack_to=None):
    """The folder with the content of a tar archive, see `unpacked`."""
    return unpacked(path, lambda folder: extract_tar(path, folder), unpack_to)


def unpacked(path, write, unpack_to=None):
    """The folder with the content of a file, made by `write` if it is not there yet.

    It appears when it is whole; what an interrupted process left is not used.

    Args:
        path: archive, or any file that holds images.
        write: function of a new folder that fills it.
        unpack_to: folder for the images. Default: one in the cache folder of the package, named
            after the path, the size and the time of change of the file.

    Raises:
        FileExistsError: if `unpack_to` holds something that was not made from this file.
    """
    path = _checks.existing_file("archive", path)
    stamp = _stamp(path)
    folder = Path(unpack_to) if unpack_to else _files.cache_folder() / f"{path.stem}-{stamp}"
    if not folder.exists() or (folder.is_dir() and not _files.is_filled_folder(folder)):
        with _files.atomic_folder(folder) as temporary:
            write(temporary)
            (temporary / ".source").write_text(stamp)
    marker = folder / ".source"
    if not marker.is_file() or marker.read_text() != stamp:
        raise FileExistsError(
            f"`unpack_to` must be a new folder, or one unpacked from the same file. Received: "
            f"{folder}, which is not from {path} as it is now. Choose another folder."
        )
    return folder


def extract_tar(path, folder):
    """Extracts the plain files of a tar archive.

    Raises:
        ValueError: if the archive is damaged, or a name in it leaves the folder or is a link.
    """
    try:
        with tarfile.open(path) as archive:
            for member in _with_progress(archive, path):
                _extract(archive, member, path, folder)
            _refuse_cut(archive)
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ValueError(
            f"A tar archive must be whole. Received: {path} ({error}). Copy or download it again."
        ) from error


def _extract(archive, member, path, folder):
    try:
        target = _checks.inside(folder, member.name)
    except ValueError:
        target = None
    if target is None or not (member.isreg() or member.isdir()):
        raise ValueError(
            "An archive of images must hold plain files, with names below its folder. Received: "
            f"{member.name!r} in {path}, a {'name that leaves it' if target is None else 'link'}. "
            "Unpack it by hand and look at it."
        )
    if member.isreg():
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(archive.extractfile(member).read())


def _refuse_cut(archive):
    """`tarfile` takes an archive that ends, or breaks, between two files for a whole one."""
    archive.fileobj.seek(archive.offset)
    if archive.fileobj.read(tarfile.BLOCKSIZE) != tarfile.NUL * tarfile.BLOCKSIZE:
        raise tarfile.ReadError("it breaks off between two files")
    while archive.fileobj.read(2**20):  # to the end, where gzip keeps its check sum
        pass


def _stamp(path):
    status = path.stat()
    content = repr((str(path.resolve()), status.st_size, status.st_mtime_ns))
    return hashlib.sha256(content.encode()).hexdigest()[:16]


def _with_progress(members, path):
    import tqdm

    return tqdm.tqdm(members, desc=f"unpacking {path.name}", unit=" files", disable=None)

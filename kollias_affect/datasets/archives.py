"""Databases that come as one file: unpacked once into the cache folder of the package."""

import hashlib
import tarfile
from pathlib import Path

from kollias_affect import _checks, _files

TAR_ENDINGS = (".tar", ".tar.gz", ".tgz")


def is_tar(path):
    """Whether the name of `path` is that of a tar archive."""
    return str(path).endswith(TAR_ENDINGS)


def unpacked(path, write, unpack_to=None):
    """The folder with the content of a file, made by `write` if it is not there yet.

    Args:
        path: archive, or any file that holds images.
        write: function of a new folder that fills it.
        unpack_to: folder for the images. Default: one in the cache folder of the package, named
            after the path, the size and the time of change of the file.

    Raises:
        FileExistsError: if `unpack_to` exists and was made from another file.
    """
    path = _checks.existing_file("archive", path)
    stamp = _stamp(path)
    folder = Path(unpack_to) if unpack_to else _files.cache_folder() / f"{path.stem}-{stamp}"
    marker = folder / ".source"
    if not folder.exists():
        with _files.atomic_folder(folder) as temporary:
            write(temporary)
            (temporary / ".source").write_text(stamp)
    elif not marker.is_file() or marker.read_text() != stamp:
        raise FileExistsError(
            f"`unpack_to` must be a new folder, or one unpacked from the same file. Received: "
            f"{folder}, which is not from {path}. Choose another folder."
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
                target = _checks.inside(folder, member.name)
                if member.isdir():
                    continue
                if not member.isreg():
                    raise ValueError(
                        f"An archive of images must hold plain files. Received: {member.name} in "
                        f"{path}, a link or a device. Unpack it by hand and look at it."
                    )
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(archive.extractfile(member).read())
    except (tarfile.TarError, EOFError) as error:
        raise ValueError(
            f"A tar archive must be whole. Received: {path} ({error}). Copy or download it again."
        ) from error


def _stamp(path):
    status = path.stat()
    content = repr((str(path.resolve()), status.st_size, status.st_mtime_ns))
    return hashlib.sha256(content.encode()).hexdigest()[:16]


def _with_progress(members, path):
    import tqdm

    return tqdm.tqdm(members, desc=f"unpacking {path.name}", unit=" files", disable=None)

"""Files of unknown origin: bounds on what is read, and one kind of error for what is damaged.

A file may claim any size. `check_claim`, `read_npy`, `read_npz`, `check_hdf5` and `check_zip`
compare claims with the size of the file itself before anything is allocated. Libraries that decode
files of others may raise anything: `reading` turns it into an error with the file, the rule and the
remedy.
"""

import contextlib
import errno
import json
import math
import os
import zipfile
from pathlib import Path

import numpy as np

MAX_TEXT = 2**31  # bytes of a text file that is read as a whole
MAX_LINE = 2**16  # characters of a line that is shown in a message
MAX_ARRAYS = 2**34  # bytes of all arrays of one file
MAX_PIXELS = 2**27  # of one picture; a photograph of 8K has a quarter of it
# Deflate cannot do better, and no other compression that is read here does for real content.
MAX_COMPRESSION = 1032
_LEAST_MAPPED = 2**20  # bytes of an array; a system allows some 65,000 mappings
_ZIP_HEADER = 30  # bytes before the name and the extra field of an entry, whose lengths end it
_ALWAYS_ALLOWED = 2**24  # bytes that a small compressed file may become, whatever its ratio

# Errors of the machine, not of the file. Libraries also raise `OSError` for damaged content.
_MACHINE = {
    getattr(errno, name)
    for name in (
        *("EACCES", "EPERM", "ENOENT", "EISDIR", "ENOTDIR", "ELOOP", "EIO", "ENOSPC", "EDQUOT"),
        *("EROFS", "EMFILE", "ENFILE", "ESTALE", "ETIMEDOUT", "EINTR", "EBUSY"),
    )
    if hasattr(errno, name)
}


class UnreadableError(ValueError):
    """A file that is damaged, or not of the kind that its reader takes."""


@contextlib.contextmanager
def reading(rule, path, remedy, own=False):
    """Turns every error inside into an `UnreadableError` that names the file.

    Errors of the machine (permissions, a full disk) stay `OSError`s, with the name of the file, and
    errors that name the file already stay as they are.

    Args:
        rule: Sentence that states the rule, without its stop.
        path: File that is read.
        remedy: Sentence with the remedy.
        own: Whether code of this package is inside, whose `ValueError`s and `OSError`s are clear.
    """
    try:
        yield
    except Exception as error:
        text = str(error) if isinstance(error, (ValueError, OSError)) else ""
        if ("Received:" in text and str(path) in text) or (own and _is_own(error)):
            raise
        if isinstance(error, OSError) and error.errno in _MACHINE:
            if error.filename is not None:
                raise
            raise type(error)(error.errno, os.strerror(error.errno), str(path)) from error
        raise UnreadableError(f"{rule}. Received: {path} ({reason(error)}). {remedy}") from error


def _is_own(error):
    """Whether this may be an error of the package itself; libraries raise subclasses, too."""
    return type(error) in (ValueError, UnreadableError) or isinstance(error, OSError)


def reason(error):
    """Returns the first line of an error's message; the name of its class if it has none."""
    if isinstance(error, MemoryError):
        return "it claims more memory than there is"
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    text = getattr(error, "strerror", None) or str(error)
    text = next((line.strip() for line in text.splitlines() if line.strip()), "")
    return text[:300] or type(error).__name__


def check_claim(claimed, available, what):
    """Raises `UnreadableError` if a file claims more bytes than it can hold.

    Args:
        claimed: Bytes that the file claims.
        available: Bytes that there are.
        what: What is claimed, for the message.
    """
    if not 0 <= claimed <= available:
        raise UnreadableError(f"{what} claims {claimed:,} bytes, of which {available:,} are there")


def unpacked_limit(packed):
    """Returns the number of bytes that so many compressed bytes may become."""
    return min(MAX_ARRAYS, max(_ALWAYS_ALLOWED, packed * MAX_COMPRESSION))


def parse_json(text, **options):
    """Parses JSON as `json.loads` does; too deep nesting is a `ValueError`, too."""
    try:
        return json.loads(text, **options)
    except (RecursionError, MemoryError) as error:
        raise UnreadableError(reason(error)) from error


def read_json(path, encoding="utf-8"):
    """Reads a JSON file.

    Raises:
        OSError: If it cannot be read.
        ValueError: If it is no JSON, nested too deeply, or larger than `MAX_TEXT`.
    """
    check_claim(os.path.getsize(path), MAX_TEXT, "it")
    return parse_json(Path(path).read_text(encoding=encoding))


# --- NumPy


def read_npy(path, shape=None, dtype=None, behind=0):
    """Memory-maps an array of a `.npy` file, which must hold exactly its bytes.

    Args:
        path: File.
        shape, dtype: Required shape and dtype, if any.
        behind: Number of bytes that follow the array.

    Raises:
        OSError: If the file does not exist.
        ValueError: If it is damaged, or of another shape or dtype.
    """
    with reading("A file must be a complete .npy array", path, "Remove it, or copy it again."):
        with open(path, "rb") as file:
            stored, order, kind = _npy_header(file)
            start, size = file.tell(), os.fstat(file.fileno()).st_size
        if size - start - behind != math.prod(stored) * kind.itemsize:
            raise UnreadableError(f"{size - start} bytes for an array of shape {stored}")
        if shape not in (None, stored) or (dtype is not None and kind != dtype):
            raise UnreadableError(f"{kind} of shape {stored}, expected {dtype} of {shape}")
        if not math.prod(stored):
            return np.zeros(stored, kind)
        return np.memmap(path, kind, "r", start, stored, "F" if order else "C")


def _npy_header(file):
    """Returns `(shape, fortran_order, dtype)` and leaves the file at the data."""
    version = np.lib.format.read_magic(file)
    if version not in ((1, 0), (2, 0), (3, 0)):
        raise UnreadableError(f"version {version} of the format")
    read = np.lib.format.read_array_header_1_0
    if version != (1, 0):
        read = np.lib.format.read_array_header_2_0
    shape, order, dtype = read(file)
    if dtype.hasobject:
        raise UnreadableError("an array of objects")
    if any(side < 0 for side in shape):
        raise UnreadableError(f"an array of shape {shape}")
    return shape, order, dtype


def read_npz(path, names=None):
    """Reads the arrays of an `.npz` file, none of them of objects; call it inside `reading`.

    Args:
        path: File.
        names: Names of the arrays; all if `None`.

    Returns:
        Dict from name to array. Arrays that the file does not have are left out.

    Raises:
        OSError: If the file does not exist.
        UnreadableError: If it claims more than it holds. What is damaged raises anything.
    """
    arrays = {}
    with zipfile.ZipFile(path) as archive:
        check_zip(archive)
        for entry in archive.infolist():
            name = entry.filename.removesuffix(".npy")
            if name == entry.filename or (names is not None and name not in names):
                continue
            with archive.open(entry) as file:
                shape, _, dtype = _npy_header(file)
            check_claim(math.prod(shape) * dtype.itemsize, entry.file_size, f"{name}")
            with archive.open(entry) as file:
                arrays[name] = np.lib.format.read_array(file, allow_pickle=False)
    return arrays


def map_npz(path, name):
    """Memory-maps a large array of an `.npz` file, and reads a small one; call it inside `reading`.

    The array is compared with its checksum first, in parts. What is written to it stays in memory.

    Args:
        path: File.
        name: Name of the array.

    Raises:
        OSError: If the file does not exist.
        UnreadableError: If it claims more than it holds. What is damaged raises anything.
    """
    with zipfile.ZipFile(path) as archive:
        check_zip(archive)
        entry = archive.getinfo(f"{name}.npy")
        stored = entry.compress_type == zipfile.ZIP_STORED and os.name == "posix"
        if not stored or entry.file_size < _LEAST_MAPPED:
            return read_npz(path, (name,))[name]
        with archive.open(entry) as file:
            shape, order, dtype = _npy_header(file)
            header = file.tell()
            check_claim(math.prod(shape) * dtype.itemsize, entry.file_size - header, name)
            while file.read(_LEAST_MAPPED):  # its end compares the checksum
                pass
    with open(path, "rb") as file:
        file.seek(entry.header_offset)
        lengths = file.read(_ZIP_HEADER)[-4:]
    names = int.from_bytes(lengths[:2], "little") + int.from_bytes(lengths[2:], "little")
    start = entry.header_offset + _ZIP_HEADER + names + header
    return np.memmap(path, dtype, "c", start, shape, "F" if order else "C")


# --- zip


def check_zip(archive):
    """Raises `UnreadableError` if an open `zipfile.ZipFile` claims more than it can hold."""
    total = 0
    for entry in archive.infolist():
        limit = unpacked_limit(entry.compress_size)
        if entry.compress_type == zipfile.ZIP_STORED:
            limit = entry.compress_size
        check_claim(entry.file_size, limit, entry.filename)
        total += entry.file_size
    check_claim(total, MAX_ARRAYS, "all of it")


# --- HDF5


def check_hdf5(data, available):
    """Returns the bytes of an `h5py.Dataset`, which must lie in its own file.

    Args:
        data: Dataset.
        available: Bytes that its file has left for it.

    Raises:
        UnreadableError: If it claims more, or lies in another file.
    """
    if data.external or data.is_virtual:
        raise UnreadableError(f"{data.name} lies in another file")
    stored = data.id.get_storage_size()
    check_claim(stored, available, data.name)
    packed = data.chunks is not None and bool(data.compression)
    check_claim(data.nbytes, unpacked_limit(stored) if packed else available, data.name)
    return data.nbytes if not packed else stored


# Formats of FFmpeg that name other files or addresses, which it would open.
_LINKING_FORMATS = {
    *("concat", "dash", "ffmetadata", "hls", "imf", "lavfi", "rtp", "rtsp", "sap", "sdp"),
    *("vapoursynth", "webm_dash_manifest", "applehttp"),
}


def open_container(path):
    """Opens a media file with PyAV; its name is never taken for an address or a pattern.

    Args:
        path: File.

    Returns:
        PyAV's container, to be closed. Files that name other files or addresses (playlists) are
        an error.
    """
    import av

    options = {"format_whitelist": ",".join(sorted(av.formats_available - _LINKING_FORMATS))}
    return av.open(media_address(path), options=options, metadata_errors="replace")


def media_address(path):
    """Returns the address of a media file for FFmpeg, which takes `concat:a.mp4` for another."""
    return f"file:{os.path.abspath(path)}"

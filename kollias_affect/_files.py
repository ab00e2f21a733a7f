"""Files and folders that appear atomically: a reader sees the old or the new one, never a part."""

import codecs
import contextlib
import errno
import gc
import glob
import hashlib
import json
import logging
import math
import os
import platform
import re
import secrets
import shutil
import sys
import traceback
import zlib
from pathlib import Path

import numpy as np

from kollias_affect import _checks, _untrusted

try:
    import resource
except ImportError:  # Windows
    resource = None

_log = logging.getLogger(__name__)

_CHECK_BYTES, _CHECKED_ROWS = 4, 1024
_LONGEST_STEM = 160  # bytes
_PLENTY = 4  # times what is needed: then no room is reserved, which takes time on some systems
_HDF5_ENTRY = 2048  # bytes of a data set in an HDF5 file besides its content
PLOT_MARK = "drawn by kollias_affect"  # comment in every plot
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")
REMEDY = (
    "To do so, set KOLLIAS_AFFECT_CACHE to a folder that can be written, or pass crops= / "
    "unpack_to=."
)

_FULL = {errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)}
# Libraries below raise errors of their own, with the text of the system or with one of theirs.
_FULL_TEXT = re.compile(
    "|".join(re.escape(os.strerror(number)) for number in sorted(_FULL))
    + r"|disk is full|\d+ requested and \d+ written"
)


class DiskFullError(OSError):
    """There is no room for a file.

    Args:
        path: File or folder that is written; `None` if it is not known.
        needs: Bytes that it needs at least; 0 if they are not known.
    """

    def __init__(self, path, needs=0):
        self.path, self.needs = path, needs
        received = "a disk without room" if path is None else str(path)
        with contextlib.suppress(OSError, TypeError):
            received += f", with {_bytes(shutil.disk_usage(_existing(path)).free)} free"
        wanted = f"; at least {_bytes(needs)} are needed" if needs else ""
        super().__init__(
            "The outputs need room on the disk, within the limits for its users (quota, "
            f"`ulimit -f`). Received: {received}{wanted}. Free some space, or choose another "
            "folder."
        )

    def __reduce__(self):
        return type(self), (self.path, self.needs)


def _bytes(number):
    """Returns a number of bytes for people, such as `1.5 MB`."""
    units = ["bytes", "kB", "MB", "GB"]
    power = min(3, len(str(int(number))) // 3 - (len(str(int(number))) % 3 == 0))
    return f"{number / 1000**power:,.{min(power, 1)}f} {units[power]}"


def _existing(path):
    """Returns the path, or the first folder above it that exists."""
    path = Path(path).absolute()
    return next(folder for folder in (path, *path.parents) if folder.exists())


def is_disk_full(error):
    """Returns whether an exception of any library says that there is no room on the disk."""
    seen = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        if isinstance(error, DiskFullError) or getattr(error, "errno", None) in _FULL:
            return True
        if _FULL_TEXT.search(str(error)):
            return True
        error = error.__cause__ or error.__context__
    return False


@contextlib.contextmanager
def writing(path, needs=0, temporary=None):
    """Turns the errors of a full disk in the context, of whatever library, into `DiskFullError`.

    Args:
        path: File or folder that is written.
        needs: Bytes that it needs at least. If there is no room for them, nothing is begun. It
            takes a `temporary`.
        temporary: `Path` of the file in which it is prepared, which is emptied if that fails.

    Raises:
        DiskFullError: If there is no room.
    """
    try:
        if needs:
            _try_room(temporary, needs)
        yield
    except DiskFullError:
        raise
    except Exception as error:
        if not is_disk_full(error):
            raise
        # HDF5 keeps a file open that it cannot flush, and ends the process with a fault later: give
        # its blocks back, then let go of it.
        with contextlib.suppress(OSError):
            if temporary is not None:
                os.truncate(temporary, 0)
        if "h5py" in sys.modules:
            traceback.clear_frames(error.__traceback__)
            gc.collect()
        raise DiskFullError(path, needs) from error


def _try_room(trial, needs):
    """Raises `OSError` if a file cannot have that size.

    Args:
        trial: `Path` of a file for the trial, which is removed.
        needs: Size in bytes.
    """
    trial.parent.mkdir(parents=True, exist_ok=True)
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)[0] if resource else -1
    if 0 <= limit < needs:
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))
    free = shutil.disk_usage(trial.parent).free
    if free < needs:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    if free > _PLENTY * needs or not hasattr(os, "posix_fallocate"):
        return
    try:
        with open(trial, "wb") as file:
            os.posix_fallocate(file.fileno(), 0, needs)
    except OSError as error:
        if error.errno in _FULL:  # Other errors say that the file system cannot reserve room.
            raise
    finally:
        trial.unlink(missing_ok=True)


def stored_size(variables):
    """Returns the bytes that a file of variables, such as weights, needs about.

    Args:
        variables: Iterable of objects with `shape` and `dtype`.
    """
    variables = {id(variable): variable for variable in variables}.values()
    sizes = {"float16": 2, "bfloat16": 2}
    arrays = sum(math.prod(v.shape) * sizes.get(str(v.dtype), 4) for v in variables)
    return arrays + (_HDF5_ENTRY * len(variables))


def _owner():
    """Returns the machine and the process, as part of a file name.

    Several machines may share a folder, and a process number is valid on one of them only.
    """
    return f"{_machine()}.{os.getpid()}"


def _machine():
    return f"{zlib.crc32(platform.node().encode()):08x}"


def _short(name):
    """Returns a name, or a stand-in of it, to which more can be added: names have 255 bytes."""
    content = os.fsencode(name)
    return name if len(content) <= _LONGEST_STEM else f"{zlib.crc32(content):08x}"


def natural_key(name):
    """Returns a sort key that puts `frame10` after `frame9`."""
    # Odd parts are the numbers. The name itself separates names such as 01 and 1.
    parts = re.split(r"(\d+)", str(name))
    return [int(part) if i % 2 else part for i, part in enumerate(parts)], str(name)


@contextlib.contextmanager
def atomic(path, needs=0):
    """Yields a temporary path beside `path` (same suffix) that replaces it on success.

    Args:
        path: File.
        needs: See `writing`.

    Raises:
        DiskFullError: If there is no room for it.
    """
    path = Path(path)
    with temporary_beside(path) as temporary, writing(path, needs, temporary):
        yield temporary
        os.replace(temporary, path)


@contextlib.contextmanager
def temporary_beside(path):
    """Yields a hidden path beside `path` (same suffix); its file is removed at the end.

    Its name tells the machine and the process, so that a file that a killed process left is known.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove_leftovers(path)
    temporary = path.with_name(f".{_short(path.stem)}.{_owner()}.partial{path.suffix}")
    try:
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)


def is_temporary(name):
    """Returns whether a file or folder has a name as `atomic` and `atomic_folder` give it."""
    return re.fullmatch(r"\..+\.[0-9a-f]{8}\.\d+(\.[0-9a-f]{8})?\.partial(\..*)?", name) is not None


def _remove_leftovers(path):
    """Removes temporary files of processes that were killed while they wrote `path`."""
    start = glob.escape(f".{_short(path.stem)}.{_machine()}")
    for leftover in path.parent.glob(f"{start}.*.partial{glob.escape(path.suffix)}"):
        process = leftover.name.removesuffix(f".partial{path.suffix}").rsplit(".", 1)[-1]
        if is_dead(process):
            leftover.unlink(missing_ok=True)


def is_dead(process):
    """Returns whether the process with this number surely no longer runs on this machine.

    Args:
        process: Its number, as an integer or text.
    """
    if os.name != "posix":  # Signal 0 is Ctrl-C on Windows.
        return False
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return True
    except (PermissionError, ValueError, OverflowError):  # another user's, or not one of our names
        return False
    return False


def write_json(path, content):
    """Writes `content` as indented JSON with sorted keys, atomically."""
    with atomic(path) as temporary:
        temporary.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n")


def write_csv(table, path, excel_safe=False, **options):
    """Writes a table as csv, atomically.

    Args:
        table: `pandas.DataFrame`.
        path: File.
        excel_safe: Whether spreadsheets take no text for a formula: texts that begin with `=`, `+`,
            `-`, `@`, a tab or a line break have a quote before them. The file begins with a byte
            order mark, by which spreadsheets read UTF-8 and `has_quoted_formulas` knows it.
        **options: Options of `pandas.DataFrame.to_csv`.

    References: OWASP, "CSV injection".
    """
    if excel_safe:
        table = table.map(_quoted).rename(index=_quoted, columns=_quoted)
    encoding = "utf-8-sig" if excel_safe else "utf-8"
    with atomic(path) as temporary:
        table.to_csv(temporary, lineterminator="\n", encoding=encoding, **options)


def has_quoted_formulas(path):
    """Returns whether a csv was written by `write_csv` with `excel_safe`."""
    with open(path, "rb") as file:
        return file.read(3) == codecs.BOM_UTF8


def unquoted(value):
    """Returns a text as it was before `write_csv` quoted it; other values as they are."""
    quoted = isinstance(value, str) and value.startswith("'") and _quoted(value) != value
    return value[1:] if quoted else value


def _quoted(value):
    # A name may begin with quotes itself: with one more, `unquoted` gives it back.
    begins = isinstance(value, str) and value.lstrip("'").startswith(_FORMULA_STARTS)
    return f"'{value}" if begins else value


def write_array(path, shape, dtype, rows):
    """Writes a `.npy` file row by row, atomically, with a checksum behind the array.

    Args:
        path: File.
        shape: Shape of the array.
        dtype: Its dtype.
        rows: Iterable of its rows, at least as many as it has.
    """
    header = {"descr": np.dtype(dtype).str, "fortran_order": False, "shape": tuple(shape)}
    rows, check = iter(rows), 0
    size = int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize
    with atomic(path, needs=size) as temporary, open(temporary, "wb") as out:
        np.lib.format.write_array_header_1_0(out, header)
        for _ in range(shape[0]):
            content = np.ascontiguousarray(next(rows), dtype).tobytes()
            check = zlib.crc32(content, check)
            out.write(content)
        out.write(check.to_bytes(_CHECK_BYTES, "little"))


def read_array(path, shape, dtype):
    """Memory-maps an array that `write_array` wrote, after a comparison with its checksum.

    Args:
        path: File.
        shape, dtype: Shape and dtype that it must have.

    Returns:
        Array; `None` if the file is missing, damaged, or holds something else.
    """
    try:
        array = _untrusted.read_npy(path, tuple(shape), dtype, behind=_CHECK_BYTES)
    except FileNotFoundError:
        return None
    except ValueError as error:
        _log.warning("%s It is computed again.", error)
        return None
    check = 0
    for start in range(0, len(array), _CHECKED_ROWS):
        check = zlib.crc32(np.ascontiguousarray(array[start : start + _CHECKED_ROWS]), check)
    with open(path, "rb") as file:
        file.seek(-_CHECK_BYTES, os.SEEK_END)
        if file.read() == check.to_bytes(_CHECK_BYTES, "little"):
            return array
    _log.warning("%s is damaged: its checksum is another one. It is computed again.", path)
    return None


def sha256(path):
    """Returns the SHA-256 of a file as 64 hexadecimal characters."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def cache_folder():
    """Folder of files that can be computed again: `KOLLIAS_AFFECT_CACHE`, or the user's cache.

    Raises:
        OSError: If neither that variable nor a home folder is known.
    """
    chosen, standard = (os.environ.get(n) for n in ("KOLLIAS_AFFECT_CACHE", "XDG_CACHE_HOME"))
    if chosen:
        return Path(chosen)
    try:
        return Path(standard or Path.home() / ".cache") / "kollias_affect"
    except RuntimeError as error:
        raise OSError(
            f"The cache folder needs a home folder. Received: none ({error}). Choose a folder. "
            f"{REMEDY}"
        ) from error


def made_folder(path):
    """Creates the folder `path` and returns it, or raises an `OSError` with the remedy."""
    try:
        return _checks.writable_folder("cache folder", path)
    except OSError as error:
        raise type(error)(f"{error} {REMEDY}") from error


@contextlib.contextmanager
def atomic_folder(path):
    """Yields a temporary folder beside `path` that becomes `path` on success.

    If another process creates the same folder meanwhile, the folder of that process stays.

    Raises:
        OSError: If the parent folder cannot be written.
    """
    path = Path(path)
    made_folder(path.parent)
    _remove_leftover_folders(path)
    start = f".{_short(path.name)}.{_owner()}"
    temporary = path.with_name(f"{start}.{secrets.token_hex(4)}.partial")
    try:
        with writing(path):
            temporary.mkdir()
            yield temporary
            try:
                os.replace(temporary, path)
            except OSError:
                if not is_filled_folder(path):
                    raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _remove_leftover_folders(path):
    """Removes temporary folders of processes that were killed while they filled them."""
    start = glob.escape(f".{_short(path.name)}.{_machine()}")
    for leftover in path.parent.glob(f"{start}.*.partial"):
        if is_dead(leftover.name.split(".")[-3]):
            shutil.rmtree(leftover, ignore_errors=True)


def is_filled_folder(path):
    """Whether `path` is a folder that is not empty."""
    return path.is_dir() and any(path.iterdir())

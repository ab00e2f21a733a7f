"""Files and folders that appear atomically: a reader sees the old or the new one, never a part."""

import codecs
import contextlib
import glob
import hashlib
import json
import logging
import os
import platform
import re
import secrets
import shutil
import zlib
from pathlib import Path

import numpy as np

from kollias_affect import _checks, _untrusted

_log = logging.getLogger(__name__)

_CHECK_BYTES, _CHECKED_ROWS = 4, 1024
PLOT_MARK = "drawn by kollias_affect"  # comment in every plot
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")
REMEDY = (
    "To do so, set KOLLIAS_AFFECT_CACHE to a folder that can be written, or pass crops= / "
    "unpack_to=."
)


def natural_key(name):
    """Returns a sort key that puts `frame10` after `frame9`."""
    # Odd parts are the numbers. The name itself separates names such as 01 and 1.
    parts = re.split(r"(\d+)", str(name))
    return [int(part) if i % 2 else part for i, part in enumerate(parts)], str(name)


@contextlib.contextmanager
def atomic(path):
    """Yields a temporary path beside `path` (same suffix) that replaces it on success."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove_leftovers(path)
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.partial{path.suffix}")
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _remove_leftovers(path):
    """Removes temporary files of processes that were killed while they wrote `path`."""
    if os.name != "posix":
        return
    for leftover in path.parent.glob(f".{glob.escape(path.stem)}.*.partial{path.suffix}"):
        process = leftover.name.removesuffix(f".partial{path.suffix}").rsplit(".", 1)[-1]
        if _is_dead(process):
            leftover.unlink(missing_ok=True)


def _is_dead(process):
    """Whether the process with this number, a string, no longer runs on this machine."""
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
    with atomic(path) as temporary, open(temporary, "wb") as out:
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
    # Several machines may share the folder, and a process number is valid on one of them only.
    start = f".{path.name}.{platform.node()}"
    _remove_leftover_folders(path.parent, start)
    random = secrets.token_hex(4)
    temporary = path.with_name(f"{start}.{os.getpid()}.{random}.partial")
    temporary.mkdir()
    try:
        yield temporary
        try:
            os.replace(temporary, path)
        except OSError:
            if not is_filled_folder(path):
                raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _remove_leftover_folders(parent, start):
    """Removes temporary folders of processes that were killed while they filled them."""
    if os.name != "posix":
        return
    for leftover in parent.glob(f"{glob.escape(start)}.*.partial"):
        if _is_dead(leftover.name.split(".")[-3]):
            shutil.rmtree(leftover, ignore_errors=True)


def is_filled_folder(path):
    """Whether `path` is a folder that is not empty."""
    return path.is_dir() and any(path.iterdir())

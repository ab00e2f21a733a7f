"""Files that the package can make again: what there is, how large it is, and what goes first.

Caches are recognised by their names and by their content. Everything else is an output, or belongs
to somebody else, and is never removed.
"""

import contextlib
import dataclasses
import glob
import json
import os
import re
import shutil
import stat
import time
from pathlib import Path

from kollias_affect import _checks, _files, _runs, _untrusted

# What can be made again.
FEATURES, FRAMES, UNPACKED = "features", "frames", "unpacked"
DATABASE_CROPS, UNFINISHED, LEFTOVERS = "database crops", "unfinished videos", "leftovers"
CACHES = (FEATURES, FRAMES, UNPACKED, DATABASE_CROPS, UNFINISHED, LEFTOVERS)
# Outputs, which `du` counts and `clean` never removes.
OUTPUTS = ("crops", "shards", "runs", "tables", "other")

_HEX = "[0-9a-f]{16}"
_CHECK_BYTES = 4  # of `_files.write_array`
_MARKER = {"settings", "versions", "people"}  # of `faces.publication`
_FEATURES = re.compile(rf"features-{_HEX}-{_HEX}(-float16|-bfloat16)?\.npy")
_FRAMES = re.compile(rf"frames-{_HEX}\.npy")
_STAMPED = re.compile(rf".+-{_HEX}")
# Temporary names of `_files.atomic` and `_files.atomic_folder`, with the process that wrote them.
_PARTIAL_FILE = re.compile(r"\..+\.(\d+)\.partial(\.\w+)?")
_PARTIAL_FOLDER = re.compile(r"\..+\.(\d+)\.[0-9a-f]{8}\.partial")
# Folders of `faces.extraction_run` and `faces.segments`, and of what is in them.
_UNFINISHED = re.compile(r"\.(.+)\.(partial|segments)")
_JOURNAL, _LOCK = "journal.jsonl", "lock"
_HEADER = {"journal", "settings", "versions"}
_HEADER_BYTES = 1 << 20
_YOUNG = 24 * 3600  # seconds; a file that another machine writes has no process here
_UNITS = {"": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12}


@dataclasses.dataclass(frozen=True)
class Item:
    """A file, or a folder that counts as one.

    Attributes:
        path: `Path`.
        kind: One of `CACHES` or `OUTPUTS`.
        files: Number of files.
        bytes: Their bytes on disk.
        used: Time of the last use in seconds since 1970.
    """

    path: Path
    kind: str
    files: int
    bytes: int
    used: float


def bytes_of(text):
    """Returns the number of bytes of a text such as `"20GB"`.

    Raises:
        ValueError: If it is no positive number with one of the units B, KB, MB, GB, TB.

    Example:

    >>> bytes_of("1.5 GB")
    1500000000
    """
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*", str(text).lower())
    if match is None or match[2] not in _UNITS or float(match[1]) <= 0:
        raise ValueError(
            "A size must be a positive number with B, KB, MB, GB or TB. Received: "
            f"{text!r}. Write 20GB, for example."
        )
    return int(float(match[1]) * _UNITS[match[2]])


def size_text(count):
    """Returns a number of bytes with its unit.

    Example:

    >>> size_text(1_234_567), size_text(999)
    ('1.2 MB', '999 B')
    """
    for unit, power in reversed(list(_UNITS.items())[2:]):
        if count >= power:
            return f"{count / power:.1f} {unit.upper()}"
    return f"{count} B"


def items(folder):
    """Returns what a folder holds, sorted by path.

    Links are counted as other files and never followed.

    Args:
        folder: Folder, or one inside the cache of the package.

    Returns:
        List of `Item`.

    Raises:
        FileNotFoundError: If it does not exist.
    """
    folder = Path(os.path.abspath(folder))
    if not folder.is_dir():
        raise FileNotFoundError(
            f"A folder must exist. Received: {folder}, which is no folder. Check the path."
        )
    found = []
    _collect(folder, _cache_root(), found)
    return sorted(found, key=lambda item: item.path)


def _cache_root():
    try:
        return Path(os.path.abspath(_files.cache_folder()))
    except OSError:
        return None


def _collect(folder, cache, found):
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except PermissionError:
        return
    names = {entry.name for entry in entries}
    for entry in entries:
        is_folder = entry.is_dir(follow_symlinks=False)
        if (kind := _kind(entry, is_folder, cache)) in CACHES:
            found.append(_whole(entry, kind) if is_folder else _item(entry, kind))
        elif is_folder:
            _collect(Path(entry.path), cache, found)
        else:
            found.append(_item(entry, _output_kind(entry.name, names)))


def _kind(entry, is_folder, cache):
    """Returns the kind of a cache that an entry is, or `None`."""
    name = entry.name
    if _is_leftover(entry):
        return LEFTOVERS
    if is_folder:
        if _is_unfinished(Path(entry.path)):
            return UNFINISHED
        if cache is None or Path(entry.path).parent != cache or not _STAMPED.fullmatch(name):
            return None
        if os.path.isfile(os.path.join(entry.path, ".source")):
            return UNPACKED
        return DATABASE_CROPS if _holds_extraction(Path(entry.path)) else None
    if not entry.is_file(follow_symlinks=False):
        return None
    for kind, pattern in ((FEATURES, _FEATURES), (FRAMES, _FRAMES)):
        if pattern.fullmatch(name) and _is_checked_array(entry):
            return kind
    return None


def _is_unfinished(folder):
    """Whether a folder holds what there is of a video, or of its segments, until it is finished."""
    match = _UNFINISHED.fullmatch(folder.name)
    if match is None:
        return False
    if match[2] == "partial":
        return _has_header(folder / _JOURNAL)
    return any(_has_header(journal) for journal in folder.glob(f"[0-9]*/{_JOURNAL}"))


def _has_header(path):
    """Whether a file begins as the journal of an extraction does."""
    with contextlib.suppress(OSError, ValueError, RecursionError), open(path, "rb") as file:
        header = json.loads(file.readline(_HEADER_BYTES))
        return isinstance(header, dict) and set(header) >= _HEADER
    return False


def _holds_extraction(folder):
    """Whether a folder has the marker of a video whose faces were extracted."""
    for path in folder.rglob("*.json"):
        with contextlib.suppress(OSError, ValueError, TypeError):
            return set(_untrusted.read_json(path)) >= _MARKER
    return False


def _is_checked_array(entry):
    """Whether a file has the form that `_files.write_array` gives it: an array and a checksum."""
    status = entry.stat(follow_symlinks=False)
    try:
        _untrusted.read_npy(entry.path, behind=_CHECK_BYTES)
    except (OSError, ValueError):
        return False
    with contextlib.suppress(OSError):  # a look is no use
        os.utime(entry.path, ns=(status.st_atime_ns, status.st_mtime_ns))
    return True


def _is_leftover(entry):
    """Whether an entry is a temporary file or folder of a process that no longer runs."""
    if entry.is_symlink() or os.name != "posix":
        return False
    is_folder = entry.is_dir(follow_symlinks=False)
    match = (_PARTIAL_FOLDER if is_folder else _PARTIAL_FILE).fullmatch(entry.name)
    if match is None or _is_running(match[1]):
        return False
    item = (_whole if is_folder else _item)(entry, LEFTOVERS)
    return time.time() - item.used > _YOUNG


def _is_running(process):
    """Whether a process with this number, a text, may run on this machine."""
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True


def _output_kind(name, names):
    """Returns the kind of an output by its name and those beside it."""
    stem, ending = os.path.splitext(name.removesuffix(".index"))
    if ending == ".tar" or name == "shards.json":
        return "shards"
    if ending.lower() in (".jpg", ".jpeg", ".png", ".bmp") or {f"{stem}.npz", f"{stem}.csv"} <= {
        *names
    }:
        return "crops"
    if ending in (".keras", ".onnx", ".h5") or {"settings.json", "log.csv"} & names:
        return "runs"
    return "tables" if ending in (".csv", ".parquet", ".json") else "other"


def _item(entry, kind):
    status = entry.stat(follow_symlinks=False)
    return Item(Path(entry.path), kind, 1, _on_disk(status), max(status.st_atime, status.st_mtime))


def _whole(entry, kind):
    """Returns a folder as one item.

    Of an unfinished video, only what was written counts as its use, without its locks: a look at it
    reads its journal and takes its locks.
    """
    files = size = 0
    used = entry.stat(follow_symlinks=False).st_mtime if kind != UNFINISHED else 0.0
    for place, _, names in os.walk(entry.path):
        for name in names:
            status = os.stat(os.path.join(place, name), follow_symlinks=False)
            files, size = files + 1, size + _on_disk(status)
            if kind != UNFINISHED:
                used = max(used, status.st_mtime, status.st_atime)
            elif not name.startswith(_LOCK):
                used = max(used, status.st_mtime)
    return Item(Path(entry.path), kind, files, size, used)


def _on_disk(status):
    """Bytes that a file takes; those of a file with several names are counted for each."""
    return getattr(status, "st_blocks", -(-status.st_size // 512)) * 512


@contextlib.contextmanager
def _locked(item):
    """Takes the locks of the videos of an item that are not finished, so that no run works on them.

    Yields:
        List of `_runs.Lock`; `None` if a run works on one. A segment that waits for the others has
        no lock, so the files of an unfinished video must be a day old, too.
    """
    if item.kind == UNFINISHED and time.time() - item.used <= _YOUNG:
        yield None
        return
    locks = [_runs.Lock(path.parent, path.name) for path in _locks_of(item)]
    try:
        yield locks if all(lock.try_acquire() for lock in locks) else None
    finally:
        for lock in locks:
            lock.release()


def _locks_of(item):
    """Yields the paths of the locks of unfinished videos in an item."""
    if item.kind == DATABASE_CROPS:
        yield from item.path.glob(f"**/.*.partial/{_LOCK}")
        yield from item.path.glob(f"**/.*.segments/*/{_LOCK}")
    if item.kind == UNFINISHED:
        yield from item.path.parent.glob(f"{glob.escape(item.path.stem)}.partial/{_LOCK}")
        yield from item.path.glob(f"*/{_LOCK}")


def _is_free(item):
    with _locked(item) as locks:
        return locks is not None


def removable(found, kinds=CACHES, older_than=0.0):
    """Returns the items that can be made again, those used longest ago first.

    What a run works on is left out, and unfinished videos that one has written in the last day.

    Args:
        found: List of `Item`.
        kinds: Kinds in `CACHES`.
        older_than: Days since their last use.
    """
    for kind in kinds:
        _checks.one_of("kind", kind, CACHES)
    latest = time.time() - older_than * 24 * 3600
    chosen = (item for item in found if item.kind in kinds and item.used <= latest)
    return sorted(filter(_is_free, chosen), key=lambda item: item.used)


def remove(item):
    """Removes an item that can be made again; returns whether it is gone."""
    _checks.one_of("kind", item.kind, CACHES)
    with contextlib.suppress(OSError), _locked(item) as locks:
        if locks is None:
            return False
        if os.name == "nt":  # where no open file can be removed
            for lock in locks:
                lock.release()
        if stat.S_ISDIR(os.lstat(item.path).st_mode):
            shutil.rmtree(item.path)
        else:
            item.path.unlink()
    return not os.path.lexists(item.path)


def used_now(path):
    """Records the use of a cached file, whose modification time stays."""
    with contextlib.suppress(OSError):  # of a cache that others own
        os.utime(path, ns=(time.time_ns(), os.stat(path).st_mtime_ns))


def evict(folder, needed, limit, keep):
    """Removes features of a folder that were used longest ago, until `needed` bytes more fit.

    Args:
        folder: Folder of features.
        needed: Bytes that the files `keep` take, whether they exist or not.
        limit: Bytes that all features of the folder may take.
        keep: Paths that stay.

    Raises:
        ValueError: If the limit is too small for `needed`.
    """
    if needed > limit:
        raise ValueError(
            "The limit must have room for the features of all clips of a call. Received: "
            f"{size_text(limit)}, and {size_text(needed)} are needed. Raise the limit, or store "
            "them as float16."
        )
    keep = {Path(os.path.abspath(path)) for path in keep}
    with os.scandir(folder) as entries:
        others = [
            _item(entry, FEATURES)
            for entry in entries
            if _FEATURES.fullmatch(entry.name) and Path(os.path.abspath(entry.path)) not in keep
        ]
    total = needed + sum(item.path.stat().st_size for item in others)
    for item in sorted(others, key=lambda item: item.used):
        if total <= limit:
            return
        size = item.path.stat().st_size
        total -= size if remove(item) else 0

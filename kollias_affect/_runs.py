"""What a resumable run is: fingerprints of its inputs, its folder, its journal and its lock.

A run writes its settings to its folder before it does anything long. The same command finds them
there and resumes; a command with other settings is refused. What a run depends on and what is too
large to write down (weights, clips, files) counts by a fingerprint of 16 hexadecimal characters.
"""

import dataclasses
import hashlib
import itertools
import json
import logging
import os
import shutil
import time
from pathlib import Path

import numpy as np

from kollias_affect import _files, _locks, _untrusted, shards
from kollias_affect._option_names import in_words

# Says where an interrupted run goes on; the command line shows it.
progress = logging.getLogger("kollias_affect.progress")

SETTINGS = "settings.json"
LOCK = ".lock"
_END_BYTES = 1 << 16  # that `file_identity` reads at both ends


def fingerprint_bytes(content):
    """Returns the fingerprint of bytes."""
    return _fingerprint_parts([content])


def _fingerprint_parts(parts):
    """Returns the fingerprint of an iterable of bytes, which holds one part at a time."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.hexdigest()[:16]


def fingerprint(*content):
    """Returns the fingerprint of JSON content and dataclasses."""

    def plain(value):
        return {"kind": type(value).__name__, **dataclasses.asdict(value)}

    text = json.dumps(content, sort_keys=True, default=plain)
    return fingerprint_bytes(text.encode())


def fingerprint_arrays(*arrays):
    """Returns the fingerprint of the bytes of arrays; `None` counts as an empty array."""
    return _fingerprint_parts(
        b"" if array is None else np.ascontiguousarray(array).tobytes() for array in arrays
    )


def fingerprint_contents(paths):
    """Returns the fingerprint of the contents of files; an empty path counts as an empty file."""
    contents = shards.contents(paths)
    return _fingerprint_parts(len(c).to_bytes(8, "little") + c for c in contents)


def fingerprint_states(paths):
    """Returns the fingerprint of the paths, sizes and modification times of files."""
    return fingerprint([(str(path), *file_state(path)) for path in paths])


def describe_clip(clip):
    """Returns key, number of frames and fingerprint of the labels of a clip, for settings."""
    more = [x for x in (clip.action_units, clip.expression_shares) if x is not None]
    labels = fingerprint_arrays(clip.valid, clip.valence_arousal, clip.expression, *more)
    return [clip.key, len(clip), labels]


def file_state(path):
    """Returns size (bytes) and modification time (ns) of a file; zeros for an empty path."""
    return shards.state(path)


def file_identity(path):
    """Returns JSON content that distinguishes files with one name, from two short reads.

    Args:
        path: `Path` of the file.

    Returns:
        Dict with the size in `bytes` and the SHA-256 of the first and last 64 KiB.
    """
    size = path.stat().st_size
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        digest.update(file.read(_END_BYTES))
        file.seek(max(0, size - _END_BYTES))
        digest.update(file.read())
    return {"bytes": size, "sha256_of_ends": digest.hexdigest()}


def check_folder(folder, settings, writes=(), required=(), name=SETTINGS, unknown=()):
    """Checks that a folder is free for a run, or holds the run with these settings.

    Args:
        folder: Folder of the run, which need not exist.
        settings: JSON content that the run depends on.
        writes: Names that the run writes in addition to its settings. Default: any name, so that a
            folder without settings must be empty.
        required: Names that the settings of a run of this kind contain.
        name: File name of the settings.
        unknown: Names of entries that are not known yet, because they need data that are loaded
            later; they are not compared. A dot leads into an entry, as in `settings.length`.

    Returns:
        bool, whether the folder already holds the run.

    Raises:
        FileExistsError: If the folder holds files that a run of this kind did not write.
        ValueError: If the folder holds a run with other settings.
    """
    folder = Path(folder)
    path = folder / name
    before = _settings_in(path, required)
    names = {entry.name for entry in folder.iterdir()} if folder.is_dir() else set()
    names -= {name, LOCK, LOCK + _locks.OWNER}
    names = set(itertools.filterfalse(_files.is_temporary, names))  # of a run that was killed
    if before is None and (path.exists() or names & set(writes or names)):
        raise FileExistsError(
            f"A run needs a folder of its own. Received: {folder}, which holds files that this "
            "command did not write. Choose another folder."
        )
    if before is None:
        return False
    now = json.loads(json.dumps(settings))
    before, now = (_without(content, unknown) for content in (before, now))
    changed = in_words(differences(before, now))
    if changed:
        raise ValueError(
            f"A folder holds one run. Received: {folder}, whose {name} differs in "
            f"{', '.join(changed)}. Repeat the earlier settings to resume that run, or choose "
            "another folder."
        )
    return True


def _without(content, names):
    """Returns a dict without some entries; a dot in a name leads into an entry."""
    result = {}
    for name, value in content.items():
        inner = [n.removeprefix(f"{name}.") for n in names if n.startswith(f"{name}.")]
        if name not in names:
            result[name] = _without(value, inner) if inner and isinstance(value, dict) else value
    return result


def _settings_in(path, required):
    """Returns the settings that a run wrote; `None` if the file is missing or another one."""
    try:
        content = _untrusted.read_json(path)
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) and set(content) >= set(required) else None


def start_folder(folder, settings, writes=(), required=(), name=SETTINGS):
    """Checks the folder as `check_folder` does, then writes the settings if they are missing.

    Returns:
        bool, whether the run resumes.
    """
    resumes = check_folder(folder, settings, writes, required, name)
    if not resumes:
        _files.write_json(Path(folder) / name, settings)
    return resumes


def differences(before, now):
    """Lists the differences between two JSON contents.

    Returns:
        list of texts: dotted names of the entries, with both values where they are short.
    """
    if isinstance(before, dict) and isinstance(now, dict):
        names = sorted({*before, *now})
        inner = {name: differences(before.get(name), now.get(name)) for name in names}
        return [
            name + value if value[:1] in ("", " ") else f"{name}.{value}"
            for name in names
            for value in inner[name]
        ]
    if before == now:
        return []
    short = all(isinstance(value, (int, float, str, type(None))) for value in (before, now))
    return [f" ({before}, now {now})" if short else ""]


class Lock:
    """A lock on a folder, held by this process until `release` or until the process ends.

    The operating system drops it with the process, however that ends, so no lock is stale; on
    network file systems the server does. File systems without locks get the file `_locks.OWNER`
    that names the process instead, see `_locks`.

    Args:
        folder: Folder to lock. It is created if it is missing.
        name: File name of the lock.
    """

    def __init__(self, folder, name=LOCK):
        self.folder = Path(folder)
        self.name = name
        self._file = None

    @property
    def held(self):
        """Whether this object holds the lock."""
        return self._file is not None

    @property
    def _path(self):
        return self.folder / self.name

    def try_acquire(self):
        """Takes the lock if it is free; returns whether it is held now."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            file = open(self._path, "a+b")  # noqa: SIM115 - closed by `release`
        except FileNotFoundError:  # the process that held it removed the folder just now
            return False
        # The process that held it may have removed the folder while this one waited.
        if _locks.take(file, self._path) and self._is_file(file):
            self._file = file
            _locks.write_owner(file)
            return True
        file.close()
        return False

    def _is_file(self, file):
        try:
            return os.path.samestat(os.fstat(file.fileno()), self._path.stat())
        except FileNotFoundError:
            return False

    def acquire(self, seconds=0):
        """Takes the lock, or waits for it.

        Args:
            seconds: Longest time to wait, in seconds.

        Raises:
            OSError: If another process holds the lock for that time.
        """
        end = time.monotonic() + seconds
        while not self.try_acquire():
            if time.monotonic() >= end:
                raise OSError(
                    f"One process at a time may work in a folder. Another one works in "
                    f"{self.folder}{_locks.describe_owner(self._path)}. Wait for it to end, or "
                    "choose another output folder."
                )
            time.sleep(0.1)

    def check(self):
        """Raises `OSError` if the folder was removed or moved since it was locked."""
        if self.held and not self._path.exists():
            raise gone(self.folder)

    def release(self):
        """Releases the lock; does nothing if it is not held."""
        if self._file is not None:
            _locks.drop(self._file, self._path)
            self._file = None

    def remove_folder(self):
        """Removes the folder, then the lock: another process may lock a new folder."""
        if os.name == "nt":  # where no open file can be removed
            self.release()
        shutil.rmtree(self.folder)
        self.release()

    def __enter__(self):
        self.acquire()
        return self

    def __exit__(self, *error):
        self.release()


def gone(folder):
    """Returns the error about the folder of a run that is no longer in its place."""
    return FileNotFoundError(
        f"The folder of a run must stay in its place. Received: {folder}, which was removed or "
        "moved while this command worked in it. Nothing more is written. Move it back and run the "
        "same command again, or choose another folder."
    )


class Journal:
    """JSON lines on disk that survive a kill: a line counts when it is complete.

    Args:
        path: File of the lines, which need not exist.
    """

    def __init__(self, path):
        self.path = Path(path)
        self._file = None

    def lines(self):
        """Yields `(content, end)` for each complete line; `end` is its last byte's position + 1.

        Everything from the first torn or unreadable line on is left out.
        """
        if not self.path.exists():
            return
        end = 0
        with open(self.path, "rb") as file:
            for line in file:
                try:
                    content = _untrusted.parse_json(line)
                except ValueError:
                    return
                if not line.endswith(b"\n"):
                    return
                end += len(line)
                yield content, end

    def resume(self, end):
        """Opens the journal for `append`, and drops all bytes from position `end` on."""
        self._file = open(self.path, "r+b" if end else "wb")  # noqa: SIM115 - closed by `close`
        self._file.truncate(end)
        self._file.seek(end)

    def append(self, content):
        """Writes one line and flushes it."""
        with _files.writing(self.path):
            self._file.write(json.dumps(content, separators=(",", ":")).encode() + b"\n")
            self._file.flush()

    def close(self):
        """Closes the file; does nothing if it is not open."""
        file, self._file = self._file, None
        if file is not None:
            with _files.writing(self.path):  # A line that found no room is tried once more.
                file.close()

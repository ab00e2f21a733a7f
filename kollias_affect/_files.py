"""Atomic writing: a reader sees the old file or the new one, never a part."""

import contextlib
import glob
import json
import os
import shutil
import tempfile
from pathlib import Path


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
    """Temporary files of processes that were killed while they wrote `path`."""
    if os.name != "posix":
        return
    for leftover in path.parent.glob(f".{glob.escape(path.stem)}.*.partial{path.suffix}"):
        process = leftover.name.removesuffix(f".partial{path.suffix}").rsplit(".", 1)[-1]
        try:
            os.kill(int(process), 0)
        except ProcessLookupError:
            leftover.unlink(missing_ok=True)
        except (PermissionError, ValueError):  # somebody else's process, or not our name
            continue


def write_json(path, content):
    """Writes `content` as indented JSON with sorted keys, atomically."""
    with atomic(path) as temporary:
        temporary.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n")


def cache_folder():
    """Where the package keeps what it can make again: `KOLLIAS_AFFECT_CACHE`, or the user's."""
    chosen = os.environ.get("KOLLIAS_AFFECT_CACHE")
    standard = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(chosen) if chosen else Path(standard) / "kollias_affect"


@contextlib.contextmanager
def atomic_folder(path):
    """Yields a temporary folder beside `path` that becomes `path` on success.

    Another process may have made the same folder meanwhile; then that one stays.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=".partial", dir=path.parent))
    try:
        yield temporary
        try:
            os.replace(temporary, path)
        except OSError:
            if not path.is_dir():
                raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)

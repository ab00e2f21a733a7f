"""Atomic writing: a reader sees the old file or the new one, never a part."""

import contextlib
import glob
import json
import os
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

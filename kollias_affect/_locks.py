"""How a process locks an open file on the systems and file systems that there are.

POSIX has `flock`, which network file systems hand to their server; Windows has `msvcrt.locking`.
The system drops both with the process. Some network and user file systems offer neither: there a
file beside the lock names the process, and counts as long as that process runs. A process of
another machine cannot be asked, so its file counts until somebody removes it.
"""

import contextlib
import errno
import json
import os
import platform
import time
from pathlib import Path

from kollias_affect import _files

try:
    import fcntl
except ImportError:
    fcntl = None
try:
    import msvcrt
except ImportError:
    msvcrt = None

OWNER = ".owner"  # after the name of the lock
_BYTE = 1 << 30  # locked on Windows, where others cannot read what is locked
_WITHOUT_LOCKS = {errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EINVAL}


def take(file, path):
    """Locks an open file if it is free.

    Args:
        file: Binary file, open for appending.
        path: Its `Path`.

    Returns:
        bool, whether this process holds it now.
    """
    try:
        if fcntl is not None:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        elif msvcrt is not None:
            file.seek(_BYTE)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            return _take_by_name(path)
    except (BlockingIOError, PermissionError):
        return False
    except OSError as error:
        if error.errno == errno.EDEADLK:  # how Windows says that another process has it
            return False
        if error.errno not in _WITHOUT_LOCKS:
            raise
        return _take_by_name(path)
    return True


def drop(file, path):
    """Releases a file that `take` locked, and closes it."""
    if _read(_beside(path)) == _this_process():
        _beside(path).unlink(missing_ok=True)
    if fcntl is None and msvcrt is not None:
        with contextlib.suppress(OSError):
            file.seek(_BYTE)
            msvcrt.locking(file.fileno(), msvcrt.LK_UNLCK, 1)
    file.close()


def write_owner(file):
    """Writes into a locked file who holds it, for the message of `describe_owner`."""
    with contextlib.suppress(OSError):  # A full disk does not matter here.
        file.seek(0)
        file.truncate()
        file.write(json.dumps({**_this_process(), "time": time.time()}).encode())
        file.flush()


def describe_owner(path):
    """Returns who holds a lock, as a text in brackets with a blank before it, or `""`."""
    beside = _beside(path)
    owner = _read(beside) or _read(path)
    if owner is None:
        return ""
    text = f" (process {owner['process']} on {owner['machine']})"
    if beside.exists():
        text += f"; if that process no longer runs, remove {beside}"
    return text


def _beside(path):
    return path.with_name(path.name + OWNER)


def _take_by_name(path):
    beside, mine = _beside(path), _this_process()
    if _created(beside, mine):
        return True
    owner = _read(beside)
    if owner is None or not _has_ended(owner):
        return False
    # Of several processes that see the ended owner, one moves its file away.
    moved = beside.with_name(f"{beside.name}.{platform.node()}.{os.getpid()}")
    try:
        os.rename(beside, moved)
    except FileNotFoundError:
        return False
    another = _read(moved) != owner  # which took it since it was read
    if another:
        with contextlib.suppress(OSError):
            os.link(moved, beside)
    moved.unlink()
    return not another and _created(beside, mine)


def _created(path, content):
    """Creates a file unless it exists; returns whether it did."""
    try:
        with open(path, "xb") as file:
            file.write(json.dumps(content).encode())
    except FileExistsError:
        return False
    return True


def _read(path):
    """Returns who is named in a file; `None` if nobody is."""
    try:
        content = json.loads(path.read_bytes())
        names = ("machine", "process", "started")
        return {name: content[name] for name in names}
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def _has_ended(owner):
    """Whether a process surely has ended. Of other machines nothing is sure."""
    if owner["machine"] != platform.node():
        return False
    return _files.is_dead(owner["process"]) or owner["started"] != _start_of(owner["process"])


def _this_process():
    process = os.getpid()
    return {"machine": platform.node(), "process": process, "started": _start_of(process)}


def _start_of(process):
    """Returns when a process started: its number may be given again. `None` if it is unknown."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        fields = Path(f"/proc/{process}/stat").read_bytes().rsplit(b")", 1)[1].split()
        return f"{boot} {fields[19].decode()}"  # field 22 of `man 5 proc_pid_stat`
    except (OSError, IndexError):
        return None

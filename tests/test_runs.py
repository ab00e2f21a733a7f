"""A resumable run: its fingerprints, its folder, its lock and its journal."""

import dataclasses
import errno
import json
import os
import platform
import signal
import subprocess
import sys
import types

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kollias_affect import _files, _locks, _runs
from kollias_affect._option_names import in_words

SETTINGS = {"seed": 0, "model": {"units": 8, "layers": [1, 2]}}

# Locks the folder given as its argument, says so, and holds the lock until it is stopped.
HOLDER = """
import sys
from kollias_affect import _runs
lock = _runs.Lock(sys.argv[1])
print(lock.try_acquire(), flush=True)
sys.stdin.read()
"""


# Is killed while it writes settings to the folder given as its argument.
KILLED = """
import os, signal, sys
from pathlib import Path
from kollias_affect import _files, _runs
with _files.atomic(Path(sys.argv[1]) / _runs.SETTINGS) as temporary:
    temporary.write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


@dataclasses.dataclass
class Options:
    size: int = 96


@dataclasses.dataclass
class OtherOptions:
    size: int = 96


# --- fingerprints


def test_fingerprints_of_content_are_stable_and_distinguish_kinds():
    assert _runs.fingerprint({"a": 1, "b": 2}) == _runs.fingerprint({"b": 2, "a": 1})
    # Existing runs and caches are found by this value.
    assert _runs.fingerprint({"a": 1, "b": 2}) == "1176b831c374ed00"
    values = ({"a": 1}, {"a": "1"}, Options(), Options(48), OtherOptions())
    assert len({_runs.fingerprint(value) for value in values}) == len(values)
    assert all(len(_runs.fingerprint(value)) == 16 for value in values)


def test_fingerprints_of_arrays_follow_their_values():
    array = np.arange(6.0).reshape(2, 3)
    same = _runs.fingerprint_arrays(np.asfortranarray(array), None)
    assert _runs.fingerprint_arrays(array, None) == same
    assert _runs.fingerprint_arrays(array + 1, None) != same


def test_fingerprints_of_contents_do_not_depend_on_names_or_times(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).write_bytes(b"same")
    os.utime(tmp_path / "a", (1, 1))
    assert _runs.fingerprint_contents([tmp_path / "a", ""]) == _runs.fingerprint_contents(
        [tmp_path / "b", ""]
    )


def test_fingerprints_of_contents_keep_files_apart(tmp_path):
    for name, content in (("ab", "ab"), ("c", "c"), ("a", "a"), ("bc", "bc")):
        (tmp_path / name).write_text(content)
    first = _runs.fingerprint_contents([tmp_path / "ab", tmp_path / "c"])
    assert first != _runs.fingerprint_contents([tmp_path / "a", tmp_path / "bc"])


def test_fingerprints_of_states_follow_modification_times(tmp_path):
    path = tmp_path / "a"
    path.write_text("same")
    os.utime(path, ns=(1, 1))
    before = _runs.fingerprint_states([path, ""])
    assert _runs.fingerprint_states([path, ""]) == before
    os.utime(path, ns=(2, 2))
    assert _runs.fingerprint_states([path, ""]) != before


def test_the_state_of_a_file_is_its_size_and_time(tmp_path):
    path = tmp_path / "a"
    path.write_text("four")
    os.utime(path, ns=(5, 7))
    assert _runs.file_state(path) == (4, 7)
    assert _runs.file_state("") == (0, 0)


def test_descriptions_of_clips_follow_their_labels(make_clip):
    clip = make_clip("a", frames=3)
    key, frames, labels = _runs.describe_clip(clip)
    assert (key, frames) == ("a", 3)
    other = make_clip("a", frames=3, valence_arousal=np.zeros((3, 2)))
    assert _runs.describe_clip(other)[2] != labels
    json.dumps(_runs.describe_clip(clip))


# --- folder


@pytest.mark.parametrize("exists", [False, True])
def test_a_missing_or_empty_folder_is_free(tmp_path, exists):
    folder = tmp_path / "run"
    if exists:
        folder.mkdir()
    assert _runs.check_folder(folder, SETTINGS) is False
    assert folder.exists() == exists


def test_equal_settings_resume(tmp_path):
    assert _runs.start_folder(tmp_path / "run", SETTINGS) is False
    (tmp_path / "run" / "log.csv").touch()
    written = (tmp_path / "run" / _runs.SETTINGS).read_bytes()
    assert _runs.start_folder(tmp_path / "run", SETTINGS) is True
    assert (tmp_path / "run" / _runs.SETTINGS).read_bytes() == written


def test_settings_are_compared_as_json(tmp_path):
    _runs.start_folder(tmp_path, {"shape": (96, 96)})
    assert _runs.start_folder(tmp_path, {"shape": [96, 96]}) is True


def test_other_settings_are_refused_and_named(tmp_path):
    _runs.start_folder(tmp_path, SETTINGS)
    before = (tmp_path / _runs.SETTINGS).read_bytes()
    changed = {"seed": 1, "model": {"units": 8, "layers": [1]}}
    with pytest.raises(ValueError) as error:
        _runs.start_folder(tmp_path, changed)
    assert "`seed` (0, now 1)" in str(error.value) and "the network: " in str(error.value)
    assert "units" not in str(error.value)
    assert (tmp_path / _runs.SETTINGS).read_bytes() == before


def test_entries_that_are_not_known_yet_are_not_compared(tmp_path):
    """Options are checked before the data are loaded."""
    _runs.start_folder(tmp_path, {"seed": 0, "clips": ["a"]})
    assert _runs.check_folder(tmp_path, {"seed": 0}, unknown=("clips",)) is True
    with pytest.raises(ValueError, match=r"in `seed` \(0, now 1\)\. Repeat"):
        _runs.check_folder(tmp_path, {"seed": 1}, unknown=("clips",))
    other = tmp_path / "other"
    _runs.start_folder(other, {"settings": {"steps": 5, "length": 80}, "clips": ["a"]})
    unknown = ("clips", "settings.length")
    assert _runs.check_folder(other, {"settings": {"steps": 5, "length": None}}, unknown=unknown)
    with pytest.raises(ValueError, match=r"in `steps` \(5, now 6\)\. Repeat"):
        _runs.check_folder(other, {"settings": {"steps": 6}}, unknown=unknown)


MODEL = "the network: `network`, `backbone`, `width`, `model` or another option of it"


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        (["layers.fc1 (64, now 1024)"], ["`hidden_units` (64, now 1024)"]),
        (["layers.fc1 (8, now 4)", "layers.fc2 (8, now 4)"], ["`hidden_units` (8, now 4)"]),
        (["layers.fc1_dropout (0.5, now 0.1)"], ["`dropout` (0.5, now 0.1)"]),
        (["layers.rnn2 (6, now 9)"], ["`rnn_units` (6, now 9)"]),
        (["layers.rnn3 (None, now 6)"], ["`rnn_layers` (None, now 6)"]),
        (["layers.pool2_rnn1_dropout (0.8, now 0)"], ["`rnn_dropout` (0.8, now 0)"]),
        (["layers.landmark_encoder (4, now 8)"], ["`landmark_units` (4, now 8)"]),
        (["layers.mlp2 (4, now 8)", "model"], ["`head_units` (4, now 8)"]),
        (["layers.tcn1_dropout (0.2, now 0)"], ["`head_dropout` (0.2, now 0)"]),
        (["layers.other (4, now 8)"], ["the layer other of the network (4, now 8)"]),
        (
            ["layers.rnn1 (6, now 9)", "model (c72146d4068f33e0, now a528cfe40817840c)"],
            ["`rnn_units` (6, now 9)"],
        ),
        (["model", "seed (0, now 1)"], [MODEL, "`seed` (0, now 1)"]),
        (["settings.seeds (1, now 9)"], ["`seeds` (1, now 9)"]),
        (
            ["training", "division (a, now b)"],
            ["the clips that train", "the division of the clips (a, now b)"],
        ),
    ],
)
def test_differences_have_the_names_of_options(changed, expected):
    assert in_words(changed) == expected


def test_a_folder_of_something_else_is_refused_and_stays_as_it_is(tmp_path):
    (tmp_path / "thesis.tex").write_text("mine")
    with pytest.raises(FileExistsError, match="folder of its own"):
        _runs.start_folder(tmp_path, SETTINGS)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


@pytest.mark.parametrize("content", ["{", "[1]", '{"other": 1}'])
def test_settings_of_another_kind_are_not_overwritten(tmp_path, content):
    (tmp_path / _runs.SETTINGS).write_text(content)
    with pytest.raises(FileExistsError):
        _runs.start_folder(tmp_path, SETTINGS, writes=["log.csv"], required=["seed"])
    assert (tmp_path / _runs.SETTINGS).read_text() == content


def test_files_that_the_run_does_not_write_may_lie_beside_it(tmp_path):
    (tmp_path / "notes.txt").touch()
    assert _runs.start_folder(tmp_path, SETTINGS, writes=["log.csv"]) is False
    with pytest.raises(FileExistsError):
        _runs.check_folder(tmp_path, SETTINGS, writes=["notes.txt"], name="other.json")


def test_the_lock_file_does_not_make_a_folder_foreign(tmp_path):
    with _runs.Lock(tmp_path):
        assert _runs.start_folder(tmp_path, SETTINGS) is False


def test_a_run_that_was_killed_while_it_wrote_its_settings_begins_again(tmp_path):
    killed = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)])
    assert killed.returncode == -signal.SIGKILL
    (left,) = tmp_path.iterdir()
    assert left.name.startswith(".settings.") and left.read_text() == "half"
    assert _runs.start_folder(tmp_path, SETTINGS) is False
    assert [path.name for path in tmp_path.iterdir()] == [_runs.SETTINGS]


# --- differences


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        ({"a": 1}, {"a": 1}, []),
        ({"a": 1}, {"a": 2}, ["a (1, now 2)"]),
        ({"a": {"b": 1, "c": 0}}, {"a": {"b": 2, "c": 0}}, ["a.b (1, now 2)"]),
        ({"a": [1]}, {"a": [2]}, ["a"]),
        ({}, {"a": "x"}, ["a (None, now x)"]),
        ({"a": {"b": [1]}}, {"a": None}, ["a"]),
    ],
)
def test_differences_name_entries_and_short_values(before, now, expected):
    assert _runs.differences(before, now) == expected


@settings(max_examples=25, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    )
)
def test_equal_content_has_no_differences(content):
    assert _runs.differences(content, json.loads(json.dumps(content))) == []


# --- lock


@pytest.fixture
def holder(tmp_path):
    """A second process that holds the lock on `tmp_path / "run"`."""
    command = [sys.executable, "-c", HOLDER, str(tmp_path / "run")]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline().strip() == "True"
    yield process
    process.kill()
    process.communicate()


@pytest.mark.skipif(_locks.fcntl is None, reason="this system has no flock")
def test_a_second_process_is_kept_out_until_the_first_is_killed(holder, tmp_path):
    lock = _runs.Lock(tmp_path / "run")
    assert lock.try_acquire() is False and not lock.held
    with pytest.raises(OSError, match="One process at a time"):
        lock.acquire()
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    with lock:
        assert lock.held
    assert not lock.held


@pytest.mark.skipif(_locks.fcntl is None, reason="this system has no flock")
def test_a_waiting_process_gets_the_lock_when_it_is_released(tmp_path):
    first, second = _runs.Lock(tmp_path), _runs.Lock(tmp_path)
    first.acquire()
    assert second.try_acquire() is False
    first.release()
    second.acquire(seconds=1)
    assert second.held and not first.held
    second.release()
    second.release()  # nothing is left to release


@pytest.mark.skipif(_locks.fcntl is None, reason="this system has no flock")
def test_locks_of_other_names_are_independent(tmp_path):
    with _runs.Lock(tmp_path), _runs.Lock(tmp_path, ".other") as other:
        assert other.held


@pytest.mark.skipif(_locks.fcntl is None, reason="this system has no flock")
def test_the_message_names_who_holds_the_lock(holder, tmp_path):
    with pytest.raises(OSError, match=rf"run \(process {holder.pid} on {platform.node()}\)\. Wait"):
        _runs.Lock(tmp_path / "run").acquire()


def test_a_lock_notices_that_its_folder_was_moved_or_made_anew(tmp_path):
    with _runs.Lock(tmp_path / "run") as lock:
        lock.check()
        (tmp_path / "run").rename(tmp_path / "other")
        with pytest.raises(FileNotFoundError, match="must stay in its place"):
            lock.check()
        (tmp_path / "run").mkdir()
        with pytest.raises(FileNotFoundError, match="must stay in its place"):
            lock.check()


def test_a_folder_is_removed_with_its_lock(tmp_path):
    lock = _runs.Lock(tmp_path / "run")
    lock.acquire()
    lock.remove_folder()
    assert not lock.held and not (tmp_path / "run").exists()


@pytest.fixture
def no_locks(monkeypatch):
    """A file system that cannot lock, as some network file systems."""

    def flock(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(_locks, "fcntl", types.SimpleNamespace(flock=flock, LOCK_EX=2, LOCK_NB=4))


def owner_file(folder, **changes):
    """Writes that another process holds the lock of a folder on a file system without locks."""
    folder.mkdir(exist_ok=True)
    content = {"machine": platform.node(), "process": os.getppid(), "started": None}
    content |= {"started": _locks._start_of(os.getppid()), **changes}
    path = folder / (_runs.LOCK + _locks.OWNER)
    path.write_text(json.dumps(content))
    return path


def test_without_locks_a_file_names_the_owner_until_it_is_released(no_locks, tmp_path):
    first, second = _runs.Lock(tmp_path), _runs.Lock(tmp_path)
    with first:
        assert not second.try_acquire()
        with pytest.raises(OSError, match=rf"process {os.getpid()} on .*remove .*\.lock\.owner"):
            second.acquire()
        assert _runs.start_folder(tmp_path, SETTINGS) is False  # nothing foreign lies in it
    with second:
        assert second.held
    assert not (tmp_path / ".lock.owner").exists()


def test_without_locks_the_file_of_a_running_process_counts(no_locks, tmp_path):
    owner_file(tmp_path)
    assert not _runs.Lock(tmp_path).try_acquire()


@pytest.mark.skipif(_locks._start_of(os.getpid()) is None, reason="starts of processes are unknown")
def test_without_locks_a_process_that_got_the_number_of_the_owner_does_not_count(
    no_locks, tmp_path
):
    owner_file(tmp_path, started="another-boot 17")
    with _runs.Lock(tmp_path) as lock:
        assert lock.held


def test_without_locks_the_file_of_an_ended_process_does_not_count(no_locks, tmp_path):
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    path = owner_file(tmp_path, process=process.pid, started="before")
    with _runs.Lock(tmp_path):
        assert json.loads(path.read_text())["process"] == os.getpid()
    assert [p.name for p in tmp_path.iterdir()] == [".lock"]


def test_without_locks_the_file_of_another_machine_counts_and_is_named(no_locks, tmp_path):
    path = owner_file(tmp_path, machine="node17", process=5)
    with pytest.raises(OSError, match=r"process 5 on node17\); if .* remove .*\.lock\.owner"):
        _runs.Lock(tmp_path).acquire()
    path.write_text("damaged")  # nothing is known: nobody's file is removed
    assert not _runs.Lock(tmp_path).try_acquire()


def test_without_locks_one_of_several_processes_takes_a_stale_file(no_locks, tmp_path, monkeypatch):
    path = owner_file(tmp_path, process=2**22 + 5, started="before")
    rename, mine = os.rename, path.read_text().replace("before", "now")

    def late(source, target):  # Another process was faster.
        path.write_text(mine)
        rename(source, target)

    monkeypatch.setattr(os, "rename", late)
    assert not _runs.Lock(tmp_path).try_acquire()
    assert path.read_text() == mine


class Windows:
    """`msvcrt` as far as locks need it: a byte of a file can be locked once."""

    LK_NBLCK, LK_UNLCK = 2, 0

    def __init__(self):
        self.locked = set()

    def locking(self, number, mode, count):
        place = os.fstat(number).st_ino, os.lseek(number, 0, os.SEEK_CUR), count
        if mode == self.LK_UNLCK:
            self.locked.remove(place)
        elif place in self.locked:
            raise PermissionError(errno.EACCES, "Permission denied")
        else:
            self.locked.add(place)


def test_windows_locks_a_byte_of_the_file(tmp_path, monkeypatch):
    windows = Windows()
    monkeypatch.setattr(_locks, "fcntl", None)
    monkeypatch.setattr(_locks, "msvcrt", windows)
    first, second = _runs.Lock(tmp_path), _runs.Lock(tmp_path)
    with first:
        with pytest.raises(OSError, match=f"process {os.getpid()}"):
            second.acquire()
        # What is locked cannot be read there: the byte lies behind the content.
        assert {place for _, place, _ in windows.locked} == {1 << 30}
    assert not windows.locked
    assert second.try_acquire()
    second.release()


# --- journal


def written(path, *contents):
    """A journal of these lines at `path`."""
    journal = _runs.Journal(path)
    journal.resume(0)
    for content in contents:
        journal.append(content)
    journal.close()
    return journal


def contents(journal):
    return [content for content, _ in journal.lines()]


def test_a_missing_journal_has_no_lines(tmp_path):
    assert contents(_runs.Journal(tmp_path / "journal")) == []


def test_lines_come_back_in_order_with_their_ends(tmp_path):
    journal = written(tmp_path / "journal", {"a": 1}, [2, "ü"], 3)
    assert contents(journal) == [{"a": 1}, [2, "ü"], 3]
    ends = [end for _, end in journal.lines()]
    assert ends == sorted(ends) and ends[-1] == (tmp_path / "journal").stat().st_size


def test_every_torn_line_is_left_out(tmp_path):
    path = tmp_path / "journal"
    journal = written(path, {"a": 1}, 23, "last")
    data, ends = path.read_bytes(), [end for _, end in journal.lines()]
    for size in range(len(data) + 1):
        path.write_bytes(data[:size])
        assert len(contents(journal)) == sum(end <= size for end in ends)


@pytest.mark.parametrize("line", [b"{broken\n", b"\xff\xfe\n", b"\0\0\0\n", b"\n"])
def test_nothing_counts_from_an_unreadable_line_on(tmp_path, line):
    journal = written(tmp_path / "journal", 1)
    with open(tmp_path / "journal", "ab") as file:
        file.write(line + b"2\n")
    assert contents(journal) == [1]


def test_a_journal_resumes_at_a_position(tmp_path):
    path = tmp_path / "journal"
    journal = written(path, "first", "second")
    with open(path, "ab") as file:
        file.write(b'{"torn": ')
    (_, end), *_ = journal.lines()
    journal.resume(end)
    journal.append("other")
    assert contents(journal) == ["first", "other"]  # readable while it is open
    journal.close()
    journal.close()  # nothing is left to close
    assert path.read_bytes() == b'"first"\n"other"\n'


def test_a_journal_that_resumes_at_the_start_is_empty(tmp_path):
    written(tmp_path / "journal", 1, 2)
    assert contents(written(tmp_path / "journal")) == []


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")
def test_a_journal_on_a_full_disk_names_itself():
    journal = _runs.Journal("/dev/full")
    journal._file = open("/dev/full", "wb")  # noqa: SIM115 - closed below
    with pytest.raises(_files.DiskFullError, match="/dev/full"):
        journal.append({"a": 1})
    with pytest.raises(_files.DiskFullError):
        journal.close()

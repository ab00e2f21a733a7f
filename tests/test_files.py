import errno
import os
import pickle
import platform
import sqlite3
import subprocess
import sys
import zlib

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kollias_affect import _files


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("old")
    with pytest.raises(RuntimeError), _files.atomic(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_json_is_deterministic(tmp_path):
    _files.write_json(tmp_path / "a.json", {"b": 1, "a": 2})
    _files.write_json(tmp_path / "b.json", {"a": 2, "b": 1})
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()


def test_leftovers_of_killed_processes_are_removed(tmp_path):
    here, dead = this_machine(), dead_process()
    (tmp_path / f".table.{here}.{dead}.partial.csv").touch()
    mine = tmp_path / f".table.{here}.{os.getppid()}.partial.csv"
    mine.touch()
    others = {".other.1.partial.csv", f".table.00000000.{dead}.partial.csv"}  # another machine's
    for name in others:
        (tmp_path / name).touch()
    with _files.atomic(tmp_path / "table.csv") as temporary:
        temporary.write_text("new")
    assert {path.name for path in tmp_path.iterdir()} == {
        "table.csv",
        mine.name,
        *others,
    }


def this_machine():
    """Returns what temporary names say of this machine."""
    return f"{zlib.crc32(platform.node().encode()):08x}"


def dead_process():
    """Returns the number of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_a_folder_appears_when_it_is_complete(tmp_path):
    path = tmp_path / "new" / "folder"
    with _files.atomic_folder(path) as temporary:
        (temporary / "a").touch()
        assert not path.exists() and temporary.parent == path.parent
    assert [file.name for file in path.iterdir()] == ["a"] and list(path.parent.iterdir()) == [path]


def test_a_failure_leaves_no_folder(tmp_path):
    with pytest.raises(RuntimeError), _files.atomic_folder(tmp_path / "folder") as temporary:
        (temporary / "a").touch()
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_the_folder_of_the_first_writer_stays(tmp_path):
    path = tmp_path / "folder"
    with _files.atomic_folder(path) as mine:
        (mine / "mine").touch()
        with _files.atomic_folder(path) as other:
            (other / "other").touch()
    assert [file.name for file in path.iterdir()] == ["other"] and len(
        list(tmp_path.iterdir())
    ) == 1


def test_a_file_with_the_name_of_the_folder_is_an_error(tmp_path):
    (tmp_path / "folder").write_text("mine")
    with pytest.raises(OSError), _files.atomic_folder(tmp_path / "folder"):
        pass
    assert (tmp_path / "folder").read_text() == "mine" and len(list(tmp_path.iterdir())) == 1


def test_leftover_folders_of_killed_processes_are_removed(tmp_path):
    here, dead = this_machine(), dead_process()
    gone = f".folder.{here}.{dead}.0a.partial"
    others = {
        f".folder.{here}.{os.getppid()}.0a.partial",  # a running process
        f".folder.00000000.{dead}.0a.partial",  # a process of another machine
        f".other.{here}.{dead}.0a.partial",
        f".folder.{here}.mine.0a.partial",
    }
    for name in (gone, *others):
        (tmp_path / name).mkdir()
        (tmp_path / name / "half").touch()
    with _files.atomic_folder(tmp_path / "folder"):
        pass
    assert {path.name for path in tmp_path.iterdir()} == {"folder", *others}


def test_the_cache_folder_follows_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("KOLLIAS_AFFECT_CACHE", str(tmp_path / "a"))
    assert _files.cache_folder() == tmp_path / "a"
    monkeypatch.delenv("KOLLIAS_AFFECT_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "b"))
    assert _files.cache_folder() == tmp_path / "b" / "kollias_affect"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert _files.cache_folder() == tmp_path / ".cache" / "kollias_affect"
    assert not any(tmp_path.iterdir())  # the folder is created on use


def test_natural_key_orders_numbers_and_has_no_ties():
    names = ["10.jpg", "9.jpg", "a10b2", "a9b11", "a10b10", "01.jpg", "1.jpg", "²", "x²", "٣"]
    ordered = sorted(names, key=_files.natural_key)
    assert ordered.index("9.jpg") < ordered.index("10.jpg")
    assert ordered.index("a9b11") < ordered.index("a10b2") < ordered.index("a10b10")
    names.reverse()
    assert ordered == sorted(names, key=_files.natural_key)


@given(st.lists(st.text("0179ab. ²٣é\U0001f600", max_size=6), max_size=8))
def test_any_names_can_be_ordered(names):
    ordered = sorted(names, key=_files.natural_key)
    names.reverse()
    assert ordered == sorted(names, key=_files.natural_key)


@pytest.mark.parametrize("make", [_files.atomic, _files.atomic_folder])
def test_names_of_the_longest_length_can_be_written(make, tmp_path):
    path = tmp_path / ("ü" * 125 + ".json")  # 255 bytes
    with make(path) as temporary:
        temporary.mkdir(exist_ok=True) if make is _files.atomic_folder else temporary.touch()
        (temporary / "a").touch() if temporary.is_dir() else None
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


# --- a full disk


def by_python(path):
    path.write_bytes(bytes(1 << 17))


def by_numpy(path):
    np.save(path.with_name("array.npy"), np.zeros(1 << 17))


def by_pandas(path):
    pd.DataFrame({"a": np.arange(1 << 15)}).to_csv(path)


def by_zip(path):
    np.savez(path.with_name("array.npz"), a=np.zeros(1 << 17))


@pytest.mark.parametrize("write", [by_python, by_numpy, by_pandas, by_zip])
def test_a_full_disk_is_one_kind_of_error_that_names_the_output(write, small_files, tmp_path):
    path = tmp_path / "output.bin"
    path.write_bytes(b"old")
    full = pytest.raises(_files.DiskFullError, match="output.bin, with .* free")
    with full, _files.atomic(path) as temporary:
        write(temporary)
    assert path.read_bytes() == b"old"


def test_what_cannot_fit_is_refused_before_it_is_begun(small_files, tmp_path):
    begun = []
    full = pytest.raises(_files.DiskFullError, match=r"at least 131\.1 kB are needed")
    with full, _files.atomic(tmp_path / "a", needs=1 << 17):
        begun.append(True)
    with pytest.raises(_files.DiskFullError):
        _files.write_array(tmp_path / "b.npy", (1 << 17,), np.uint8, iter(bytes(1 << 17)))
    assert not begun and not list(tmp_path.iterdir())


def test_other_errors_stay_what_they_are(tmp_path):
    with pytest.raises(PermissionError, match="mine"), _files.writing(tmp_path):
        raise PermissionError("mine")
    assert not _files.is_disk_full(ValueError("A size of 28 bytes"))


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        OSError("131072 requested and 0 written"),  # NumPy
        sqlite3.OperationalError("database or disk is full"),
        RuntimeError("Can't decrement id ref count (errno = 28, No space left on device)"),  # HDF5
    ],
)
def test_errors_of_libraries_about_full_disks_are_recognised(error):
    assert _files.is_disk_full(error)
    try:
        raise ValueError("while writing") from error
    except ValueError as outer:
        assert _files.is_disk_full(outer)


def test_the_error_of_a_full_disk_survives_another_process(tmp_path):
    error = _files.DiskFullError(tmp_path / "a", 5)
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


HDF5 = """
import resource, sys
from pathlib import Path
import h5py
import numpy as np
from kollias_affect import _files

path = Path(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, 1 << 16))
try:
    with _files.atomic(path, needs=1 << 18) as temporary, h5py.File(temporary, "w") as file:
        for number in range(64):
            file[f"weights-{number}"] = np.zeros(1 << 9)
except _files.DiskFullError as error:
    print(error)
"""


def test_a_process_survives_hdf5_on_a_full_disk(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", HDF5, str(tmp_path / "a.h5")], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "a.h5" in done.stdout and not done.stderr

import os
import subprocess
import sys

import pytest

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
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    (tmp_path / f".table.{dead.pid}.partial.csv").touch()
    mine = tmp_path / f".table.{os.getppid()}.partial.csv"
    mine.touch()
    (tmp_path / ".other.1.partial.csv").touch()
    with _files.atomic(tmp_path / "table.csv") as temporary:
        temporary.write_text("new")
    assert {path.name for path in tmp_path.iterdir()} == {
        "table.csv",
        mine.name,
        ".other.1.partial.csv",
    }

import os
import platform
import subprocess
import sys

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
    (tmp_path / f".table.{dead_process()}.partial.csv").touch()
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
    here, dead = platform.node(), dead_process()
    gone = f".folder.{here}.{dead}.0a.partial"
    others = {
        f".folder.{here}.{os.getppid()}.0a.partial",  # a running process
        f".folder.not-{here}.{dead}.0a.partial",  # a process of another machine
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

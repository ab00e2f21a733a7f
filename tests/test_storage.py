"""What the package can make again, and what it leaves alone."""

import os
import time

import numpy as np
import pytest

from kollias_affect import _files, _runs, _storage

FEATURES = "features-0123456789abcdef-0123456789abcdef-float16.npy"
FRAMES = "frames-0123456789abcdef.npy"


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """A cache with every kind, outputs beside it, and files that only look like caches."""
    cache, work = tmp_path / "cache", tmp_path / "work"
    monkeypatch.setenv("KOLLIAS_AFFECT_CACHE", str(cache))
    unpacked = cache / "faces-0123456789abcdef"
    crops = cache / "affwild-fedcba9876543210"
    for path, content in {
        unpacked / ".source": "stamp",
        unpacked / "1.png": "picture",
        crops / "video" / "00001.jpg": "picture",
        crops / "video.json": '{"settings": {}, "versions": {}, "people": [], "broken": null}',
        cache / "mine-0123456789abcdef" / "letter.txt": "mine",
        work / "video" / "00001.jpg": "picture",
        work / "video.csv": "table",
        work / "video.npz": "landmarks",
        work / "crops-00000.tar": "shard",
        work / "run" / "best.keras": "model",
        work / FEATURES: "looks like a cache",
        work / FRAMES: "looks like a cache",
        work / f"{FRAMES}.txt": "mine",
    }.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    for name in (FEATURES, FRAMES):
        _files.write_array(work / "features" / name, (4, 8), np.float32, np.zeros((4, 8)))
    np.save(work / "features" / "features-00000000000000aa-00000000000000aa.npy", np.zeros(3))
    (work / "link").symlink_to(work / "features")
    for process in (999999999, os.getpid()):
        path = work / f".table.{process}.partial.csv"
        path.write_text("half")
        os.utime(path, (1, 1))
    (work / ".young.999999998.partial.csv").write_text("half")
    return tmp_path


def kinds(folder):
    found = _storage.items(folder)
    return {item.path.relative_to(folder).as_posix(): item.kind for item in found}


def test_caches_are_told_from_everything_else_by_name_and_content(tree):
    found = kinds(tree)
    assert {path: kind for path, kind in found.items() if kind in _storage.CACHES} == {
        "cache/faces-0123456789abcdef": "unpacked",
        "cache/affwild-fedcba9876543210": "database crops",
        f"work/features/{FEATURES}": "features",
        f"work/features/{FRAMES}": "frames",
        "work/.table.999999999.partial.csv": "leftovers",
    }
    assert found["work/video/00001.jpg"] == found["work/video.npz"] == "crops"
    assert found["work/crops-00000.tar"] == "shards" and found["work/run/best.keras"] == "runs"
    assert found["work/link"] == "other"  # a link is not followed


def test_sizes_are_those_of_the_file_system(tree):
    found = _storage.items(tree)
    paths = [p for p in tree.rglob("*") if p.is_symlink() or p.is_file()]
    paths = [p for p in paths if "link" not in p.parent.parts]
    assert sum(item.files for item in found) == len(paths)
    assert sum(item.bytes for item in found) == sum(512 * p.lstat().st_blocks for p in paths)


def test_only_what_can_be_made_again_is_removed(tree):
    before = kinds(tree)
    chosen = _storage.removable(_storage.items(tree))
    assert chosen[0].path.name == ".table.999999999.partial.csv"  # used longest ago
    assert all(map(_storage.remove, chosen))
    assert kinds(tree) == {p: kind for p, kind in before.items() if kind not in _storage.CACHES}
    item = next(item for item in _storage.items(tree) if item.kind == "crops")
    with pytest.raises(ValueError, match="must be one of"):
        _storage.remove(item)


def test_recent_files_and_other_kinds_can_stay(tree):
    found = _storage.items(tree)
    assert {i.kind for i in _storage.removable(found, ("frames",))} == {"frames"}
    path = tree / "work" / "features" / FEATURES
    old = time.time() - 10 * 24 * 3600
    os.utime(path, (old, old))
    found = _storage.items(tree)
    assert [i.path for i in _storage.removable(found, ("features",), 9)] == [path]
    assert _storage.removable(found, ("features",), 11) == []
    _storage.used_now(path)  # reading counts, although the modification time stays
    assert _storage.removable(_storage.items(tree), ("features",), 9) == []


@pytest.fixture
def unfinished(tmp_path):
    """An old unfinished video with two segments, and hidden folders of other programs."""
    header = '{"journal": 3, "settings": {}, "versions": {}}\n'
    for name, content in {
        ".a.b.partial/journal.jsonl": header,
        ".a.b.partial/0/00000001.jpg": "crop",
        ".a.b.partial/lock": "{}",
        ".a.b.segments/0/journal.jsonl": header,
        ".a.b.segments/0/1_0.jpg": "crop",
        ".a.b.segments/0/lock": "{}",
        ".a.b.segments/8/lock": "{}",
        ".foreign.partial/journal.jsonl": "[]",
        ".foreign.segments/0/1_0.jpg": "crop",
        "a.b.segments/0/journal.jsonl": header,
    }.items():
        path = tmp_path / "crops" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
        os.utime(path, (1, 1))
    return tmp_path / "crops"


def named(folder):
    return [item.path.name for item in _storage.removable(_storage.items(folder))]


def test_unfinished_videos_and_segments_are_known_and_looked_at_without_becoming_young(unfinished):
    found = {item.path.name: item for item in _storage.items(unfinished)}
    kinds = {name: item.kind for name, item in found.items() if item.kind in _storage.CACHES}
    assert kinds == {".a.b.partial": "unfinished videos", ".a.b.segments": "unfinished videos"}
    assert found[".a.b.segments"].files == 4
    assert sorted(named(unfinished)) == sorted(named(unfinished)) == sorted(kinds)
    assert all(map(_storage.remove, _storage.removable(_storage.items(unfinished))))
    left = {path.name for path in unfinished.iterdir()}
    assert left == {".foreign.partial", ".foreign.segments", "a.b.segments"}


@pytest.mark.parametrize("owned", [".a.b.partial", ".a.b.segments/0", ".a.b.segments/8"])
def test_what_a_run_owns_is_not_removed(unfinished, owned):
    before = _storage.removable(_storage.items(unfinished))
    lock = _runs.Lock(unfinished / owned, "lock")
    assert len(before) == 2 and lock.try_acquire()
    assert ".a.b.segments" not in named(unfinished)
    assert not all(map(_storage.remove, before)) and (unfinished / owned / "lock").exists()
    lock.release()
    assert ".a.b.segments" in named(unfinished)


def test_segments_that_wait_for_others_are_not_removed(unfinished):
    os.utime(unfinished / ".a.b.segments/0/1_0.jpg")
    assert named(unfinished) == [".a.b.partial"]


def test_crops_of_a_database_stay_while_a_run_writes_some(tree):
    video = tree / "cache" / "affwild-fedcba9876543210" / ".other.partial"
    lock = _runs.Lock(video, "lock")
    assert lock.try_acquire()
    assert "affwild-fedcba9876543210" not in named(tree)
    lock.release()
    assert "affwild-fedcba9876543210" in named(tree)


@pytest.mark.parametrize(
    ("text", "number"),
    [("20GB", 20 * 10**9), ("1.5 mb", 1_500_000), ("7", 7), ("3 TB", 3 * 10**12)],
)
def test_sizes_are_read_with_their_units(text, number):
    assert _storage.bytes_of(text) == number


@pytest.mark.parametrize("text", ["", "0GB", "-1GB", "20 Gibibytes", "GB", "nan", "1e3"])
def test_other_sizes_are_refused(text):
    with pytest.raises(ValueError, match="positive number with B"):
        _storage.bytes_of(text)

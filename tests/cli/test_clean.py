"""The commands `kollias-affect du`, `clean`, `pack` and `unpack`."""

import numpy as np
import pytest

from kollias_affect import _files

FEATURES = "features-0123456789abcdef-0123456789abcdef.npy"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with cached features and a table."""
    monkeypatch.setenv("KOLLIAS_AFFECT_CACHE", str(tmp_path / "cache"))
    _files.write_array(tmp_path / "work" / FEATURES, (4, 8), np.float32, np.zeros((4, 8)))
    (tmp_path / "work" / "table.csv").write_text("input\n")
    return tmp_path / "work"


def test_du_counts_by_kind(ok, folder):
    rows = [line.split() for line in ok("du", folder).splitlines()]
    assert rows[0][:3] == ["kind", "files", "size"]
    assert ["features", "1"] in [row[:2] for row in rows if row[-1] == "yes"]
    assert ["tables", "1"] in [row[:2] for row in rows if row[-1] == "no"]
    assert rows[-1][:2] == ["total", "2"]
    assert ok("du").splitlines()[-1].split()[:2] == ["total", "0"]  # the cache does not exist


def test_a_dry_run_lists_and_removes_nothing(ok, folder):
    output = ok("clean", folder, "--dry-run")
    assert f"features: {folder / FEATURES}" in output and "Would remove 1 file, " in output
    assert (folder / FEATURES).exists()


def test_clean_needs_yes_without_a_terminal(ok, refused, folder):
    assert "needs --yes" in refused("clean", folder)
    assert (folder / FEATURES).exists()
    assert "Removed 1 file" in ok("clean", folder, "--yes")
    assert [path.name for path in folder.iterdir()] == ["table.csv"]
    assert "Nothing to remove." in ok("clean", folder, "--yes")


def test_clean_refuses_kinds_that_it_cannot_make_again(refused, folder):
    assert "must be one of" in refused("clean", folder, "--kind", "crops", "--yes")
    assert "no folder" in refused("clean", folder / "nowhere", "--yes")


def test_pack_and_unpack_print_counts(ok, refused, tmp_path):
    (tmp_path / "crops" / "a").mkdir(parents=True)
    for i in range(3):
        (tmp_path / "crops" / "a" / f"{i}.jpg").write_bytes(b"picture")
    (tmp_path / "crops" / "a.csv").write_text("table")
    (tmp_path / "crops" / "a.mkv").write_text("video")
    output = ok("pack", tmp_path / "crops", "--out", tmp_path / "shards", "--shard-size", "2MB")
    assert "3 pictures in 1 shard, 1 other file copied." in output
    output = ok("unpack", tmp_path / "shards", "--out", tmp_path / "back")
    assert "3 pictures, 1 other file copied." in output
    assert (tmp_path / "back" / "a" / "2.jpg").read_bytes() == b"picture"
    output = refused("pack", tmp_path / "crops", "--out", tmp_path / "x", "--shard-size", "5KB")
    assert "shard_size" in output

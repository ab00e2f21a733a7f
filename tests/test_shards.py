"""Shards: tar files of pictures with random access."""

import dataclasses
import io
import os
import subprocess
import tarfile

import cv2
import numpy as np
import pytest

from kollias_affect import datasets, shards
from kollias_affect.clip import Clip
from kollias_affect.datasets import frames_csv
from kollias_affect.shards import catalog, index, packing


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Folder of three clips with `frames.csv`; frames without a face, and a clip without any."""
    folder = tmp_path_factory.mktemp("crops")
    random = np.random.default_rng(0)
    clips = []
    for key, frames, missing in (
        ("a", 9, {2}),
        ("sub/b", 5, ()),
        ("café", 2, ()),
        ("c", 2, {0, 1}),
    ):
        (folder / key).mkdir(parents=True)
        paths = []
        for i in range(frames):
            path = folder / key / f"{i + 1:05d}.{'png' if i % 2 else 'jpg'}"
            if i not in missing:
                cv2.imwrite(str(path), random.integers(0, 256, (32, 32, 3), np.uint8))
                os.utime(path, (1_700_000_000 + i, 1_700_000_000 + i))
            paths.append("" if i in missing else str(path))
        landmarks = random.uniform(-1, 1, (frames, 68, 2)).round(5)
        values = random.uniform(-1, 1, (frames, 2)).round(5)
        clips.append(Clip(key, paths, landmarks=landmarks, valence_arousal=values))
    frames_csv.write(clips, folder / "frames.csv")
    (folder / "film.mkv").write_bytes(b"large")
    (folder / ".hidden").mkdir()
    (folder / ".hidden" / "1.jpg").write_bytes(b"unfinished")
    return folder


@pytest.fixture(scope="module")
def packed(folder, tmp_path_factory):
    """The folder as shards of one clip each."""
    out = tmp_path_factory.mktemp("shards") / "out"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(packing, "LEAST_SIZE", 1)
        result = shards.pack(folder, out, shard_size=1, progress=False)
    assert result == packing.Packed(15, 3, 1, ("film.mkv",))
    return out


def pictures(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.suffix in (".jpg", ".png") and ".hidden" not in path.parts
    }


def test_other_programs_read_shards_as_tar_files(folder, packed, tmp_path):
    for path in packed.glob("*.tar"):
        subprocess.run(["tar", "xf", path, "-C", tmp_path], check=True)
    assert pictures(tmp_path) == pictures(folder)
    assert (tmp_path / "a" / "00002.png").stat().st_mtime == 1_700_000_001


def test_clips_of_shards_are_those_of_the_folder(folder, packed):
    ours, theirs = (datasets.load("frames_csv", root) for root in (packed, folder))
    for a, b in zip(ours, theirs, strict=True):
        assert (a.key, a.subject) == (b.key, b.subject)
        assert a.has_image.tolist() == b.has_image.tolist()
        assert np.array_equal(a.valence_arousal, b.valence_arousal)
        assert np.array_equal(a.landmarks, b.landmarks)
        assert list(shards.contents(a.paths)) == list(shards.contents(b.paths))
        assert [shards.state(p)[0] for p in a.paths] == [shards.state(p)[0] for p in b.paths]
    assert shards.place_of(ours[0].paths[0])[1] == "a/00001.jpg"


def test_windows_of_shards_are_those_of_the_folder(folder, packed, tmp_path):
    from kollias_affect import windows

    ours, theirs = (datasets.load("frames_csv", root) for root in (packed, folder))
    mixed = [theirs[0], *ours[1:]]
    batches = []
    for clips in (theirs, ours, mixed):
        data = windows.dataset(clips, 4, 3, shuffle=True, size=32)
        batches.append(list(data.as_numpy_iterator()))
    cached = windows.dataset(ours, 4, 3, shuffle=True, size=32, cache=tmp_path / "cache")
    batches.append(list(cached.as_numpy_iterator()))
    for other in batches[1:]:
        for (a, *more), (b, *others) in zip(batches[0], other, strict=True):
            for x, y in zip([*a.values(), *more], [*b.values(), *others], strict=True):
                np.testing.assert_array_equal(x, y)


def test_everything_that_reads_pictures_takes_shards(folder, packed, tmp_path):
    from kollias_affect import _runs
    from kollias_affect.evaluation.plots import pictures as plots
    from kollias_affect.faces.images import read_image

    ours, theirs = (datasets.load("frames_csv", root)[0] for root in (packed, folder))
    for read in (read_image, plots._picture):
        np.testing.assert_array_equal(read(ours.paths[1]), read(theirs.paths[1]))
    # Cached features are found again: their names come from the contents.
    assert _runs.fingerprint_contents(ours.paths) == _runs.fingerprint_contents(theirs.paths)
    frames_csv.write([ours], packed / "again.csv")
    [again] = datasets.load("frames_csv", packed, "again")
    (packed / "again.csv").unlink()
    assert again.paths == list(ours.paths)


def test_unpacking_gives_the_folder_again(folder, packed, tmp_path):
    result = shards.unpack(packed, tmp_path / "out", progress=False)
    assert (result.pictures, result.copied) == (15, 1)
    assert pictures(tmp_path / "out") == pictures(folder)
    assert (tmp_path / "out" / "frames.csv").read_bytes() == (folder / "frames.csv").read_bytes()
    assert (tmp_path / "out" / "a" / "00002.png").stat().st_mtime == 1_700_000_001
    shards.unpack(packed, tmp_path / "out", progress=False)  # the same again
    (tmp_path / "out" / "a" / "00001.jpg").write_bytes(b"other")
    with pytest.raises(FileExistsError, match=r"a/00001\.jpg"):
        shards.unpack(packed, tmp_path / "out", progress=False)


def test_packing_again_writes_what_changed_and_the_same_bytes(
    folder, packed, tmp_path, monkeypatch
):
    monkeypatch.setattr(packing, "LEAST_SIZE", 1)
    source, out = tmp_path / "source", tmp_path / "out"
    shards.unpack(packed, source, progress=False)
    shards.pack(source, out, 1, progress=False)
    names = sorted(path.name for path in packed.iterdir())
    assert names == sorted(path.name for path in out.iterdir())
    for name in names:
        if not name.endswith(".index"):  # zip files hold the time
            assert (out / name).read_bytes() == (packed / name).read_bytes(), name
    before = {path.name: path.stat().st_ino for path in out.glob("*.tar")}
    (source / "sub" / "b" / "00001.jpg").write_bytes(b"another picture")
    shards.pack(source, out, 1, progress=False)
    after = {path.name: path.stat().st_ino for path in out.glob("*.tar")}
    assert [name for name in before if before[name] != after[name]] == ["crops-00002.tar"]
    assert shards.pack(source, out, 2**30, progress=False).shards == 1
    assert [path.name for path in out.glob("*.tar")] == ["crops-00000.tar"]


def test_a_killed_packing_goes_on_and_its_folder_does_not_count(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(packing, "LEAST_SIZE", 1)
    real = packing._write_shard

    def killed(path, *rest):
        if path.name == "crops-00001.tar":
            raise KeyboardInterrupt
        real(path, *rest)

    monkeypatch.setattr(packing, "_write_shard", killed)
    with pytest.raises(KeyboardInterrupt):
        shards.pack(folder, tmp_path / "out", 1, progress=False)
    with pytest.raises(FileNotFoundError, match="pack it again"):
        shards.unpack(tmp_path / "out", tmp_path / "back", progress=False)
    first = (tmp_path / "out" / "crops-00000.tar").stat().st_ino
    monkeypatch.setattr(packing, "_write_shard", real)
    assert shards.pack(folder, tmp_path / "out", 1, progress=False).shards == 3
    assert (tmp_path / "out" / "crops-00000.tar").stat().st_ino == first


def test_a_changed_byte_is_noticed(folder, tmp_path):
    shards.pack(folder, tmp_path / "out", progress=False)
    [clip, *_] = datasets.load("frames_csv", tmp_path / "out")
    shard, name = shards.place_of(clip.paths[1])
    place = catalog.index_of(shard)
    row = place.find(np.array([name.encode()]))[0]
    with open(shard, "r+b") as file:
        file.seek(place.offsets[row] + 20)
        byte = file.read(1)
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte[0] ^ 1]))
    assert shards.read_bytes(clip.paths[0])
    with pytest.raises(ValueError, match=r"a/00002\.png, which differs from its checksum"):
        shards.read_bytes(clip.paths[1])
    with pytest.raises(ValueError, match="differs from its"):
        shards.unpack(tmp_path / "out", tmp_path / "back", progress=False)


@pytest.mark.parametrize("damage", ["missing", "cut", "text"])
def test_an_index_is_made_again_from_its_tar_file(folder, tmp_path, damage, caplog):
    shards.pack(folder, tmp_path / "out", progress=False)
    shard = tmp_path / "out" / "crops-00000.tar"
    before = index.read(shard)
    beside = tmp_path / "out" / "crops-00000.tar.index"
    content = beside.read_bytes()
    beside.unlink()
    if damage != "missing":
        beside.write_bytes(content[: len(content) // 2] if damage == "cut" else b"no index")
    again = index.read(shard)
    for name in ("names", "offsets", "sizes", "checks", "times"):
        np.testing.assert_array_equal(getattr(again, name), getattr(before, name))
    assert (damage == "missing") == (not caplog.messages)
    caplog.clear()
    assert len(index.read(shard)) == len(again) and not caplog.messages  # it was written


@pytest.mark.parametrize("style", [tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT, tarfile.PAX_FORMAT])
def test_tar_files_of_other_programs_are_read(tmp_path, style):
    contents = {"./a/1.jpg": b"first", "a/2.jpg": b"second" * 200, f"b/{90 * 'x'}.jpg": b""}
    with tarfile.open(tmp_path / "x.tar", "w", format=style) as archive:
        folder = tarfile.TarInfo("a")
        folder.type = tarfile.DIRTYPE
        archive.addfile(folder)
        for name, content in contents.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    for name, content in contents.items():
        path = f"{tmp_path}/x.tar/{os.path.normpath(name)}"
        assert shards.read_bytes(path) == content
    assert len(index.read(tmp_path / "x.tar")) == 3


def test_a_tar_file_of_another_size_than_its_index_tells_is_refused(folder, tmp_path):
    """Its pictures may have changed, and a new index would hide it."""
    shards.pack(folder, tmp_path / "out", progress=False)
    shard = tmp_path / "out" / "crops-00000.tar"
    shard.write_bytes(shard.read_bytes() + bytes(512))
    with pytest.raises(ValueError, match=r"of the size that its index tells.*remove .*\.index"):
        index.read(shard)
    shards.pack(folder, tmp_path / "out", progress=False)
    assert len(index.read(shard)) == 15


@pytest.mark.parametrize("name", ["../x.jpg", "/x.jpg", "a/../../x.jpg"])
def test_names_that_lead_out_of_a_shard_are_refused(tmp_path, name):
    path = tmp_path / "x.tar"
    with tarfile.open(path, "w") as archive:
        archive.addfile(tarfile.TarInfo(name))
    with pytest.raises(ValueError, match="leads out of it"):
        index.read(path)


def test_links_in_a_shard_are_refused(tmp_path):
    path = tmp_path / "x.tar"
    with tarfile.open(path, "w") as archive:
        member = tarfile.TarInfo("a.jpg")
        member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(member)
    with pytest.raises(ValueError, match="a link"):
        index.read(path)


def test_an_index_that_claims_more_than_its_tar_file_is_made_again(folder, tmp_path, caplog):
    shards.pack(folder, tmp_path / "out", progress=False)
    shard = tmp_path / "out" / "crops-00000.tar"
    good = index.read(shard)
    good.sizes[0] = 2**60
    good.write(shard)
    assert index.read(shard).sizes.max() < 2**20
    assert "outside of its tar file" in caplog.text


def test_a_picture_that_no_shard_has_is_named(folder, packed, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"a/00099\.jpg, which is not in .*crops-00000"):
        shards.read_bytes(str(packed / "crops-00000.tar" / "a" / "00099.jpg"))
    (packed / "more.csv").write_text("a/00099.jpg,0,0\n")
    with pytest.raises(FileNotFoundError, match=r"a/00099\.jpg, which is not in"):
        datasets.load("frames_csv", packed, "more")
    (packed / "more.csv").unlink()


def test_folders_that_cannot_be_packed_are_refused(folder, packed, tmp_path):
    with pytest.raises(ValueError, match="Neither folder"):
        shards.pack(folder, folder / "out")
    with pytest.raises(ValueError, match="Unpack them first"):
        shards.pack(packed, tmp_path / "out")
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match="without any"):
        shards.pack(tmp_path / "empty", tmp_path / "out")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").touch()
    with pytest.raises(FileExistsError, match=r"thesis\.tex"):
        shards.pack(folder, tmp_path / "mine")
    with pytest.raises(FileNotFoundError, match="not one"):
        shards.pack(tmp_path / "nowhere", tmp_path / "out")


def test_a_folder_that_is_named_like_a_shard_stays_a_folder(tmp_path):
    (tmp_path / "old.tar").mkdir()
    (tmp_path / "old.tar" / "1.jpg").write_bytes(b"picture")
    path = str(tmp_path / "old.tar" / "1.jpg")
    assert shards.place_of(path) is None and shards.read_bytes(path) == b"picture"


def test_frame_paths_are_a_sequence_of_texts():
    given = ["x/105/1.jpg", "", "x/105/é.jpg"]
    paths = shards.common_paths(given)
    assert paths == given and given == paths and paths[1:] == given[1:] and paths[-1] == given[-1]
    assert paths.has_image.tolist() == [True, False, True]
    assert paths.take([2, 0]) == ["x/105/é.jpg", "x/105/1.jpg"] and paths != given[:2]
    clip = Clip("a", paths, valence_arousal=np.zeros((3, 2)))
    assert clip.part(1, 3, "b").paths == given[1:] and clip.valid.tolist() == [True, False, True]
    assert dataclasses.replace(clip).paths is paths
    assert shards.common_paths([]) == [] and shards.common_paths(["", ""]) == ["", ""]
    assert shards.common_paths(["a/1.jpg", "b/1.jpg"]) == ["a/1.jpg", "b/1.jpg"]


def test_ten_million_paths_take_ten_bytes_each():
    paths = shards.common_paths([f"crops/105/{i:05d}.jpg" for i in range(100)])
    assert paths.names.nbytes == 100 * len("00001.jpg")

import json
from pathlib import Path

import numpy as np
import pytest

from kollias_affect import _files, datasets, faces
from kollias_affect.datasets import recola
from kollias_affect.faces import database_crops

BOX = faces.Box(16, 16, 64, 64, 1.0)


def grey(frames):
    return [np.full((96, 96, 3), 128, np.uint8)] * frames


def one_box(image):
    return [BOX]


def nothing(image):
    return []


class Notes:
    """Collects what `of_videos` reports."""

    def __init__(self, root):
        self.root = root
        self.notes = []

    def of_videos(self, videos, crops=None, **options):
        return database_crops.of_videos(videos, "omg", self.root, self.note, crops, **options)

    def note(self, reason, item):
        self.notes.append(reason)

    @property
    def folder(self):
        return database_crops.default_folder("omg", self.root)


@pytest.fixture
def omg(tmp_path):
    return Notes(tmp_path)


@pytest.fixture
def video(write_video):
    return write_video(grey(2), "a.mp4")


def settings(folder):
    return json.loads((Path(folder) / "a.json").read_text())["settings"]


def test_crops_in_the_cache_are_used_again(omg, video):
    omg.of_videos({"a": video}, detector=one_box)
    marker = omg.folder / "a.json"
    before = marker.stat().st_mtime_ns
    ((clip,),) = omg.of_videos({"a": video}, detector=one_box, size=96).values()
    assert len(clip) == 2 and marker.stat().st_mtime_ns == before


@pytest.mark.parametrize(
    ("change", "name"), [({"size": 48}, "size"), ({"detector": nothing}, "detector")]
)
def test_crops_in_the_cache_follow_the_options(omg, video, change, name):
    omg.of_videos({"a": video}, detector=one_box)
    before = settings(omg.folder)
    ((clip,),) = omg.of_videos({"a": video}, **{"detector": one_box, **change}).values()
    after = settings(omg.folder)
    assert {key for key in before if before[key] != after[key]} == {name}
    assert clip.valid.all() == (name == "size")


def test_crops_in_the_cache_with_the_earlier_table_are_extracted_again(omg, video):
    omg.of_videos({"a": video}, detector=one_box)
    marker = omg.folder / "a.json"
    content = json.loads(marker.read_text())
    del content["settings"]["table"]
    marker.write_text(json.dumps(content))
    omg.of_videos({"a": video}, detector=one_box)
    assert settings(omg.folder)["table"] == 2


def test_crops_in_the_cache_follow_the_video(omg, video, write_video):
    omg.of_videos({"a": video}, detector=one_box)
    write_video(grey(5), "a.mp4")
    ((clip,),) = omg.of_videos({"a": video}, detector=one_box).values()
    assert len(clip) == 5
    video.write_bytes(b"")  # The earlier crops are from another file.
    assert omg.of_videos({"a": video}, detector=one_box) == {}
    assert omg.notes == ["videos that cannot be read"]


def test_crops_in_a_named_folder_stay(omg, video, write_video, tmp_path):
    omg.of_videos({"a": video}, tmp_path / "mine", detector=one_box)
    write_video(grey(5), "a.mp4")
    people = omg.of_videos({"a": video}, tmp_path / "mine", detector=one_box, size=48)
    assert len(people["a"][0]) == 2 and settings(tmp_path / "mine")["size"] == 96


@pytest.fixture
def blocked(tmp_path, monkeypatch):
    """A cache folder that not even root can create: a file is in the way."""
    (tmp_path / "file").touch()
    monkeypatch.setenv("KOLLIAS_AFFECT_CACHE", str(tmp_path / "file" / "cache"))


def test_a_cache_that_cannot_be_written_is_named_before_any_work(omg, video, blocked):
    seen = []
    with pytest.raises(OSError, match="can be written. Received: .*cache.*KOLLIAS_AFFECT_CACHE"):
        omg.of_videos({"a": video}, detector=seen.append)
    assert not seen and not omg.notes


def test_a_named_folder_that_cannot_be_written_is_named(omg, video, tmp_path, blocked):
    with pytest.raises(OSError, match="`crops` must be a folder that can be written"):
        omg.of_videos({"a": video}, tmp_path / "file" / "mine", detector=one_box)


def test_unpacking_into_a_cache_that_cannot_be_written_is_named(blocked):
    folder = _files.cache_folder() / "unpacked"
    with pytest.raises(OSError, match="KOLLIAS_AFFECT_CACHE .* unpack_to="):
        _files.atomic_folder(folder).__enter__()


def test_no_home_folder_is_named(monkeypatch):
    def homeless():
        raise RuntimeError("no home")

    for name in ("KOLLIAS_AFFECT_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Path, "home", homeless)
    with pytest.raises(OSError, match=r"\(no home\).*set KOLLIAS_AFFECT_CACHE"):
        _files.cache_folder()


def test_recola_is_not_loaded_without_faces_because_of_the_cache(tmp_path, video, blocked):
    for dimension in recola.DIMENSIONS:
        path = tmp_path / "ratings_gold_standard" / dimension / "dev_1.arff"
        recola.write_gold_standard(path, "dev_1", dimension, [0, 0.04], [0.1, 0.2])
    (tmp_path / "recordings_video").mkdir()
    video.rename(tmp_path / "recordings_video/dev_1.mp4")
    with pytest.raises(OSError, match="KOLLIAS_AFFECT_CACHE"):
        recola.load(tmp_path, detector=one_box)


def test_files_in_the_way_of_the_crops_raise(omg, video, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/a.csv").write_text("mine")
    with pytest.raises(OSError, match="exists already"):
        omg.of_videos({"a": video}, tmp_path / "mine", detector=one_box)


def test_an_invalid_option_raises(omg, video):
    with pytest.raises(ValueError, match="`size` must be an integer"):
        omg.of_videos({"a": video}, detector=one_box, size=5)
    assert not omg.notes


def test_tables_alone_need_no_cache(tmp_path, blocked):
    header = "link,start,end,video,utterance,arousal,valence,EmotionMaxVote"
    (tmp_path / "omg_TrainVideos.csv").write_text(f"{header}\nl,0,1,v,utterance_1.mp4,0,0,4\n")
    assert len(datasets.load("omg", tmp_path, "train")) == 1

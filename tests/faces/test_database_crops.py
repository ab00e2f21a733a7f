import json
from pathlib import Path

import numpy as np
import pytest

from kollias_affect import _files, faces
from kollias_affect.datasets import omg, recola
from kollias_affect.datasets._report import LoadReport
from kollias_affect.faces import database_crops

BOX = faces.Box(16, 16, 64, 64, 1.0)


def grey(frames):
    return [np.full((96, 96, 3), 128, np.uint8)] * frames


def found(image):
    return [BOX]


def nothing(image):
    return []


@pytest.fixture
def report(tmp_path):
    return LoadReport("omg", tmp_path, None, "videos")


@pytest.fixture
def video(write_video):
    return write_video(grey(2), "a.mp4")


def settings(folder):
    return json.loads((Path(folder) / "a.json").read_text())["settings"]


def test_crops_in_the_cache_are_used_again(report, video):
    database_crops.of_videos(report, {"a": video}, detector=found)
    marker = database_crops.folder(report) / "a.json"
    before = marker.stat().st_mtime_ns
    ((clip,),) = database_crops.of_videos(report, {"a": video}, detector=found, size=96).values()
    assert len(clip) == 2 and marker.stat().st_mtime_ns == before


@pytest.mark.parametrize(
    ("change", "name"), [({"size": 48}, "size"), ({"detector": nothing}, "detector")]
)
def test_crops_in_the_cache_follow_the_options(report, video, change, name):
    database_crops.of_videos(report, {"a": video}, detector=found)
    before = settings(database_crops.folder(report))
    ((clip,),) = database_crops.of_videos(
        report, {"a": video}, **{"detector": found, **change}
    ).values()
    after = settings(database_crops.folder(report))
    assert {key for key in before if before[key] != after[key]} == {name}
    assert clip.valid.all() == (name == "size")


def test_crops_in_the_cache_follow_the_video(report, video, write_video):
    database_crops.of_videos(report, {"a": video}, detector=found)
    write_video(grey(5), "a.mp4")
    ((clip,),) = database_crops.of_videos(report, {"a": video}, detector=found).values()
    assert len(clip) == 5
    video.write_bytes(b"")  # what was extracted before is not of this file
    assert database_crops.of_videos(report, {"a": video}, detector=found) == {}
    assert report.notes["videos that cannot be read"][0] == 1


def test_crops_in_a_named_folder_stay(report, video, write_video, tmp_path):
    database_crops.of_videos(report, {"a": video}, tmp_path / "mine", detector=found)
    write_video(grey(5), "a.mp4")
    people = database_crops.of_videos(
        report, {"a": video}, tmp_path / "mine", detector=found, size=48
    )
    assert len(people["a"][0]) == 2 and settings(tmp_path / "mine")["size"] == 96


@pytest.fixture
def blocked(tmp_path, monkeypatch):
    """A cache folder that cannot be made, for root neither: a file is in the way."""
    (tmp_path / "file").touch()
    monkeypatch.setenv("KOLLIAS_AFFECT_CACHE", str(tmp_path / "file" / "cache"))


def test_a_cache_that_cannot_be_written_is_named_before_any_work(report, video, blocked):
    seen = []
    with pytest.raises(OSError, match="can be written. Received: .*cache.*KOLLIAS_AFFECT_CACHE"):
        database_crops.of_videos(report, {"a": video}, detector=seen.append)
    assert not seen and not report.notes


def test_a_named_folder_that_cannot_be_written_is_named(report, video, tmp_path, blocked):
    with pytest.raises(OSError, match="`crops` must be a folder that can be written"):
        database_crops.of_videos(report, {"a": video}, tmp_path / "file" / "mine", detector=found)


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


def test_recola_does_not_turn_into_labels_alone_without_a_cache(tmp_path, video, blocked):
    for dimension in recola.DIMENSIONS:
        path = tmp_path / "ratings_gold_standard" / dimension / "dev_1.arff"
        recola.write_gold_standard(path, "dev_1", dimension, [0, 0.04], [0.1, 0.2])
    (tmp_path / "recordings_video").mkdir()
    video.rename(tmp_path / "recordings_video/dev_1.mp4")
    with pytest.raises(OSError, match="KOLLIAS_AFFECT_CACHE"):
        recola.load(tmp_path, detector=found)


def test_what_lies_in_the_way_of_the_crops_is_no_fault_of_the_video(report, video, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/a.csv").write_text("mine")
    with pytest.raises(OSError, match="exists already"):
        database_crops.of_videos(report, {"a": video}, tmp_path / "mine", detector=found)


def test_a_wrong_option_is_no_fault_of_the_video(report, video):
    with pytest.raises(ValueError, match="`size` must be an integer"):
        database_crops.of_videos(report, {"a": video}, detector=found, size=5)
    assert not report.notes


def test_tables_alone_need_no_cache(tmp_path, blocked):
    header = "link,start,end,video,utterance,arousal,valence,EmotionMaxVote"
    (tmp_path / "omg_TrainVideos.csv").write_text(f"{header}\nl,0,1,v,utterance_1.mp4,0,0,4\n")
    assert len(omg.load(tmp_path, "train")) == 1

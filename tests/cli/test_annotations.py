"""The commands that follow `annotate`, on a store that a visitor filled."""

import shutil
import subprocess
import sys

import av
import numpy as np
import pandas as pd
import pytest
from annotation_visits import Visitor, running

from kollias_affect._texts import count
from kollias_affect.annotations.store import Store

VIDEOS = {  # frames per second 25
    "talk.mp4": ("one",),
    "walk.mp4": ("one",),
    "song.mp4": ("one",),
    "duo.mp4": ("left", "right"),
}
ANNOTATORS = ("A1", "A2", "A3")


@pytest.fixture(scope="module", autouse=True)
def without_pictures():
    """Nothing is trained here by default, so that TensorBoard need not be imported."""


def write_faces(path, source, sides, shade=0):
    """A video that browsers play, with the face of another one once or twice, a little darker."""
    with av.open(str(source)) as video, av.open(str(path), "w") as copy:
        stream = copy.add_stream("libx264", rate=25)
        stream.pix_fmt, stream.options = "yuv420p", {"preset": "ultrafast", "crf": "18"}
        source_stream = video.streams.video[0]
        stream.height, stream.width = source_stream.height, sides * source_stream.width
        for frame in video.decode(source_stream):
            picture = np.concatenate([frame.to_ndarray(format="rgb24")] * sides, axis=1)
            picture = np.maximum(picture, shade) - np.uint8(shade)
            copy.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        copy.mux(stream.encode())
    return path


def filled(paths, out, seconds):
    """Three annotators rate every person in every video along both dimensions."""
    times = np.arange(0, seconds, 1 / 50)
    persons = [f"{video}={person}" for video, names in VIDEOS.items() for person in names]
    persons = [p for p in persons if p.split("=")[0] in {path.name for path in paths}]
    with running(paths, out, persons=persons) as prepared:
        for i, name in enumerate(ANNOTATORS):
            with Visitor(base_url=prepared.address, timeout=30) as page:
                page.log_in(name)
                for video in page.listed().values():
                    for person in video["persons"]:
                        side = -1 if person["label"] == "right" else 1
                        for dimension, phase in (("valence", 0.0), ("arousal", 1.0)):
                            values = side * np.sin(3 * times + phase - 0.1 * i) * (0.8 - 0.1 * i)
                            fields = {"person": person["id"], "dimension": dimension}
                            page.record(page.new_take(video["name"], **fields), values, times)
    return out


@pytest.fixture(scope="module")
def paths(tmp_path_factory, face_video):
    """Two short videos: one with a face, one with two."""
    folder = tmp_path_factory.mktemp("videos")
    return [
        write_faces(folder / "talk.mp4", face_video, 1),
        write_faces(folder / "duo.mp4", face_video, 2),
    ]


@pytest.fixture(scope="module")
def store(tmp_path_factory, paths):
    """A store with three annotators of both videos."""
    return filled(paths, tmp_path_factory.mktemp("store"), 24 / 25)


def test_all_recordings_are_listed(ok, store):
    output = ok("annotations", "list", store)
    assert output.count("talk.mp4") == 6 and output.count("duo.mp4") == 12
    assert all(name in output for name in ANNOTATORS)


@pytest.mark.parametrize(
    ("name", "files"), [("csv", 1), ("affwild2", 9), ("afew_va", 9), ("frames_csv", 9)]
)
def test_recordings_are_exported_and_imported_into_an_equal_store(
    ok, store, paths, tmp_path, name, files
):
    output = ok("annotations", "export", store, "--out", tmp_path / "files", "--format", name)
    assert f"18 recordings, {count(files, 'file')}." in output
    if name != "csv":  # The other formats hold one person and annotator each.
        exported = [tmp_path / "files" / "A1" / f for f in ("talk.txt", "talk.json", "talk.csv")]
        (found,) = [path for path in exported if path.exists()]
        options = ["--video", paths[0], "--annotator", "A1", "--format", name]
    else:
        found = tmp_path / "files" / "annotations.csv"
        options = ["--video", paths[0], "--video", paths[1]]
    recordings = 18 if name == "csv" else 2
    command = ["annotations", "import", found, "--out", tmp_path / "new", *options]
    assert f"{recordings} recordings added, 0 there already." in ok(*command)
    assert f"0 recordings added, {recordings} there already." in ok(*command)
    with Store(store, read_only=True) as old, Store(tmp_path / "new", read_only=True) as new:
        assert len(new.takes.list()) == recordings
        if name == "csv":
            traces = [[s.takes.trace(t["id"]).values for t in sorted(
                s.takes.list(), key=lambda t: (t["video"], t["name"], t["person_label"],
                                               t["dimension"]))] for s in (old, new)]  # fmt: skip
            for before, after in zip(*traces, strict=True):
                np.testing.assert_array_equal(before, after)


def test_agreement_is_written_as_tables_and_pictures(ok, store, tmp_path):
    output = ok("annotations", "agree", store, "--out", tmp_path, "--lag", "estimate")
    assert "ICC(2,1)" in output
    tracks = pd.read_csv(tmp_path / "tracks.csv")
    assert len(tracks) == 6 + 2 and (tracks["annotators"] == 3).all()
    assert len(pd.read_csv(tmp_path / "pairs.csv")) == 6 * 3
    assert len(list(tmp_path.glob("*.png"))) == 6


def test_agreement_needs_no_tensorflow(store, tmp_path):
    code = (
        "import sys; from kollias_affect.cli import main;"
        "main(['annotations', 'agree', *sys.argv[1:]], standalone_mode=False);"
        "assert not {'tensorflow', 'keras'} & set(sys.modules)"
    )
    command = [sys.executable, "-c", code, str(store), "--out", str(tmp_path)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def test_crops_get_the_mean_of_the_annotators(ok, store, paths, tmp_path):
    crops = tmp_path / "crops"
    ok("extract", *paths, "--out", crops, "--faces", "all", "--processes", "1")
    output = ok("annotations", "label", store, "--crops", crops)
    assert "3 clips with labels" in output
    frames = pd.read_csv(crops / "frames.csv")
    assert set(frames["clip"]) == {"talk", "duo_left", "duo_right"}
    valid = frames[frames["valid"] == 1]
    sides = {clip: rows.set_index("time")["valence"] for clip, rows in valid.groupby("clip")}
    both = sides["duo_left"].index.intersection(sides["duo_right"].index)
    np.testing.assert_allclose(sides["duo_left"][both], -sides["duo_right"][both], atol=1e-5)
    other = frames.assign(clip="other_" + frames["clip"], valence=0.5)
    other.to_csv(crops / "frames.csv", index=False)  # labels that came from somewhere else
    ok("annotations", "label", store, "--crops", crops)
    both = pd.read_csv(crops / "frames.csv")
    assert both["clip"].nunique() == 6 and both["clip"].str.startswith("other").sum() == len(frames)
    assert pd.read_csv(crops / "annotations_recordings.csv")["used"].all()
    assert (pd.read_csv(crops / "annotations_frames.csv")["no_label"] == 0).all()


def test_wrong_input_is_refused(refused, store, tmp_path):
    assert "must be an existing" in refused("annotations", "list", tmp_path / "nothing")
    (tmp_path / "empty").mkdir()
    message = refused("annotations", "label", store, "--crops", tmp_path / "empty")
    assert "no crops named" in message and "Extract the videos" in message
    message = refused("annotations", "agree", store, "--out", tmp_path, "--icc", "ICC(9)")
    assert "`--icc` must be one of" in message
    message = refused("annotations", "agree", store, "--out", tmp_path, "--lag", "much")
    assert "a number of seconds, or estimate" in message
    message = refused("annotations", "export", store, "--out", tmp_path, "--state", "replaced")
    assert "Choose a --state" in message
    (tmp_path / "a.csv").write_text("video,annotator,dimension,time,value\nx.mp4,A,valence,0,0\n")
    message = refused("annotations", "import", tmp_path / "a.csv", "--out", tmp_path / "new")
    assert "Name the file with --video" in message


@pytest.mark.nightly
def test_a_days_work_leads_from_videos_to_predictions(ok, face_video, tmp_path, small):
    """Four videos, two persons in one, three annotators, both dimensions: docs/own_database.md."""
    paths = [
        write_faces(tmp_path / name, face_video, len(persons), shade)
        for shade, (name, persons) in enumerate(VIDEOS.items())
    ]
    store = filled(paths, tmp_path / "annotations", 24 / 25)
    ok("annotations", "list", store)
    ok("annotations", "agree", store, "--out", tmp_path / "agreement", "--lag", "estimate")
    crops = tmp_path / "crops"
    ok("extract", *paths, "--out", crops, "--faces", "all", "--processes", "1")
    assert "5 clips with labels" in ok("annotations", "label", store, "--crops", crops)
    run = tmp_path / "run"
    ok("train", crops / "frames.csv", "--out", run, *small)
    shutil.copy(face_video, tmp_path / "new.mp4")
    out = tmp_path / "predictions"
    ok("predict", tmp_path / "new.mp4", "--model", run / "best.keras", "--out", out)
    table = pd.read_csv(next(out.glob("new*.csv")))
    assert table[["valence", "arousal"]].notna().any().all() and len(table) == 24

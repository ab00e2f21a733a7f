"""The command `kollias-affect extract`."""

import shutil

import numpy as np
import pytest


@pytest.fixture(scope="module")
def labelled(ok, synthetic_root, tmp_path_factory):
    """Folder of crops of two runs: one video, then another one."""
    out = tmp_path_factory.mktemp("crops")
    first, second = sorted((synthetic_root / "videos").glob("*.mp4"))
    options = ["--out", out, "--labels", synthetic_root / "annotations", "--processes", 1]
    output = ok("extract", first, *options)
    assert "subject01_1: 24 frames" in output and "1 clip with labels" in output
    assert "2 clips with labels" in ok("extract", second, *options)
    return out


def test_a_second_extraction_adds_to_the_list(ok, labelled, synthetic_root, write_video, tmp_path):
    shutil.copytree(labelled, tmp_path / "crops")
    shutil.copytree(synthetic_root / "annotations", tmp_path / "labels")
    video = write_video([np.full((64, 64, 3), 90, np.uint8)] * 9)
    (tmp_path / "labels" / "video.txt").write_text("0,0\n" * 9)
    command = ["extract", video, "--out", tmp_path / "crops", "--labels", tmp_path / "labels"]
    assert "3 clips with labels" in ok(*command)


def test_the_list_has_landmarks_and_labels(labelled):
    from kollias_affect import datasets

    clips = datasets.load("frames_csv", labelled / "frames.csv")
    assert [clip.key for clip in clips] == ["subject01_1", "subject02_1"]
    assert all(clip.landmarks is not None for clip in clips)


def test_a_video_without_a_face_is_no_error(ok, write_video, tmp_path):
    video = write_video([np.full((64, 64, 3), 90, np.uint8)] * 7)
    output = ok("extract", video, "--out", tmp_path / "crops")
    assert "video: 7 frames, 0 with a face. No face was found" in output


def test_a_truncated_video_keeps_its_good_frames(ok, write_video, tmp_path, caplog):
    noise = np.random.default_rng(0).integers(0, 255, (60, 48, 64, 3), np.uint8)
    path = write_video(list(noise), "cut.mp4", options={"movflags": "faststart"})
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    output = ok("extract", path, "--out", tmp_path / "out")
    assert "cut.mp4 breaks at frame" in caplog.text and "kept" in caplog.text
    assert "cut: " in output
    assert 20 < len((tmp_path / "out" / "cut.csv").read_text().splitlines()) < 42


def test_one_bad_video_is_reported_after_the_good_ones(refused, face_video, tmp_path):
    bad = tmp_path / "bad.mp4"
    bad.write_text("no video")
    message = refused("extract", bad, face_video, "--out", tmp_path, "--processes", 1)
    assert "subject01_1: 24 frames" in message and "FFmpeg can read" in message


def test_files_that_are_no_videos_are_refused(refused, write_video, tmp_path):
    def message(path):
        return refused("extract", path, "--out", tmp_path / "out")

    assert "existing file" in message(tmp_path / "none.mp4")
    (tmp_path / "text.mp4").write_text("no video")
    assert "FFmpeg can read" in message(tmp_path / "text.mp4")
    (tmp_path / "empty.mp4").touch()
    assert "0 bytes" in message(tmp_path / "empty.mp4")
    import skimage.data
    from matplotlib.image import imsave

    imsave(tmp_path / "image.png", skimage.data.astronaut())
    assert "single image" in message(tmp_path / "image.png")


def test_an_output_folder_that_cannot_be_written_is_refused(refused, face_video, tmp_path):
    (tmp_path / "file").touch()
    assert "can be written" in refused("extract", face_video, "--out", tmp_path / "file")
    assert "can be written" in refused("extract", face_video, "--out", tmp_path / "file" / "sub")


def test_an_unknown_detector_is_refused(refused, face_video, tmp_path):
    assert "'ffld2'" in refused("extract", face_video, "--out", tmp_path, "--detector", "ffld2")


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (["0,0"] * 23, r"one entry per frame"),
        (["0,0"] * 25, r"one entry per frame"),
        (["0,0"] * 23 + ["nan,0"], "must lie in [-1, 1]"),
        (["0,0"] * 23 + ["0,1.5"], "must lie in [-1, 1]"),
        (["0,0"] * 23 + ["0,high"], "must hold numbers"),
    ],
)
def test_labels_that_do_not_fit_are_refused(refused, face_video, tmp_path, rows, message):
    labels = tmp_path / "labels"
    labels.mkdir()
    (labels / "subject01_1.csv").write_text("valence,arousal\n" + "\n".join(rows) + "\n")
    assert message in refused("extract", face_video, "--out", tmp_path, "--labels", labels)


def test_missing_labels_are_refused(refused, face_video, tmp_path):
    command = ["extract", face_video, "--out", tmp_path, "--labels"]
    assert "nowhere, which does not exist" in refused(*command, tmp_path / "nowhere")
    (tmp_path / "labels").mkdir()
    assert "subject01_1.csv" in refused(*command, tmp_path / "labels")


def test_a_file_in_the_place_of_the_list_is_not_replaced(
    refused, face_video, synthetic_root, tmp_path
):
    (tmp_path / "frames.csv").write_text("mine")
    labels = synthetic_root / "annotations"
    message = refused("extract", face_video, "--out", tmp_path, "--labels", labels)
    assert "is no such list" in message
    assert (tmp_path / "frames.csv").read_text() == "mine"

"""The command `kollias-affect predict`; tests/prediction/ tests the files that it writes."""

import numpy as np


def test_a_video_without_a_face_is_no_error(ok, write_video, model, tmp_path):
    video = write_video([np.full((64, 64, 3), 90, np.uint8)] * 7)
    assert "7 frames, no face found" in ok("predict", model, video, "--out", tmp_path / "out")
    assert len((tmp_path / "out" / "video.csv").read_text().splitlines()) == 8


def test_a_file_that_is_no_model_is_refused(refused, face_video, tmp_path):
    path = tmp_path / "model.keras"
    assert "existing file" in refused("predict", path, face_video, "--out", tmp_path)
    path.write_text("no model")
    assert "not a .keras archive" in refused("predict", path, face_video, "--out", tmp_path)


def test_a_table_of_something_else_is_not_replaced(refused, face_video, model, tmp_path):
    (tmp_path / "subject01_1.csv").write_text("valence,arousal\n")
    assert "holds something else" in refused("predict", model, face_video, "--out", tmp_path)
    assert (tmp_path / "subject01_1.csv").read_text() == "valence,arousal\n"


def test_html_writes_the_page_of_the_outputs(ok, write_video, model, tmp_path):
    video, out = write_video([np.full((64, 64, 3), 90, np.uint8)] * 3), tmp_path / "out"
    printed = ok("predict", model, video, "--out", out, "--html", "--no-annotate")
    assert str(out / "view.html") in printed.splitlines()
    assert "video.mp4" in (out / "view.html").read_text()


def test_another_page_of_that_name_is_refused_at_once(refused, write_video, tmp_path):
    """Before the model is read: it is none."""
    video = write_video([np.full((64, 64, 3), 90, np.uint8)] * 3)
    (tmp_path / "view.html").write_text("mine")
    (tmp_path / "model.keras").write_text("no model")
    message = refused("predict", tmp_path / "model.keras", video, "--out", tmp_path, "--html")
    assert "holds something else" in message and (tmp_path / "view.html").read_text() == "mine"

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

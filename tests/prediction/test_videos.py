import json
import shutil
import types
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from kollias_affect import EXPRESSIONS, faces
from kollias_affect.prediction import drawing, predict_videos

COLUMNS = [*faces.COLUMNS, "expression", *EXPRESSIONS, "pitch", "yaw", "roll"]


@pytest.fixture(scope="module")
def predicted(face_video, face, pair, model, tmp_path_factory, save_video):
    """Outputs of one call for four videos.

    In the first the face is hidden in some frames. In the second one of two people leaves, and at
    the end there is nobody. The third has no face. An output of the fourth is another file.
    """
    folder, out = tmp_path_factory.mktemp("videos"), tmp_path_factory.mktemp("predicted")
    blank = np.full_like(face, 90)
    one, nobody = np.concatenate([face, blank], axis=1), np.concatenate([blank, blank], axis=1)
    videos = [
        face_video,
        save_video(folder / "pair.mp4", [pair] * 5 + [one] * 3 + [nobody] * 2),
        save_video(folder / "empty.mp4", [np.full((64, 64, 3), 90, np.uint8)] * 3),
        save_video(folder / "blocked.mp4", [pair] * 2),
    ]
    (out / "blocked_left.png").write_text("mine")
    tables, errors = predict_videos(model, videos, out, processes=1, progress=False, faces="all")
    tables = {Path(video).stem: table for video, table in tables.items()}
    errors = {Path(video).stem: error for video, error in errors.items()}
    return types.SimpleNamespace(out=out, tables=tables, errors=errors)


def test_every_frame_has_a_row_and_every_face_has_outputs(predicted):
    table = pd.read_csv(predicted.out / "subject01_1.csv")
    assert list(table.columns) == COLUMNS and len(table) == 24
    has_face = table["success"] == 1
    assert 0 < has_face.sum() < 24
    assert (table["happiness"].notna() == has_face).all()
    columns = ["frame", "success", *EXPRESSIONS]
    returned = predicted.tables["subject01_1"][columns]
    pd.testing.assert_frame_equal(table[columns], returned, check_dtype=False, atol=1e-6)


def test_faces_are_cropped_in_the_layout_of_the_model(predicted):
    settings = json.loads((predicted.out / "crops" / "subject01_1.json").read_text())["settings"]
    assert settings["layout"] == "eyes" and settings["size"] == 48


def test_the_annotated_video_has_the_frames_of_the_video(predicted, face_video):
    annotated = predicted.out / "annotated" / f"{face_video.stem}.mp4"
    before, after = (list(faces.Video(path)) for path in (face_video, annotated))
    assert [f.time for f in after] == pytest.approx([f.time for f in before], abs=1e-4)

    def orange(frame):
        distance = np.abs(frame.image.astype(int) - drawing.ORANGE).max(axis=-1)
        return (distance < 60).sum()

    counts = np.array([orange(frame) for frame in after])
    has_face = (predicted.tables["subject01_1"]["success"] == 1).to_numpy()
    assert counts[has_face].min() > counts[~has_face].max()


def test_earlier_outputs_are_replaced(predicted, face_video, model):
    before = (predicted.out / "subject01_1.csv").read_bytes()
    predict_videos(model, [face_video], predicted.out, progress=False, faces="all")
    assert (predicted.out / "subject01_1.csv").read_bytes() == before


def test_every_face_of_a_video_has_its_rows_and_a_plot(predicted):
    table = predicted.tables["pair"]
    assert table.groupby("frame").size().tolist() == [2] * 5 + [1] * 5
    assert table["success"].tolist() == [1] * 13 + [0] * 2
    assert table.loc[table["frame"] <= 5, "face_id"].tolist() == [0, 1] * 5
    assert table.loc[:12, "happiness"].notna().all() and table.loc[13:, "happiness"].isna().all()
    plots = {path.name for path in predicted.out.glob("pair*.png")}
    assert plots == {"pair_left.png", "pair_right.png"}


def test_frames_without_a_face_have_a_note_in_the_annotated_copy(predicted):
    frames = list(faces.Video(predicted.out / "annotated" / "empty.mp4"))
    assert len(frames) == 3 and frames[0].image.min() < 60  # the dark ground of the note


def test_plots_of_several_people_do_not_replace_other_files(predicted):
    assert set(predicted.tables) == {"subject01_1", "pair", "empty"}
    assert list(predicted.errors) == ["blocked"]
    assert "holds something else" in str(predicted.errors["blocked"])
    assert (predicted.out / "blocked_left.png").read_text() == "mine"


@pytest.mark.parametrize(
    "name", ["subject01_1.csv", "subject01_1.png", "annotated/subject01_1.mp4"]
)
def test_other_files_are_not_replaced(face_video, model, tmp_path, name):
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("mine")
    with pytest.raises(FileExistsError, match="holds something else"):
        predict_videos(model, [face_video], tmp_path)
    assert path.read_text() == "mine" and not (tmp_path / "crops").exists()


def test_videos_that_would_share_a_table_keep_their_endings(face, model, tmp_path, save_video):
    """Of one stem, of one name in two folders, and with the name of the table of images."""
    names = ("a.mp4", "a.mkv", "b/c.mp4", "c.mp4", "predictions.mp4")
    first = save_video(tmp_path / "a.mp4", [face])
    videos = [tmp_path / name for name in names]
    for video in videos[1:]:
        video.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(first, video)
    out = tmp_path / "out"
    tables, errors = predict_videos(model, videos, out, processes=1, progress=False)
    assert not errors and len(tables) == len(names)
    for stem in ("a.mp4", "a.mkv", "b/c", f"{tmp_path.name}/c", "predictions.mp4"):
        assert (out / f"{stem}.csv").is_file() and (out / f"{stem}.png").is_file(), stem
        assert (out / "annotated" / f"{stem}.mp4").is_file(), stem
    assert [t["input"].iloc[0] for t in tables.values()][:2] == ["a.mp4", "a.mkv"]

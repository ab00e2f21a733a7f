"""`kollias_affect.predict`: one table for inputs of every kind, without files."""

import os
import shutil

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import kollias_affect
from kollias_affect import EXPRESSIONS
from kollias_affect.prediction import predict_images

BOX = ["FaceRectX", "FaceRectY", "FaceRectWidth", "FaceRectHeight"]


def probabilities(table):
    return table[list(EXPRESSIONS)].to_numpy(float)


def test_an_array_a_file_and_an_image_of_one_face_have_one_result(
    face, model, tmp_path, save_image
):
    path = save_image(tmp_path / "in" / "a.png", face)
    inputs = [face, path, str(path), Image.fromarray(face), np.stack([face, face])]
    table = kollias_affect.predict(inputs, model)
    assert table["input"].tolist() == ["image0", "a.png", "image3", "image4_0", "image4_1"]
    assert np.ptp(probabilities(table), axis=0).max() < 1e-5
    written, _ = predict_images(model, [path], tmp_path / "out", annotate=False)
    assert list(written.columns) == list(table.columns)
    np.testing.assert_allclose(probabilities(written)[0], probabilities(table)[1], atol=1e-6)
    assert table.attrs["errors"] == {} and table.attrs["note"] is None


@pytest.mark.parametrize("mode", ["L", "LA", "P", "CMYK", "1", "I;16"])
def test_images_of_pillow_are_read_as_their_files_are(face, model, tmp_path, mode):
    image = Image.fromarray(face).convert("L" if mode == "I;16" else mode)
    if mode == "I;16":
        image = Image.fromarray(np.asarray(image).astype(np.uint16) * 257)
    path = tmp_path / ("a.tif" if mode == "CMYK" else "a.png")
    image.save(path)
    table = kollias_affect.predict([image, path], model, cropped=True)
    np.testing.assert_allclose(*probabilities(table), atol=1e-6)


def test_videos_have_the_rows_of_every_face_and_nothing_is_written(
    face, pair, model, tmp_path, save_video, monkeypatch
):
    save_video(tmp_path / "NA.mp4", [pair] * 3 + [np.full_like(pair, 90)])
    shutil.copy(tmp_path / "NA.mp4", tmp_path / "1e5")
    before = sorted(os.listdir(tmp_path))
    monkeypatch.chdir(tmp_path)
    table = kollias_affect.predict([tmp_path / "NA.mp4", "1e5"], model, processes=1)
    assert table["input"].unique().tolist() == ["NA.mp4", "1e5"]
    assert table.groupby(["input", "frame"]).size().tolist() == [2, 2, 2, 1] * 2
    assert table["success"].tolist() == ([1] * 6 + [0]) * 2
    main = kollias_affect.predict("1e5", model, faces="main", progress=False)
    assert len(main) == 4 and sorted(os.listdir(tmp_path)) == before


def test_a_folder_keeps_the_order_of_images_and_videos(
    face, model, tmp_path, save_image, save_video
):
    save_image(tmp_path / "in" / "a.png", face)
    save_video(tmp_path / "in" / "b.mp4", [face])
    save_image(tmp_path / "in" / "c.png", face)
    (tmp_path / "in" / "d").mkdir()
    save_image(tmp_path / "in" / "d" / "a.png", face)
    table = kollias_affect.predict(tmp_path / "in", model, recursive=True, progress=False)
    assert table["input"].tolist() == ["a.png", "b.mp4", "c.png", "d/a.png"]


def test_inputs_that_fail_do_not_lose_the_others(face, model, tmp_path, save_image):
    (tmp_path / "text.jpg").write_text("no image")
    (tmp_path / "text.mp4").write_text("no video")
    good = save_image(tmp_path / "in" / "a.png", face)
    inputs = [tmp_path / "text.jpg", good, tmp_path / "text.mp4", tmp_path / "none.png", face / 255]
    with pytest.warns(UserWarning, match="4 inputs failed"):
        table = kollias_affect.predict(inputs, model, progress=False)
    assert table["input"].tolist() == ["a.png"]
    errors = table.attrs["errors"]
    assert set(errors) == {"text.jpg", "text.mp4", str(tmp_path / "none.png"), "image4"}
    assert "does not exist" in errors[str(tmp_path / "none.png")]
    assert "uint8 RGB" in errors["image4"]


def test_only_bad_inputs_are_an_error(model, tmp_path):
    with pytest.raises(FileNotFoundError, match="none.png"):
        kollias_affect.predict(tmp_path / "none.png", model)
    with pytest.raises(ValueError, match="uint8 RGB"):
        kollias_affect.predict(np.zeros((48, 48), np.uint8), model)
    for inputs in ([], 3, [None]):
        with pytest.raises((ValueError, TypeError)):
            kollias_affect.predict(inputs, model)


def test_cropped_images_are_predicted_without_detection(face, model):
    table = kollias_affect.predict(
        np.stack([face[:40, :40], face[40:80, :40]]), model, cropped=True
    )
    assert table["success"].tolist() == [1, 1]
    assert table[BOX].to_numpy(int).tolist() == [[0, 0, 40, 40]] * 2


def test_models_of_windows_refuse_images(face, save_model):
    window = save_model("window4", landmarks=False, length=4)
    with pytest.raises(ValueError, match="single frames"):
        kollias_affect.predict(face, window)


def test_the_default_model_takes_real_photographs(shared_faces):
    table = kollias_affect.predict(shared_faces, progress=False)
    counts = table.groupby("input")["success"].sum()
    assert counts["single_face.jpg"] == 1 and counts["multi_face.jpg"] >= 4
    assert counts["free-mountain-vector-01.jpg"] == 0
    found = table[table["success"] == 1]
    np.testing.assert_allclose(probabilities(found).sum(axis=1), 1, atol=1e-5)
    assert (found[["pitch", "yaw", "roll"]].abs() < 45).all(axis=None)
    assert pd.isna(table.loc[table["success"] == 0, "expression"]).all()

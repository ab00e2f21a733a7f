import importlib
import types

import cv2
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from kollias_affect import EXPRESSIONS, faces, models
from kollias_affect.faces.images import read_image
from kollias_affect.prediction import predict_images, predictor, read_table

COLUMNS = [*faces.COLUMNS, "expression", *EXPRESSIONS, "pitch", "yaw", "roll"]


@pytest.fixture(scope="module")
def predicted(tmp_path_factory, face, pair, model, save_image):
    """Outputs of one call with images of all kinds.

    The names have one stem with two endings, spaces, other alphabets and capitals.
    """
    folder = tmp_path_factory.mktemp("images")
    grey = face.mean(axis=-1).astype(np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6  # A viewer has to turn the image clockwise.
    turned = np.ascontiguousarray(np.rot90(face, 1))
    images = [
        save_image(folder / "a.png", face),
        save_image(folder / "b.png", pair),
        save_image(folder / "c.png", np.full((200, 200, 3), 90, np.uint8)),
        save_image(folder / "a.jpg", turned, exif=exif, quality=100),
        save_image(folder / "my grey.png", grey),
        save_image(folder / "Βαθύ.png", grey.astype(np.uint16) * 257),
        save_image(folder / "ALPHA.PNG", np.dstack([face, np.full((256, 256), 255, np.uint8)])),
        save_image(folder / "d.tif", face),
        folder / "text.jpg",
        folder / "cut.png",
    ]
    images[-2].write_text("no image")
    images[-1].write_bytes(images[0].read_bytes()[:20000])
    out = tmp_path_factory.mktemp("predicted")
    table, errors = predict_images(model, images, out)
    return types.SimpleNamespace(images=images, out=out, table=table, errors=errors)


def rows_of(predicted, name):
    return predicted.table[predicted.table["input"] == name]


def test_images_share_one_table_with_a_row_per_face(predicted):
    table = predicted.table
    assert list(table.columns) == COLUMNS
    assert table["input"].unique().tolist() == [path.name for path in predicted.images[:-2]]
    assert rows_of(predicted, "b.png")["face_id"].tolist() == [0, 1]
    assert (table["success"] == (table["input"] != "c.png")).all() and len(table) == 9
    assert (table["frame"] == 1).all() and (table["timestamp"] == 0).all()
    probabilities = table.loc[table["success"] == 1, list(EXPRESSIONS)]
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    empty = rows_of(predicted, "c.png").iloc[0]
    assert empty[["face_id", "FaceScore", *COLUMNS[6:]]].isna().all()
    assert (table["expression"].isna() == (table["success"] == 0)).all()
    found = table.loc[table["success"] == 1]
    assert found["expression"].tolist() == found[list(EXPRESSIONS)].idxmax(axis=1).tolist()
    stored = read_table(predicted.out / "predictions.csv")
    assert stored["input"].tolist() == table["input"].tolist() and list(stored.columns) == COLUMNS


def test_annotated_images_have_the_names_of_the_images(predicted):
    written = {path.name for path in (predicted.out / "annotated").iterdir()}
    names = [path.name for path in predicted.images[:-3]]
    assert written == {*names, "d.tif.png"}
    for path in (predicted.out / "annotated").iterdir():
        assert max(read_image(path).shape) >= 480


def test_images_that_cannot_be_read_are_reported(predicted):
    assert list(predicted.errors) == predicted.images[-2:]


def test_outputs_are_those_of_the_crop_in_the_layout_of_the_model(predicted, face, model):
    network, _ = models.load(model)

    def outputs_of(layout):
        (aligned,) = faces.faces_of(face, size=48, layout=layout, longest_side=1280)
        images = aligned.crop[None] / np.float32(127.5) - 1
        return network.predict({"images": images}, verbose=0)[0]

    outputs = predicted.table.loc[0, list(EXPRESSIONS)].to_numpy(float)
    np.testing.assert_allclose(outputs, outputs_of("eyes"), atol=1e-5)
    assert np.abs(outputs - outputs_of("procrustes")).max() > 1e-3


def test_the_exif_orientation_is_applied(predicted, face):
    boxes = [
        rows_of(predicted, name)[list(faces.COLUMNS[-4:])].to_numpy(float)
        for name in ("a.jpg", "a.png")
    ]
    assert np.abs(boxes[0] - boxes[1]).max() <= 3
    drawn = read_image(predicted.out / "annotated" / "a.jpg")[1::2, 1::2].astype(int)
    turned = np.rot90(face, 1)
    assert np.median(np.abs(drawn - face)) < 4 < np.median(np.abs(drawn - turned))


def test_eight_and_sixteen_bits_have_the_same_outputs(predicted):
    grey, deep = (
        rows_of(predicted, name)[list(EXPRESSIONS)].to_numpy(float)
        for name in ("my grey.png", "Βαθύ.png")
    )
    np.testing.assert_allclose(grey, deep, atol=1e-5)


def test_outputs_do_not_depend_on_the_batch_and_replace_earlier_ones(
    predicted, model, tmp_path, monkeypatch
):
    predict_images(model, predicted.images[3:4], tmp_path, annotate=False)
    monkeypatch.setattr(predictor, "BATCH", 2)
    table, _ = predict_images(model, predicted.images[:3], tmp_path, annotate=False)
    pd.testing.assert_frame_equal(predicted.table[:4], table, atol=1e-6)
    assert len(pd.read_csv(tmp_path / "predictions.csv")) == 4
    assert not (tmp_path / "annotated").exists()


def test_images_of_one_name_from_several_folders_have_rows_and_copies_of_their_own(
    photos, face, model, tmp_path, save_image
):
    other = save_image(tmp_path / "elsewhere" / "a.png", face)
    table, errors = predict_images(model, [photos / "a.png", other], tmp_path / "out")
    assert table["input"].tolist() == ["photos/a.png", "elsewhere/a.png"] and not errors
    for name in table["input"]:
        assert (tmp_path / "out" / "annotated" / name).is_file()


def test_cropped_images_are_faces_as_they_are(face, model, tmp_path, save_image):
    small = np.ascontiguousarray(face[60:160:2, 70:170:2])
    image = save_image(tmp_path / "in" / "a.png", small)
    table, _ = predict_images(model, [image], tmp_path / "b", annotate=False, cropped=True)
    assert table["success"].tolist() == [1]
    assert table.loc[0, list(faces.COLUMNS[-5:])].tolist() == [1, 0, 0, 50, 50]
    network, _ = models.load(model)
    resized = cv2.resize(small, (48, 48), interpolation=cv2.INTER_AREA)
    expected = network.predict({"images": resized[None] / np.float32(127.5) - 1}, verbose=0)[0]
    np.testing.assert_allclose(table.loc[0, list(EXPRESSIONS)].to_numpy(float), expected, atol=1e-5)


def test_landmarks_become_columns_on_request(photos, model, tmp_path):
    table, _ = predict_images(
        model, sorted(photos.iterdir()), tmp_path, annotate=False, landmarks=True
    )
    names = [f"{axis}_{i}" for axis in "xy" for i in range(68)]
    assert list(table.columns) == COLUMNS + names
    image = read_image(photos / "a.png")
    (aligned,) = faces.faces_of(image, longest_side=1280)
    np.testing.assert_allclose(table.loc[0, names].to_numpy(float), aligned.in_frame.T.ravel())
    assert table.loc[table["success"] == 0, names].isna().all(axis=None)


@pytest.mark.parametrize("format", ["csv", "json", "parquet"])
def test_every_format_gives_the_same_table_and_is_replaced_by_itself(
    photos, model, tmp_path, format
):
    if format == "parquet":
        pytest.importorskip("pyarrow")
    images = sorted(photos.iterdir())
    options = {"annotate": False, "format": format}
    for _ in range(2):
        table, _ = predict_images(model, images, tmp_path, **options)
    stored = read_table(tmp_path / f"predictions.{format}")
    for name in table.columns:
        assert stored[name].isna().tolist() == table[name].isna().tolist()
        assert stored[name].dropna().tolist() == pytest.approx(table[name].dropna().tolist())
    assert [path.name for path in tmp_path.glob("predictions*")] == [f"predictions.{format}"]


def test_parquet_without_its_package_names_the_extra(photos, model, tmp_path, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match="parquet.*kollias-affect\\[parquet\\]"):
        predict_images(model, [photos / "a.png"], tmp_path / "out", format="parquet")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["predictions.csv", "annotated/a.png"])
def test_other_files_are_not_replaced(photos, model, tmp_path, name):
    path = tmp_path / "out" / name
    path.parent.mkdir(parents=True)
    path.write_text("mine")
    with pytest.raises(FileExistsError, match="holds something else"):
        predict_images(model, sorted(photos.iterdir()), tmp_path / "out")
    assert path.read_text() == "mine"


def test_an_output_folder_that_cannot_be_written_is_refused(photos, model, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="can be written"):
        predict_images(model, [photos / "a.png"], tmp_path / "file")


def test_models_of_windows_are_refused(photos, save_model, tmp_path):
    window = save_model("window", landmarks=False, length=4)
    with pytest.raises(ValueError, match="single frames.*Leave the images out"):
        predict_images(window, [photos / "a.png"], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_models_with_landmarks_run_on_images(photos, save_model, tmp_path):
    path = save_model("landmarks", "valence_arousal", landmarks=True)
    table, _ = predict_images(path, sorted(photos.iterdir()), tmp_path / "out")
    assert list(table.columns)[-5:] == ["valence", "arousal", "pitch", "yaw", "roll"]
    assert table.loc[:2, ["valence", "arousal"]].abs().to_numpy().max() <= 1


def test_models_of_unknown_crops_are_refused(photos, save_model, tmp_path):
    path = save_model("layout", landmarks=False, crop="ears, paper X")
    with pytest.raises(ValueError, match="crops like one of these.*ears, paper X"):
        predict_images(path, [photos / "a.png"], tmp_path / "out")

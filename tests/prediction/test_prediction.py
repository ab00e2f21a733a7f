import json
import shutil

import keras
import numpy as np
import pandas as pd
import pytest
import skimage.data
from click.testing import CliRunner
from PIL import Image

from kollias_affect import EXPRESSIONS, backbones, faces, models
from kollias_affect.cli import main
from kollias_affect.faces.images import read_image
from kollias_affect.prediction import drawing, inference

COLUMNS = [*faces.COLUMNS, *EXPRESSIONS]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("models")


def cnn(task="expression", **options):
    """A tiny model whose outputs differ clearly from picture to picture."""
    keras.utils.set_random_seed(0)
    backbone = backbones.vgg_face((48, 48, 3), 0.02)
    model = models.cnn(backbone, task, hidden_units=(8,), dropout=0, **options)
    for layer in model.layers + backbone.layers:
        if hasattr(layer, "kernel"):
            layer.kernel.assign(layer.kernel * 2)
    return model


@pytest.fixture(scope="module")
def model(folder):
    """A tiny expression model in the place of the shipped one."""
    models.save(cnn(landmarks=False), folder / "tiny.keras", crop=models.CROPS["eyes"])
    return folder / "tiny.keras"


@pytest.fixture(scope="module")
def face():
    """256 x 256 around the face of a public-domain portrait."""
    return np.ascontiguousarray(skimage.data.astronaut()[0:256, 96:352])


def save(path, image, **options):
    path.parent.mkdir(exist_ok=True)
    Image.fromarray(image).save(path, **options)
    return path


@pytest.fixture
def photos(tmp_path, face):
    """One face, two faces and none."""
    room = tmp_path / "photos"
    save(room / "a.png", face)
    save(room / "b.png", np.concatenate([face, face[:, ::-1]], axis=1))
    save(room / "c.png", np.full((200, 200, 3), 90, np.uint8))
    return room


def run(*arguments):
    return CliRunner().invoke(main, ["predict", *map(str, arguments)])


def ok(*arguments):
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    return result.output


def refused(*arguments):
    result = run(*arguments)
    assert result.exit_code == 2, (result.exit_code, result.output)
    assert isinstance(result.exception, SystemExit) and "Traceback" not in result.output
    return " ".join(result.output.split())


def test_images_share_one_table_with_a_row_per_face(photos, model, tmp_path):
    output = ok(photos, "--model", model, "--out", tmp_path / "out")
    assert (
        "3 images, 3 faces" in output and "a.png: 1 face:" in output and "c.png: no face" in output
    )
    table = pd.read_csv(tmp_path / "out" / "predictions.csv")
    assert list(table.columns) == COLUMNS
    assert table["input"].tolist() == ["a.png", "b.png", "b.png", "c.png"]
    assert table["success"].tolist() == [1, 1, 1, 0]
    assert table["face_id"].tolist()[:3] == [0, 0, 1]
    assert (table["frame"] == 1).all() and (table["timestamp"] == 0).all()
    np.testing.assert_allclose(table.loc[:2, list(EXPRESSIONS)].sum(axis=1), 1, atol=1e-5)
    assert table.iloc[3][["face_id", "confidence", *COLUMNS[6:]]].isna().all()
    for name in ("a.png", "b.png", "c.png"):
        assert read_image(tmp_path / "out" / "annotated" / name).shape[1] >= 480


def test_outputs_are_those_of_the_crop_in_the_models_layout(photos, face, model, tmp_path):
    table, _ = inference.predict_images(model, [photos / "a.png"], tmp_path / "out")
    network, _ = models.load(model)

    def of(layout):
        (found,) = faces.faces_of(face, size=48, layout=layout, longest_side=1280)
        images = found.crop[None] / np.float32(127.5) - 1
        return network.predict({"images": images}, verbose=0)[0]

    outputs = table.loc[0, list(EXPRESSIONS)].to_numpy(float)
    np.testing.assert_allclose(outputs, of("eyes"), atol=1e-5)
    assert np.abs(outputs - of("procrustes")).max() > 1e-3


def test_outputs_do_not_depend_on_the_batch(photos, model, tmp_path, monkeypatch):
    images = sorted(photos.iterdir())
    whole, _ = inference.predict_images(model, images, tmp_path / "a", annotate=False)
    monkeypatch.setattr(inference, "_BATCH", 2)
    parts, _ = inference.predict_images(model, images, tmp_path / "b", annotate=False)
    pd.testing.assert_frame_equal(whole, parts, atol=1e-6)


def test_photographs_are_looked_at_upright(face, model, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = np.ascontiguousarray(np.rot90(face, 1))
    path = save(tmp_path / "in" / "a.jpg", turned, exif=exif, quality=100)
    upright = save(tmp_path / "in" / "b.png", face)
    table, _ = inference.predict_images(model, [path, upright], tmp_path / "out")
    boxes = table[list(faces.COLUMNS[-4:])].to_numpy(float)
    assert np.abs(boxes[0] - boxes[1]).max() <= 3
    drawn = read_image(tmp_path / "out" / "annotated" / "a.jpg")[1::2, 1::2].astype(int)
    assert np.median(np.abs(drawn - face)) < 4 < np.median(np.abs(drawn - turned))


def test_grey_transparent_and_deep_pictures(face, model, tmp_path):
    room = tmp_path / "in"
    grey = face.mean(axis=-1).astype(np.uint8)
    save(room / "grey.png", grey)
    save(room / "deep.png", grey.astype(np.uint16) * 257)
    save(room / "alpha.png", np.dstack([face, np.full((256, 256), 255, np.uint8)]))
    table, errors = inference.predict_images(model, sorted(room.iterdir()), tmp_path / "out")
    assert not errors and table["success"].tolist() == [1, 1, 1]
    rows = table.set_index("input")[list(EXPRESSIONS)].astype(float)
    np.testing.assert_allclose(rows.loc["grey.png"], rows.loc["deep.png"], atol=1e-5)


def test_bad_images_are_named_after_the_good_ones(photos, model, tmp_path):
    (photos / "text.jpg").write_text("no image")
    cut = (photos / "a.png").read_bytes()
    (photos / "cut.png").write_bytes(cut[: len(cut) // 2])
    message = refused(photos, "--model", model, "--out", tmp_path / "out")
    assert "text.jpg" in message and "cut.png" in message and "3 images, 3 faces" in message
    assert len(pd.read_csv(tmp_path / "out" / "predictions.csv")) == 4


def test_names(face, model, tmp_path):
    """One stem with two endings, spaces, other alphabets, endings in capitals, TIFF."""
    names = ["a.jpg", "a.png", "my photo.png", "Ελένη.png", "B.JPG", "c.tif"]
    paths = [save(tmp_path / "in" / name, face) for name in names]
    ok(*paths, "--model", model, "--out", tmp_path / "out")
    table = pd.read_csv(tmp_path / "out" / "predictions.csv")
    assert table["input"].tolist() == names and table["success"].all()
    written = {path.name for path in (tmp_path / "out" / "annotated").iterdir()}
    assert written == {*names[:-1], "c.tif.png"}
    again = save(tmp_path / "elsewhere" / "a.jpg", face)
    message = refused(*paths, again, "--model", model, "--out", tmp_path / "out2")
    assert "must have different names" in message and "elsewhere" in message


def test_folders_are_searched_one_level_deep(photos, face_video, model, tmp_path):
    shutil.copy(face_video, photos / "video.mp4")
    (photos / "notes.txt").write_text("mine")
    (photos / ".hidden.png").write_text("mine")
    save(photos / "deeper" / "d.png", np.zeros((9, 9, 3), np.uint8))
    output = ok(photos, "--model", model, "--out", tmp_path / "out", "--no-annotate")
    assert "Passed over in folders: 1 .txt, 1 folders." in output
    assert "3 images" in output and "video.mp4: 24 frames" in output
    assert not (tmp_path / "out" / "annotated").exists()
    (tmp_path / "empty").mkdir()
    message = refused(tmp_path / "empty", "--model", model, "--out", tmp_path / "out")
    assert "must hold videos" in message


def test_files_in_the_way_are_not_replaced(photos, face_video, model, tmp_path):
    out = tmp_path / "out"
    command = ["--model", model, "--out", out]
    for name, given in (
        ("predictions.csv", photos),
        ("annotated/a.png", photos),
        ("subject01_1.png", face_video),
        ("annotated/subject01_1.mp4", face_video),
    ):
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        (out / name).write_text("mine")
        assert "holds something else" in refused(given, *command)
        assert (out / name).read_text() == "mine"
        (out / name).unlink()
    ok(photos, face_video, *command)
    tables = [(out / name).read_bytes() for name in ("predictions.csv", "subject01_1.csv")]
    ok(photos, face_video, *command)  # what is ours is written anew
    assert tables == [(out / n).read_bytes() for n in ("predictions.csv", "subject01_1.csv")]


def test_a_video_cannot_take_the_name_of_the_table_of_images(face_video, model, tmp_path):
    video = shutil.copy(face_video, tmp_path / "predictions.mp4")
    message = refused(video, "--model", model, "--out", tmp_path / "out")
    assert "table of images" in message and "Rename" in message


def test_pictures_in_the_way_of_several_people(face, write_video, model, tmp_path):
    video = write_video([np.concatenate([face, face[:, ::-1]], axis=1)] * 2, "pair.mp4")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "pair_left.png").write_text("mine")
    message = refused(video, "--model", model, "--out", tmp_path / "out", "--faces", "all")
    assert "holds something else" in message
    assert (tmp_path / "out" / "pair_left.png").read_text() == "mine"


def test_output_that_cannot_be_written(photos, model, tmp_path):
    (tmp_path / "file").touch()
    message = refused(photos, "--model", model, "--out", tmp_path / "file")
    assert "can be written" in message


def test_the_model_may_come_first(photos, model, tmp_path):
    ok(model, photos, "--out", tmp_path / "a")
    ok(photos, "--model", model, "--out", tmp_path / "b")
    first, second = ((tmp_path / x / "predictions.csv").read_bytes() for x in "ab")
    assert first == second
    assert "model" in refused(model, "--out", tmp_path / "c")


def test_without_a_model_the_shipped_one_is_used(photos, model, tmp_path, monkeypatch):
    from kollias_affect.weights import catalogue, registry

    shipped = tmp_path / "pretrained"
    monkeypatch.setattr(registry, "_folders", lambda: iter([shipped]))
    message = refused(photos, "--out", tmp_path / "out")
    assert catalogue.DEFAULT in message and "no file here" in message
    shipped.mkdir()
    shutil.copy(model, shipped / f"{catalogue.DEFAULT}.keras")
    registry.write_manifest(shipped)
    ok(photos, "--out", tmp_path / "out")
    ok(photos, "--model", catalogue.DEFAULT, "--out", tmp_path / "named")
    tables = [(tmp_path / x / "predictions.csv").read_bytes() for x in ("out", "named")]
    assert tables[0] == tables[1]
    assert "weights list" in refused(photos, "--model", "nonsense", "--out", tmp_path / "x")


def test_the_commands_about_weights():
    result = CliRunner().invoke(main, ["weights", "list"])
    assert result.exit_code == 0 and "expression_vgg_fer2013" in result.output
    result = CliRunner().invoke(main, ["weights", "show", "vgg_face"])
    assert result.exit_code == 0 and "load_vgg_face" in result.output
    result = CliRunner().invoke(main, ["weights", "show", "nonsense"])
    assert result.exit_code == 2 and "must be one of" in result.output


def test_models_of_windows_refuse_images(photos, folder, tmp_path):
    window = folder / "window.keras"
    models.save(cnn(landmarks=False, length=4), window)
    message = refused(photos, "--model", window, "--out", tmp_path / "out")
    assert "single frames" in message and "Leave the images out" in message
    assert not (tmp_path / "out").exists()


def test_models_with_landmarks_see_images_too(photos, folder, tmp_path):
    path = folder / "landmarks.keras"
    models.save(cnn("valence_arousal", landmarks=True), path)
    output = ok(photos, "--model", path, "--out", tmp_path / "out")
    table = pd.read_csv(tmp_path / "out" / "predictions.csv")
    assert list(table.columns)[-2:] == ["valence", "arousal"]
    assert table.loc[:2, ["valence", "arousal"]].abs().to_numpy().max() <= 1
    assert "valence " in output and "arousal " in output


def test_crops_of_an_unknown_layout_are_refused(photos, folder, tmp_path):
    path = folder / "layout.keras"
    models.save(cnn(landmarks=False), path, crop="ears, paper X")
    message = refused(photos, "--model", path, "--out", tmp_path / "out")
    assert "crops like one of these" in message and "ears, paper X" in message


def test_videos_are_cropped_in_the_models_layout(face_video, model, tmp_path):
    ok(face_video, "--model", model, "--out", tmp_path)
    settings = json.loads((tmp_path / "crops" / "subject01_1.json").read_text())["settings"]
    assert settings["layout"] == "eyes" and settings["size"] == 48
    table = pd.read_csv(tmp_path / "subject01_1.csv")
    assert list(table.columns) == COLUMNS and len(table) == 24
    found = table["success"] == 1
    assert 0 < found.sum() < 24  # the face is hidden in some
    assert (table["happiness"].notna() == found).all()


def test_the_annotated_video_has_the_frames_of_the_video(face_video, model, tmp_path):
    tables, _ = inference.predict_videos(model, [face_video], tmp_path, progress=False)
    (table,) = tables.values()
    before, after = (
        list(faces.Video(path))
        for path in (face_video, tmp_path / "annotated" / f"{face_video.stem}.mp4")
    )
    assert [f.time for f in after] == pytest.approx([f.time for f in before], abs=1e-4)

    def orange(frame):
        distance = np.abs(frame.image.astype(int) - drawing.ORANGE).max(axis=-1)
        return (distance < 60).sum()

    counts = np.array([orange(frame) for frame in after])
    found = (table["success"] == 1).to_numpy()
    assert counts[found].min() > counts[~found].max()


def test_every_face_of_a_video_has_its_rows(face, write_video, model, tmp_path):
    """Two people, one of whom leaves, and at the end nobody."""
    blank = np.full_like(face, 90)
    both = np.concatenate([face, face[:, ::-1]], axis=1)
    one, nobody = np.concatenate([face, blank], axis=1), np.concatenate([blank, blank], axis=1)
    video = write_video([both] * 5 + [one] * 3 + [nobody] * 2, "pair.mp4")
    output = ok(video, "--model", model, "--out", tmp_path / "out", "--faces", "all")
    assert "10 frames, 8 with a face" in output
    table = pd.read_csv(tmp_path / "out" / "pair.csv")
    assert table.groupby("frame").size().tolist() == [2] * 5 + [1] * 5
    assert table["success"].tolist() == [1] * 13 + [0] * 2
    assert table.loc[table["frame"] <= 5, "face_id"].tolist() == [0, 1] * 5
    assert table.loc[:12, "happiness"].notna().all() and table.loc[13:, "happiness"].isna().all()
    pictures = {path.name for path in (tmp_path / "out").glob("*.png")}
    assert pictures == {"pair_left.png", "pair_right.png"}


def test_a_video_without_a_face_says_so_in_its_pictures(write_video, model, tmp_path):
    video = write_video([np.full((64, 64, 3), 90, np.uint8)] * 3)
    ok(video, "--model", model, "--out", tmp_path / "out")
    frames = list(faces.Video(tmp_path / "out" / "annotated" / "video.mp4"))
    assert len(frames) == 3 and frames[0].image.min() < 60  # the note's dark ground

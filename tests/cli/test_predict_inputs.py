"""The command `kollias-affect predict` on images, folders, and models of all kinds."""

import shutil

import keras
import numpy as np
import pandas as pd
import pytest
import skimage.data
from PIL import Image

from kollias_affect import backbones, catalogue, models
from kollias_affect.catalogue import files as registry


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A tiny expression model of single frames."""
    keras.utils.set_random_seed(0)
    backbone = backbones.vgg_face((48, 48, 3), 0.02)
    network = models.cnn(backbone, "expression", hidden_units=(8,), landmarks=False)
    path = tmp_path_factory.mktemp("models") / "tiny.keras"
    models.save(network, path)
    return path


@pytest.fixture
def photos(tmp_path):
    """A folder with images of a face and of none."""
    folder = tmp_path / "photos"
    folder.mkdir()
    Image.fromarray(skimage.data.astronaut()[0:256, 96:352]).save(folder / "a.png")
    Image.fromarray(np.full((200, 200, 3), 90, np.uint8)).save(folder / "c.png")
    return folder


def test_a_folder_of_images_and_videos(ok, photos, face_video, model, tmp_path):
    shutil.copy(face_video, photos / "video.mp4")
    (photos / "notes.txt").write_text("mine")
    (photos / "deeper").mkdir()
    out = tmp_path / "out"
    output = ok("predict", photos, "--model", model, "--out", out, "--no-annotate")
    assert "in folders: 1 .txt, 1 folder." in output
    assert "a.png: 1 face: " in output and "c.png: no face" in output
    assert "2 images, 1 face." in output and "video.mp4: 24 frames, " in output
    assert "1 person: " in output and "summary.csv: 3 inputs, 3 rows." in output
    assert not (out / "annotated").exists()


def test_bad_images_are_named_after_the_good_ones(refused, photos, model, tmp_path):
    """The model may be the first input."""
    (photos / "text.jpg").write_text("no image")
    message = refused("predict", model, photos, "--out", tmp_path / "out")
    assert "text.jpg" in message and "2 images, 1 face." in message
    assert len(pd.read_csv(tmp_path / "out" / "predictions.csv")) == 2


def test_a_model_alone_is_refused(refused, model, tmp_path):
    assert "the model" in refused("predict", model, "--out", tmp_path)


def test_by_default_the_shipped_model_is_used(ok, refused, photos, model, tmp_path, monkeypatch):
    shipped = tmp_path / "pretrained"
    monkeypatch.setattr(registry, "_folders", lambda: iter([shipped]))
    message = refused("predict", photos, "--out", tmp_path / "out")
    assert catalogue.DEFAULT in message
    shipped.mkdir()
    shutil.copy(model, shipped / f"{catalogue.DEFAULT}.keras")
    registry.write_manifest(shipped)
    command = ["predict", photos / "a.png", "--no-annotate", "--out"]
    ok(*command, tmp_path / "out")
    ok(*command, tmp_path / "named", "--model", catalogue.DEFAULT)
    tables = [(tmp_path / x / "predictions.csv").read_bytes() for x in ("out", "named")]
    assert tables[0] == tables[1]
    assert "weights list" in refused("predict", photos, "--model", "other", "--out", tmp_path / "x")


def test_unknown_weights_are_refused(refused):
    assert "must be one of" in refused("weights", "show", "other")

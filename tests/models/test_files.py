import zipfile

import keras
import numpy as np
import pytest

import kollias_affect
from kollias_affect import models, tasks, training

TINY = {"backbone": "cnn_m", "length": 4, "width": 0.02, "input_shape": (32, 32, 3)}
TINY |= {"rnn_units": 6, "hidden_units": 8}


@pytest.fixture(scope="module")
def model():
    return training.compile_model(models.affwildnet(**TINY, initializer=None), 1e-3)


# `test_all_networks.py` loads compiled models in a process that never imports this package.
def test_the_file_of_a_compiled_model_does_not_need_this_package(model, tmp_path):
    models.save(model, tmp_path / "model.keras")
    with zipfile.ZipFile(tmp_path / "model.keras") as archive:
        assert b"kollias_affect" not in archive.read("config.json")


def test_the_card_describes_how_to_use_the_model(model, tmp_path):
    models.save(model, tmp_path / "model.keras", epoch=3)
    card = models.read_card(tmp_path / "model.keras")
    assert card["task"] == "valence_arousal" and card["outputs"] == ["valence", "arousal"]
    assert card["range"] == [-1, 1] and card["length"] == 4 and card["landmarks"] is True
    assert card["image"] == {"size": 32, "colour": "RGB", "range": [-1, 1]}
    assert card["crop"] == models.CROP and card["epoch"] == 3
    assert card["versions"]["kollias_affect"] == kollias_affect.__version__


@pytest.mark.parametrize("task", list(tasks.TASKS))
def test_round_trip(tmp_path, task, random_inputs):
    before = models.affwildnet(task=task, **TINY, initializer=None)
    models.save(before, tmp_path / "model.keras")
    after, card = models.load(tmp_path / "model.keras")
    inputs = random_inputs(before)
    assert np.allclose(before(inputs), after(inputs))
    assert card["task"] == task


def test_a_representation_survives_saving(tmp_path, random_inputs):
    before = models.affwildnet(representation=True, **TINY)
    models.save(before, tmp_path / "model.keras")
    after, card = models.load(tmp_path / "model.keras")
    inputs = random_inputs(before)
    outputs = after(inputs)
    assert np.allclose(outputs["representation"], before(inputs)["representation"], atol=1e-5)
    assert card["task"] == "valence_arousal"


def test_a_model_saved_by_keras_itself_has_the_same_card(model, tmp_path):
    bare = keras.Model(model.input, model.output)
    bare.save(tmp_path / "plain.keras")
    assert models.read_card(tmp_path / "plain.keras") is None
    _, card = models.load(tmp_path / "plain.keras")
    assert card == models.describe(model)


def test_an_interrupted_save_leaves_the_old_model(model, tmp_path, monkeypatch):
    path = tmp_path / "model.keras"
    models.save(model, path)
    before = path.read_bytes()

    def fail(*args, **kwargs):
        raise OSError("disk full")

    monkeypatch.setattr(zipfile.ZipFile, "writestr", fail)
    with pytest.raises(OSError, match="disk full"):
        models.save(model, path)
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]


def write_other_file(path, kind):
    if kind == "text":
        path.write_text("weights")
    elif kind == "empty":
        path.touch()
    elif kind == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("readme.txt", "text")
    elif kind == "other model":
        keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)]).save(path)
    elif kind == "lambda":
        layer = keras.layers.Lambda(lambda x: x)  # code in the file, which must not be run
        keras.Sequential([keras.Input((3,)), layer]).save(path)


@pytest.mark.parametrize("kind", ["text", "empty", "zip", "other model", "lambda", "none"])
def test_other_files_are_refused(tmp_path, kind):
    path = tmp_path / "model.keras"
    write_other_file(path, kind)
    with pytest.raises((ValueError, FileNotFoundError), match="Received") as caught:
        models.load(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("card", ["[]", '{"task": "valence"}', "?", '"text"'])
def test_damaged_cards_are_refused(model, tmp_path, card, recwarn):
    path = tmp_path / "model.keras"
    keras.Model(model.input, model.output).save(path)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("kollias_affect.json", card)
    with pytest.raises(ValueError, match="card lacks some"):
        models.load(path)

import subprocess
import sys
import zipfile

import keras
import numpy as np
import pytest

import kollias_affect
from kollias_affect import models, tasks, training

TINY = {"length": 4, "width": 0.02, "input_shape": (32, 32, 3), "rnn_units": 6, "hidden_units": 8}


@pytest.fixture(scope="module")
def model():
    return training.compile_model(models.affwildnet(**TINY, initializer=None), 1e-3)


def inputs():
    random = np.random.default_rng(0)
    return {
        "images": random.uniform(-1, 1, (1, 4, 32, 32, 3)).astype("float32"),
        "landmarks": random.uniform(-1, 1, (1, 4, 136)).astype("float32"),
    }


def test_a_compiled_model_loads_in_plain_keras(model, tmp_path):
    """In a process that never imports this package, and with the loader's defaults."""
    path = tmp_path / "model.keras"
    models.save(model, path)
    np.savez(tmp_path / "inputs.npz", **inputs())
    code = f"""
import sys, keras, numpy as np
model = keras.saving.load_model({str(path)!r})
data = dict(np.load({str(tmp_path / "inputs.npz")!r}))
np.save({str(tmp_path / "outputs.npy")!r}, model.predict(data, verbose=0))
assert "kollias_affect" not in sys.modules
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr[-2000:]
    expected = model.predict(inputs(), verbose=0)
    assert np.allclose(np.load(tmp_path / "outputs.npy"), expected, atol=1e-5)


def test_the_card_says_what_is_needed_to_use_the_model(model, tmp_path):
    models.save(model, tmp_path / "model.keras", epoch=3)
    card = models.read_card(tmp_path / "model.keras")
    assert card["task"] == "valence_arousal" and card["outputs"] == ["valence", "arousal"]
    assert card["range"] == [-1, 1] and card["length"] == 4 and card["landmarks"] is True
    assert card["image"] == {"size": 32, "colour": "RGB", "range": [-1, 1]}
    assert card["crop"] == models.CROP and card["epoch"] == 3
    assert card["versions"]["kollias_affect"] == kollias_affect.__version__


@pytest.mark.parametrize("task", list(tasks.TASKS))
def test_round_trip(tmp_path, task):
    before = models.affwildnet(task=task, **TINY, initializer=None)
    models.save(before, tmp_path / "model.keras")
    after, card = models.load(tmp_path / "model.keras")
    assert np.allclose(before.predict(inputs(), verbose=0), after.predict(inputs(), verbose=0))
    assert card["task"] == task


def test_models_with_a_representation_are_saved_too(tmp_path):
    before = models.affwildnet(representation=True, **TINY)
    models.save(before, tmp_path / "model.keras")
    after, card = models.load(tmp_path / "model.keras")
    outputs = after.predict(inputs(), verbose=0)
    assert np.allclose(outputs["representation"], before(inputs())["representation"], atol=1e-5)
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


def not_a_model(path, kind):
    if kind == "text":
        path.write_text("weights")
    elif kind == "empty":
        path.touch()
    elif kind == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("readme.txt", "no model")
    elif kind == "other model":
        keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)]).save(path)
    elif kind == "lambda":
        layer = keras.layers.Lambda(lambda x: x)
        keras.Sequential([keras.Input((3,)), layer]).save(path)


@pytest.mark.parametrize("kind", ["text", "empty", "zip", "other model", "lambda", "none"])
def test_what_is_no_model_is_refused(tmp_path, kind):
    path = tmp_path / "model.keras"
    not_a_model(path, kind)
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

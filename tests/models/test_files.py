import json
import zipfile

import keras
import numpy as np
import pytest

import kollias_affect
from kollias_affect import backbones, models, tasks, training

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


def test_a_model_that_ships_is_loaded_by_its_name():
    model, card = models.load("expression_vgg_fer2013")
    assert card["task"] == "expression" and models.describe(model)["task"] == "expression"
    assert models.load_any("expression_vgg_fer2013").count_params() == model.count_params()
    with pytest.raises(FileNotFoundError, match="Received: expression_vgg. .*weights list"):
        models.load("expression_vgg")


@pytest.mark.parametrize("task", list(tasks.TASKS))
def test_round_trip(tmp_path, task, random_inputs):
    before = models.affwildnet(task=task, **TINY, initializer=None)
    models.save(before, tmp_path / "model.keras")
    after, card = models.load(tmp_path / "model.keras")
    inputs = random_inputs(before)
    assert np.allclose(before(inputs), after(inputs))
    assert card["task"] == task


SEVERAL = ("expression_8", "valence_arousal", "action_units")
SIZES = {"expression_8": 8, "valence_arousal": 2, "action_units": 12}


@pytest.mark.parametrize("build", ["cnn", "cnn_rnn", "multi_rnn", "fuse"])
def test_several_tasks_have_an_output_each(tmp_path, build, random_inputs):
    backbone = backbones.cnn_m((32, 32, 3), width=0.02)
    options = {"hidden_units": 8, "length": 4}
    if build == "cnn":
        before = models.cnn(backbone, SEVERAL, **options)
    else:
        options["rnn_units"] = 6
        extra = {"features": ("pool1", "fc1"), "mode": "2rnn"} if build == "multi_rnn" else {}
        builder = models.multi_rnn if build == "multi_rnn" else models.cnn_rnn
        before = builder(backbone, SEVERAL, **options, **extra)
    if build == "fuse":
        other = models.cnn_rnn(backbones.cnn_m((32, 32, 3), width=0.02), SEVERAL, **options)
        before = models.fuse([before, other], units=4)
    models.save(before, tmp_path / "model.keras")
    after, card = models.load(tmp_path / "model.keras")
    inputs = random_inputs(before)
    expected, outputs = before(inputs), after(inputs)
    assert {task: values.shape for task, values in outputs.items()} == {
        task: (2, 4, size) for task, size in SIZES.items()
    }
    for task in SEVERAL:
        assert np.allclose(expected[task], outputs[task], atol=1e-6)
    assert np.allclose(np.sum(outputs["expression_8"], axis=-1), 1, atol=1e-5)
    assert (np.asarray(outputs["action_units"]) > 0).all()
    assert card["task"] == sorted(SEVERAL)
    assert card["outputs"]["action_units"] == list(tasks.ACTION_UNITS)
    assert card["range"]["valence_arousal"] == [-1, 1]
    assert models.tasks_of(card)["expression_8"] == (tasks.EXPRESSIONS_8, (0, 1))


def test_one_task_in_a_tuple_is_that_task(random_inputs):
    model = models.affwildnet(task=("arousal",), **TINY)
    assert models.describe(model) == models.describe(models.affwildnet(task="arousal", **TINY))


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


# A card of several tasks must describe each of them.
WITHOUT_OUTPUTS = json.dumps(
    {
        **dict.fromkeys(["image", "crop", "landmarks", "length", "versions"]),
        "task": ["expression", "valence"],
        "outputs": {"valence": ["valence"]},
        "range": {"valence": [-1, 1]},
    }
)


@pytest.mark.parametrize("card", ["[]", '{"task": "valence"}', "?", '"text"', WITHOUT_OUTPUTS])
def test_damaged_cards_are_refused(model, tmp_path, card, recwarn):
    path = tmp_path / "model.keras"
    keras.Model(model.input, model.output).save(path)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("kollias_affect.json", card)
    with pytest.raises(ValueError, match="card lacks some"):
        models.load(path)


@pytest.mark.parametrize("damage", ["method", "weights", "claim"])
def test_a_damaged_archive_is_a_clear_error(model, tmp_path, damage):
    models.save(model, tmp_path / "m.keras")
    path = tmp_path / "m.keras"
    content = bytearray(path.read_bytes())
    entry = content.rindex(b"PK\x01\x02")
    if damage == "method":
        content[entry + 10] = 99
    elif damage == "claim":
        content[entry + 24 : entry + 28] = (2**31 - 1).to_bytes(4, "little")
    else:
        content[content.index(b"\x89HDF") + 600] ^= 255
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"m\.keras"):
        models.load(path)

"""Averages of the outputs and of the weights of models, in Keras and in files."""

import json
import subprocess
import sys

import keras
import numpy as np
import pytest

from kollias_affect import backbones, models, runtime
from kollias_affect.models import ensembles
from kollias_affect.models.streaming import SequenceRunner

TASKS = ("expression", "valence_arousal")


def tiny(seed, task=TASKS, size=32):
    keras.utils.set_random_seed(seed)
    backbone = backbones.cnn_m((size, size, 3), width=0.02)
    return models.cnn(backbone, task, landmarks=False, hidden_units=4)


@pytest.fixture(scope="module")
def members():
    return [tiny(seed) for seed in range(3)]


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).uniform(-1, 1, (4, 32, 32, 3)).astype(np.float32)


def test_outputs_are_means_and_variances_of_the_members(members, images):
    outputs = models.ensemble(members)({"images": images})
    for task in TASKS:
        each = np.stack([member({"images": images})[task] for member in members])
        np.testing.assert_allclose(outputs[task], each.mean(axis=0), atol=1e-6)
        np.testing.assert_allclose(outputs[f"{task}_variance"], each.var(axis=0), atol=1e-6)


def test_windows_are_averaged_and_streamed():
    keras.utils.set_random_seed(0)
    parts = [
        models.temporal(backbones.cnn_m((32, 32, 3), width=0.02), "valence_arousal", head,
                        head_units=4, length=6)
        for head in ("gru", "tcn")
    ]  # fmt: skip
    model = models.ensemble(parts)
    frames = np.random.default_rng(0).uniform(-1, 1, (1, 6, 32, 32, 3)).astype(np.float32)
    whole = model({"images": frames})
    expected = np.mean([part({"images": frames}) for part in parts], axis=0)
    np.testing.assert_allclose(whole["valence_arousal"], expected, atol=1e-6)
    runner = SequenceRunner(model)
    for number in range(6):
        outputs = runner({"images": frames[:, number : number + 1]})
        for name, values in outputs.items():
            np.testing.assert_allclose(values[:, 0], whole[name][:, number], atol=1e-5)


def test_weights_are_means_of_the_weights(members):
    model = models.average_weights(members)
    of_all = zip(model.get_weights(), *(member.get_weights() for member in members), strict=True)
    for found, *each in of_all:
        np.testing.assert_allclose(found, np.mean(each, axis=0), atol=1e-6)
    assert models.describe(model)["task"] == list(TASKS)


def test_an_ensemble_is_a_file_of_plain_keras_and_of_onnx(members, images, tmp_path):
    paths = []
    for number, member in enumerate(members[:2]):
        paths.append(tmp_path / f"{number}.keras")
        models.save(member, paths[-1], trained_on=[f"db/{number}"], synthetic="clips")
    model, metadata = ensembles.join(paths)
    models.save(model, tmp_path / "both.keras", **metadata)
    card = models.read_card(tmp_path / "both.keras")
    assert card["trained_on"] == ["db/0", "db/1"] and card["synthetic"] == "clips"
    assert len(card["members"]) == 2
    models.export(tmp_path / "both.keras", tmp_path / "both.onnx")
    expected = model.predict_on_batch({"images": images})
    found = runtime.OnnxModel(tmp_path / "both.onnx")({"images": images})
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, atol=1e-5)


@pytest.mark.nightly
def test_an_ensemble_loads_without_this_package(members, images, tmp_path):
    models.save(models.ensemble(members), tmp_path / "model.keras")
    np.save(tmp_path / "images.npy", images)
    code = (
        "import json, sys, keras, numpy as np; model = keras.saving.load_model('model.keras'); "
        "found = model.predict_on_batch({'images': np.load('images.npy')}); "
        "assert 'kollias_affect' not in sys.modules; "
        "print(json.dumps({k: v.tolist() for k, v in found.items()}))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    found = json.loads(run.stdout.splitlines()[-1])
    for name, values in models.ensemble(members)({"images": images}).items():
        np.testing.assert_allclose(found[name], values, atol=1e-5)


def test_members_that_do_not_fit_are_refused(members):
    with pytest.raises(ValueError, match="at least two models"):
        models.ensemble(members[:1])
    with pytest.raises(ValueError, match="must have the same task"):
        models.ensemble([members[0], tiny(0, "expression")])
    with pytest.raises(ValueError, match="must have the same image"):
        models.average_weights([members[0], tiny(0, size=40)])
    other = models.cnn(backbones.cnn_m((32, 32, 3), width=0.03), TASKS, False, hidden_units=4)
    with pytest.raises(ValueError, match="different shapes"):
        models.average_weights([members[0], other])

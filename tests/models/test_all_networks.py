"""Every backbone with every head and RNN, with and without landmarks, as one table."""

import json
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from network_table import BACKBONES, CASES, HEADS, LENGTH, NIGHTLY_CASES, build

from kollias_affect import backbones, models, training

nightly = pytest.mark.nightly


def lowers_the_loss(model, data):
    """Takes a small step against the gradient of the mean squared error."""
    import tensorflow as tf

    target = np.random.default_rng(1).uniform(-1, 1, (2, LENGTH, 2))

    def loss():
        return tf.reduce_mean((model(data, training=False) - target) ** 2)

    with tf.GradientTape() as tape:
        before = loss()
    gradients = tape.gradient(before, model.trainable_variables)
    norm = tf.linalg.global_norm(gradients)
    for variable, gradient in zip(model.trainable_variables, gradients, strict=True):
        variable.assign_sub(1e-3 * gradient / norm)
    return float(loss()) < float(before)


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """Folder of the compiled and saved models, and a dict from file name to outputs."""
    return tmp_path_factory.mktemp("models"), {}


@pytest.mark.parametrize(
    ("backbone", "head", "landmarks"),
    [*CASES, *(pytest.param(*case, marks=nightly) for case in NIGHTLY_CASES)],
)
def test_builds_learns_and_saves(saved, backbone, head, landmarks, random_inputs):
    folder, outputs = saved
    model = training.compile_model(build(backbone, head, landmarks), 1e-3)
    data = random_inputs(model)
    assert lowers_the_loss(model, data)
    path = folder / f"{backbone} {head} {landmarks}.keras"
    models.save(model, path)
    np.savez(path.with_suffix(".npz"), **data)
    outputs[path.name] = np.asarray(model(data))


LOAD = """
import json, pathlib, sys
import keras, numpy as np
for path in map(pathlib.Path, json.loads(sys.argv[1])):
    if "peephole" in path.name:
        import kollias_affect
    elif "kollias_affect" in sys.modules:
        raise SystemExit("the plain ones must come first")
    model = keras.saving.load_model(path)
    np.save(path.with_suffix(".npy"), model(dict(np.load(path.with_suffix(".npz")))))
"""


@pytest.mark.parametrize("cases", [CASES, pytest.param(NIGHTLY_CASES, marks=nightly)])
def test_compiled_models_load_in_a_fresh_process(saved, cases):
    """Plain Keras is enough. Only the LSTM with peepholes needs an import of the package."""
    folder, outputs = saved
    paths = [folder / f"{backbone} {head} {landmarks}.keras" for backbone, head, landmarks in cases]
    paths.sort(key=lambda path: "peephole" in path.name)
    command = [sys.executable, "-c", LOAD, json.dumps([str(path) for path in paths])]
    ran = subprocess.run(command, capture_output=True, text=True, cwd=folder)
    assert ran.returncode == 0, ran.stderr[-3000:]
    for path in paths:
        assert np.allclose(np.load(path.with_suffix(".npy")), outputs[path.name], atol=1e-5)


# `tests/backbones/test_backbones.py` checks every backbone alone.
@pytest.mark.parametrize(
    "backbone", ["cnn_m", *(pytest.param(b, marks=nightly) for b in BACKBONES if b != "cnn_m")]
)
def test_outputs_are_float32_under_mixed_precision(backbone, random_inputs):
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    try:
        for head in HEADS:
            model = build(backbone, head, landmarks=True)
            outputs = np.asarray(model(random_inputs(model)))
            assert outputs.dtype == np.float32 and np.isfinite(outputs).all()
    finally:
        keras.mixed_precision.set_global_policy("float32")


# Paper B compares networks of one dimension with those of both (§7).
@pytest.mark.parametrize("task", ["valence", "arousal"])
@pytest.mark.parametrize("network", ["cnn", "cnn_rnn", "affwildnet", "multi_rnn", "rnn", "fc"])
def test_a_network_of_one_dimension_learns(task, network, random_inputs, tmp_path):
    backbone = backbones.cnn_m((32, 32, 3), width=0.02)
    options = {"hidden_units": 6, "length": LENGTH, "dropout": 0.0}
    rnn = {"rnn_units": 3, "rnn_dropout": 0.0, **options}
    if network == "cnn":
        model = models.cnn(backbone, task, **options)
    elif network in ("rnn", "fc"):
        others = [backbones.cnn_m((32, 32, 3), width=0.02) for _ in range(2)]
        members = [models.cnn_rnn(other, task, **rnn) for other in others]
        model = models.fuse(members, network, units=4, frozen=False)
    else:
        model = getattr(models, network)(backbone, task, **rnn)
    model = training.compile_model(model, 1e-3, task=task)
    model.run_eagerly = True  # A graph would take longer than the test.
    data = random_inputs(model)
    assert model.output_names == [task]
    assert np.asarray(model(data)).shape == (2, LENGTH, 1)
    labels = np.random.default_rng(2).uniform(-1, 1, (2, LENGTH, 1)).astype("float32")
    assert np.isfinite(model.train_on_batch(data, labels)).all()
    models.save(model, tmp_path / "model.keras")
    again, card = models.load(tmp_path / "model.keras")
    assert card["task"] == task
    assert np.allclose(again(data), model(data), atol=1e-5)


MIRRORED = """
import json, sys
import tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
sys.path.insert(0, sys.argv[1])
import network_table as table
with tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]).scope():
    for backbone, head in json.loads(sys.argv[2]):
        model = table.build(backbone, head, landmarks=True)
        assert model.distribute_strategy.num_replicas_in_sync == 2
        print("built", backbone, head)
"""


@pytest.mark.parametrize(
    "cases",
    [
        [("cnn_m", head) for head in list(HEADS)[:2]],
        pytest.param([("cnn_m", head) for head in HEADS], marks=nightly),
        pytest.param([(backbone, "gru") for backbone in BACKBONES], marks=nightly),
    ],
)
def test_models_build_under_a_mirrored_strategy(cases):
    command = [sys.executable, "-c", MIRRORED, str(Path(__file__).parents[1]), json.dumps(cases)]
    ran = subprocess.run(command, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr[-3000:]
    assert ran.stdout.count("built") == len(cases)

"""Every backbone with every head and RNN, with and without landmarks: one table, one test."""

import json
import subprocess
import sys

import keras
import numpy as np
import pytest

from kollias_affect import backbones, models

# Name of the row: backbone, its arguments (narrow, and as small as its topology allows).
BACKBONES = {
    "vgg_face": ("vgg_face", {"input_shape": (32, 32, 3), "width": 0.05}),
    "vgg16": ("vgg16", {"input_shape": (32, 32, 3), "width": 0.05}),
    "resnet50 slim": ("resnet50", {"input_shape": (33, 33, 3), "width": 0.05}),
    "resnet50 keras": (
        "resnet50",
        {"input_shape": (33, 33, 3), "width": 0.05, "form": "keras"},
    ),
    "densenet121": ("densenet121", {"input_shape": (32, 32, 3), "width": 0.1}),
    "cnn_m": ("cnn_m", {"input_shape": (64, 64, 3), "width": 0.02}),
    "vgg_cnn_m_2048": (
        "cnn_m",
        {"input_shape": (64, 64, 3), "width": 0.02, "form": "vgg_cnn_m_2048"},
    ),
    "alexnet": ("alexnet", {"input_shape": (67, 67, 3), "width": 0.05}),
}
HEADS = ("cnn", *models.RNNS)
LENGTH = 2


def build(backbone, head, landmarks):
    name, arguments = BACKBONES[backbone]
    backbone = backbones.build(name, **arguments)
    options = {"landmarks": landmarks, "length": LENGTH, "hidden_units": 6, "dropout": 0.0}
    if head == "cnn":
        return models.cnn(backbone, "valence_arousal", **options)
    rnn = {"rnn": head, "rnn_units": 3, "rnn_dropout": 0.0}
    return models.cnn_rnn(backbone, "valence_arousal", **rnn, **options)


def inputs(model):
    random = np.random.default_rng(0)
    return {
        tensor.name: random.uniform(-1, 1, (2, *tensor.shape[1:])).astype("float32")
        for tensor in model.inputs
    }


def lowers_the_loss(model, data):
    """One small step against the gradient of the mean squared error."""
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
    """Folder of the models, and what each of them predicts."""
    return tmp_path_factory.mktemp("models"), {}


CASES = [(b, h, m) for b in BACKBONES for h in HEADS for m in (True, False)]


@pytest.mark.parametrize(("backbone", "head", "landmarks"), CASES)
def test_builds_learns_and_saves(saved, backbone, head, landmarks):
    folder, predictions = saved
    model = build(backbone, head, landmarks)
    data = inputs(model)
    assert lowers_the_loss(model, data)
    path = folder / f"{backbone} {head} {landmarks}.keras"
    models.save(model, path)
    np.savez(path.with_suffix(".npz"), **data)
    predictions[path.name] = np.asarray(model(data))


RELOAD = """
import json, pathlib, sys
import keras, numpy as np
for path in map(pathlib.Path, json.loads(sys.argv[1])):
    if "peephole" in path.name:
        import kollias_affect
    elif "kollias_affect" in sys.modules:
        raise SystemExit("the plain ones come first")
    model = keras.saving.load_model(path)
    np.save(path.with_suffix(".npy"), model(dict(np.load(path.with_suffix(".npz")))))
"""


def test_all_of_them_load_in_a_fresh_process(saved):
    """With plain Keras; the package is imported for the LSTM with peepholes alone."""
    folder, predictions = saved
    paths = sorted(folder.glob("*.keras"), key=lambda path: "peephole" in path.name)
    assert len(paths) == len(CASES)
    command = [sys.executable, "-c", RELOAD, json.dumps([str(path) for path in paths])]
    ran = subprocess.run(command, capture_output=True, text=True, cwd=folder)
    assert ran.returncode == 0, ran.stderr[-3000:]
    for path in paths:
        assert np.allclose(np.load(path.with_suffix(".npy")), predictions[path.name], atol=1e-5)


@pytest.mark.parametrize("backbone", BACKBONES)
def test_mixed_precision(backbone):
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    try:
        for head in HEADS:
            model = build(backbone, head, landmarks=True)
            outputs = np.asarray(model(inputs(model)))
            assert outputs.dtype == np.float32 and np.isfinite(outputs).all()
    finally:
        keras.mixed_precision.set_global_policy("float32")


MIRRORED = """
import sys
import tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
sys.path.insert(0, sys.argv[1])
import test_all_networks as table
with tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]).scope():
    for backbone in table.BACKBONES:
        for head in table.HEADS if backbone == "vgg_face" else ("cnn", "gru"):
            model = table.build(backbone, head, landmarks=True)
            assert model.distribute_strategy.num_replicas_in_sync == 2
            print("built", backbone, head)
"""


def test_all_build_under_mirrored_strategy():
    from pathlib import Path

    command = [sys.executable, "-c", MIRRORED, str(Path(__file__).parent)]
    ran = subprocess.run(command, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr[-3000:]
    assert ran.stdout.count("built") == 2 * (len(BACKBONES) - 1) + len(HEADS)

"""Parity with the authors' published networks, through real TensorFlow 1 checkpoints."""

import importlib.util
import json
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from kollias_affect import models, weights
from kollias_affect.weights import tf1_checkpoint

PARITY = Path(__file__).resolve().parents[3] / "shared" / "parity"


def write_checkpoint(path, variables):
    """A checkpoint with index and data files, as `tf.train.Saver` writes it."""
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        saved = [
            tf.compat.v1.get_variable(name, initializer=tf.constant(value))
            for name, value in variables.items()
        ]
        session.run(tf.compat.v1.global_variables_initializer())
        saver = tf.compat.v1.train.Saver(saved)
        return saver.save(session, str(path), write_meta_graph=False)


def write_old_checkpoint(path, variables):
    """The older form, one file."""
    tf.raw_ops.Save(
        filename=str(path),
        tensor_names=list(variables),
        data=[tf.constant(value) for value in variables.values()],
    )
    return str(path)


def random_variables(model, seed=0):
    random = np.random.default_rng(seed)
    return {
        name: (0.1 * random.standard_normal(shape)).astype(np.float32)
        for name, shape in tf1_checkpoint.variable_shapes(model).items()
    }


@pytest.fixture(scope="module")
def recipe():
    if not PARITY.is_dir():
        pytest.skip(f"the authors' reference outputs are not part of the repository: {PARITY}")
    spec = importlib.util.spec_from_file_location("recipe", PARITY / "recipe.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def expected(recipe):
    return json.loads((PARITY / "original_networks.json").read_text())


# Our names of the layers whose outputs are recorded.
CONVOLUTIONS = [f"conv{b}_{i}" for b, n in enumerate((2, 2, 3, 3, 3), 1) for i in range(1, n + 1)]
TAPS = {
    **{f"conv_{i}": name for i, name in enumerate(CONVOLUTIONS, 1)},
    **{f"pool_{i}": f"pool{i}" for i in range(1, 6)},
    "linear_1": "fc1",
    "linear2_1": "fc2",
    "linear3_1": "valence_arousal",
    "rnn_fc_1": "fc1_rnn2",
    "rnn_last_conv_1": "conv5_3_rnn2",
    "rnn_1": "valence_arousal",
    "rnn_out_fc_max_pool_1": "valence_arousal",
    "rnn_max_pool_1": "valence_arousal",
    "resnet_v1_50/pool5": "pool5",
}


@pytest.mark.parametrize("name", models.REFERENCES)
def test_published_networks_give_the_authors_outputs(recipe, expected, tmp_path, name):
    record = expected[name]
    variables = {n: recipe.weight(n, shape, record["seed"]) for n, shape in record["variables"]}
    path = write_checkpoint(tmp_path / "model.ckpt", variables)
    model = weights.load_tf1_checkpoint(models.reference(name, record["length"]), path)
    frames = recipe.frames(record["batch"], record["length"], seed=record["seed"])
    backbone = next(layer for layer in model.layers if hasattr(layer, "layers"))
    images = frames.reshape(-1, *frames.shape[2:])
    windowed = len(model.inputs[0].shape) == 5
    outputs = model.predict({"images": frames if windowed else images}, verbose=0)
    predictions = np.array(record["predictions"]).reshape(outputs.shape)
    assert np.abs(outputs - predictions).max() < 1e-4
    # Every recorded layer, by its statistics and its first values.
    own = {layer.name for layer in model.layers}
    for tap, statistics in record["taps"].items():
        layer = TAPS[tap]
        source, data = (
            (model, frames if windowed else images) if layer in own else (backbone, images)
        )
        values = keras.Model(source.input, source.get_layer(layer).output).predict(
            {"images": data} if source is model else data, verbose=0
        )
        # Features of the ResNet are in the thousands, where float32 steps are 2e-4: the recorded
        # mean is 7e-4 from that of the same network in float64. Hence the relative part.
        moments = {"mean": values.mean(dtype=np.float64), "std": values.std(dtype=np.float64)}
        for moment, found in moments.items():
            assert np.isclose(found, statistics[moment], rtol=1e-6, atol=1e-4), (tap, moment)
        first = np.array(statistics["first"])
        assert np.allclose(values.ravel()[:8], first, rtol=1e-4, atol=1e-4), tap


@pytest.fixture(scope="module")
def network():
    return models.reference("vggface_4096x2000x2")


@pytest.mark.parametrize("write", [write_checkpoint, write_old_checkpoint])
def test_both_forms_of_checkpoints_are_read(network, tmp_path, write):
    variables = random_variables(network)
    weights.load_tf1_checkpoint(network, write(tmp_path / "model.ckpt", variables))
    kernel, bias = network.get_layer("fc2").get_weights()
    assert np.array_equal(kernel, variables["linear2_1/weights"])
    assert np.array_equal(bias, variables["linear2_1/biases"])


def test_what_training_leaves_is_passed_over(network, tmp_path):
    variables = random_variables(network)
    variables |= {
        "global_step": np.int64(7),
        "beta1_power": np.float32(0.9),
        "conv_1/weights/Adam": variables["conv_1/weights"],
        "conv_1/weights/Adam_1": variables["conv_1/weights"],
    }
    weights.load_tf1_checkpoint(network, write_checkpoint(tmp_path / "model.ckpt", variables))


def test_all_that_does_not_fit_is_named_in_one_error(network, tmp_path):
    variables = random_variables(network)
    before = network.get_layer("fc2").get_weights()[0].copy()
    del variables["linear_1/biases"]
    variables["linear_9/biases"] = np.zeros(3, np.float32)
    variables["linear3_1/biases"] = np.zeros(7, np.float32)
    path = write_checkpoint(tmp_path / "model.ckpt", variables)
    with pytest.raises(ValueError, match="must be those of the network") as caught:
        weights.load_tf1_checkpoint(network, path)
    for part in (
        "missing: linear_1/biases",
        "not in the network: linear_9/biases",
        "linear3_1/biases (7,), expected (2,)",
    ):
        assert part in str(caught.value)
    assert np.array_equal(network.get_layer("fc2").get_weights()[0], before)  # nothing was loaded


def test_what_is_no_checkpoint_is_refused(network, tmp_path):
    with pytest.raises(FileNotFoundError, match="must be a checkpoint"):
        weights.load_tf1_checkpoint(network, tmp_path / "none.ckpt")
    (tmp_path / "text.ckpt.index").write_text("no checkpoint" * 99)
    with pytest.raises((ValueError, FileNotFoundError), match="checkpoint"):
        weights.load_tf1_checkpoint(network, tmp_path / "text.ckpt")


def test_only_reference_networks_have_checkpoints(tmp_path):
    model = models.affwildnet(width=0.02, length=4, input_shape=(32, 32, 3))
    with pytest.raises(ValueError, match=r"`model.name` must be one of \('affwildnet_vggface_gru'"):
        weights.load_tf1_checkpoint(model, tmp_path)


def test_unknown_reference_names_the_six():
    with pytest.raises(ValueError, match="'omg_cnn_gru_3rnn'"):
        models.reference("omg_cnn_gru_4rnn")

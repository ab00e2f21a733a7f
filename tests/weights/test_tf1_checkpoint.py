"""Parity with the authors' published networks, through real TensorFlow 1 checkpoints."""

from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from kollias_affect import backbones, models, weights
from kollias_affect.weights import tf1_checkpoint


def write_checkpoint(path, variables):
    """Writes a checkpoint with index and data files, as `tf.train.Saver` does."""
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        saved = [
            tf.compat.v1.get_variable(name, initializer=tf.constant(value))
            for name, value in variables.items()
        ]
        session.run(tf.compat.v1.global_variables_initializer())
        saver = tf.compat.v1.train.Saver(saved)
        return saver.save(session, str(path), write_meta_graph=False)


def write_old_checkpoint(path, variables):
    """Writes a checkpoint of the older form, a single file."""
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


# Our names of the layers with recorded outputs.
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


# These have the layers of other published networks, in other variables.
SIMILAR = ("vggface_4096x4096x2", "omg_cnn_gru_1rnn")
# .ci/nightly runs all of them.
NIGHTLY = (*SIMILAR, "vggface_4096x2000x2", "affwildnet_resnet_gru")


@pytest.mark.parametrize("name", SIMILAR)
def test_similar_networks_have_the_authors_variables(expected, name):
    record = expected[name]
    shapes = tf1_checkpoint.variable_shapes(models.reference(name, record["length"]))
    assert {name: list(shape) for name, shape in shapes.items()} == dict(record["variables"])


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.nightly] if name in NIGHTLY else [])
        for name in models.REFERENCES
    ],
)
def test_published_networks_give_the_authors_outputs(recipe, expected, tmp_path, name):
    record = expected[name]
    variables = {n: recipe.weight(n, shape, record["seed"]) for n, shape in record["variables"]}
    path = write_checkpoint(tmp_path / "model.ckpt", variables)
    model = weights.load_tf1_checkpoint(models.reference(name, record["length"]), path)
    frames = recipe.frames(record["batch"], record["length"], seed=record["seed"])
    is_windowed = len(model.inputs[0].shape) == 5
    images = frames.reshape(-1, *frames.shape[2:])
    taps = {tap: TAPS[tap] for tap in record["taps"]}
    values = outputs_of_layers(model, frames if is_windowed else images, images, taps.values())
    predictions = np.array(record["predictions"])
    outputs = values["valence_arousal"].reshape(predictions.shape)
    assert np.abs(outputs - predictions).max() < 1e-4
    for tap, layer in taps.items():
        assert_recorded(values[layer], record["taps"][tap], tap)


def outputs_of_layers(model, inputs, images, names):
    """Computes outputs of layers of the model and of its backbone, in one pass of each."""
    backbone = next(layer for layer in model.layers if hasattr(layer, "layers"))
    own = {layer.name for layer in model.layers}
    values = {}
    for network, data, layers in (
        (model, inputs, sorted({"valence_arousal", *names} & own)),
        (backbone, images, sorted(set(names) - own)),
    ):
        if layers:
            outputs = {name: network.get_layer(name).output for name in layers}
            values |= keras.Model(network.inputs[0], outputs)(data)
    return {name: np.asarray(value) for name, value in values.items()}


def assert_recorded(values, statistics, tap):
    """Compares the statistics and the first values of a layer with the recorded ones."""
    # Features of the ResNet are in the thousands, where float32 steps are 2e-4: the recorded mean
    # differs by 7e-4 from that of the same network in float64. Hence the relative tolerance.
    for moment in ("mean", "std"):
        value = getattr(values, moment)(dtype=np.float64)
        assert np.isclose(value, statistics[moment], rtol=1e-6, atol=1e-4), (tap, moment)
    first = np.array(statistics["first"])
    assert np.allclose(values.ravel()[:8], first, rtol=1e-4, atol=1e-4), tap


@pytest.fixture(scope="module")
def network():
    """A narrow network with the name and the layers of a published one."""
    options = {"landmarks": False, "hidden_units": (8, 6), "name": "vggface_4096x2000x2"}
    return models.cnn(backbones.vgg_face((32, 32, 3), width=0.02), "valence_arousal", **options)


@pytest.mark.parametrize("write", [write_checkpoint, write_old_checkpoint])
def test_both_forms_of_checkpoints_are_read(network, tmp_path, write):
    variables = random_variables(network)
    weights.load_tf1_checkpoint(network, write(tmp_path / "model.ckpt", variables))
    kernel, bias = network.get_layer("fc2").get_weights()
    assert np.array_equal(kernel, variables["linear2_1/weights"])
    assert np.array_equal(bias, variables["linear2_1/biases"])


def test_variables_of_optimizers_are_ignored(network, tmp_path):
    variables = random_variables(network)
    variables |= {
        "global_step": np.int64(7),
        "beta1_power": np.float32(0.9),
        "conv_1/weights/Adam": variables["conv_1/weights"],
        "conv_1/weights/Adam_1": variables["conv_1/weights"],
    }
    weights.load_tf1_checkpoint(network, write_checkpoint(tmp_path / "model.ckpt", variables))


def test_one_error_names_all_problems(network, tmp_path):
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
    assert np.array_equal(network.get_layer("fc2").get_weights()[0], before)  # Nothing was loaded.


def test_other_files_are_refused(network, tmp_path):
    with pytest.raises(FileNotFoundError, match="must be the prefix of a checkpoint"):
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


def test_files_of_imported_checkpoints_convert_images_to_the_authors_pixels(network, tmp_path):
    """The network called directly takes (pixels - 128) / 128, its file images in [-1, 1]."""
    variables = random_variables(network)
    weights.load_tf1_checkpoint(network, write_checkpoint(tmp_path / "model.ckpt", variables))
    models.save(network, tmp_path / "model.keras")
    loaded, card = models.load(tmp_path / "model.keras")
    assert card["image"]["scaling"] == {"offset": 128, "scale": 128}
    pixels = np.random.default_rng(1).integers(0, 256, (2, 32, 32, 3)).astype(np.float32)
    expected = np.asarray(network({"images": (pixels - 128) / 128}))
    for model in (loaded, models.for_unit_range(network)):
        output = np.asarray(model({"images": pixels / np.float32(127.5) - 1}))
        np.testing.assert_allclose(output, expected, rtol=1e-4, atol=1e-6 * np.abs(expected).max())


@pytest.mark.parametrize("write", [write_checkpoint, write_old_checkpoint])
@pytest.mark.parametrize("handle", [0, 1])
def test_blocks_cannot_claim_more_than_their_file(tmp_path, write, handle):
    """The footer has the places and sizes of two blocks; TensorFlow allocates what it claims."""
    path = Path(write(tmp_path / "model", {"a/weights": np.ones((30, 4), np.float32)}))
    index = path.with_name("model.index") if path.with_name("model.index").exists() else path
    content = index.read_bytes()
    footer = content[-48:-8]
    ends = [i for i, byte in enumerate(footer) if byte < 128]  # of whole numbers, 7 bits a byte
    size = slice(ends[2 * handle] + 1, ends[2 * handle + 1] + 1)
    claimed = footer[: size.start] + b"\xff\xff\xff\xff\x07" + footer[size.stop :]  # 2 GiB
    index.write_bytes(content[:-48] + claimed[:40] + content[-8:])
    with (
        pytest.raises(ValueError, match="a block claims 2,147,4"),
        tf1_checkpoint.open_checkpoint(path),
    ):
        pass


def test_a_damaged_checkpoint_is_a_clear_error_or_read(tmp_path):
    path = write_checkpoint(tmp_path / "model", {"a/weights": np.ones((30, 4), np.float32)})
    random = np.random.default_rng(0)
    files = sorted(tmp_path.glob("model.*"))
    whole = {file: file.read_bytes() for file in files}
    refused = 0
    for number in range(60):
        target = files[number % len(files)]
        content = bytearray(whole[target])
        for place in random.integers(len(content), size=3):
            content[place] = random.integers(256)
        target.write_bytes(content[: len(content) - number % 7])
        try:
            with tf1_checkpoint.open_checkpoint(path) as checkpoint:
                for name in checkpoint.shapes:
                    checkpoint.read(name)
        except ValueError as error:
            assert f"Received: {path}" in str(error)
            refused += 1
        target.write_bytes(whole[target])
    assert refused > 20

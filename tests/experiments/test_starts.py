import keras
import numpy as np
import pytest

from kollias_affect import _files, backbones, models
from kollias_affect.experiments import builders, starts
from kollias_affect.models.parts import leaves

TINY = {"backbone": "cnn_m", "size": 32, "width": 0.02, "hidden_units": 8}
TINY_RNN = {**TINY, "rnn_units": 6, "length": 4}


@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16"])
def test_the_precision_is_that_of_the_model_alone(precision):
    model, record = starts.new_network(precision=precision, **TINY_RNN)
    assert any(layer.dtype_policy.name == precision for layer in model.layers)
    assert keras.config.dtype_policy().name == "float32" and record["precision"] == precision


@pytest.mark.parametrize("initializer", ["authors", "papers", "keras"])
def test_the_seed_decides_the_initial_weights(initializer):
    made = [starts.new_network(initializer=initializer, seed=s, **TINY_RNN)[0] for s in (1, 1, 2)]
    for name in ("rnn1", "fc1", "valence_arousal"):
        weights = [model.get_layer(name).get_weights()[0] for model in made]
        assert (weights[0] == weights[1]).all() and not (weights[0] == weights[2]).all()


@pytest.mark.parametrize(
    ("network", "options", "output"),
    [
        ("affwildnet", {"rnn": "blstm"}, (None, 4, 2)),
        ("cnn", {"landmark_units": 3}, (None, 1, 2)),
        ("cnn_rnn", {"rnn": "peephole_lstm", "fed_by": "fc1"}, (None, 4, 2)),
        ("multi_rnn", {"taps": ("pool2", "fc1"), "mode": "2rnn-1fc", "fc_units": 5}, (None, 4, 2)),
        ("temporal", {"head": "transformer", "head_units": 4, "causal": False}, (None, 4, 2)),
    ],
)
def test_every_network_of_the_registry_is_built(network, options, output):
    of_head = {name: TINY_RNN[name] for name in ("backbone", "size", "width", "length")}
    tiny = {"cnn": TINY, "temporal": of_head}.get(network, TINY_RNN)
    model, record = starts.new_network(network, **tiny, **options)
    assert model.output_shape == output and record["network"] == network
    names = [layer.name for layer in model.layers]
    assert ("landmark_encoder" in names) == ("landmark_units" in options)
    assert ("fc" in names) == (network == "multi_rnn")


def test_every_network_of_the_registry_is_in_the_test_above():
    marks = test_every_network_of_the_registry_is_built.pytestmark[0]
    assert {network for network, *_ in marks.args[1]} == set(starts.NETWORKS)


@pytest.mark.parametrize(
    ("network", "settings", "rate", "name"),
    [
        ("affwildnet", None, 0.5, "C"),  # paper C, section 4.2.1
        ("affwildnet", "B", 0.8, "B"),  # paper B, section 6.2
        ("affwildnet", "B-keep", 0.2, "B-keep"),
        ("multi_rnn", None, 0.8, "B"),  # the network is from paper B
    ],
)
def test_dropout_is_that_of_the_settings(network, settings, rate, name):
    model, record = starts.new_network(network, settings=settings, **TINY_RNN)
    rates = {y.rate for y in model.layers if y.name.endswith("rnn1_dropout")}
    assert rates == {rate} and record["preset"] == name
    model, _ = starts.new_network(network, settings=settings, rnn_dropout=0.1, **TINY_RNN)
    assert {y.rate for y in model.layers if y.name.endswith("rnn1_dropout")} == {0.1}


def test_hidden_units_follow_the_width():
    options = {**TINY, "hidden_units": None, "backbone": "vgg_face"}
    model, _ = starts.new_network("cnn", **{n: v for n, v in options.items() if v is not None})
    # Paper C, table 7: 4096 and 2048, times 0.02.
    assert [model.get_layer(name).units for name in ("fc1", "fc2")] == [82, 41]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"network": "rnn"}, "`network` must be one of"),
        ({"initializer": "theirs"}, "`initializer` must be one of"),
        ({"precision": "float8"}, "`precision` must be one of"),
        ({"settings": "D"}, "`settings` must be one of"),
        ({"seed": -1}, "`seed` must be"),
        ({"network": "cnn", "rnn": "gru"}, "'cnn' has no option `rnn`.*choose the network from"),
        ({"mode": "3rnn"}, "'affwildnet' has no option `mode`.*multi_rnn"),
        ({"depth": 3}, "has no option `depth`"),
        ({"network": "multi_rnn", "taps": ("pool9", "fc1", "pool1")}, "must be layers of"),
        ({"network": "multi_rnn", "hidden_units": (8, 8)}, "one fully connected layer"),
        ({"weights": "cnn_m"}, "must be NAME=FILE"),
        ({"weights": "vgg_foot=x"}, "`weights` must be one of"),
        ({"weights": "vgg_face=x"}, "weights of vgg_face for the backbone cnn_m"),
        ({"backbone": "vgg_foot"}, "`backbone` must be one of"),
    ],
)
def test_options_that_no_network_has_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        starts.new_network(**{**TINY, **options})


def test_a_missing_file_of_weights_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="`weights` must be an existing file"):
        starts.new_network(weights=f"cnn_m={tmp_path / 'none.mat'}", **TINY)


def test_published_weights_are_loaded_and_named_with_their_hash(tmp_path, monkeypatch):
    """Published files are large: a small importer stands for them, whose own tests load them."""

    def load(backbone, path):
        backbone.load_weights(path)

    keras.utils.set_random_seed(7)
    published = backbones.cnn_m((32, 32, 3), width=0.02)
    file = tmp_path / "cnn_m.weights.h5"
    published.save_weights(file)
    monkeypatch.setitem(builders.IMPORTERS, "cnn_m", (load, {}))
    model, record = starts.new_network(weights=f"cnn_m={file}", **TINY_RNN)
    assert all(map(np.array_equal, model.get_layer("cnn_m").get_weights(), published.get_weights()))
    assert f"cnn_m.weights.h5, sha256 {_files.sha256(file)}" in record["start"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """File of a model of valence and arousal, and the model."""
    path = tmp_path_factory.mktemp("trained") / "affwild.keras"
    model, _ = starts.new_network(seed=3, frozen=True, **TINY_RNN)
    models.save(model, path, trained_on=["affwild/train"])
    return path, model


def test_a_model_is_continued_with_its_weights_and_all_layers_train(trained):
    path, model = trained
    again, record = starts.continued(path)
    assert all(map(np.array_equal, again.get_weights(), model.get_weights()))
    assert record["start"] == f"affwild.keras, sha256 {_files.sha256(path)}"
    assert record["trained_on"] == ["affwild/train"]
    assert all(layer.trainable for layer in leaves(again))
    frozen, _ = starts.continued(path, frozen=True)
    assert not frozen.get_layer("cnn_m").trainable and frozen.get_layer("rnn1").trainable


def test_what_a_card_says_in_words_about_its_data_is_remembered(trained, tmp_path):
    models.save(trained[1], tmp_path / "fer.keras", data="FER-2013, Training")
    assert starts.continued(tmp_path / "fer.keras")[1]["trained_on"] == ["FER-2013, Training"]


def test_another_task_gets_a_new_output_and_keeps_the_other_weights(trained):
    path, model = trained
    swapped, record = starts.continued(path, "expression", seed=5)
    assert models.describe(swapped)["task"] == "expression"
    assert "new output layer for expression, seed 5" in record["start"]
    for name in ("cnn_m", "fc1", "rnn1", "rnn2"):
        before, after = (m.get_layer(name).get_weights() for m in (model, swapped))
        assert all(map(np.array_equal, before, after))

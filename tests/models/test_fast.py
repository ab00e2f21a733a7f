import zipfile

import keras
import numpy as np
import pytest

from kollias_affect import backbones, losses, models
from kollias_affect.models import parts

FRAMES = 7
TINY = {"rnn_units": 6, "hidden_units": 8, "length": FRAMES}


def backbone():
    return backbones.cnn_m((32, 32, 3), width=0.02)


def affwildnet(**options):
    return models.affwildnet(backbone(), **{**TINY, "initializer": None, **options})


def multi(mode, **options):
    taps = ("pool2", "pool5", "fc1")
    return models.multi_rnn(backbone(), "valence_arousal", taps, mode, **TINY, **options)


def without_rnn():
    return models.cnn(backbone(), "valence_arousal", hidden_units=8, length=FRAMES)


def fusion():
    return models.fuse([affwildnet(rnn="peephole_lstm"), without_rnn()], units=5)


RECURRENT = {
    "gru": affwildnet,
    "gru_of_tensorflow_1": lambda: affwildnet(reset_after=False),
    "lstm": lambda: affwildnet(rnn="lstm", landmarks=False),
    "peephole_lstm": lambda: affwildnet(rnn="peephole_lstm"),
    "blstm": lambda: affwildnet(rnn="blstm"),
    "bgru": lambda: affwildnet(rnn="bgru", reset_after=False),
    "representation": lambda: affwildnet(representation=True),
    "3rnn": lambda: multi("3rnn", rnn="lstm"),
    "1rnn": lambda: multi("1rnn"),
    "fusion": fusion,
}


# The other networks in `RECURRENT` have the same layers.
NIGHTLY = ("gru", "lstm", "1rnn")


@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=[pytest.mark.nightly] if n in NIGHTLY else []) for n in RECURRENT],
)
def test_outputs_are_those_of_the_model(name, random_inputs):
    keras.utils.set_random_seed(0)
    model = RECURRENT[name]()
    runner = models.fast(model)
    assert runner is not model and runner.output_names == model.output_names
    inputs = random_inputs(model, 3)
    actual, expected = (
        map(np.asarray, keras.tree.flatten(network(inputs))) for network in (runner, model)
    )
    for a, b in zip(actual, expected, strict=True):
        assert np.allclose(a, b, atol=1e-6) and np.ptp(a) > 1e-4


@pytest.mark.parametrize(
    ("rnn", "eagerly"),  # A compiled training of a small network is slower.
    [("gru", False), ("lstm", True), ("peephole_lstm", True), ("blstm", True)],
)
def test_training_changes_the_shared_variables_equally(rnn, eagerly, random_inputs):
    keras.utils.set_random_seed(0)
    features = keras.Input((FRAMES, 4), name="features")
    hidden = parts.rnn_stack(features, rnn, units=6, depth=1, dropout=0.0)
    model = keras.Model({"features": features}, keras.layers.Dense(2)(hidden))
    inputs, start = random_inputs(model, 3), model.get_weights()
    labels = np.random.default_rng(1).uniform(-1, 1, (3, FRAMES, 2))
    trained = []
    for network in (model, models.fast(model)):
        model.set_weights(start)
        network.compile(keras.optimizers.SGD(0.5), losses.CCCLoss(), run_eagerly=eagerly)
        network.fit(inputs, labels, epochs=2, verbose=0)
        trained.append(model.get_weights())
    assert all(np.allclose(a, b, atol=1e-5) for a, b in zip(*trained, strict=True))
    assert max(np.abs(a - b).max() for a, b in zip(trained[0], start, strict=True)) > 1e-3


def test_a_model_has_one_fast_form():
    model = affwildnet()
    assert models.fast(model) is models.fast(model)
    assert models.fast(models.fast(model)) is models.fast(model)


def test_a_model_without_recurrent_layers_is_returned_itself():
    model = without_rnn()
    assert models.fast(model) is model


def test_layers_with_further_options_are_not_replaced():
    inputs = keras.Input((FRAMES, 4))
    for options in ({"dropout": 0.5}, {"recurrent_dropout": 0.5}, {"return_sequences": False}):
        layer = keras.layers.GRU(3, **{"return_sequences": True, **options})
        model = keras.Model(inputs, layer(inputs))
        assert models.fast(model) is model


@pytest.mark.parametrize("name", ["gru", "fusion"])
def test_the_file_of_a_fast_model_holds_plain_layers(name, tmp_path, random_inputs):
    model = RECURRENT[name]()
    models.save(models.fast(model), tmp_path / "fast.keras")
    with zipfile.ZipFile(tmp_path / "fast.keras") as archive:
        assert b"_Fast" not in archive.read("config.json")
    loaded, _ = models.load(tmp_path / "fast.keras")
    inputs = random_inputs(model, 3)
    assert np.array_equal(loaded(inputs), model(inputs))


def test_a_stream_accepts_the_fast_form():
    model = affwildnet()
    image, points = np.zeros((32, 32, 3), np.uint8), np.zeros((68, 2))
    outputs = [models.Stream(m).step(image, points) for m in (model, models.fast(model))]
    assert np.array_equal(*outputs)

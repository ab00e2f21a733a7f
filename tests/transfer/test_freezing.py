import keras
import numpy as np
import pytest

from kollias_affect import models
from kollias_affect.transfer import freeze, unfreeze


def trained(model):
    """Returns the names of the layers whose weights change in one step."""
    from kollias_affect.transfer.freezing import leaves

    model.compile(keras.optimizers.SGD(1.0), "mse")
    layers = [layer for layer in leaves(model) if layer.weights]
    before = [layer.get_weights() for layer in layers]
    shape = model.inputs[0].shape[1:]
    x = {"images": np.random.default_rng(0).uniform(-1, 1, (4, *shape)).astype(np.float32)}
    model.fit(x, np.ones((4, *model.output.shape[1:])), verbose=0)
    after = [layer.get_weights() for layer in layers]
    changes = [
        any(not np.array_equal(a, b) for a, b in zip(*pair, strict=True))
        for pair in zip(before, after, strict=True)
    ]
    return [layer.name for layer, changed in zip(layers, changes, strict=True) if changed]


@pytest.fixture
def model(tiny):
    return tiny("valence_arousal")


@pytest.mark.parametrize(
    ("part", "trainable"),
    [
        ({"cnn": True}, ["fc1", "valence_arousal"]),
        ({"last": 1}, ["valence_arousal"]),
        ({"last": 3}, ["conv2", "fc1", "valence_arousal"]),
        ({"names": ["conv1", "fc1"]}, ["conv2", "valence_arousal"]),
        ({"names": "backbone"}, ["fc1", "valence_arousal"]),
    ],
)
def test_only_layers_that_are_not_frozen_change(model, part, trainable):
    assert trained(freeze(model, **part)) == trainable


def test_unfreeze_makes_all_layers_trainable(model):
    unfreeze(freeze(model, last=1))
    assert len(trained(model)) == 4


def test_frozen_layers_are_frozen_in_the_loaded_file(model, tmp_path):
    models.save(freeze(model, last=2), tmp_path / "m.keras")
    assert trained(models.load(tmp_path / "m.keras")[0]) == ["fc1", "valence_arousal"]


def test_the_cnn_of_a_recurrent_network_is_frozen(tiny):
    model = models.cnn_rnn(
        tiny().get_layer("backbone"), "valence", landmarks=False, length=3, hidden_units=4,
        rnn_units=3, rnn_layers=1,
    )  # fmt: skip
    assert trained(freeze(model, cnn=True)) == ["fc1", "rnn1", "valence"]


@pytest.mark.parametrize(
    ("part", "message"),
    [
        ({}, "Exactly one of"),
        ({"cnn": True, "last": 1}, "Exactly one of"),
        ({"last": 0}, "`last` must be"),
        ({"last": 4}, "`last` must be"),
        ({"names": ["fc9"]}, r"must be layers of the model.*fc9.*conv1"),
        ({"names": []}, "must be layers"),
    ],
)
def test_invalid_parts_are_refused(model, part, message):
    with pytest.raises(ValueError, match=message):
        freeze(model, **part)


def test_a_model_without_a_cnn_is_refused():
    inputs = keras.Input((4,), name="images")
    with pytest.raises(ValueError, match="without"):
        freeze(keras.Model(inputs, keras.layers.Dense(1)(inputs)), cnn=True)

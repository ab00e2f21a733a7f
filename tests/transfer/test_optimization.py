import keras
import numpy as np
import pytest

from kollias_affect import models
from kollias_affect.transfer import compile_sgd, freeze, step_decay


def batch(size=16):
    random = np.random.default_rng(0)
    x = {"images": random.uniform(-1, 1, (8, size, size, 3)).astype(np.float32)}
    return x, random.integers(0, 7, 8)


def test_two_steps_equal_caffes(tiny):
    """v <- 0.9 v + rate (gradient + decay w), w <- w - v; biases do not decay."""
    model = tiny()
    for layer in model.layers:
        if isinstance(layer, keras.layers.Dropout):
            layer.rate = 0.0
    x, y = batch()
    rate, decay = 0.1, 0.3
    kernel, bias = model.get_layer("expression").weights
    hidden = keras.Model(model.input, model.get_layer("expression").input)
    velocity = [0.0, 0.0]
    freeze(model, last=1)
    expected = [np.array(kernel), np.array(bias)]
    features = hidden.predict(x, verbose=0)
    for _ in range(2):
        logits = features @ expected[0] + expected[1]
        p = np.exp(logits - logits.max(axis=1, keepdims=True))
        error = (p / p.sum(axis=1, keepdims=True) - np.eye(7)[y]) / len(y)
        gradients = [features.T @ error + decay * expected[0], error.sum(axis=0)]
        velocity = [0.9 * v + rate * g for v, g in zip(velocity, gradients, strict=True)]
        expected = [w - v for w, v in zip(expected, velocity, strict=True)]
    compile_sgd(model, rate, weight_decay=decay)
    model.fit(x, y, batch_size=8, epochs=2, verbose=0)
    assert np.allclose(kernel, expected[0], atol=1e-5)
    assert np.allclose(bias, expected[1], atol=1e-5)


def test_frozen_layers_do_not_decay(tiny):
    model = freeze(tiny(), names=["fc1"])
    before = model.get_layer("fc1").get_weights()[0]
    compile_sgd(model, 0.1, weight_decay=0.5).fit(*batch(), verbose=0)
    assert np.array_equal(model.get_layer("fc1").get_weights()[0], before)


def test_the_saved_model_has_no_weight_decay(tiny, tmp_path):
    models.save(compile_sgd(tiny()), tmp_path / "m.keras")
    assert not models.load(tmp_path / "m.keras")[0].losses


def test_compiling_again_removes_the_weight_decay(tiny):
    model = compile_sgd(tiny(), weight_decay=0.1)
    assert model.losses
    assert not compile_sgd(model, weight_decay=0).losses


def test_the_rate_is_divided_by_10_every_10_epochs_in_a_resumed_run_too():
    schedule = step_decay(1e-3).schedule
    rates = [schedule(epoch, None) for epoch in (0, 9, 10, 19, 20)]
    assert np.allclose(rates, [1e-3, 1e-3, 1e-4, 1e-4, 1e-5])


@pytest.mark.parametrize("options", [{"learning_rate": 0}, {"momentum": 1}, {"weight_decay": -1}])
def test_invalid_arguments_are_refused(tiny, options):
    with pytest.raises(ValueError, match=f"`{next(iter(options))}` must be"):
        compile_sgd(tiny(), **options)

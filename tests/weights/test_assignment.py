import keras
import numpy as np
import pytest

from kollias_affect.weights import assignment, conventions


def network(name="net", kernel=3):
    inputs = keras.Input((8, 8, 3))
    x = keras.layers.Conv2D(2, kernel, name="conv1")(inputs)
    x = keras.layers.Conv2D(4, 3, name="conv2")(x)
    x = keras.layers.Flatten()(x)
    return keras.Model(inputs, keras.layers.Dense(5, name="fc6")(x), name=name)


def entries(**changes):
    random = np.random.default_rng(0)
    shapes = {"conv1": (3, 3, 3, 2), "conv2": (3, 3, 2, 4), "fc6": (4, 4, 4, 5)}
    arrays = {
        name: [random.normal(size=shape), random.normal(size=shape[-1])]
        for name, shape in shapes.items()
    }
    return {**arrays, **changes}


def assign(model, content, fold=False, **options):
    return assignment.assign_weights(
        model,
        content,
        ("conv1", "conv2"),
        ("fc6", "fc7"),
        conventions.VGG_FACE_BGR,
        fold,
        "weights.npy",
        **options,
    )


def test_layers_are_assigned_and_reported():
    model = network()
    content = entries(fc7=[np.ones((5, 2)), np.ones(2)])
    report = assign(model, content, unused=("epoch",))
    np.testing.assert_allclose(model.get_layer("conv2").kernel, content["conv2"][0], rtol=1e-6)
    flat = content["fc6"][0].reshape(64, 5)
    np.testing.assert_allclose(model.get_layer("fc6").kernel, flat, rtol=1e-6)
    assert report.filled == ("conv1", "conv2", "fc6") and report.unfilled == ()
    assert report.unused == ("fc7", "epoch") and report.convention == conventions.VGG_FACE_BGR


def test_first_layer_is_folded():
    model, content = network(), entries()
    assert assign(model, content, fold=True).folded
    kernel, bias = conventions.fold(*content["conv1"], conventions.VGG_FACE_BGR)
    np.testing.assert_array_equal(model.get_layer("conv1").kernel, kernel)
    np.testing.assert_array_equal(model.get_layer("conv1").bias, bias)


def test_fully_connected_layers_of_other_shapes_are_ignored():
    model = network()
    before = np.asarray(model.get_layer("fc6").kernel)
    report = assign(model, entries(fc6=[np.ones((9, 5)), np.ones(5)]))
    assert report.unfilled == ("fc6",) and report.unused == ("fc6",)
    np.testing.assert_array_equal(model.get_layer("fc6").kernel, before)


def test_layers_within_models_and_wrappers_are_found():
    inner = network("inner")
    inputs = keras.Input((2, 8, 8, 3))
    model = keras.Model(inputs, keras.layers.TimeDistributed(inner)(inputs))
    assert assign(model, entries()).filled == ("conv1", "conv2", "fc6")


def test_all_problems_are_in_one_error_and_nothing_is_loaded():
    model = network()
    before = model.get_weights()
    nan = np.full((3, 3, 2, 4), np.nan)
    with pytest.raises(ValueError) as error:
        assign(model, {"conv1": [np.ones((3, 3, 3, 9)), None], "conv2": [nan, np.ones(4)]})
    message = str(error.value)
    assert "missing: conv1 bias" in message
    assert "misshaped: conv1 kernel (3, 3, 3, 9), expected (3, 3, 3, 2)" in message
    assert "not finite numbers: conv2 kernel" in message and "weights.npy" in message
    with pytest.raises(ValueError, match="missing: conv1, conv2"):
        assign(model, {})
    with pytest.raises(ValueError, match=r"conv1 of 1 arrays, expected \['kernel', 'bias'\]"):
        assign(model, entries(conv1=[np.ones((3, 3, 3, 2))]))
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_other_models_are_refused():
    other = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2, name="conv1")], name="mlp")
    with pytest.raises(ValueError, match="must have the layers conv1, conv2.*'mlp' without conv2"):
        assign(other, entries())
    a, b = network("a"), network("b")
    inputs = keras.Input((8, 8, 3))
    both = keras.Model(inputs, keras.layers.Add()([a(inputs), b(inputs)]), name="both")
    with pytest.raises(ValueError, match="several layers 'conv1'"):
        assign(both, entries())
    twice = keras.Model(inputs, keras.layers.Add()([a(inputs), a(inputs)]))
    assert assign(twice, entries()).filled == ("conv1", "conv2", "fc6")

import re

import keras
import numpy as np
import pytest
import tensorflow as tf

from kollias_affect import backbones

BLOCKS = ((3, 64), (4, 128), (6, 256), (3, 512))


def randomize(model, seed=0):
    """Assigns random values to all weights, including the moving statistics."""
    random = np.random.default_rng(seed)
    for weight in model.weights:
        if len(weight.shape) == 4:
            values = random.normal(0, (1 / np.prod(weight.shape[:-1])) ** 0.5, weight.shape)
        else:
            values = random.uniform(0.5, 1.5, weight.shape)
        weight.assign(values)


def slim_names(layer):
    """Lists the TF-slim variables of a layer's weights."""
    name = layer.name.removesuffix("_bn")
    scope = re.sub(r"^(block\d)_(unit_\d)_", r"\1/\2/bottleneck_v1/", name)
    leaves = ["weights"]
    if name != layer.name:
        leaves = [f"BatchNorm/{x}" for x in ("gamma", "beta", "moving_mean", "moving_variance")]
    return [f"resnet_v1_50/{scope}/{leaf}" for leaf in leaves]


def slim_variables(model):
    return {
        name: weight
        for layer in model.layers
        for name, weight in zip(slim_names(layer), layer.weights, strict=False)
    }


def slim_by_tensorflow(x, variables):
    """Computes `resnet_v1_50` of TF-slim from its variables with TensorFlow's functions."""

    def convolution(x, scope, stride=1, relu=True):
        kernel = variables[f"resnet_v1_50/{scope}/weights"]
        size = kernel.shape[0]
        if stride == 1:
            x = tf.nn.conv2d(x, kernel, 1, "SAME")
        else:
            before = (size - 1) // 2
            after = size - 1 - before
            x = tf.pad(x, [[0, 0], [before, after], [before, after], [0, 0]])
            x = tf.nn.conv2d(x, kernel, stride, "VALID")
        gamma, beta, mean, variance = (
            variables[f"resnet_v1_50/{scope}/BatchNorm/{leaf}"]
            for leaf in ("gamma", "beta", "moving_mean", "moving_variance")
        )
        x = (x - mean) / tf.sqrt(variance + 1e-5) * gamma + beta
        return tf.nn.relu(x) if relu else x

    x = convolution(x, "conv1", 2)
    x = tf.nn.max_pool2d(x, 3, 2, "SAME")
    for block, (units, _) in enumerate(BLOCKS, start=1):
        for unit in range(1, units + 1):
            scope = f"block{block}/unit_{unit}/bottleneck_v1"
            stride = 2 if unit == units and block < 4 else 1
            if unit == 1:
                shortcut = convolution(x, f"{scope}/shortcut", stride, relu=False)
            else:
                shortcut = x[:, ::stride, ::stride]
            x = convolution(x, f"{scope}/conv1")
            x = convolution(x, f"{scope}/conv2", stride)
            x = tf.nn.relu(shortcut + convolution(x, f"{scope}/conv3", relu=False))
    return tf.reduce_mean(x, (1, 2), keepdims=True)


@pytest.mark.parametrize(
    "sides",
    [(64, 47), *(pytest.param(s, marks=pytest.mark.nightly) for s in ((96, 96), (33, 50), (7, 1)))],
)
def test_slim_form_equals_slim_for_even_and_odd_sizes(sides):
    model = backbones.resnet50((*sides, 3), width=0.06)
    randomize(model)
    images = np.random.default_rng(1).uniform(-1, 1, (2, *sides, 3)).astype("float32")
    expected = slim_by_tensorflow(images, slim_variables(model))
    np.testing.assert_allclose(model(images), expected, rtol=1e-4, atol=1e-5)


def test_explicit_padding_differs_from_same_on_even_sides():
    """Otherwise the test above could not distinguish them."""
    x = np.random.default_rng(0).normal(size=(1, 8, 8, 1)).astype("float32")
    kernel = np.ones((3, 3, 1, 1), "float32")
    explicit = tf.nn.conv2d(tf.pad(x, [[0, 0], [1, 1], [1, 1], [0, 0]]), kernel, 2, "VALID")
    assert np.abs(explicit - tf.nn.conv2d(x, kernel, 2, "SAME")).max() > 0.1


@pytest.fixture(scope="module")
def narrow():
    """Both forms at a narrow width."""
    return {form: backbones.resnet50(width=0.02, form=form) for form in ("slim", "keras")}


def test_slim_form_has_slims_variables(narrow):
    model = narrow["slim"]
    scopes = ["conv1"]
    for block, (units, _) in enumerate(BLOCKS, start=1):
        for unit in range(1, units + 1):
            inner = (["shortcut"] if unit == 1 else []) + ["conv1", "conv2", "conv3"]
            scopes += [f"block{block}/unit_{unit}/bottleneck_v1/{name}" for name in inner]
    leaves = ["weights", *(f"BatchNorm/{x}" for x in ("gamma", "beta"))]
    leaves += [f"BatchNorm/moving_{x}" for x in ("mean", "variance")]
    assert set(slim_variables(model)) == {
        f"resnet_v1_50/{scope}/{leaf}" for scope in scopes for leaf in leaves
    }
    assert len(model.weights) == 5 * len(scopes) == 5 * 53


# `tests/weights/test_tf1_checkpoint.py` compares the same features after an import.
@pytest.mark.nightly
def test_slim_form_agrees_with_the_authors_network(recipe, expected):
    """Compares the features of the authors' ResNet-GRU for the weights of `recipe.py`."""
    stored = expected["affwildnet_resnet_gru"]

    model = backbones.resnet50()
    variables = slim_variables(model)
    shapes = {name: shape for name, shape in stored["variables"] if name.startswith("resnet")}
    assert {name: list(weight.shape) for name, weight in variables.items()} == shapes
    for name, weight in variables.items():
        weight.assign(recipe.weight(name, tuple(weight.shape), stored["seed"]))
    frames = recipe.frames(stored["batch"], stored["length"], seed=stored["seed"])
    features = np.asarray(model(frames.reshape(-1, 96, 96, 3)))
    tap = stored["taps"]["resnet_v1_50/pool5"]
    assert list(features.shape) == tap["shape"]
    # The features are around 1000, hence the relative tolerance.
    np.testing.assert_allclose(features.mean(), tap["mean"], rtol=1e-5)
    np.testing.assert_allclose(features.std(), tap["std"], rtol=1e-5)
    np.testing.assert_allclose(features.ravel()[:8], tap["first"], rtol=1e-4)


# `tests/weights/test_resnet50.py` compares the same outputs after an import.
@pytest.mark.nightly
def test_keras_form_takes_the_weights_of_keras_applications():
    model = backbones.resnet50((64, 50, 3), form="keras")
    other = keras.applications.ResNet50(weights=None, include_top=False, input_shape=(64, 50, 3))
    weighted = [[layer.name for layer in m.layers if layer.weights] for m in (model, other)]
    assert weighted[0] == weighted[1]
    randomize(other)
    model.set_weights(other.get_weights())
    images = np.random.default_rng(1).uniform(-1, 1, (1, 64, 50, 3)).astype("float32")
    expected = np.asarray(other(images)).mean((1, 2), keepdims=True)
    np.testing.assert_allclose(model(images), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("form", ["slim", "keras"])
def test_batch_normalization_and_biases(narrow, form):
    epsilon, bias = {"slim": (1e-5, False), "keras": (1.001e-5, True)}[form]
    for layer in narrow[form].layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            assert layer.epsilon == epsilon and layer.scale and layer.center
        elif isinstance(layer, keras.layers.Conv2D):
            assert layer.use_bias == bias


def test_strides_are_where_each_form_has_them(narrow):
    def strided(form):
        convolutions = [
            layer for layer in narrow[form].layers if isinstance(layer, keras.layers.Conv2D)
        ]
        return {layer.name for layer in convolutions if layer.strides != (1, 1)}

    assert strided("slim") == {
        *("conv1", "block1_unit_3_conv2", "block2_unit_4_conv2", "block3_unit_6_conv2")
    }
    assert strided("keras") == {"conv1_conv"} | {
        f"conv{block}_block1_{i}_conv" for block in (3, 4, 5) for i in (0, 1)
    }

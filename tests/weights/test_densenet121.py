import keras
import numpy as np
import pytest

from kollias_affect import backbones
from kollias_affect.weights import conventions
from kollias_affect.weights.densenet121 import LAYERS, load_densenet121

SIDE = 32


@pytest.fixture(scope="module")
def pixels():
    return np.random.default_rng(1).integers(0, 256, (2, SIDE, SIDE, 3))


def randomized(model):
    """Gives a model random weights that keep signals at their size."""
    random = np.random.default_rng(0)
    for layer in model.layers:
        if layer.weights:
            layer.set_weights(
                [
                    random.uniform(0.5, 1.5, v.shape)
                    if v.name in ("gamma", "moving_variance")
                    else random.normal(0, np.sqrt(2 / np.prod(v.shape[:-1])), v.shape)
                    if v.name == "kernel"
                    else random.normal(0, 0.1, v.shape)
                    for v in layer.weights
                ]
            )
    return model


@pytest.fixture(scope="module")
def application():
    """Keras' own network, with its top."""
    shape = (SIDE, SIDE, 3)
    return randomized(keras.applications.DenseNet121(weights=None, input_shape=shape, classes=5))


@pytest.fixture(scope="module")
def expected(application, pixels):
    """Outputs of Keras' own network on images that Keras prepared."""
    x = keras.applications.densenet.preprocess_input(pixels.astype("float32"))
    pooled = keras.Model(application.input, application.get_layer("avg_pool").output)
    return np.asarray(pooled(x))


@pytest.fixture(scope="module")
def files(application, tmp_path_factory, legacy_h5):
    """The same weights as Keras 2, and Keras 3 in both of its layouts, save them."""
    folder = tmp_path_factory.mktemp("densenet")
    application.save(folder / "model.h5")
    application.save_weights(folder / "model.weights.h5")
    legacy_h5(folder / "keras2.h5", application)
    return folder


@pytest.fixture(scope="module")
def model():
    return backbones.densenet121((SIDE, SIDE, 3))


@pytest.mark.parametrize("name", ["model.h5", "model.weights.h5", "keras2.h5"])
def test_files_of_keras_give_the_output_of_keras(files, model, pixels, expected, name):
    for layer in model.layers:  # the weights of the last test
        layer.set_weights([np.zeros(v.shape) for v in layer.weights])
    report = load_densenet121(model, files / name, fold=False)
    assert set(report.filled) == set(LAYERS) and report.unused == ("predictions",)
    x = report.model_takes.prepare(pixels)
    output = np.asarray(model(x)).reshape(expected.shape)
    np.testing.assert_allclose(output, expected, rtol=1e-4, atol=1e-4 * expected.std())


def test_layers_are_those_of_keras(application):
    names = [layer.name for layer in application.layers if layer.weights]
    assert sorted(LAYERS) == sorted(set(names) - {"predictions"}) and len(LAYERS) == 241


def test_a_folded_network_takes_images_in_unit_range(files, model, application, pixels):
    """Beyond the border, the first activation is that of Keras on images that Keras prepared."""
    report = load_densenet121(model, files / "model.weights.h5")
    assert report.folded and report.model_takes == conventions.OURS

    def first(network, x):
        return np.asarray(keras.Model(network.input, network.get_layer("conv1_relu").output)(x))

    prepared = keras.applications.densenet.preprocess_input(pixels.astype("float32"))
    before = first(application, prepared)
    after = first(model, pixels.astype("float32") / 127.5 - 1)
    difference = np.abs(after - before) / before.std()
    assert difference[:, 2:-2, 2:-2].max() < 1e-5
    assert 0.01 < difference.max() < 2


def test_other_files_are_refused_and_change_nothing(save_keras_h5, model):
    before = model.get_weights()
    content = {layer.name: {v.name: np.asarray(v) for v in layer.weights} for layer in model.layers}
    del content["bn"]
    content["conv1_conv"]["kernel"] = np.ones((7, 7, 3, 2))
    with pytest.raises(ValueError) as error:
        load_densenet121(model, save_keras_h5(content))
    assert "missing: bn;" in str(error.value)
    assert "conv1_conv kernel (7, 7, 3, 2), expected (7, 7, 3, 64)" in str(error.value)
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)

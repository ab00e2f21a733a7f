import keras
import numpy as np
import pytest

from kollias_affect import backbones
from kollias_affect.weights import conventions
from kollias_affect.weights.resnet50 import LAYERS, load_resnet50


@pytest.fixture(scope="module")
def pixels():
    return np.random.default_rng(1).integers(0, 256, (2, 64, 64, 3))


def entries(model):
    return {
        layer.name: {v.name: np.asarray(v) for v in layer.weights}
        for layer in model.layers
        if layer.name in LAYERS
    }


def narrow():
    return backbones.resnet50((64, 64, 3), width=1 / 16, form="keras")


@pytest.fixture(scope="module")
def model():
    """A narrow network whose weights no test changes."""
    return narrow()


def test_layers_are_those_of_keras(model):
    names = [layer.name for layer in model.layers if layer.weights]
    assert sorted(LAYERS) == sorted(names) and len(LAYERS) == 106


@pytest.mark.parametrize("name", ["keras3.h5", "keras3.weights.h5", "keras2.h5"])
def test_a_file_by_keras_gives_the_output_of_keras(
    tmp_path, pixels, random_weights, legacy_h5, name
):
    source = random_weights(
        keras.applications.ResNet50(weights=None, input_shape=(64, 64, 3), classes=5)
    )
    save = {"keras3.h5": source.save, "keras3.weights.h5": source.save_weights}
    save.get(name, lambda path: legacy_h5(path, source))(tmp_path / name)
    model = backbones.resnet50((64, 64, 3), form="keras")
    report = load_resnet50(model, tmp_path / name, fold=False)
    assert set(report.filled) == set(LAYERS) and report.unused == ("predictions",)
    assert report.convention == conventions.IMAGENET_BGR

    x = conventions.IMAGENET_BGR.prepare(pixels)
    # This is Keras' preparation of images for these weights.
    np.testing.assert_allclose(
        x, keras.applications.resnet50.preprocess_input(pixels.astype("float32")), atol=1e-4
    )
    pooled = keras.Model(source.input, source.get_layer("avg_pool").output)
    expected = np.asarray(pooled(x))
    np.testing.assert_allclose(
        np.asarray(model(x)).reshape(expected.shape),
        expected,
        rtol=1e-4,
        atol=1e-4 * expected.std(),
    )


def test_fold_is_exact_where_the_first_convolution_lies_on_the_image(
    save_keras_h5, pixels, random_weights
):
    source, model = random_weights(narrow()), narrow()
    report = load_resnet50(model, save_keras_h5(entries(source), group="model_weights"))
    assert report.model_takes == conventions.OURS

    def first(network, x):
        return np.asarray(keras.Model(network.input, network.get_layer("conv1_conv").output)(x))

    before = first(source, conventions.IMAGENET_BGR.prepare(pixels))
    difference = np.abs(first(model, conventions.OURS.prepare(pixels)) - before) / before.std()
    # A 7 x 7 kernel with stride 2 and 3 padded pixels: two rows differ at the start, one or two at
    # the end.
    assert difference[:, 2:-2, 2:-2].max() < 1e-5
    assert 0.01 < difference.max() < 1


def test_missing_misshaped_and_unused_entries(save_keras_h5, model):
    content = entries(model)
    content["conv2_block1_0_bn"].pop("moving_mean")
    content["conv3_block2_1_conv"]["kernel"] = np.ones((1, 1, 3, 8))
    del content["conv5_block3_3_conv"]
    content["predictions"] = {"kernel": np.ones((128, 3)), "bias": np.ones(3)}
    before = model.get_weights()
    with pytest.raises(ValueError) as error:
        load_resnet50(model, save_keras_h5(content))
    for part in (
        "missing: conv2_block1_0_bn moving_mean, conv5_block3_3_conv;",
        "misshaped: conv3_block2_1_conv kernel (1, 1, 3, 8), expected (1, 1, 32, 8)",
    ):
        assert part in str(error.value)
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_other_networks_and_files_are_refused(tmp_path, save_keras_h5, model):
    with pytest.raises(ValueError, match="without conv1_conv"):
        load_resnet50(backbones.resnet50((64, 64, 3), width=1 / 16), save_keras_h5(entries(model)))
    old = {"conv1": {"kernel": np.ones((7, 7, 3, 4))}, "bn_conv1": {"gamma": np.ones(4)}}
    with pytest.raises(ValueError, match="missing: conv1_conv, conv1_bn"):
        load_resnet50(model, save_keras_h5(old))
    (tmp_path / "a.h5").write_bytes(b"no weights")
    with pytest.raises(ValueError, match="begins with b'no weights'"):
        load_resnet50(model, tmp_path / "a.h5")

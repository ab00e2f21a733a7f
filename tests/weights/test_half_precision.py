import time
import zipfile

import keras
import numpy as np
import pytest

from kollias_affect import models, weights


def small(seed=0):
    keras.backend.clear_session()  # restarts the numbers of unnamed layers
    keras.utils.set_random_seed(seed)
    backbone = keras.Sequential(
        [
            keras.Input((48, 48, 3), name="images"),
            keras.layers.Conv2D(32, 3, name="conv"),
            keras.layers.BatchNormalization(name="bn"),
            keras.layers.GlobalAveragePooling2D(keepdims=True, name="pool"),
        ]
    )
    backbone = keras.Model(backbone.inputs, backbone.outputs[0], name="small")
    return models.cnn(backbone, "expression", landmarks=False, hidden_units=(64,))


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """File of float32 weights."""
    path = tmp_path_factory.mktemp("model") / "model.keras"
    models.save(small(), path, crop=models.CROPS["eyes"], accuracy=0.5)
    return path


@pytest.fixture(scope="module")
def half(path):
    """The same file with float16 weights."""
    weights.store_as_float16(path, path.with_name("half.keras"))
    return path.with_name("half.keras")


# `test_registry.py` loads the shipped float16 file in a process that never imports this package.
def test_keras_loads_the_rounded_weights_in_float32(path, half):
    model, expected = keras.saving.load_model(half), keras.saving.load_model(path)
    assert {str(v.dtype) for v in model.weights} == {"float32"}
    for value, exact in zip(model.get_weights(), expected.get_weights(), strict=True):
        np.testing.assert_array_equal(value, exact.astype(np.float16).astype(np.float32))
    images = np.random.default_rng(0).uniform(-1, 1, (4, 48, 48, 3)).astype(np.float32)
    expected.set_weights(model.get_weights())
    inputs = {"images": images}
    np.testing.assert_allclose(model(inputs), expected(inputs), atol=1e-6)


def test_the_file_is_half_as_large_and_keeps_its_card(path, half):

    def size(file):
        with zipfile.ZipFile(file) as archive:
            return archive.getinfo("model.weights.h5").file_size

    parameters = keras.saving.load_model(path).count_params()
    assert size(path) - size(half) == pytest.approx(2 * parameters, rel=0.3)
    card = models.read_card(half)
    assert card["crop"] == models.CROPS["eyes"] and card["accuracy"] == 0.5


def test_the_same_weights_give_the_same_bytes(half, tmp_path):
    time.sleep(1.1)  # Keras writes the time of saving in seconds.
    models.save(small(), tmp_path / "again.keras", crop=models.CROPS["eyes"], accuracy=0.5)
    weights.store_as_float16(tmp_path / "again.keras", tmp_path / "again.keras")
    assert half.read_bytes() == (tmp_path / "again.keras").read_bytes()


def test_older_versions_of_keras_know_every_argument(half):
    """Keras 3.15 writes default arguments that Keras 3.10 refuses."""
    with zipfile.ZipFile(half) as archive:
        config = archive.read("config.json").decode()
    for word in ("renorm", "quantization_config", "input_axes"):
        assert word not in config


def test_weights_too_large_for_float16_are_refused(tmp_path):
    model = small()
    model.get_layer("expression").bias.assign(np.full(7, 1e5, np.float32))
    models.save(model, tmp_path / "model.keras")
    with pytest.raises(ValueError, match=r"65504.*reaches 100000"):
        weights.store_as_float16(tmp_path / "model.keras", tmp_path / "half.keras")
    assert not (tmp_path / "half.keras").exists()


def test_other_files_are_refused(tmp_path):
    (tmp_path / "a.keras").write_text("text")
    with pytest.raises(ValueError, match="keras archive"):
        weights.store_as_float16(tmp_path / "a.keras", tmp_path / "b.keras")

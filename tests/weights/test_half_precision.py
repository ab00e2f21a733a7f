import subprocess
import sys
import time
import zipfile

import keras
import numpy as np
import pytest

from kollias_affect import models, weights

PLAIN = """
import sys
import keras, numpy as np
model = keras.saving.load_model(sys.argv[1])
assert "kollias_affect" not in sys.modules
assert {str(v.dtype) for v in model.weights} == {"float32"}
np.save(sys.argv[2], model.predict({"images": np.load(sys.argv[3])}, verbose=0))
"""


def small(seed=0):
    keras.backend.clear_session()  # else layers are numbered on from those before
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


@pytest.fixture
def path(tmp_path):
    models.save(small(), tmp_path / "model.keras", crop=models.CROPS["eyes"], accuracy=0.5)
    return tmp_path / "model.keras"


def test_a_plain_process_gets_the_rounded_weights_in_float32(path, tmp_path):
    half = tmp_path / "half.keras"
    weights.store_as_float16(path, half)
    images = np.random.default_rng(0).uniform(-1, 1, (4, 48, 48, 3)).astype(np.float32)
    np.save(tmp_path / "images.npy", images)
    files = [half, tmp_path / "outputs.npy", tmp_path / "images.npy"]
    subprocess.run([sys.executable, "-c", PLAIN, *map(str, files)], check=True, cwd=tmp_path)
    model, _ = models.load(path)
    model.set_weights([w.astype(np.float16) for w in model.get_weights()])
    expected = model.predict({"images": images}, verbose=0)
    np.testing.assert_allclose(np.load(tmp_path / "outputs.npy"), expected, atol=1e-6)


def test_the_file_is_half_as_large_and_keeps_its_card(path, tmp_path):
    weights.store_as_float16(path, tmp_path / "half.keras")

    def size(file):
        with zipfile.ZipFile(file) as archive:
            return archive.getinfo("model.weights.h5").file_size

    parameters = small().count_params()
    assert size(path) - size(tmp_path / "half.keras") == pytest.approx(2 * parameters, rel=0.3)
    card = models.read_card(tmp_path / "half.keras")
    assert card["crop"] == models.CROPS["eyes"] and card["accuracy"] == 0.5


def test_the_same_weights_give_the_same_bytes(path, tmp_path):
    weights.store_as_float16(path, tmp_path / "a.keras")
    time.sleep(1.1)  # Keras writes the second of saving
    models.save(small(), tmp_path / "again.keras", crop=models.CROPS["eyes"], accuracy=0.5)
    weights.store_as_float16(tmp_path / "again.keras", tmp_path / "again.keras")
    assert (tmp_path / "a.keras").read_bytes() == (tmp_path / "again.keras").read_bytes()


def test_older_versions_of_keras_know_every_word(path, tmp_path):
    """Keras 3.15 writes arguments that Keras 3.10 refuses, though they are the defaults."""
    weights.store_as_float16(path, tmp_path / "half.keras")
    with zipfile.ZipFile(tmp_path / "half.keras") as archive:
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


def test_a_file_that_is_no_archive(tmp_path):
    (tmp_path / "a.keras").write_text("no model")
    with pytest.raises(ValueError, match="keras archive"):
        weights.store_as_float16(tmp_path / "a.keras", tmp_path / "b.keras")

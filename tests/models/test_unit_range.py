"""Networks that were trained on another scaling of the pixels than [-1, 1]."""

import zipfile

import keras
import numpy as np
import pytest
from skimage import data, io

from kollias_affect import backbones, evaluation, features, models, prediction
from kollias_affect.clip import Clip
from kollias_affect.faces import faces_of
from kollias_affect.models import unit_range

SIDE, LENGTH = 32, 3


def cnn():
    options = {"landmarks": False, "hidden_units": 8}
    return models.cnn(backbones.vgg_face((SIDE, SIDE, 3), width=0.05), "valence_arousal", **options)


def cnn_rnn():
    options = {"landmarks": False, "hidden_units": 8, "rnn_units": 4, "length": LENGTH}
    backbone = backbones.vgg_face((SIDE, SIDE, 3), width=0.05)
    return models.cnn_rnn(backbone, "valence_arousal", **options)


def multi_rnn():
    options = {"landmarks": False, "hidden_units": 8, "rnn_units": 4, "length": LENGTH}
    backbone = backbones.vgg_face((SIDE, SIDE, 3), width=0.05)
    return models.multi_rnn(backbone, "valence_arousal", mode="3rnn", **options)


def randomized(model):
    """Gives kernels a size that keeps signals at theirs, and biases zero.

    Outputs then differ between the two scalings by about 0.4 %.
    """
    random = np.random.default_rng(0)
    model.set_weights(
        [
            random.normal(0, np.sqrt(2 / np.prod(w.shape[:-1])), w.shape) if w.ndim > 1 else 0 * w
            for w in model.get_weights()
        ]
    )
    return model


@pytest.fixture(params=[cnn, cnn_rnn, multi_rnn])
def model(request):
    """A network that expects (pixels - 128) / 128, like those of `load_tf1_checkpoint`."""
    model = randomized(request.param())
    unit_range.remember_scaling(model, 128, 128)
    return model


@pytest.fixture(scope="module")
def pixels():
    return np.random.default_rng(1).integers(0, 256, (LENGTH, SIDE, SIDE, 3), np.uint8)


@pytest.fixture
def clip(pixels, tmp_path):
    paths = [tmp_path / f"{n}.png" for n in range(LENGTH)]
    for path, image in zip(paths, pixels, strict=True):
        io.imsave(path, image, check_contrast=False)
    return Clip("a", paths)


def outputs(model, images):
    """Calls the network itself on `[frames, height, width, 3]`."""
    is_windowed = len(model.inputs[0].shape) == 5
    return np.asarray(model({"images": images[None] if is_windowed else images})).reshape(-1, 2)


def expected(model, pixels):
    return outputs(model, (pixels.astype(np.float32) - 128) / 128)


def assert_sees_the_authors_pixels(values, model, pixels):
    right = expected(model, pixels)
    np.testing.assert_allclose(values, right, atol=2e-5 * np.abs(right).max())
    plain = outputs(model, pixels / np.float32(127.5) - 1)
    assert np.abs(plain - right).max() > 1e-3 * np.abs(right).max()


def test_predictions_of_clips_use_the_networks_own_scaling(model, clip, pixels):
    values = evaluation.predict(model, [clip])["a"]
    assert_sees_the_authors_pixels(values, model, pixels)


def test_streams_use_the_networks_own_scaling(model, pixels):
    stream = models.Stream(model)
    values = np.stack([stream.step(image) for image in pixels])
    right = expected(model, pixels)
    np.testing.assert_allclose(values, np.clip(right, -1, 1), atol=2e-5 * np.abs(right).max())
    plain = outputs(model, pixels / np.float32(127.5) - 1)
    assert np.abs(np.clip(plain, -1, 1) - values).max() > 1e-3


@pytest.mark.parametrize("model", [cnn, cnn_rnn], indirect=True)
def test_files_carry_the_scaling_in_card_and_network(model, clip, pixels, tmp_path):
    models.save(model, tmp_path / "model.keras")
    with zipfile.ZipFile(tmp_path / "model.keras") as archive:  # Plain Keras loads it.
        assert b"kollias_affect" not in archive.read("config.json")
    # A model that is saved again, such as one that was trained further, keeps it, once.
    models.save(models.load(tmp_path / "model.keras")[0], tmp_path / "again.keras")
    loaded, card = models.load(tmp_path / "again.keras")
    scaling = {"offset": 128, "scale": 128}
    assert card["image"] == {
        "size": SIDE, "colour": "RGB", "range": [-1, 1], "scaling": scaling,
    }  # fmt: skip
    assert models.read_card(tmp_path / "model.keras")["image"] == card["image"]
    values = evaluation.predict(loaded, [clip])["a"]
    assert_sees_the_authors_pixels(values, model, pixels)


def test_cached_features_use_the_networks_own_scaling(clip, pixels, tmp_path):
    model = randomized(cnn_rnn())
    unit_range.remember_scaling(model, 128, 128)
    converting = models.for_unit_range(model)
    for layer in converting.layers:
        layer.trainable = not hasattr(layer, "layers")
    front, head = features.split(converting)
    (values,) = features.of_clips(front, [clip], tmp_path / "features", SIDE, progress=False)
    assert_sees_the_authors_pixels(np.asarray(head({"features": values[None]}))[0], model, pixels)


def test_other_models_are_unchanged():
    model = cnn()
    assert models.for_unit_range(model) is model
    assert "scaling" not in models.describe(model)["image"]
    assert unit_range.scaling_of(keras.Sequential([keras.layers.Rescaling(2.0)])) is None


def test_pictures_are_predicted_as_the_network_saw_pixels(tmp_path):
    """The complete path: a model file, a photograph, its face, the table."""
    model = randomized(cnn())
    unit_range.remember_scaling(model, 128, 128)
    picture = data.astronaut()
    (face,) = faces_of(picture, size=SIDE)
    right = expected(model, face.crop[None])
    # Outputs within the range are not clipped.
    last = model.get_layer("valence_arousal")
    kernel, bias = last.get_weights()
    last.set_weights([kernel / (2 * np.abs(right).max()), bias])
    models.save(model, tmp_path / "model.keras")
    io.imsave(tmp_path / "photo.png", picture)
    table, errors = prediction.predict_images(
        tmp_path / "model.keras", [tmp_path / "photo.png"], tmp_path / "out", annotate=False
    )
    assert not errors
    values = table[["valence", "arousal"]].to_numpy(float)
    assert_sees_the_authors_pixels(values, model, face.crop[None])

"""Any Keras model as a backbone, and networks of KerasHub."""

import sys

import keras
import numpy as np
import pytest

from kollias_affect import backbones, features, models

SIDE = 32


@pytest.fixture(scope="module")
def pixels():
    return np.random.default_rng(0).integers(0, 256, (2, SIDE, SIDE, 3)).astype(np.float32)


def own(side=SIDE):
    keras.utils.set_random_seed(0)
    images = keras.Input((side, side, 3))
    x = keras.layers.Conv2D(5, 3, 2)(images)
    return keras.Model(images, x)


def test_a_model_sees_the_pixels_that_it_was_trained_on(pixels):
    """torchvision's networks take (p / 255 - mean) / deviation."""
    mean, deviation = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    network = own()
    backbone = backbones.adapt(
        network, (SIDE, SIDE, 3), scale=1 / 255 / deviation, offset=-mean / deviation
    )
    expected = network((pixels / 255 - mean) / deviation).numpy().mean(axis=(1, 2))
    np.testing.assert_allclose(backbone(pixels / 127.5 - 1), expected, atol=1e-5)


def test_images_are_resized_to_what_a_model_takes(pixels):
    backbone = backbones.adapt(own(48), (SIDE, SIDE, 3))
    larger = keras.ops.image.resize(pixels / 127.5 - 1, (48, 48))
    expected = keras.ops.mean(own(48)(larger), axis=(1, 2))
    np.testing.assert_allclose(backbone(pixels / 127.5 - 1), expected, atol=1e-5)


def test_tokens_become_their_mean_or_the_first(pixels):
    images = keras.Input((SIDE, SIDE, 3))
    tokens = keras.layers.Reshape((-1, 4))(keras.layers.Conv2D(4, 16, 16)(images))
    model = keras.Model(images, tokens)
    x = pixels / 127.5 - 1
    for pooling, expected in (("mean", model(x).numpy().mean(1)), ("first", model(x)[:, 0])):
        backbone = backbones.adapt(model, (SIDE, SIDE, 3), pooling=pooling)
        np.testing.assert_allclose(backbone(x), expected, atol=1e-6)


def test_networks_on_an_adapted_model_train_load_and_split(tmp_path, pixels):
    backbone = backbones.adapt(own(), (SIDE, SIDE, 3))
    frame = models.cnn(backbone, "valence_arousal", landmarks=False)
    assert frame.get_layer("fc1").units == 512
    window = models.temporal(
        backbone, "valence_arousal", "gru", 4, head_layers=1, length=2, frozen=True
    )
    cnn, head = features.split(window)
    x = pixels[None] / 127.5 - 1
    expected = window.predict_on_batch({"images": x})
    found = head.predict_on_batch({"features": cnn.predict_on_batch(x[0])[None]})
    np.testing.assert_allclose(found, expected, atol=1e-5)
    models.save(window, tmp_path / "model.keras")
    loaded = models.load(tmp_path / "model.keras")[0]
    np.testing.assert_allclose(loaded.predict_on_batch({"images": x}), expected, atol=1e-5)


def test_models_of_other_things_are_refused():
    text = keras.Sequential([keras.Input((5,)), keras.layers.Dense(2)])
    with pytest.raises(ValueError, match="must take RGB images"):
        backbones.adapt(text)
    with pytest.raises(ValueError, match="no class token"):
        backbones.adapt(own(), (SIDE, SIDE, 3), pooling="first")
    with pytest.raises(ValueError, match="must be one of"):
        backbones.adapt(own(), (SIDE, SIDE, 3), pooling="max")


@pytest.fixture(scope="module")
def preset(tmp_path_factory):
    """Folder of a tiny ViT of KerasHub, whose images have the scale of its ImageConverter."""
    keras_hub = pytest.importorskip("keras_hub", reason="KerasHub is not installed")
    keras.utils.set_random_seed(0)
    vit = keras_hub.models.ViTBackbone(
        (SIDE, SIDE, 3), patch_size=16, num_layers=1, num_heads=2, hidden_dim=8, mlp_dim=8
    )
    folder = tmp_path_factory.mktemp("hub") / "vit"
    vit.save_to_preset(str(folder))
    converter = keras_hub.layers.ViTImageConverter(
        image_size=(SIDE, SIDE), scale=[1 / 127.5, 1 / 100, 1 / 50], offset=[-1.0, 0.0, 0.5]
    )
    converter.save_to_preset(str(folder))
    return vit, converter, folder


@pytest.mark.nightly
def test_a_preset_is_a_backbone_with_its_own_scaling(preset, pixels, tmp_path):
    vit, converter, folder = preset
    expected = vit(converter(pixels)).numpy().mean(axis=1)
    backbone = backbones.build(f"hub:{folder}", input_shape=(SIDE, SIDE, 3))
    np.testing.assert_allclose(backbone(pixels / 127.5 - 1), expected, atol=1e-4)
    model = models.cnn(backbone, "expression", landmarks=False, hidden_units=4)
    models.save(model, tmp_path / "model.keras")
    loaded = models.load(tmp_path / "model.keras")[0]
    x = {"images": pixels / 127.5 - 1}
    np.testing.assert_allclose(loaded.predict_on_batch(x), model.predict_on_batch(x), atol=1e-5)


@pytest.mark.nightly
def test_a_preset_that_is_none_is_refused(tmp_path):
    pytest.importorskip("keras_hub", reason="KerasHub is not installed")
    with pytest.raises(ValueError, match="preset of a vision backbone"):
        backbones.build(f"hub:{tmp_path}")


def test_without_keras_hub_the_error_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "keras_hub", None)
    with pytest.raises(ValueError, match=r"kollias-affect\[hub\]"):
        backbones.build("hub:vit_base_patch16_224_imagenet")

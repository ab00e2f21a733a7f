import subprocess
import sys
import zipfile

import keras
import numpy as np
import pytest

from kollias_affect import models, training
from kollias_affect.transfer import NETWORKS, network

SIDES = {"alexnet": (227, 9216, 4096), "vgg_cnn_m_2048": (224, 18432, 2048)}


def preprocessing(model):
    return keras.Model(model.input, model.get_layer("random_mirror").output)


def coordinates(count, size):
    """Returns pictures whose first two channels are the row and the column."""
    rows, columns = np.indices((size, size)).astype(np.float32)
    return {"images": np.stack([np.stack([rows, columns, rows * 0], -1)] * count)}


@pytest.mark.parametrize("name", NETWORKS)
def test_sizes_are_those_of_the_paper(name):
    crop, pooled, units = SIDES[name]
    # Only shapes: the full networks have more than 50 million weights.
    with keras.StatelessScope():
        model = network(name)
    assert model.get_layer("crop").output.shape == (None, crop, crop, 3)
    assert model.get_layer("pool5_flat").output.shape == (None, pooled)
    assert model.get_layer("fc6").output.shape == (None, 4096)
    assert model.get_layer("fc7").output.shape == (None, units)
    assert model.output.shape == (None, 7)


@pytest.mark.parametrize("name", NETWORKS)
def test_outside_of_training_the_crop_is_the_centre(name):
    model = network(name, 64, 0.02)
    crop = round(64 * SIDES[name][0] / 256)
    start = (64 - crop) // 2
    x = coordinates(1, 64)
    end = start + crop
    centre = x["images"][:, start:end, start:end]
    assert np.array_equal(preprocessing(model).predict(x, verbose=0), centre)
    assert np.array_equal(preprocessing(model)(x), centre)  # a plain call too


def test_in_training_each_picture_has_its_own_crop_and_mirroring():
    size, count = 64, 200
    model = preprocessing(network("alexnet", size, 0.02))
    crops = np.array(model(coordinates(count, size), training=True))
    crop = crops.shape[1]
    corners, mirrored = [], 0
    for picture in crops:
        is_mirrored = picture[0, 0, 1] > picture[0, -1, 1]
        mirrored += is_mirrored
        picture = picture[:, ::-1] if is_mirrored else picture
        top, left = picture[0, 0, :2].round().astype(int)
        rows, columns = np.indices((crop, crop))
        # A true crop: complete pixels in order, nothing from beyond the border.
        assert np.allclose(picture[..., 0], rows + top, atol=1e-3)
        assert np.allclose(picture[..., 1], columns + left, atol=1e-3)
        corners.append((top, left))
    assert 0.4 < mirrored / count < 0.6
    margin = (size - crop) // 2
    for axis in zip(*corners, strict=True):
        assert set(axis) == set(range(2 * margin + 1))


def test_random_crops_are_a_function_of_seed_and_epoch():
    model = preprocessing(network("alexnet", 64, 0.02))
    seeds = training.SeedEpochs(3)
    seeds.set_model(model)
    crops = []
    for epoch in (4, 5, 4):
        seeds.on_epoch_begin(epoch)
        crops.append(np.array(model(coordinates(4, 64), training=True)))
    assert np.array_equal(crops[0], crops[2]) and not np.array_equal(crops[0], crops[1])


def test_the_file_names_no_layer_of_this_package(tmp_path):
    model = network("vgg_cnn_m_2048", 64, 0.02)
    models.save(model, tmp_path / "m.keras")
    with zipfile.ZipFile(tmp_path / "m.keras") as archive:
        assert b"kollias_affect>" not in archive.read("config.json")
        assert b'"module": "kollias_affect' not in archive.read("config.json")
    x = {"images": np.random.default_rng(0).uniform(-1, 1, (2, 64, 64, 3)).astype(np.float32)}
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    assert np.allclose(loaded.predict(x, verbose=0), model.predict(x, verbose=0), atol=1e-6)


@pytest.mark.nightly
def test_the_file_loads_in_a_process_without_this_package(tmp_path):
    model = network("vgg_cnn_m_2048", 64, 0.02)
    models.save(model, tmp_path / "m.keras")
    x = np.random.default_rng(0).uniform(-1, 1, (2, 64, 64, 3)).astype(np.float32)
    np.save(tmp_path / "x.npy", x)
    code = (
        "import sys, keras, numpy as np; m = keras.saving.load_model(sys.argv[1]); "
        "np.save(sys.argv[3], m.predict({'images': np.load(sys.argv[2])}, verbose=0)); "
        "assert 'kollias_affect' not in sys.modules"
    )
    paths = [str(tmp_path / name) for name in ("m.keras", "x.npy", "y.npy")]
    subprocess.run([sys.executable, "-c", code, *paths], check=True, capture_output=True)
    assert np.allclose(np.load(paths[2]), model.predict({"images": x}, verbose=0), atol=1e-5)


def test_imagenet_weights_are_assigned_to_fc6_and_fc7(tmp_path):
    """A small file has the form of the published one, which holds fc6 and fc7."""
    model = network("alexnet", 64, 0.05)
    inner, weights = model.get_layer("alexnet"), {}
    random = np.random.default_rng(0)
    for name in ("conv1", "conv2", "conv3", "conv4", "conv5"):
        parts = [layer for layer in inner.layers if layer.name in (name, f"{name}_1", f"{name}_2")]
        kernels = [layer.weights for layer in parts if layer.weights]
        shape = (*kernels[0][0].shape[:-1], sum(k.shape[-1] for k, _ in kernels))
        weights[name] = [random.normal(size=shape), random.normal(size=shape[-1:])]
    for name in ("fc6", "fc7"):
        weights[name] = [random.normal(size=w.shape) for w in model.get_layer(name).weights]
    weights["fc8"] = [random.normal(size=(3, 1000)), random.normal(size=1000)]
    weights = {k: [v.astype(np.float32) for v in pair] for k, pair in weights.items()}
    # The published file is a pickled dict, too. The importer reads it without unpickling.
    np.save(tmp_path / "w.npy", weights, allow_pickle=True)
    pretrained = network("alexnet", 64, 0.05, pretrained=tmp_path / "w.npy")
    for name in ("fc6", "fc7"):
        assert np.allclose(pretrained.get_layer(name).get_weights()[0], weights[name][0])


def test_invalid_arguments_are_refused():
    with pytest.raises(ValueError, match="`network` must be one of"):
        network("lenet")
    with pytest.raises(ValueError, match="at least 39 x 39"):
        network("alexnet", 40)

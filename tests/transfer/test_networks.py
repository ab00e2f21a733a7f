import subprocess
import sys
import zipfile

import cv2
import keras
import numpy as np
import pytest
import scipy.io

from kollias_affect import models, training
from kollias_affect.transfer import NETWORKS, network, networks, ten_crops, unfreeze

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


def test_colours_shift_along_the_components_of_imagenet_in_training_alone():
    """Krizhevsky et al. §4.1: one random colour for all pixels of a picture."""
    plain, shifted = (network("alexnet", 64, 0.02, colour=colour) for colour in (0, 0.1))
    colours = np.random.default_rng(0).uniform(-1, 1, (300, 1, 1, 3)).astype(np.float32)
    images = {"images": np.tile(colours, (1, 64, 64, 1))}  # all crops of one colour are equal
    tap = keras.Model(shifted.input, shifted.get_layer("colour_shift").output)
    assert np.array_equal(np.array(tap(images))[:, 0, 0], colours[:, 0, 0])
    shift = np.array(tap(images, training=True)) - colours
    assert np.allclose(shift, shift[:, :1, :1], atol=1e-6)
    shift = shift[:, 0, 0].astype(np.float64)
    # Red of a factor with the standard deviation 0.1, by hand; [-1, 1] is twice as wide as [0, 1].
    by_component = (0.2175 * 0.5675, 0.0188 * 0.7192, 0.0045 * 0.4009)
    assert shift[:, 0].std() == pytest.approx(0.2 * np.hypot.reduce(by_component), rel=0.12)
    # Nearly all of it is brightness, the first component.
    assert np.corrcoef(shift.T).min() > 0.95
    assert plain.count_params() == shifted.count_params()


def test_colours_are_a_function_of_seed_and_epoch_and_the_file_is_plain_keras(tmp_path):
    model = network("alexnet", 64, 0.02, colour=0.1)
    models.save(model, tmp_path / "m.keras")
    with zipfile.ZipFile(tmp_path / "m.keras") as archive:
        assert b'"module": "kollias_affect' not in archive.read("config.json")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    tap = keras.Model(loaded.input, loaded.get_layer("colour_shift").output)
    seeds = training.SeedEpochs(3)
    seeds.set_model(tap)
    shifted = []
    for epoch in (4, 5, 4):
        seeds.on_epoch_begin(epoch)
        shifted.append(np.array(tap(coordinates(4, 64), training=True)))
    assert np.array_equal(shifted[0], shifted[2]) and not np.array_equal(shifted[0], shifted[1])


@pytest.fixture
def write_matconvnet(tmp_path):
    """Returns a function that writes the CNN of a network and a mean image as MatConvNet does."""

    def write(cnn, average):
        layers = [layer for layer in cnn.layers if layer.weights]
        cell = np.empty((1, len(layers)), object)
        for i, layer in enumerate(layers):
            weights = np.empty((1, 2), object)
            weights[0, :] = layer.get_weights()
            cell[0, i] = {"name": layer.name, "type": "conv", "weights": weights}
        content = {"layers": cell, "meta": {"normalization": {"averageImage": average}}}
        scipy.io.savemat(tmp_path / "net.mat", content)
        return tmp_path / "net.mat"

    return write


@pytest.mark.parametrize("side", [56, 14])
def test_the_mean_image_of_a_file_is_subtracted_from_the_crop(write_matconvnet, side, tmp_path):
    """The output is that of the file's network on the pixels minus the mean image."""
    source = network("vgg_cnn_m_2048", 64, 0.05)
    cnn = source.get_layer("cnn_m")
    average = np.random.default_rng(2).uniform(60, 180, (side, side, 3)).astype("float32")
    model = network("vgg_cnn_m_2048", 64, 0.05, pretrained=write_matconvnet(cnn, average))
    # An average image of another side is resized to the crop, 56 of 64 pixels.
    mean = cv2.resize(average, (56, 56), interpolation=cv2.INTER_AREA)
    mean += average.mean(axis=(0, 1)) - mean.mean(axis=(0, 1))
    pixels = np.random.default_rng(1).integers(0, 256, (2, 64, 64, 3))
    images = {"images": (pixels / 127.5 - 1).astype("float32")}
    expected = np.asarray(cnn((pixels[:, 4:60, 4:60] - mean).astype("float32")))
    tap = keras.Model(model.input, model.get_layer("pool5_flat").output)
    output = np.asarray(tap(images)).reshape(expected.shape)
    assert np.allclose(output, expected, rtol=1e-3, atol=1e-3 * expected.std())
    models.save(model, tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    after = loaded.predict(images, verbose=0)
    assert np.allclose(after, model.predict(images, verbose=0), atol=1e-6)


def test_a_mean_image_of_the_pictures_is_subtracted_before_they_are_cropped(
    write_matconvnet, monkeypatch
):
    """As Caffe does with its mean image of 256 x 256 pixels, here of 64."""
    monkeypatch.setattr(networks, "IMAGE", 64)
    monkeypatch.setitem(
        networks.NETWORKS,
        "vgg_cnn_m_2048",
        (*networks.NETWORKS["vgg_cnn_m_2048"][:2], 56, *networks.NETWORKS["vgg_cnn_m_2048"][3:]),
    )
    cnn = network("vgg_cnn_m_2048", 64, 0.05).get_layer("cnn_m")
    average = np.random.default_rng(2).uniform(60, 180, (64, 64, 3)).astype("float32")
    path = write_matconvnet(cnn, average)
    model = network("vgg_cnn_m_2048", 64, 0.05, pretrained=path, mean=path)
    pixels = np.random.default_rng(1).integers(0, 256, (2, 64, 64, 3))
    expected = np.asarray(cnn((pixels - average)[:, 4:60, 4:60].astype("float32")))
    tap = keras.Model(model.input, model.get_layer("pool5_flat").output)
    output = np.asarray(tap({"images": (pixels / 127.5 - 1).astype("float32")}))
    output = output.reshape(expected.shape)
    assert np.allclose(output, expected, rtol=1e-3, atol=1e-3 * expected.std())
    # All ten crops of the mean image itself are black, so that their mean is the output for it.
    black = {"images": (average[None] / 127.5 - 1).astype("float32")}
    assert np.allclose(ten_crops(model)(black), model(black), atol=1e-5)


def test_mean_images_without_weights_or_without_an_image_are_refused(tmp_path):
    with pytest.raises(ValueError, match="belongs to published weights"):
        network("alexnet", 64, 0.02, mean="mean.binaryproto")
    # The published form of the file, which has no mean image. It is read without unpickling.
    np.save(tmp_path / "w.npy", {"conv1": 1}, allow_pickle=True)
    with pytest.raises(ValueError, match="must be a file with a mean image"):
        network("alexnet", 64, 0.02, pretrained=tmp_path / "w.npy", mean=tmp_path / "w.npy")


def test_the_mean_image_is_never_trained(write_matconvnet):
    source = network("vgg_cnn_m_2048", 64, 0.05)
    average = np.random.default_rng(2).uniform(60, 180, (56, 56, 3))
    path = write_matconvnet(source.get_layer("cnn_m"), average)
    model = unfreeze(network("vgg_cnn_m_2048", 64, 0.05, pretrained=path))
    assert len(model.trainable_variables) == len(source.trainable_variables)

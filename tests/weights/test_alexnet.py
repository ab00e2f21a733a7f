import keras
import numpy as np
import pytest
from keras import layers

from kollias_affect import backbones
from kollias_affect.weights import conventions
from kollias_affect.weights.alexnet import CONVOLUTIONS, GROUPED, load_alexnet

WIDTH = 1 / 12
FULLY_CONNECTED = ("fc6", "fc7", "fc8")


def network():
    backbone = backbones.alexnet((99, 99, 3), WIDTH)  # pool5 is 2 x 2
    x = layers.Dense(12, "relu", name="fc6")(layers.Flatten()(backbone.output))
    x = layers.Dense(9, name="fc8")(layers.Dense(12, "relu", name="fc7")(x))
    return keras.Model(backbone.input, x)


def as_in_caffe(model):
    """Returns `{name: [kernel, bias]}` with one kernel for both groups."""

    def joined(name):
        parts = [model.get_layer(f"{name}_{i}").get_weights() for i in (1, 2)]
        return [np.concatenate(both, axis=-1) for both in zip(*parts, strict=True)]

    content = {
        name: joined(name) if grouped else model.get_layer(name).get_weights()
        for name, grouped in GROUPED.items()
    }
    return {**content, **{name: model.get_layer(name).get_weights() for name in FULLY_CONNECTED}}


@pytest.fixture(scope="module")
def pixels():
    return np.random.default_rng(1).integers(0, 256, (2, 99, 99, 3))


@pytest.mark.parametrize("fold", [False, True])
def test_output_equals_that_of_the_source(save_npy, pixels, random_weights, fold):
    source, model = random_weights(network()), network()
    content = as_in_caffe(source)
    half = source.get_layer("conv4_1").filters
    assert content["conv4"][0].shape == (3, 3, half, 2 * half)
    report = load_alexnet(model, save_npy(content), fold=fold)
    assert set(report.filled) == {*CONVOLUTIONS, *FULLY_CONNECTED} and report.unused == ()
    assert report.convention.colour == "BGR" and report.convention.scale == 1
    expected = np.asarray(source(report.convention.prepare(pixels)))
    # conv1 has no padding: the complete network is equal after folding, too.
    output = np.asarray(model(report.model_takes.prepare(pixels)))
    np.testing.assert_allclose(output, expected, rtol=1e-3, atol=1e-3 * expected.std())


def test_a_file_of_matconvnet_is_rgb_minus_its_average(save_matconvnet, pixels, random_weights):
    source, model = random_weights(network()), network()
    image = np.random.default_rng(2).uniform(90, 130, (99, 99, 3)).astype("float32")
    content = as_in_caffe(source)
    for name, side in zip(FULLY_CONNECTED, (2, 1, 1), strict=True):  # convolutions in the file
        kernel = content[name][0]
        content[name][0] = kernel.reshape(side, side, -1, kernel.shape[-1])
    report = load_alexnet(model, save_matconvnet(content, image))
    assert set(report.filled) == {*CONVOLUTIONS, *FULLY_CONNECTED} and report.unused == ()
    assert report.convention.colour == "RGB"
    expected = np.asarray(source((pixels - image.reshape(-1, 3).mean(0)).astype("float32")))
    output = np.asarray(model(report.model_takes.prepare(pixels)))
    np.testing.assert_allclose(output, expected, rtol=1e-3, atol=1e-3 * expected.std())


def test_groups_are_those_of_a_grouped_convolution(save_npy, random_weights, pixels):
    content = as_in_caffe(random_weights(network()))
    model = network()
    load_alexnet(model, save_npy(content))
    tap = keras.Model(model.input, [model.get_layer(name).output for name in ("pool1", "conv2")])
    x, output = (np.asarray(value) for value in tap(conventions.OURS.prepare(pixels)))
    kernel, bias = content["conv2"]
    windows = np.lib.stride_tricks.sliding_window_view(
        np.pad(x, [(0, 0), (2, 2), (2, 2), (0, 0)]), (5, 5), axis=(1, 2)
    )
    channels, filters = kernel.shape[2], kernel.shape[3] // 2
    assert x.shape[-1] == 2 * channels
    for i in range(filters * 2):
        group = i // filters  # as Caffe defines it
        part = windows[:, :, :, group * channels : (group + 1) * channels]
        expected = np.einsum("nhwcij,ijc->nhw", part, kernel[..., i]) + bias[i]
        np.testing.assert_allclose(output[..., i], np.maximum(expected, 0), rtol=1e-3, atol=1e-3)


def test_missing_misshaped_and_unused_entries(save_npy):
    model = network()
    before = model.get_weights()
    content = as_in_caffe(model)
    del content["conv3"], content["fc7"]
    content["conv2"][0] = np.concatenate([content["conv2"][0]] * 2, axis=2)  # not grouped
    with pytest.raises(ValueError) as error:
        load_alexnet(model, save_npy(content))
    for part in ("missing: conv3;", "conv2_1 kernel (5, 5, 8, 11), expected (5, 5, 4, 11)"):
        assert part in str(error.value)
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    content = {**as_in_caffe(model), "mean": np.ones(3)}
    del content["fc7"]
    report = load_alexnet(model, save_npy(content))
    assert report.unused == ("mean",) and report.unfilled == ("fc7",)


def test_a_backbone_ignores_the_head(save_npy):
    report = load_alexnet(backbones.alexnet((99, 99, 3), WIDTH), save_npy(as_in_caffe(network())))
    assert report.filled == CONVOLUTIONS and report.unused == FULLY_CONNECTED


def test_other_files_are_refused(save_keras_h5):
    with pytest.raises(ValueError, match=r"must be a .npy file.*that of a .h5 file"):
        load_alexnet(network(), save_keras_h5({}))

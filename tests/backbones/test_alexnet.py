import keras
import numpy as np
import tensorflow as tf

from kollias_affect import backbones


def test_kernels_are_those_of_bvlc_alexnet():
    model = backbones.alexnet((227, 227, 3))
    shapes = {layer.name: layer.kernel.shape for layer in model.layers if layer.weights}
    assert shapes == {
        "conv1": (11, 11, 3, 96),
        **{f"conv2_{i}": (5, 5, 48, 128) for i in (1, 2)},
        "conv3": (3, 3, 256, 384),
        **{f"conv4_{i}": (3, 3, 192, 192) for i in (1, 2)},
        **{f"conv5_{i}": (3, 3, 192, 128) for i in (1, 2)},
    }


def test_alexnet_equals_its_prototxt():
    model = backbones.alexnet((99, 80, 3), width=0.1)
    x = 50 * np.random.default_rng(0).normal(size=(2, 99, 80, 3)).astype("float32")

    def convolution(x, name, stride=1, padding="SAME"):
        kernel, bias = model.get_layer(name).get_weights()
        return tf.nn.relu(tf.nn.conv2d(x, kernel, stride, padding) + bias)

    def groups(x, name):
        half = x.shape[-1] // 2
        halves = [convolution(x[..., :half], f"{name}_1"), convolution(x[..., half:], f"{name}_2")]
        return tf.concat(halves, -1)

    def norm(x):
        return tf.nn.local_response_normalization(x, 2, bias=1, alpha=1e-4 / 5, beta=0.75)

    def pool(x):
        ends = [[0, int(side % 2 == 0)] for side in x.shape[1:3]]
        return tf.nn.max_pool2d(tf.pad(x, [[0, 0], *ends, [0, 0]]), 3, 2, "VALID")

    y = pool(norm(convolution(x, "conv1", 4, "VALID")))
    y = pool(norm(groups(y, "conv2")))
    y = groups(groups(convolution(y, "conv3"), "conv4"), "conv5")
    np.testing.assert_allclose(model(x), pool(y), rtol=1e-4, atol=1e-5)


def test_groups_are_independent():
    model = backbones.alexnet((63, 63, 3), width=0.1)
    for weight in model.get_layer("conv2_2").weights:
        weight.assign(0 * weight)
    inner = keras.Model(model.input, model.get_layer("conv2").output)
    outputs = np.asarray(inner(np.ones((1, 63, 63, 3), "float32")))
    half = outputs.shape[-1] // 2
    assert np.any(outputs[..., :half]) and not np.any(outputs[..., half:])


def test_any_width_has_two_equal_groups():
    for width in (0.001, 0.03, 0.11, 0.33):
        model = backbones.alexnet(width=width)
        sizes = {layer.name: layer.filters for layer in model.layers if layer.weights}
        assert sizes["conv1"] % 2 == 0 and sizes["conv2_1"] == sizes["conv2_2"]

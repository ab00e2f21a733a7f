import keras
import numpy as np
import tensorflow as tf

from kollias_affect import backbones


def test_affwild_form_is_table_4_of_paper_c():
    """Compares name, filter, stride and padding of every printed row."""
    rows = [
        ("conv1", (7, 7, 3, 96), (2, 2), "valid"),
        ("pool1", (3, 3), (2, 2), "valid"),
        ("conv2", (5, 5, 96, 256), (2, 2), "same"),
        ("pool2", (3, 3), (2, 2), "same"),
        ("conv3", (3, 3, 256, 512), (1, 1), "same"),
        ("conv4", (3, 3, 512, 512), (1, 1), "same"),
        ("conv5", (3, 3, 512, 512), (1, 1), "same"),
        ("pool5", (2, 2), (2, 2), "same"),
    ]
    model = backbones.cnn_m()
    for name, size, strides, padding in rows:
        layer = model.get_layer(name)
        kernel = layer.kernel.shape if name.startswith("conv") else layer.pool_size
        assert (tuple(kernel), layer.strides, layer.padding) == (size, strides, padding)
    order = [layer.name for layer in model.layers[1:]]
    convolutions = [[f"conv{i}", f"conv{i}_bn", f"conv{i}_relu"] for i in range(1, 6)]
    assert order == [
        *(*convolutions[0], "pool1", *convolutions[1], "pool2"),
        *(*convolutions[2], *convolutions[3], *convolutions[4], "pool5"),
    ]


def test_vgg_cnn_m_2048_equals_its_prototxt():
    model = backbones.cnn_m((60, 71, 3), width=0.1, form="vgg_cnn_m_2048")
    x = 50 * np.random.default_rng(0).normal(size=(2, 60, 71, 3)).astype("float32")

    def convolution(x, name, stride, pad):
        kernel, bias = model.get_layer(name).get_weights()
        x = tf.pad(x, [[0, 0], [pad, pad], [pad, pad], [0, 0]])
        return tf.nn.relu(tf.nn.conv2d(x, kernel, stride, "VALID") + bias)

    def norm(x):
        return tf.nn.local_response_normalization(x, 2, bias=2, alpha=5e-4 / 5, beta=0.75)

    def pool(x):
        # After a ReLU, zeros at the end do not change the maximum of an incomplete window.
        ends = [[0, int(side % 2 == 0)] for side in x.shape[1:3]]
        return tf.nn.max_pool2d(tf.pad(x, [[0, 0], *ends, [0, 0]]), 3, 2, "VALID")

    y = pool(norm(convolution(x, "conv1", 2, 0)))
    y = pool(norm(convolution(y, "conv2", 2, 1)))
    for name in ("conv3", "conv4", "conv5"):
        y = convolution(y, name, 1, 1)
    np.testing.assert_allclose(model(x), pool(y), rtol=1e-4, atol=1e-5)


def test_vgg_cnn_m_2048_has_6_by_6_outputs_for_fc6():
    model = backbones.cnn_m((224, 224, 3), width=0.02, form="vgg_cnn_m_2048")
    fc6 = keras.layers.Conv2D(8, 6)
    assert fc6(model.output).shape == (None, 1, 1, 8)

import keras
import numpy as np

from kollias_affect import backbones


def test_takes_the_weights_of_keras_applications():
    model = backbones.densenet121((64, 50, 3))
    other = keras.applications.DenseNet121(weights=None, include_top=False, input_shape=(64, 50, 3))
    paths = [[(v.path, v.shape) for v in network.weights] for network in (model, other)]
    assert paths[0] == paths[1]
    random = np.random.default_rng(0)
    for weight in other.weights:
        if len(weight.shape) == 1:
            weight.assign(random.uniform(0.5, 1.5, weight.shape))
    model.set_weights(other.get_weights())
    images = random.uniform(-1, 1, (1, 64, 50, 3)).astype("float32")
    expected = np.asarray(other(images)).mean((1, 2), keepdims=True)
    np.testing.assert_allclose(model(images), expected, rtol=1e-4, atol=1e-5)


def test_width_scales_the_growth_rate_and_the_first_convolution():
    model = backbones.densenet121((32, 32, 3), width=0.125)
    assert model.get_layer("conv1_conv").filters == 8
    assert model.get_layer("conv2_block1_1_conv").filters == 16
    assert model.get_layer("conv2_block1_2_conv").filters == 4
    assert model.output.shape[1:] == (1, 1, 128)

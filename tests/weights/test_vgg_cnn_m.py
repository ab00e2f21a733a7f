import keras
import numpy as np
import pytest
from keras import layers

from kollias_affect import backbones
from kollias_affect.weights import conventions
from kollias_affect.weights.vgg_cnn_m import CONVOLUTIONS, FULLY_CONNECTED, load_vgg_cnn_m


def network(dense=True):
    backbone = backbones.cnn_m((96, 96, 3), 1 / 16, form="vgg_cnn_m_2048")  # pool5 is 2 x 2
    x = backbone.output
    if dense:
        x = layers.Dense(12, "relu", name="fc6")(layers.Flatten()(x))
        x = layers.Dense(9, name="fc8")(layers.Dense(10, "relu", name="fc7")(x))
    else:
        x = layers.Conv2D(12, x.shape[1], activation="relu", name="fc6")(x)
        x = layers.Conv2D(10, 1, activation="relu", name="fc7")(x)
        x = layers.Conv2D(9, 1, name="fc8")(x)
    return keras.Model(backbone.input, x)


def entries(model):
    return {name: model.get_layer(name).get_weights() for name in CONVOLUTIONS + FULLY_CONNECTED}


@pytest.fixture(scope="module")
def pixels():
    return np.random.default_rng(1).integers(0, 256, (2, 96, 96, 3))


@pytest.mark.parametrize("fold", [False, True])
@pytest.mark.parametrize("average", [(1, 1, 3), (224, 224, 3)])
def test_output_equals_that_of_the_source(save_matconvnet, pixels, random_weights, fold, average):
    """Fully connected layers are convolutions in the file, and dense in the model."""
    source, model = random_weights(network(dense=False)), network()
    image = np.random.default_rng(2).uniform(90, 130, average).astype("float32")
    report = load_vgg_cnn_m(model, save_matconvnet(entries(source), image), fold=fold)
    assert report.filled == CONVOLUTIONS + FULLY_CONNECTED and report.unused == ()
    assert report.convention.colour == "RGB"
    assert report.convention.mean == pytest.approx(image.reshape(-1, 3).mean(0), rel=1e-5)
    expected = np.asarray(source(report.convention.prepare(pixels)))[:, 0, 0]
    # conv1 has no padding: the complete network is equal after folding, too.
    output = np.asarray(model(report.model_takes.prepare(pixels)))
    np.testing.assert_allclose(output, expected, rtol=1e-3, atol=1e-3 * expected.std())


def test_missing_and_misshaped_entries(save_matconvnet):
    model = network()
    before = model.get_weights()
    content = entries(network(dense=False))
    del content["conv4"]
    content["conv5"][1] = np.ones(5)
    with pytest.raises(ValueError) as error:
        load_vgg_cnn_m(model, save_matconvnet(content))
    assert "missing: conv4;" in str(error.value)
    assert "misshaped: conv5 bias (5,), expected (32,)" in str(error.value)
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_a_backbone_ignores_the_head(save_matconvnet):
    path = save_matconvnet(entries(network(dense=False)))
    backbone = backbones.cnn_m((96, 96, 3), 1 / 16, form="vgg_cnn_m_2048")
    report = load_vgg_cnn_m(backbone, path)
    assert report.filled == CONVOLUTIONS and report.unused == FULLY_CONNECTED
    # Without an average image, the mean colour of ImageNet is used.
    assert report.convention == conventions.IMAGENET_RGB


def test_other_widths_and_files_are_refused(save_matconvnet, save_npy):
    path = save_matconvnet(entries(network(dense=False)))
    with pytest.raises(
        ValueError, match=r"conv5 kernel \(3, 3, 32, 32\), expected \(3, 3, 64, 64\)"
    ):
        load_vgg_cnn_m(backbones.cnn_m((96, 96, 3), 1 / 8, form="vgg_cnn_m_2048"), path)
    with pytest.raises(ValueError, match="must be a .mat file"):
        load_vgg_cnn_m(network(), save_npy({}))

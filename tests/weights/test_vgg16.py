import keras
import numpy as np
import pytest

from kollias_affect import backbones
from kollias_affect.weights import conventions
from kollias_affect.weights.vgg16 import load_vgg16
from kollias_affect.weights.vgg_face import CONVOLUTIONS, load_vgg_face

SIDE = 32


@pytest.fixture(scope="module")
def pixels():
    return np.random.default_rng(1).integers(0, 256, (2, SIDE, SIDE, 3))


@pytest.fixture(scope="module")
def application():
    """Keras' own network without its top, with weights that keep signals at their size."""
    model = keras.applications.VGG16(weights=None, input_shape=(SIDE, SIDE, 3), include_top=False)
    random = np.random.default_rng(0)
    for layer in model.layers:
        if layer.weights:
            kernel, bias = layer.weights
            deviation = np.sqrt(2 / np.prod(kernel.shape[:-1]))
            layer.set_weights(
                [random.normal(0, deviation, kernel.shape), random.normal(0, 1, bias.shape)]
            )
    return model


@pytest.mark.parametrize("name", ["model.weights.h5", "keras2.h5"])
def test_files_of_keras_give_the_output_of_keras(application, pixels, tmp_path, legacy_h5, name):
    if name == "keras2.h5":
        legacy_h5(tmp_path / name, application)
    else:
        application.save_weights(tmp_path / name)
    model = backbones.vgg16((SIDE, SIDE, 3))
    report = load_vgg16(model, tmp_path / name, fold=False)
    assert report.filled == CONVOLUTIONS and report.convention == conventions.IMAGENET_BGR
    expected = np.asarray(
        application(keras.applications.vgg16.preprocess_input(pixels.astype("float32")))
    )
    output = np.asarray(model(report.model_takes.prepare(pixels)))
    np.testing.assert_allclose(output, expected, rtol=1e-4, atol=1e-4 * expected.std())


def narrow_layers(**more):
    """Arrays of a narrow VGG-16 by the names of Keras; the published file has a top."""
    random = np.random.default_rng(0)
    layers = {}
    for layer in backbones.vgg16((SIDE, SIDE, 3), width=1 / 32).layers:
        if layer.name in CONVOLUTIONS:
            name = f"block{layer.name[4]}_conv{layer.name[6]}"
            kernel, bias = layer.weights
            layers[name] = {
                "kernel": random.normal(0, 1, kernel.shape),
                "bias": random.normal(0, 1, bias.shape),
            }
    return {"input_1": {}, **layers, "block5_pool": {}, **more}


def test_the_top_goes_to_the_fully_connected_layers(save_keras_h5):
    random = np.random.default_rng(1)
    top = {"kernel": random.normal(0, 1, (16, 6)), "bias": random.normal(0, 1, 6)}
    path = save_keras_h5(narrow_layers(fc1=top))
    backbone = backbones.vgg16((SIDE, SIDE, 3), width=1 / 32)
    x = keras.layers.Flatten()(backbone.output)
    model = keras.Model(backbone.input, keras.layers.Dense(6, name="fc6")(x))
    assert load_vgg16(model, path).filled == (*CONVOLUTIONS, "fc6")
    np.testing.assert_allclose(model.get_layer("fc6").get_weights()[0], top["kernel"], rtol=1e-6)


def test_weights_fit_images_of_224_pixels(save_keras_h5, pixels):
    layers = narrow_layers()
    model = backbones.vgg16((224, 224, 3), width=1 / 32)
    load_vgg16(model, save_keras_h5(layers), fold=False)
    assert model.output_shape == (None, 7, 7, 16)
    np.testing.assert_allclose(
        model.get_layer("conv3_2").get_weights()[0], layers["block3_conv2"]["kernel"], rtol=1e-6
    )


def test_files_of_matconvnet_expect_the_mean_of_imagenet(save_matconvnet):
    layers = {
        f"conv{name[5]}_{name[11]}": (parts["kernel"], parts["bias"])
        for name, parts in narrow_layers().items()
        if parts
    }
    model = backbones.vgg16((SIDE, SIDE, 3), width=1 / 32)
    report = load_vgg16(model, save_matconvnet(layers))
    assert report.filled == CONVOLUTIONS
    assert report.convention == conventions.IMAGENET_RGB  # without an average image in the file


def test_vgg_face_refuses_it_and_names_this_importer(save_keras_h5):
    model = backbones.vgg_face((SIDE, SIDE, 3), width=1 / 32)
    with pytest.raises(ValueError, match="or `load_vgg16`"):
        load_vgg_face(model, save_keras_h5(narrow_layers()))
    with pytest.raises(ValueError, match="missing: conv1_1, conv1_2"):
        load_vgg16(model, save_keras_h5({"dense": {"kernel": np.ones((2, 2))}}))

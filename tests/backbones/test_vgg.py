import numpy as np
import pytest

from kollias_affect import backbones


def test_topology_is_that_of_table_7_of_paper_c():
    model = backbones.vgg_face(width=1.0)
    shapes = {layer.name: layer.output.shape[1:] for layer in model.layers}
    assert shapes["conv1_2"] == (96, 96, 64) and shapes["pool1"] == (48, 48, 64)
    assert shapes["pool2"] == (24, 24, 128)
    assert shapes["conv3_3"] == (24, 24, 256)
    assert shapes["conv5_3"] == (6, 6, 512)
    assert model.output.shape[1:] == (3, 3, 512)
    assert len([name for name in shapes if name.startswith("conv")]) == 13
    assert model.count_params() == 14_714_688  # VGG-16 without its top


def test_vgg16_has_the_topology_of_vgg_face():
    face, imagenet = (
        function(input_shape=(40, 33, 3), width=0.1)
        for function in (backbones.vgg_face, backbones.vgg16)
    )
    assert (face.name, imagenet.name) == ("vgg_face", "vgg16")
    assert face.get_config()["layers"] == imagenet.get_config()["layers"]


def test_width_scales_channels():
    model = backbones.vgg_face(input_shape=(64, 64, 3), width=0.125)
    assert model.output.shape[1:] == (2, 2, 64)
    assert np.asarray(model(np.zeros((1, 64, 64, 3)))).shape == (1, 2, 2, 64)


@pytest.mark.parametrize("shape", [(31, 96, 3), (96, 96), (None, None, 3), 96, (96, 96, 1)])
def test_wrong_input_shapes_are_refused(shape):
    with pytest.raises(ValueError, match="at least 32 x 32"):
        backbones.vgg_face(input_shape=shape)


def test_width_must_be_positive():
    with pytest.raises(ValueError, match="`width` must be positive"):
        backbones.vgg_face(width=0)


def test_unknown_backbones_are_refused():
    with pytest.raises(ValueError, match="`backbone` must be one of"):
        backbones.build("resnet_51")


def test_batch_normalization_comes_between_convolution_and_relu():
    model = backbones.vgg_face(input_shape=(32, 32, 3), width=0.05, batch_normalization=True)
    plain = backbones.vgg_face(input_shape=(32, 32, 3), width=0.05)
    names = [layer.name for layer in model.layers]
    for name in (layer.name for layer in plain.layers if layer.name.startswith("conv")):
        position = names.index(name)
        assert names[position : position + 3] == [name, f"{name}_bn", f"{name}_relu"]
        convolution = model.get_layer(name)
        assert not convolution.use_bias and convolution.activation.__name__ == "linear"
    assert [n for n in names if n.startswith("pool")] == [f"pool{i}" for i in range(1, 6)]
    assert model.output.shape == plain.output.shape
    # Each channel has gamma, beta, mean and variance instead of a bias.
    convolutions = [layer for layer in plain.layers if layer.name.startswith("conv")]
    channels = sum(layer.filters for layer in convolutions)
    assert model.count_params() - plain.count_params() == 3 * channels


def test_batch_normalization_is_trained_and_saved(tmp_path):
    import keras

    model = backbones.vgg16(input_shape=(32, 32, 3), width=0.05, batch_normalization=True)
    images = np.random.default_rng(0).uniform(-1, 1, (8, 32, 32, 3)).astype("float32")
    before = model.get_layer("conv1_1_bn").moving_variance.numpy()
    model.compile("sgd", "mse")
    model.fit(images, np.zeros((8, *model.output.shape[1:])), verbose=0)
    assert not np.allclose(before, model.get_layer("conv1_1_bn").moving_variance.numpy())
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    assert np.allclose(model(images), again(images), atol=1e-6)


def test_published_weights_do_not_fit_batch_normalization(tmp_path):
    import h5py

    from kollias_affect import weights

    narrow = {"input_shape": (32, 32, 3), "width": 0.05}
    path = tmp_path / "vgg.h5"
    with h5py.File(path, "w") as file:
        names = []
        for layer in backbones.vgg_face(**narrow).layers:
            if not layer.weights:
                continue
            group = file.create_group(layer.name)
            group.attrs["weight_names"] = [f"{layer.name}_W", f"{layer.name}_b"]
            for name, value in zip(group.attrs["weight_names"], layer.weights, strict=True):
                group[name] = value.numpy()
            names.append(layer.name)
        file.attrs["layer_names"] = names
    weights.load_vgg_face(backbones.vgg_face(**narrow), path)
    with pytest.raises(ValueError, match="conv1_1"):
        weights.load_vgg_face(backbones.vgg_face(**narrow, batch_normalization=True), path)

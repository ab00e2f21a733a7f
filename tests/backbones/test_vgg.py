import numpy as np
import pytest

from kollias_affect import backbones


def test_topology_is_that_of_paper_c_table_7():
    model = backbones.vgg_face(width=1.0)
    shapes = {layer.name: layer.output.shape[1:] for layer in model.layers}
    assert shapes["conv1_2"] == (96, 96, 64) and shapes["pool1"] == (48, 48, 64)
    assert shapes["pool2"] == (24, 24, 128)
    assert shapes["conv3_3"] == (24, 24, 256)
    assert shapes["conv5_3"] == (6, 6, 512)
    assert model.output.shape[1:] == (3, 3, 512)
    assert len([name for name in shapes if name.startswith("conv")]) == 13
    assert model.count_params() == 14_714_688  # the published number of VGG-16 without its top


def test_vgg16_is_vgg_face_by_another_name():
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
def test_wrong_input_shapes_name_the_smallest_size(shape):
    with pytest.raises(ValueError, match="at least 32 x 32"):
        backbones.vgg_face(input_shape=shape)


def test_bad_width():
    with pytest.raises(ValueError, match="`width` must be positive"):
        backbones.vgg_face(width=0)


def test_unknown_backbone():
    with pytest.raises(ValueError, match="`backbone` must be one of"):
        backbones.build("resnet_51")

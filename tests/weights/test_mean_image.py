import numpy as np
import pytest

from kollias_affect.weights import mean_image

LAYER = {"conv1": (np.zeros((3, 3, 3, 2), "float32"), np.zeros(2, "float32"))}


def test_the_image_of_a_matconvnet_file_is_read(save_matconvnet):
    image = np.random.default_rng(0).uniform(0, 255, (6, 6, 3)).astype("float32")
    np.testing.assert_array_equal(mean_image(save_matconvnet(LAYER, image)), image)


@pytest.mark.parametrize("average", [None, np.ones((1, 1, 3)), np.ones((1, 3))])
def test_a_mean_colour_is_no_image(save_matconvnet, average):
    assert mean_image(save_matconvnet(LAYER, average)) is None


def test_other_files_have_none(save_npy):
    assert mean_image(save_npy({"conv1": 1})) is None

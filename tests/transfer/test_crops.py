import keras
import numpy as np
import pytest

from kollias_affect import models
from kollias_affect.transfer import network, ten_crops


@pytest.fixture(scope="module")
def model():
    return network("vgg_cnn_m_2048", 64, 0.03)


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).uniform(-1, 1, (3, 64, 64, 3)).astype(np.float32)


def test_outputs_are_the_mean_over_corners_centre_and_mirror_images(model, images):
    """Crops are 56 of 64 pixels; each is shown to the network as the centre of a picture."""
    outputs = []
    for top, left in ((0, 0), (0, 8), (8, 0), (8, 8), (4, 4)):
        for crop in (
            images[:, top : top + 56, left : left + 56],
            images[:, top : top + 56, left : left + 56][:, :, ::-1],
        ):
            padded = np.pad(crop, [(0, 0), (4, 4), (4, 4), (0, 0)])
            outputs.append(np.asarray(model({"images": padded})))
    found = np.asarray(ten_crops(model)({"images": images}))
    assert np.allclose(found, np.mean(outputs, axis=0), atol=1e-6)
    assert not np.allclose(found, np.asarray(model({"images": images})), atol=1e-6)


def test_it_has_the_inputs_outputs_and_weights_of_the_model(model):
    crops = ten_crops(model)
    assert list(crops.input) == ["images"] and crops.output_names == model.output_names
    assert models.describe(crops)["task"] == "expression"
    assert {id(w) for w in crops.trainable_variables} == {id(w) for w in model.trainable_variables}


def test_models_without_crops_are_refused(tiny):
    with pytest.raises(ValueError, match=r"Ten crops need a model of `transfer.network`"):
        ten_crops(tiny())
    plain = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Flatten()])
    with pytest.raises(ValueError, match="Ten crops"):
        ten_crops(plain)

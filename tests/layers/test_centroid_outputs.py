import keras
import numpy as np
import pytest

from kollias_affect.layers import CentroidOutputs
from kollias_affect.layers.centroid_outputs import NORMALIZATIONS, centroid_outputs


def layer_of(centroids, *arguments, **options):
    layer = CentroidOutputs(len(centroids), *arguments, **options)
    layer.build((None, np.shape(centroids)[1]))
    layer.set_weights([np.asarray(centroids)])
    return layer


@pytest.mark.parametrize("normalization", NORMALIZATIONS)
def test_layer_equals_the_outputs_that_the_loss_compares(normalization):
    random = np.random.default_rng(0)
    z, x = random.normal(0, 0.3, (7, 16)), random.normal(0, 0.3, (2, 5, 16)).astype("float32")
    outputs = np.asarray(layer_of(z, normalization, 2.0)(x))
    assert outputs.shape == (2, 5, 7) and outputs.dtype == np.float32
    expected = np.asarray(centroid_outputs(x, z.astype("float32"), normalization, 2.0))
    assert np.abs(outputs - expected).max() < 1e-6
    assert np.allclose(outputs.sum(-1), 6, atol=1e-5)
    assert outputs.min() >= 0 and outputs.max() <= 1


@pytest.mark.parametrize("normalization", NORMALIZATIONS)
@pytest.mark.parametrize("spread", [1, 30, 1000])
def test_largest_output_is_the_nearest_centroid_even_where_the_softmax_saturates(
    normalization, spread
):
    random = np.random.default_rng(1)
    z, x = spread * random.normal(size=(7, 8)), spread * random.normal(size=(200, 8))
    z, x = z.astype("float32"), x.astype("float32")
    distances = ((z - x[:, None].astype("float64")) ** 2).sum(-1)
    outputs = np.asarray(layer_of(z, normalization)(x))
    assert (outputs.argmax(-1) == distances.argmin(-1)).all()


def test_nothing_is_trained_and_saving_keeps_the_centroids(tmp_path):
    z = np.random.default_rng(2).normal(size=(7, 4)).astype("float32")
    inputs = keras.Input((3, 4))
    model = keras.Model(inputs, layer_of(z, name="expression")(inputs))
    assert model.trainable_weights == []
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    x = np.ones((2, 3, 4), "float32")
    assert np.array_equal(np.asarray(model(x)), np.asarray(again(x)))
    assert np.array_equal(again.get_layer("expression").get_weights()[0], z)


def test_mixed_precision_does_not_change_the_layer():
    z = np.random.default_rng(3).normal(size=(7, 4))
    x = np.ones((2, 4), "float32")
    expected = np.asarray(layer_of(z)(x))
    keras.config.set_dtype_policy("mixed_float16")
    try:
        assert np.array_equal(np.asarray(layer_of(z)(x)), expected)
    finally:
        keras.config.set_dtype_policy("float32")


def test_config_is_complete(config_is_complete):
    config_is_complete(CentroidOutputs(7, "linear", 2.0))


def test_arguments_are_checked():
    for options in ({"classes": 0}, {"normalization": "max"}, {"scale": 0}):
        with pytest.raises(ValueError, match=f"`{next(iter(options))}` must be"):
            CentroidOutputs(**{"classes": 7, **options})

import keras
import numpy as np
import pytest

from kollias_affect.backbones import parts


def run(layer, x, *args, **options):
    inputs = keras.Input(x.shape[1:])
    return np.asarray(keras.Model(inputs, layer(inputs, *args, **options))(x))


def lrn_by_loop(x, alpha, beta, bias, radius):
    outputs = np.empty_like(x, dtype="float64")
    for c in range(x.shape[-1]):
        window = x[..., max(0, c - radius) : c + radius + 1].astype("float64")
        outputs[..., c] = x[..., c] / (bias + alpha * np.square(window).sum(-1)) ** beta
    return outputs


@pytest.mark.parametrize("channels", [1, 2, 4, 5, 13])
@pytest.mark.parametrize(
    ("alpha", "beta", "bias", "radius"),
    [(1e-4, 0.75, 2, 2), (2e-5, 0.75, 1, 2), (0.3, 0.5, 1.5, 2), (0.3, 0.75, 1, 1)],
)
def test_local_response_normalization_equals_its_formula(channels, alpha, beta, bias, radius):
    x = np.random.default_rng(0).normal(0, 30, (2, 3, 4, channels)).astype("float32")
    outputs = run(
        parts.local_response_normalization, x, alpha, beta, bias, name="norm", radius=radius
    )
    expected = lrn_by_loop(x, alpha, beta, bias, radius)
    np.testing.assert_allclose(outputs, expected, rtol=1e-5)


def test_local_response_normalization_agrees_with_tensorflow():
    tf = pytest.importorskip("tensorflow")
    x = np.random.default_rng(0).normal(0, 30, (2, 5, 3, 16)).astype("float32")
    outputs = run(parts.local_response_normalization, x, 2e-5, 0.75, 1, name="norm")
    expected = tf.nn.local_response_normalization(x, 2, 1, 2e-5, 0.75)
    np.testing.assert_allclose(outputs, expected, rtol=1e-5)


def ceil_max_pool_by_loop(x):
    rows, columns = (max(1, -(-(side - 3) // 2) + 1) for side in x.shape[1:3])
    windows = [
        [x[:, 2 * i : 2 * i + 3, 2 * j : 2 * j + 3].max((1, 2)) for j in range(columns)]
        for i in range(rows)
    ]
    return np.moveaxis(np.asarray(windows), 2, 0)


@pytest.mark.parametrize("height", [2, 3, 4, 7, 26])
@pytest.mark.parametrize("width", [2, 3, 5, 8, 13])
def test_ceil_max_pool_keeps_the_incomplete_last_window(height, width):
    # All values are negative, so that zero padding would be visible.
    x = -np.random.default_rng(0).uniform(1, 2, (2, height, width, 3)).astype("float32")
    outputs = run(parts.ceil_max_pool, x, name="pool")
    np.testing.assert_array_equal(outputs, ceil_max_pool_by_loop(x))


def test_there_is_at_least_one_channel():
    assert [parts.channels(64, width) for width in (1, 0.5, 0.02, 1e-9)] == [64, 32, 1, 1]

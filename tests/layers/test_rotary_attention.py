"""Attention with rotary positions, compared with its formula written as loops."""

import keras
import numpy as np
import pytest

from kollias_affect import layers


def expected(layer, frames, known):
    """Attention by complex numbers: rotation by the position is a product with `exp(i t f)`."""
    kernel = {w.path.split("/", 1)[1]: np.asarray(w, np.float64) for w in layer.weights}
    query = frames @ kernel["query/kernel"] + kernel["query/bias"]
    key, value = np.split(
        frames @ kernel["key_value/kernel"] + kernel["key_value/bias"], 2, axis=-1
    )
    size = query.shape[-1] // layer.heads
    result = np.zeros_like(query)
    for head in range(layer.heads):
        part = slice(head * size, (head + 1) * size)

        def turned(x, t, part=part):
            real, imaginary = np.split(x[part], 2)
            turn = np.exp(1j * t / 10_000 ** (2 * np.arange(size // 2) / size))
            return (real + 1j * imaginary) * turn

        for t in range(len(frames)):
            before, after = (layer.context - 1, 0) if layer.causal else (layer.context // 2,) * 2
            seen = [s for s in range(len(frames)) if -before <= s - t <= after and known[s]]
            logits = [(turned(query[t], t) * turned(key[s], s).conj()).real.sum() for s in seen]
            weights = np.exp(np.array(logits) / np.sqrt(size))
            result[t, part] = weights @ value[seen][:, part] / weights.sum()
    return result @ kernel["output/kernel"] + kernel["output/bias"]


@pytest.mark.parametrize("causal", [True, False])
def test_attention_is_that_of_the_formula(causal):
    random = np.random.default_rng(0)
    layer = layers.RotaryAttention(heads=2, context=4, causal=causal)
    frames = random.normal(size=(1, 9, 8))
    layer.build(frames.shape)
    for weight in layer.weights:
        weight.assign(random.normal(size=weight.shape) * 0.5)
    known = np.ones(9, bool)
    known[[3, 6]] = False
    outputs = np.asarray(layer(frames.astype("float32"), mask=known[None]))[0]
    np.testing.assert_allclose(outputs, expected(layer, frames[0], known), atol=2e-5)


def test_attention_depends_on_distances_alone():
    layer = layers.RotaryAttention(heads=1, context=3, causal=True)
    frames = np.random.default_rng(0).normal(size=(1, 12, 4)).astype("float32")
    later = np.concatenate([frames[:, :5] * 0 + 1, frames], axis=1)
    np.testing.assert_allclose(layer(later)[0, 7:], layer(frames)[0, 2:], atol=1e-5)


def test_the_means_count_known_frames_alone():
    frames = np.array([[[2.0], [100.0], [4.0], [8.0]]], "float32")
    mask = np.array([[True, False, True, True]])
    centred, causal = (layers.MovingAverage(3, causal=c)(frames, mask=mask) for c in (False, True))
    assert np.asarray(centred)[0, :, 0].tolist() == [2, 3, 6, 6]
    assert np.asarray(causal)[0, :, 0].tolist() == [2, 2, 3, 6]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"heads": 0, "context": 3}, "heads"),
        ({"heads": 1, "context": 1}, "context"),
        ({"heads": 1, "context": 3, "dropout": 1.0}, "dropout"),
    ],
)
def test_numbers_out_of_range_are_refused(options, message):
    with pytest.raises(ValueError, match=f"`{message}` must"):
        layers.RotaryAttention(**options)


def test_units_must_fit_the_heads():
    with pytest.raises(ValueError, match=r"multiple of 2 \* heads"):
        layers.RotaryAttention(heads=2, context=3)(keras.Input((5, 6)))


@pytest.mark.parametrize(
    "layer",
    [layers.RotaryAttention(2, 3, True, 0.5), layers.MovingAverage(4, True)],
    ids=lambda layer: type(layer).__name__,
)
def test_configs_are_complete(layer, config_is_complete):
    config_is_complete(layer)

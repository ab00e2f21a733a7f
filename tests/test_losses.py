import keras
import numpy as np
import pytest

from kollias_affect import losses, metrics


@pytest.fixture
def batch():
    random = np.random.default_rng(3)
    y_true = random.uniform(-1, 1, (4, 10, 2)).astype(np.float32)
    y_pred = (0.5 * y_true + random.normal(0, 0.3, y_true.shape)).astype(np.float32)
    weights = np.ones((4, 10), np.float32)
    weights[:, 7:] = 0
    return y_true, y_pred, weights


def test_loss_is_one_minus_the_mean_ccc(batch):
    y_true, y_pred, weights = batch
    expected = 1 - np.mean(metrics.ccc(y_true, y_pred, weights))
    assert float(losses.CCCLoss()(y_true, y_pred, weights)) == pytest.approx(expected, abs=1e-6)


def test_range_of_the_loss():
    y_true = np.random.default_rng(0).uniform(-1, 1, (4, 10, 2)).astype(np.float32)
    y_true -= y_true.mean(axis=(0, 1))
    assert float(losses.CCCLoss()(y_true, y_true)) == pytest.approx(0, abs=1e-6)
    assert float(losses.CCCLoss()(y_true, -y_true)) == pytest.approx(2, abs=1e-6)


def test_padding_does_not_count(batch):
    y_true, y_pred, weights = batch
    without = losses.CCCLoss()(y_true[:, :7], y_pred[:, :7])
    y_pred[:, 7:] = 99
    assert float(losses.CCCLoss()(y_true, y_pred, weights)) == pytest.approx(
        float(without), abs=1e-6
    )


def test_sequence_level_takes_each_weighted_mean_as_a_sample(batch):
    y_true, y_pred, weights = batch
    expected = 1 - np.mean(metrics.ccc(y_true[:, :7].mean(1), y_pred[:, :7].mean(1)))
    loss = losses.CCCLoss(level="sequence")
    assert float(loss(y_true, y_pred, weights)) == pytest.approx(expected, abs=1e-6)


def test_sequence_without_frames_is_no_sample(batch):
    y_true, y_pred, weights = batch
    weights[2] = 0
    kept = [0, 1, 3]
    loss = losses.CCCLoss(level="sequence")
    expected = loss(y_true[kept], y_pred[kept], weights[kept])
    assert float(loss(y_true, y_pred, weights)) == pytest.approx(float(expected), abs=1e-6)


@pytest.mark.parametrize("level", losses.LEVELS)
@pytest.mark.parametrize("case", ["usual", "constant labels", "constant predictions", "no weight"])
def test_gradients_agree_with_finite_differences(batch, level, case):
    tf = pytest.importorskip("tensorflow")
    y_true, y_pred, weights = batch
    if case == "constant labels":
        y_true[:] = 0.25
    if case == "constant predictions":
        y_pred[:] = 0.25
    if case == "no weight":
        weights[:] = 0
    loss = losses.CCCLoss(level)
    variable = tf.Variable(y_pred)
    with tf.GradientTape() as tape:
        value = loss(y_true, variable, weights)
    gradient = tape.gradient(value, variable).numpy()
    assert np.isfinite(gradient).all() and np.isfinite(float(value))
    direction = np.random.default_rng(0).normal(size=y_pred.shape).astype(np.float32)
    step = 1e-2
    ahead = float(loss(y_true, y_pred + step * direction, weights))
    behind = float(loss(y_true, y_pred - step * direction, weights))
    numeric = (ahead - behind) / (2 * step)
    assert (gradient * direction).sum() == pytest.approx(numeric, rel=0.02, abs=2e-3)


def test_reductions(batch):
    values = losses.CCCLoss(reduction="none")(*batch)
    assert values.shape == (2,)
    total = float(losses.CCCLoss(reduction="sum")(*batch))
    assert total == pytest.approx(float(np.sum(values)), abs=1e-6)


def test_unknown_level():
    with pytest.raises(ValueError, match="`level` must be one of"):
        losses.CCCLoss(level="clip")


@pytest.mark.parametrize("loss", [losses.CCCLoss(), losses.CCCLoss("sequence", name="other")])
def test_configs_are_complete(loss, config_is_complete):
    config_is_complete(loss)
    assert isinstance(keras.losses.deserialize(keras.losses.serialize(loss)), losses.CCCLoss)


def test_masks_are_weights(batch):
    y_true, y_pred, weights = batch
    masked = keras.ops.convert_to_tensor(y_pred)
    masked._keras_mask = keras.ops.convert_to_tensor(weights > 0)
    expected = float(losses.CCCLoss()(y_true, y_pred, weights))
    assert float(losses.CCCLoss()(y_true, masked)) == pytest.approx(expected, abs=1e-6)

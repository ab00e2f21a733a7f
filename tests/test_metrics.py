import keras
import numpy as np
import pytest

from kollias_affect import metrics


def numpy_ccc(y_true, y_pred, weights=None):
    """Computes the CCC per dimension in float64 from its definition."""
    y_true, y_pred = (np.asarray(y, np.float64).reshape(-1, y.shape[-1]) for y in (y_true, y_pred))
    weights = np.ones(len(y_true)) if weights is None else np.asarray(weights, np.float64).ravel()
    y_true, y_pred = y_true[weights > 0], y_pred[weights > 0]
    weights = weights[weights > 0, None] / weights.sum()
    mean_true, mean_pred = (weights * y_true).sum(0), (weights * y_pred).sum(0)
    cov = (weights * (y_true - mean_true) * (y_pred - mean_pred)).sum(0)
    var_true = (weights * (y_true - mean_true) ** 2).sum(0)
    var_pred = (weights * (y_pred - mean_pred) ** 2).sum(0)
    return 2 * cov / (var_true + var_pred + (mean_true - mean_pred) ** 2)


@pytest.fixture
def corpus():
    random = np.random.default_rng(0)
    y_true = random.uniform(-1, 1, (12, 30, 2)).astype(np.float32)
    y_pred = (0.6 * y_true + random.normal(0.1, 0.3, y_true.shape)).astype(np.float32)
    weights = (random.uniform(size=(12, 30)) < 0.7).astype(np.float32)
    return y_true, y_pred, weights


def over_batches(y_true, y_pred, weights, sizes):
    metric, start = metrics.CCC(), 0
    for size in sizes:
        part = slice(start, start + size)
        metric.update_state(y_true[part], y_pred[part], weights[part])
        start += size
    return np.asarray(metric.per_dimension())


@pytest.mark.parametrize("sizes", [[12], [1] * 12, [5, 6, 1], [2, 10]])
def test_metric_is_invariant_to_batching(corpus, sizes):
    assert np.allclose(over_batches(*corpus, sizes), numpy_ccc(*corpus), rtol=0, atol=1e-7)


def test_mean_over_dimensions_and_single_dimensions(corpus):
    expected = numpy_ccc(*corpus)
    both, valence, arousal = metrics.CCC(), metrics.CCC(0), metrics.CCC(1)
    for metric in (both, valence, arousal):
        metric.update_state(*corpus)
    assert float(both.result()) == pytest.approx(expected.mean(), abs=1e-7)
    assert float(valence.result()) == pytest.approx(expected[0], abs=1e-7)
    assert float(arousal.result()) == pytest.approx(expected[1], abs=1e-7)


def test_fractional_weights_act_inside_the_moments(corpus):
    y_true, y_pred, _ = corpus
    weights = np.random.default_rng(1).uniform(0, 3, (12, 30))
    assert np.allclose(metrics.ccc(y_true, y_pred, weights), numpy_ccc(y_true, y_pred, weights))


def test_one_weight_per_sequence(corpus):
    y_true, y_pred, _ = corpus
    weights = np.arange(12.0)
    each = np.repeat(weights, 30).reshape(12, 30)
    assert np.allclose(metrics.ccc(y_true, y_pred, weights), numpy_ccc(y_true, y_pred, each))


def test_frames_without_weight_may_have_any_value(corpus):
    y_true, y_pred, weights = (array.copy() for array in corpus)
    expected = numpy_ccc(y_true, y_pred, weights)
    y_true[weights == 0] = np.nan
    y_pred[weights == 0] = 1e30
    assert np.allclose(metrics.ccc(y_true, y_pred, weights), expected, atol=1e-6)


@pytest.mark.parametrize(("level", "frames"), [(0.7, 320), (0.1, 3200), (3.3, 80)])
def test_equal_constants_give_zero(level, frames):
    """Although rounded means of many frames differ a little from them."""
    constant = np.full((frames, 2), level, "float32")
    assert np.allclose(metrics.ccc(constant, constant), 0, atol=1e-9)


@pytest.mark.parametrize("true", [0.0, 0.1, 1 / 3])
@pytest.mark.parametrize("predicted", [0.0, 0.1, 1 / 3])
def test_constants_give_zero_never_nan(true, predicted):
    y_true, y_pred = np.full((4, 10, 2), true, "float32"), np.full((4, 10, 2), predicted, "float32")
    assert np.allclose(metrics.ccc(y_true, y_pred), 0, atol=1e-9)
    varied = np.random.default_rng(0).uniform(-1, 1, (4, 10, 2)).astype("float32")
    assert np.allclose(metrics.ccc(varied, y_pred), 0, atol=1e-6)
    assert np.allclose(metrics.ccc(y_true, varied), 0, atol=1e-6)


def test_a_metric_without_samples_is_zero():
    assert float(metrics.CCC().result()) == 0
    metric = metrics.CCC()
    metric.update_state(np.ones((2, 3, 2)), np.ones((2, 3, 2)), np.zeros((2, 3)))
    assert float(metric.result()) == 0


def test_reset_discards_all_samples(corpus):
    metric = metrics.CCC()
    metric.update_state(-corpus[0], corpus[1])
    metric.reset_state()
    metric.update_state(*corpus)
    assert float(metric.result()) == pytest.approx(numpy_ccc(*corpus).mean(), abs=1e-7)


def test_large_offsets_do_not_cancel():
    random = np.random.default_rng(0)
    y_true = 1000 + random.normal(0, 0.1, (500, 2))
    y_pred = y_true + random.normal(0, 0.05, (500, 2))
    metric = metrics.CCC()
    for part in np.split(np.arange(500), 50):
        metric.update_state(y_true[part], y_pred[part])
    assert np.allclose(metric.per_dimension(), numpy_ccc(y_true, y_pred), atol=1e-4)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_is_computed_in_single(corpus, dtype):
    y_true, y_pred, weights = corpus
    value = metrics.ccc(y_true, keras.ops.cast(y_pred, dtype), weights)
    assert np.allclose(value, numpy_ccc(y_true, y_pred, weights), atol=5e-3)


def test_the_ccc_is_not_the_mean_of_batches(corpus):
    """Why Keras' own metric is not used: it averages separate coefficients."""
    y_true, y_pred, _ = corpus
    y_true = y_true * 0.1 + np.linspace(-0.8, 0.8, 12, dtype="float32")[:, None, None]
    y_pred = y_pred * 0.1 + np.linspace(-0.8, 0.8, 12, dtype="float32")[:, None, None]
    separate = np.mean([numpy_ccc(t, p) for t, p in zip(y_true, y_pred, strict=True)])
    assert np.mean(metrics.ccc(y_true, y_pred)) > separate + 0.1


@pytest.mark.parametrize("metric", [metrics.CCC(), metrics.CCC(dimension=1, name="ccc_arousal")])
def test_configs_are_complete(metric, config_is_complete):
    config_is_complete(metric)


def test_unknown_dimensions_are_refused():
    with pytest.raises(ValueError, match="`dimension` must be one of"):
        metrics.CCC(dimension=2)


def test_each_task_has_its_metrics():
    names = {task: [m.name for m in metrics.for_task(task)] for task in ("valence", "expression")}
    assert names == {"valence": ["ccc", "mse"], "expression": ["accuracy", "macro_f1"]}
    assert [m.name for m in metrics.for_task("valence_arousal")] == [
        "ccc",
        "ccc_valence",
        "ccc_arousal",
        "mse",
    ]


def test_centroid_accuracy_counts_the_nearest_centroid(config_is_complete):
    centroids = np.array([[0.0, 0], [100, 0], [0, 100]])
    x = np.array([[1.0, 2], [90, 5], [10, 80], [60, 0]], np.float32)  # nearest: 0, 1, 2, 1
    labels = np.array([0, 1, 1, 0])
    metric = metrics.CentroidAccuracy(centroids)
    metric.update_state(labels, x)
    assert float(metric.result()) == 0.5
    metric.reset_state()
    metric.update_state(np.eye(3)[labels], x, np.array([1, 1, 1, 0]))
    assert float(metric.result()) == pytest.approx(2 / 3)
    config_is_complete(metric)


def sklearn_f1(labels, predictions, weights):
    from sklearn.metrics import f1_score

    counted = weights > 0
    options = {"labels": np.unique(labels[counted]), "average": "macro", "zero_division": 0}
    return f1_score(labels[counted], predictions[counted], **options)


@pytest.mark.parametrize("soft", [False, True])
def test_macro_f1_is_that_of_scikit_learn_over_all_batches(soft, config_is_complete):
    random = np.random.default_rng(0)
    labels = random.integers(0, 6, (6, 5))  # class 6 does not occur
    outputs = random.uniform(size=(6, 5, 7)).astype(np.float32)
    weights = (random.uniform(size=(6, 5)) < 0.7).astype(np.float32)
    metric = metrics.MacroF1(7)
    for part in (slice(0, 2), slice(2, 6)):
        given = np.eye(7)[labels[part]] if soft else labels[part]
        metric.update_state(given, outputs[part], weights[part])
    expected = sklearn_f1(labels, outputs.argmax(-1), weights)
    assert float(metric.result()) == pytest.approx(expected, abs=1e-6)
    config_is_complete(metric)


def test_action_unit_f1_is_that_of_scikit_learn_over_known_labels(config_is_complete):
    from sklearn.metrics import f1_score

    random = np.random.default_rng(0)
    labels = random.integers(-1, 2, (8, 5, 3)).astype(np.float32)
    outputs = random.uniform(size=(8, 5, 3)).astype(np.float32)
    weights = (random.uniform(size=(8, 5)) < 0.7).astype(np.float32)
    metric = metrics.ActionUnitF1(3)
    for part in (slice(0, 3), slice(3, 8)):
        metric.update_state(labels[part], outputs[part], weights[part])
    each = []
    for unit in range(3):
        counted = (weights > 0) & (labels[..., unit] >= 0)
        values = labels[counted][:, unit], outputs[counted][:, unit] >= 0.5
        each.append(f1_score(*values))
    assert float(metric.result()) == pytest.approx(np.mean(each), abs=1e-6)
    config_is_complete(metric)


def test_action_units_of_double_precision_are_scored():
    """2 · 1 / (1 + 2) for the first unit; the second has no label that is present."""
    metric = metrics.ActionUnitF1(2)
    metric.update_state(np.array([[1, 0], [0, -1]]), np.array([[0.9, 0.1], [0.8, 0.8]]))
    assert float(metric.result()) == pytest.approx(2 / 3)

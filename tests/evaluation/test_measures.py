import numpy as np
import pytest
from scipy import stats
from sklearn import metrics as sklearn_metrics

from kollias_affect import metrics
from kollias_affect.evaluation import measures

EXACT = {"rel": 1e-9, "abs": 1e-9}


def lin(labels, predictions):
    """Computes Lin's formula in extended precision, because offsets cost precision."""
    labels, predictions = labels.astype(np.longdouble), predictions.astype(np.longdouble)
    covariance = np.mean((labels - labels.mean()) * (predictions - predictions.mean()))
    distance = (labels.mean() - predictions.mean()) ** 2
    return float(2 * covariance / (labels.var() + predictions.var() + distance))


def random_pair(offset=0.0, scale=1.0, seed=0, frames=1000):
    random = np.random.default_rng(seed)
    labels = random.normal(0, 1, frames)
    predictions = 0.6 * labels + random.normal(0.1, 0.5, frames)
    return offset + scale * labels, offset + scale * predictions


@pytest.mark.parametrize("offset", [0.0, 1e3, -1e3])
@pytest.mark.parametrize("scale", [1.0, 1e-5, 1e5])
def test_values_equal_those_of_scipy_and_lin(offset, scale):
    labels, predictions = random_pair(offset, scale)
    assert measures.ccc(labels, predictions) == pytest.approx(lin(labels, predictions), **EXACT)
    pearson = stats.pearsonr(labels, predictions).statistic
    assert measures.pearson(labels, predictions) == pytest.approx(pearson, **EXACT)
    mse = sklearn_metrics.mean_squared_error(labels, predictions)
    assert measures.mse(labels, predictions) == pytest.approx(mse, rel=1e-9)
    assert measures.rmse(labels, predictions) == pytest.approx(np.sqrt(mse), rel=1e-9)
    agree = sklearn_metrics.accuracy_score(np.sign(labels), np.sign(predictions))
    assert measures.sagr(labels, predictions) == pytest.approx(agree, **EXACT)


def test_an_offset_between_labels_and_predictions_costs_no_precision():
    labels, predictions = random_pair()
    predictions = predictions + 1e3
    assert measures.ccc(labels, predictions) == pytest.approx(lin(labels, predictions), rel=1e-9)
    pearson = stats.pearsonr(labels, predictions).statistic
    assert measures.pearson(labels, predictions) == pytest.approx(pearson, rel=1e-9)


def test_dimensions_are_columns():
    pairs = [random_pair(seed=seed) for seed in (1, 2)]
    labels, predictions = (np.stack(values, axis=1) for values in zip(*pairs, strict=True))
    for name in ("ccc", "pearson", "mse", "rmse", "sagr"):
        function = getattr(measures, name)
        assert function(labels, predictions).shape == (2,)
        assert np.allclose(function(labels, predictions), [function(*pair) for pair in pairs])


def test_the_ccc_equals_the_training_metric():
    pairs = [random_pair(seed=seed) for seed in (1, 2)]
    labels, predictions = (np.stack(values, axis=1) for values in zip(*pairs, strict=True))
    expected = np.asarray(metrics.ccc(labels, predictions))
    assert np.allclose(measures.ccc(labels, predictions), expected, rtol=0, atol=1e-9)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("constant", [0.0, 0.1, 1 / 3, 1e3 + 0.1])
@pytest.mark.parametrize("frames", [1, 2, 999, 100_000])
def test_constants_have_correlation_zero_and_no_nan(constant, frames):
    varied, _ = random_pair(frames=frames)
    constants = np.full(frames, constant)
    for pair in (
        (varied, constants),
        (constants, varied),
        (constants, constants),
        (constants, constants + 0.2),
    ):
        assert measures.ccc(*pair) == 0 and measures.pearson(*pair) == 0
        assert np.isfinite([measures.rmse(*pair), measures.sagr(*pair)]).all()


def test_zero_agrees_in_sign_with_zero_only():
    labels = np.array([0.0, 0.0, 0.0, 1.0, -1.0])
    predictions = np.array([0.0, 0.2, -0.2, 0.0, -0.1])
    assert measures.sagr(labels, predictions) == pytest.approx(0.4)
    assert measures.sagr(-labels, -predictions) == pytest.approx(0.4)


def test_sums_of_units_add_up_to_the_total():
    labels, predictions = random_pair(offset=3.0)
    units = np.random.default_rng(0).integers(0, 5, len(labels))
    unit_sums = measures.sums(labels, predictions, units, 6)
    assert unit_sums.shape == (6, len(measures.TERMS)) and not unit_sums[5].any()
    assert np.allclose(unit_sums.sum(axis=0), measures.sums(labels, predictions), rtol=1e-12)
    part = units == 2
    for name in measures.MEASURES:
        expected = measures.MEASURES[name](measures.sums(labels[part], predictions[part]))
        assert measures.MEASURES[name](unit_sums[2]) == pytest.approx(expected, **EXACT)


def test_a_constant_unit_far_from_the_others_has_no_correlation():
    labels, predictions = random_pair(frames=2000)
    units = np.repeat([0, 1], 1000)
    predictions[1000:] = 0.1 + 1e2
    unit_sums = measures.sums(labels, predictions, units, 2)
    for name in ("Pearson", "CCC"):
        assert measures.MEASURES[name](unit_sums)[1] == 0


def test_class_measures_equal_those_of_scikit_learn():
    random = np.random.default_rng(0)
    labels = random.integers(0, 5, 300)  # two of the seven classes do not occur
    predicted = np.where(random.random(300) < 0.5, labels, random.integers(0, 7, 300))
    counts = measures.confusion_counts(labels, predicted, 7)
    expected = sklearn_metrics.confusion_matrix(labels, predicted, labels=range(7))
    assert np.array_equal(counts, expected)
    accuracy = sklearn_metrics.accuracy_score(labels, predicted)
    assert measures.accuracy(counts) == pytest.approx(accuracy, **EXACT)
    f1 = sklearn_metrics.f1_score(labels, predicted, labels=range(5), average="macro")
    assert measures.macro_f1(counts) == pytest.approx(f1, **EXACT)
    units = random.integers(0, 3, 300)
    unit_counts = measures.confusion_counts(labels, predicted, 7, units, 3)
    part = sklearn_metrics.confusion_matrix(
        labels[units == 1], predicted[units == 1], labels=range(7)
    )
    assert np.array_equal(unit_counts[1], part)


@pytest.mark.parametrize(
    "labels, predictions",
    [([0.1, 0.2], [0.1]), ([], []), ([0.1, np.nan], [0.1, 0.2]), ([0.1], [np.inf]), (0.1, 0.1)],
)
def test_infinite_values_and_different_shapes_are_refused(labels, predictions):
    with pytest.raises(ValueError, match="finite, of one shape"):
        measures.ccc(labels, predictions)

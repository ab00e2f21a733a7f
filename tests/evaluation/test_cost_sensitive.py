import numpy as np
import pytest

from kollias_affect import EXPRESSIONS
from kollias_affect.evaluation.cost_sensitive import DEFAULT_COSTS, cost_sensitive_accuracy

NEUTRAL, ANGER, _, FEAR, HAPPINESS, SADNESS, _ = range(7)


def test_perfect_predictions_score_one_and_the_worst_zero():
    labels = np.arange(7)
    assert cost_sensitive_accuracy(labels, labels) == 1
    assert cost_sensitive_accuracy([HAPPINESS], [SADNESS]) == pytest.approx(0)


def test_similar_classes_cost_less():
    near = cost_sensitive_accuracy([ANGER], [FEAR])
    assert 0.4 < near < 0.5 and near > cost_sensitive_accuracy([ANGER], [HAPPINESS])


def test_equal_costs_give_the_accuracy():
    random = np.random.default_rng(0)
    labels, predicted = random.integers(0, 7, (2, 100))
    costs = 1 - np.eye(7)
    accuracy = (labels == predicted).mean()
    assert cost_sensitive_accuracy(labels, predicted, costs) == pytest.approx(accuracy)


def test_the_most_probable_class_counts():
    assert cost_sensitive_accuracy([1, 2], np.eye(7)[[1, 2]]) == 1


def test_default_costs_are_symmetric_and_in_range():
    assert DEFAULT_COSTS.shape == (len(EXPRESSIONS),) * 2
    assert np.array_equal(DEFAULT_COSTS, DEFAULT_COSTS.T)
    assert not np.diag(DEFAULT_COSTS).any() and DEFAULT_COSTS.max() == 1
    assert (DEFAULT_COSTS[~np.eye(7, dtype=bool)] >= 0.5).all()


@pytest.mark.parametrize(
    "arguments",
    [
        ([1], [7]),
        ([1, 2], [1]),
        ([], []),
        ([0.5], [1]),
        ([1], [1], np.ones((7, 7))),
        ([1], [1], 2 - 2 * np.eye(7)),
        ([1], [1], np.zeros((7, 6))),
    ],
)
def test_bad_arguments_are_refused(arguments):
    with pytest.raises(ValueError, match="Received"):
        cost_sensitive_accuracy(*arguments)

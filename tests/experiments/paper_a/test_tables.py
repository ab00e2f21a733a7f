import types

import numpy as np
import pytest

from kollias_affect.experiments.paper_a import tables


@pytest.fixture
def laboratory(monkeypatch):
    """Two seeds of a network for the classes anger, fear and happiness (1, 3 and 4)."""
    decisions_of = {
        "lambda0_seed0": ([0, 1, 1, 2], [0, 1, 0, 2]),
        "lambda0_seed1": ([0, 1, 1, 2], [0, 1, 1, 2]),
    }
    trained = []
    experiment = types.SimpleNamespace(
        settings=types.SimpleNamespace(seeds=2, lambdas=(0.0, 1.0)),
        classes=[1, 3, 4],
        net_a=lambda lam, seed: trained.append((lam, seed)),
    )

    def decisions(_, name, part, by):
        assert (part, by) == ("b_test", "centroids")
        return tuple(np.array(values) for values in decisions_of[name])

    monkeypatch.setattr(tables.report, "decisions", decisions)
    return types.SimpleNamespace(once=lambda key, make: experiment, trained=trained)


def test_numbers_are_over_all_seeds(laboratory):
    setting = tables.Adapted(0.0)
    assert tables.accuracy(laboratory, setting) == {"accuracy": 7 / 8}
    assert laboratory.trained == [(0.0, 0), (0.0, 1)]


def test_categories_keep_their_names_where_some_classes_are_missing(laboratory):
    accuracies = tables.per_category(laboratory, tables.Adapted(0.0))
    assert accuracies["fear"] == 3 / 4 and accuracies["anger"] == accuracies["happiness"] == 1
    assert accuracies["neutral"] is None and accuracies["total"] == 7 / 8
    row = tables.confusion_row(laboratory, tables.Adapted(0.0, label="fear"))
    assert row["fear"] == 3 / 4 and row["anger"] == 1 / 4 and row["disgust"] == 0


def test_other_methods_have_only_the_papers_number(laboratory):
    theirs = [cell for cell in tables.A6.cells if cell.setting is None]
    assert len(theirs) == 12 and all(cell.published for cell in theirs)
    assert tables.accuracy_of_ours(laboratory, tables.Adapted(0.0)) == {"original": 7 / 8}

import types

import numpy as np
import pytest

from kollias_affect.experiments.paper_a.tables import tables


@pytest.fixture
def laboratory(monkeypatch):
    """Two seeds of a network for the classes anger, fear and happiness (1, 3 and 4)."""
    found = {
        "lambda0_seed0": ([0, 1, 1, 2], [0, 1, 0, 2]),
        "lambda0_seed1": ([0, 1, 1, 2], [0, 1, 1, 2]),
    }
    trained = []
    experiment = types.SimpleNamespace(
        settings=types.SimpleNamespace(seeds=2, lambdas=(0.0, 1.0)),
        classes=[1, 3, 4],
        net_a=lambda lam, seed: trained.append((lam, seed)),
    )

    def decisions(_, name, part, way):
        assert (part, way) == ("b_test", "centroids")
        return tuple(np.array(values) for values in found[name])

    monkeypatch.setattr(tables.report, "decisions", decisions)
    return types.SimpleNamespace(once=lambda key, make: experiment, trained=trained)


def test_numbers_are_over_all_seeds(laboratory):
    setting = tables.Adapted(0.0)
    assert tables.accuracy(laboratory, setting) == {"accuracy": 7 / 8}
    assert laboratory.trained == [(0.0, 0), (0.0, 1)]


def test_categories_keep_their_names_where_some_classes_are_missing(laboratory):
    found = tables.per_category(laboratory, tables.Adapted(0.0))
    assert found["fear"] == 3 / 4 and found["anger"] == found["happiness"] == 1
    assert found["neutral"] is None and found["total"] == 7 / 8
    row = tables.confusion(laboratory, tables.Adapted(0.0, label="fear"))
    assert row["fear"] == 3 / 4 and row["anger"] == 1 / 4 and row["disgust"] == 0


def test_of_others_there_is_the_papers_number_alone(laboratory):
    assert tables.beside_others(laboratory, None) == {}
    assert tables.beside_others(laboratory, tables.Adapted(0.0)) == {"original": 7 / 8}

import types

import numpy as np
import pytest

from kollias_affect.experiments import runner
from kollias_affect.experiments.declaration import Cell
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
        classes=types.SimpleNamespace(numbers=[1, 3, 4]),
        net_b=lambda: trained.append("net_b"),
        net_a=lambda lam, seed: trained.append((lam, seed)),
    )

    def decisions(_, name, part, by):
        if name == "net_b":
            assert (part, by) == ("a_test", "outputs")
            return np.array([0, 1]), np.array([0, 2])
        assert (part, by) == ("b_test", "centroids")
        return tuple(np.array(values) for values in decisions_of[name])

    monkeypatch.setattr(tables.report, "decisions", decisions)
    return types.SimpleNamespace(once=lambda key, make: experiment, trained=trained)


def test_every_seed_has_a_number(laboratory):
    setting = tables.Adapted(0.0)
    assert tables.accuracy(laboratory, setting) == [{"accuracy": 3 / 4}, {"accuracy": 1}]
    assert laboratory.trained == [(0.0, 0), (0.0, 1)]


def test_the_runner_adds_the_spread_over_the_seeds(laboratory):
    cell = runner._evaluate(tables.A2, laboratory, Cell("", "", tables.Adapted(0.0), {}))
    assert cell["numbers"] == {"accuracy": 7 / 8}
    assert cell["spread"]["accuracy"] == pytest.approx(0.125 * np.sqrt(2))


def test_categories_keep_their_names_where_some_classes_are_missing(laboratory):
    first, second = tables.per_category(laboratory, tables.Adapted(0.0))
    assert first["fear"] == 1 / 2 and second["fear"] == 1
    assert first["anger"] == first["happiness"] == 1
    assert first["neutral"] is None and first["total"] == 3 / 4
    row, _ = tables.confusion_row(laboratory, tables.Adapted(0.0, label="fear"))
    assert row["fear"] == row["anger"] == 1 / 2 and row["disgust"] == 0


def test_net_b_has_rows_of_its_own(laboratory):
    """Paper A §IV.B: 99 % on its own training data, 33.4 % on A."""
    (on_a,) = (cell for cell in tables.A2.cells if cell.row == "NetB")
    assert on_a.published == {"accuracy": 0.334}
    assert tables.accuracy(laboratory, on_a.setting) == [{"accuracy": 1 / 2}]
    (own,) = (cell for cell in tables.A2.cells if cell.setting == tables.Adapted(None, "b_train"))
    assert own.published == {"accuracy": 0.99}


def test_the_baseline_of_the_challenge_is_a_row():
    """Paper A §IV.C, "the baseline 38,81% reported in [5]"."""
    for table, measure in ((tables.A2, "accuracy"), (tables.A6, "original")):
        (cell,) = (cell for cell in table.cells if "Baseline" in cell.row)
        assert cell.setting is None and cell.published == {measure: 0.3881}


def test_other_methods_have_only_the_papers_number(laboratory):
    theirs = [cell for cell in tables.A6.cells if cell.setting is None]
    assert len(theirs) == 12 + 1 and all(cell.published for cell in theirs)
    ours = tables.accuracy_of_ours(laboratory, tables.Adapted(0.0))
    assert ours == [{"original": 3 / 4}, {"original": 1}]


def test_figures_5_to_9_belong_to_the_table_of_the_distances():
    """Paper A, captions of figures 5 to 9."""
    assert [figure.name for figure in tables.A7.figures] == ["A5", "A6", "A7", "A8", "A9"]
    for figure, name in zip(
        tables.A7.figures, ("neutral", "anger", "disgust", "sadness", "happiness"), strict=True
    ):
        assert f"Centroids of {name} " in figure.title

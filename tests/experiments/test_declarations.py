"""The numbers copied from the papers are consistent with each other."""

import numpy as np
import pytest

from kollias_affect import EXPRESSIONS
from kollias_affect.experiments import TABLES
from kollias_affect.experiments.paper_d.submissions import SUBMISSIONS
from kollias_affect.experiments.roles import ROLES

# SFEW's test images per expression, in the order of EXPRESSIONS.
SFEW_TEST = np.array([58, 69, 17, 41, 95, 55, 37])


def published(name, row, column=""):
    cells = [c for c in TABLES[name].cells if (c.row, c.column) == (row, column)]
    assert len(cells) == 1
    return cells[0].published


def test_every_table_is_declared():
    of_a = [*(f"A{n}" for n in range(2, 8)), "A-several", "A-alternate", "A-grid"]
    of_b = [f"B{n}" for n in range(3, 9)]
    of_text_b = ["frozen", "tasks", "variants", "encoder", "folds", "dropout", "median"]
    of_c = [f"C{n}" for n in (2, 3, 5, *range(9, 15))]
    of_text_c = ["C-starts", "C-fc"]
    others = [f"C{n}" for n in (*range(15, 19), 6, 19)]
    assert list(TABLES) == [
        *of_a, *of_b, *(f"B-{name}" for name in of_text_b), *of_c, *of_text_c, *others,
        "D3", "D4", "D5", "ABAW",
    ]  # fmt: skip


@pytest.mark.parametrize("table", TABLES.values(), ids=list(TABLES))
def test_a_declaration_is_complete(table):
    places = [(cell.row, cell.column) for cell in table.cells]
    assert len(set(places)) == len(places)
    assert all(set(cell.published) <= set(table.measures) for cell in table.cells)
    assert set(table.roles) <= set(ROLES) and set(table.optional) < set(table.roles)
    assert table.varies and table.fixed and table.split and table.facts


def test_rows_without_a_network_have_published_numbers():
    rows = {
        name: [cell for cell in table.cells if cell.setting is None]
        for name, table in TABLES.items()
    }
    assert all(cell.published for cells in rows.values() for cell in cells)
    counts = {"B8": 8, "C6": 3, "C16": 1, "C19": 13}
    assert {name: len(rows[name]) for name in counts} == counts


def test_paper_a_confusion_has_the_accuracies_of_table_3():
    rows = TABLES["A5"].cells
    diagonal = [cell.published[cell.row] for cell in rows]
    assert diagonal == [published("A3", "lambda 0")[name] for name in EXPRESSIONS]
    assert all(sum(cell.published.values()) == pytest.approx(1, abs=0.003) for cell in rows)


def test_paper_a_totals_are_those_of_table_2():
    for lam in (0, 1):
        for table, column in (("A3", "B"), ("A4", "A")):
            total = published(table, f"lambda {lam}")["total"]
            assert total == published("A2", f"lambda {lam}", column)["accuracy"]


@pytest.mark.parametrize("name", ["B3", "B5", "B6"])
def test_paper_b_means_are_means(name):
    for cell in TABLES[name].cells:
        valence, arousal, mean = cell.published.values()
        assert mean == pytest.approx((valence + arousal) / 2, abs=0.00051), cell


def test_paper_b_tables_agree_on_the_networks_they_share():
    one, three = (f"CNN-{n}RNN 2nd-pool last-pool fc" for n in (1, 3))
    for row in (one, three, "Model-level fusion + RNN"):
        whole = published("B3", row, "post-processed")
        assert published("B6", row, "with landmarks") == whole
        pretrained = published("B4", row, "after pretrain2")
        assert pretrained.items() <= whole.items()
    assert published("B5", "2nd pool + last pool + fc") == published("B3", three, "post-processed")


def test_paper_b_comparison_has_the_numbers_of_table_3():
    for row in ("CNN-3RNN 2nd-pool last-pool fc", "Model-level fusion + RNN"):
        ours = published("B8", f"{row}, video")
        assert ours.items() <= published("B3", row, "post-processed").items()


def test_paper_c_comparisons_have_the_numbers_of_its_own_tables():
    assert published("C6", "AffWildNet") == published("C12", "CNN-GRU")
    total = published("C18", "fine-tuned AffWildNet")["total"]
    assert published("C19", "Fine-tuned AffWildNet")["original"] == total


@pytest.mark.parametrize("name", ["C9", "C10", "C11", "C12", "C13", "C14"])
def test_networks_of_section_4_2_are_trained_on_balanced_quadrants(name):
    """Paper C §4.2; the other databases are not balanced (tables 15 to 18)."""
    for cell in TABLES[name].cells:
        training = cell.setting.network
        assert training.labels in training.balance and training.settings == "C"
    for other in ("C15", "C16", "C17", "C18"):
        cells = [cell for cell in TABLES[other].cells if cell.setting is not None]
        assert all("data" not in cell.setting.network.balance for cell in cells)


def test_paper_b_and_the_baseline_have_their_own_settings():
    assert {m.settings for c in TABLES["B3"].cells for m in c.setting.network.members} == {"B"}
    assert {c.setting.network.settings for c in TABLES["C5"].cells} == {"C-baseline"}
    readings = {m.settings for c in TABLES["B-dropout"].cells for m in c.setting.network.members}
    assert readings == {"B", "B-keep"}


def test_paper_c_tables_agree_on_the_networks_they_share():
    cnn = published("C9", "VGG-Face")
    assert published("C10", "with landmarks") == cnn
    assert published("C11", "mean of annotators") == cnn
    assert published("C13", "CNN") == cnn
    rnn = published("C12", "CNN-GRU")
    assert published("C13", "CNN-RNN") == rnn
    assert published("C14", "128 units", "2 layers").items() <= rnn.items()


def test_paper_d_confusions_give_the_test_accuracies_of_figure_3():
    confusion = {(cell.setting.path, cell.setting.label): cell for cell in TABLES["D4"].cells}
    for number, submission in SUBMISSIONS.items():
        rows = np.array([[*confusion[number, name].published.values()] for name in EXPRESSIONS])
        assert rows.sum(axis=1) == pytest.approx(np.full(7, 100), abs=0.31)
        right = np.round(np.diag(rows) / 100 * SFEW_TEST)
        assert right.sum() / SFEW_TEST.sum() == pytest.approx(
            submission.published["test"], abs=0.00051
        )


def test_the_published_sum_of_abaw_is_that_of_three_tasks():
    cells = TABLES["ABAW"].cells
    sums = [cell.published["sum"] for cell in cells if "sum" in cell.published]
    # CCC, macro F1 and mean F1 are at most 1 each.
    assert len(sums) == 2 and all(0 < value <= 3 for value in sums)

import dataclasses
import json

import numpy as np
import pytest

from kollias_affect.experiments import SMOKE, Laboratory, Parts, runner
from kollias_affect.experiments.declaration import Cell, Empty, Table


@pytest.fixture
def laboratory(make_clip, tmp_path):
    clips = [make_clip(name, 4, 10 * i, size=8) for i, name in enumerate("abc")]
    roles = {"data": Parts(clips[:1], clips[1:2], clips[2:])}
    return Laboratory(roles, tmp_path / "trainings", SMOKE)


def table(evaluate, **more):
    cells = (
        Cell("one", "left", 1, {"CCC": 0.5}),
        Cell("one", "right", 2, {"CCC": 0.25}),
        Cell("two", "left", 3, {}),
    )
    texts = ("T1", "A test", "No paper", "it", "all", "none")
    return Table(*texts, ("CCC",), cells, evaluate, **more)


def test_ours_stand_beside_the_papers_numbers(laboratory, tmp_path):
    frame = runner.run(table(lambda _, setting: {"CCC": setting / 10}), laboratory, tmp_path)
    assert frame.loc["one", "left: CCC"] == 0.1 and frame.loc["one", "left: CCC (paper)"] == 0.5
    assert frame.loc["one", "right: CCC"] == 0.2 and frame.loc["two", "left: CCC"] == 0.3
    assert frame.loc["two"].isna().sum() == 3
    page = (tmp_path / "T1.md").read_text()
    assert "No paper" in page and "0.250" in page and "test 1 clip, 4 frames" in page
    assert "Seeds: 0, one training for each number, so no spread is known." in page
    assert (tmp_path / "T1.csv").read_text().startswith(",left: CCC,left: CCC (paper)")


def test_a_page_without_published_numbers_does_not_explain_them(laboratory, tmp_path):
    ours = table(lambda _, setting: {"CCC": 0.1}, scale=("batch_size", "size"))
    cells = tuple(dataclasses.replace(cell, published={}) for cell in ours.cells)
    runner.run(dataclasses.replace(ours, cells=cells), laboratory, tmp_path)
    page = (tmp_path / "T1.md").read_text()
    assert "All numbers are ours" in page and "(paper)" not in page
    # The size of batches differs from table to table; the papers have one size of crops.
    assert "- Differs from the paper: size 32 instead of 96.\n" in page


def test_several_seeds_give_means_and_standard_deviations(laboratory, tmp_path):
    def evaluate(one, setting):
        return {"CCC": setting + one.scale.seed}

    three = Laboratory(laboratory.roles, tmp_path / "trainings", SMOKE, seeds=3)
    frame = runner.run(table(evaluate), three, tmp_path)
    assert frame.loc["one", "left: CCC"] == 2 and frame.loc["two", "left: CCC"] == 4
    assert frame.loc["one", "left: CCC (sd)"] == 1  # of 1, 2 and 3
    assert "Seeds: 0 to 2; the numbers are means" in (tmp_path / "T1.md").read_text()
    one = runner.run(table(evaluate), laboratory, tmp_path)
    assert one.loc["one", "left: CCC"] == 1 and "left: CCC (sd)" not in one


def test_a_row_without_a_network_has_the_papers_numbers_alone(laboratory, tmp_path):
    other = dataclasses.replace(
        table(lambda _, setting: {"CCC": 0.1}), cells=(Cell("theirs", "", None, {"CCC": 0.3}),)
    )
    frame = runner.run(other, laboratory, tmp_path)
    assert np.isnan(frame.loc["theirs", "CCC"]) and frame.loc["theirs", "CCC (paper)"] == 0.3
    assert "Left empty" not in (tmp_path / "T1.md").read_text()


def test_a_killed_run_resumes_after_the_last_cell(laboratory, tmp_path):
    evaluated = []

    def evaluate(_, setting):
        evaluated.append(setting)
        if setting == 2 and evaluated.count(2) == 1:
            raise KeyboardInterrupt
        return {"CCC": 0.0}

    with pytest.raises(KeyboardInterrupt):
        runner.run(table(evaluate), laboratory, tmp_path)
    runner.run(table(evaluate), laboratory, tmp_path)
    assert evaluated == [1, 2, 2, 3]
    runner.run(table(evaluate), laboratory, tmp_path)
    assert evaluated == [1, 2, 2, 3]


@pytest.mark.parametrize("what", ["labels", "scale", "cell"])
def test_a_cell_of_other_data_or_settings_is_run_again(laboratory, tmp_path, what):
    evaluated = []

    def evaluate(_, setting):
        evaluated.append(setting)
        return {"CCC": 0.0}

    runner.run(table(evaluate), laboratory, tmp_path)
    other_table = table(evaluate)
    if what == "labels":
        laboratory.roles["data"].test[0].valence_arousal[0, 0] *= 0.5
    if what == "scale":
        laboratory.scale = dataclasses.replace(SMOKE, epochs=2)
    if what == "cell":
        cells = (dataclasses.replace(other_table.cells[0], setting=7), *other_table.cells[1:])
        other_table = dataclasses.replace(other_table, cells=cells)
    fresh = Laboratory(laboratory.roles, tmp_path / "trainings", laboratory.scale)
    runner.run(other_table, fresh, tmp_path)
    assert evaluated == [1, 2, 3, *([7] if what == "cell" else [1, 2, 3])]


def test_a_cell_without_its_data_stays_empty_with_a_reason(laboratory, tmp_path):
    lines = []

    def evaluate(_, setting):
        if setting == 2:
            raise Empty("nobody gave it")
        return {"CCC": float("nan")}

    frame = runner.run(table(evaluate), laboratory, tmp_path, lines.append)
    assert frame[["left: CCC", "right: CCC"]].isna().all().all()
    assert lines[1].endswith("left empty: nobody gave it")
    assert "Left empty: one | right: nobody gave it." in (tmp_path / "T1.md").read_text()
    json.loads((tmp_path / "T1.json").read_text(), parse_constant=pytest.fail)  # no NaN in it


@pytest.mark.parametrize("content", ["", "{bad", "[1]", '{"one | left": 5}', '{"one | left": {}}'])
def test_a_damaged_file_of_cells_is_replaced(laboratory, tmp_path, content):
    (tmp_path / "T1.json").write_text(content)
    frame = runner.run(table(lambda _, setting: {"CCC": setting}), laboratory, tmp_path)
    assert frame.loc["one", "right: CCC"] == 2

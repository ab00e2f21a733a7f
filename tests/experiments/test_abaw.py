"""The table of the ABAW challenges."""

import dataclasses

import numpy as np
import pytest

from kollias_affect.experiments import SMOKE, TABLES, Laboratory, abaw, runner
from kollias_affect.experiments.synthetic_roles import synthetic_roles


@pytest.fixture(scope="module")
def roles(tmp_path_factory):
    """Synthetic clips with three kinds of labels; one of training lacks two of them."""
    data = synthetic_roles(tmp_path_factory.mktemp("synthetic"))["data"]
    first = data.training[0].labelled(expression=None, action_units=None)
    return {"data": dataclasses.replace(data, training=[first, *data.training[1:]])}


def test_the_cells_have_the_scores_of_their_tasks_and_the_published_ones(
    roles, tmp_path, plain_tensorboard, eager_functions
):
    rows = ("twelve action units", "three tasks")
    kept = [cell for cell in TABLES["ABAW"].cells if cell.row in rows or cell.setting is None]
    network = dataclasses.replace(abaw._NETWORK, build="cnn", backbone="cnn_m")
    kept = [
        cell
        if cell.setting is None
        else dataclasses.replace(cell, setting=dataclasses.replace(cell.setting, network=network))
        for cell in kept
    ]
    table = dataclasses.replace(TABLES["ABAW"], cells=tuple(kept))
    laboratory = Laboratory(roles, tmp_path / "trainings", dataclasses.replace(SMOKE, length=1))
    frame = runner.run(table, laboratory, tmp_path, log=lambda line: None)
    one, three = (frame.loc[row] for row in rows)
    assert np.isfinite(one["F1 action units"]) and np.isnan(float(one["CCC mean"]))
    parts = ["CCC mean", "F1 expressions", "F1 action units"]
    assert three["sum"] == pytest.approx(sum(three[part] for part in parts))
    assert frame.loc["Baseline of the 6th challenge, ResNet-50", "CCC mean (paper)"] == 0.22
    page = (tmp_path / "ABAW.md").read_text()
    frames = sum(int(clip.valid.sum()) for clip in roles["data"].training[1:])
    assert f"label of action_units: training {frames:,}" in page
    assert "- Start: cnn_m from RANDOM weights; all other layers from RANDOM weights." in page
    assert "- Used here: " in page and "- Steps: epochs 1, each of " in page


def test_a_task_without_labels_leaves_its_cells_empty(roles, tmp_path):
    data = roles["data"]
    test = [clip.labelled(action_units=None) for clip in data.test]
    laboratory = Laboratory({"data": dataclasses.replace(data, test=test)}, tmp_path, SMOKE)
    cell = next(cell for cell in TABLES["ABAW"].cells if cell.row == "three tasks")
    with pytest.raises(abaw.Empty, match="test part has labels of action_units"):
        abaw.score(laboratory, cell.setting)

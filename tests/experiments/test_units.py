"""Units of tables: run apart, they leave what the tables are computed from."""

import collections
import dataclasses

import pytest
from click.testing import CliRunner
from moving_faces import contents

from kollias_affect import experiments
from kollias_affect.cli import main
from kollias_affect.experiments import SMOKE, reproduction, scoring, units
from kollias_affect.experiments.declaration import (
    Cell,
    Fusion,
    Network,
    Repeated,
    Separate,
    Table,
    Training,
)


def table_of(*networks, name="T1"):
    cells = [Cell(str(i), "", scoring.Scored(n), {}) for i, n in enumerate(networks)]
    texts = (name, "A test", "No paper", "nothing", "all", "test part")
    roles = ("data", "pretrain")
    return Table(*texts, ("MSE arousal",), tuple(cells), scoring.dimensional, roles)


@pytest.fixture
def laboratory(roles, tmp_path, quiet):
    return experiments.Laboratory(roles, tmp_path / "trainings", SMOKE, log=quiet)


def stages(laboratory, *networks):
    """Returns the number of units in each stage."""
    found = units.units_of([table_of(*networks)], laboratory)
    assert list(found.values()) == sorted(found.values(), key=lambda unit: unit.stage)
    return dict(collections.Counter(unit.stage for unit in found.values()))


def test_units_train_everything_once_and_the_table_trains_nothing(
    laboratory, roles, tmp_path, trained, quiet, small_cnn, monkeypatch
):
    table = table_of(small_cnn)
    monkeypatch.setitem(experiments.TABLES, "T1", table)
    for unit in units.units_of([table], laboratory).values():
        unit.run()
    assert [name.split("-")[0] for name in trained] == ["pretrain", "cnn"]
    frame = experiments.run_tables(["T1"], roles, tmp_path, SMOKE, log=quiet)["T1"]
    alone = experiments.run_tables(["T1"], roles, tmp_path / "alone", SMOKE, log=quiet)["T1"]
    assert len(trained) == 4 and frame.equals(alone)


def test_networks_are_divided_into_trainings_folds_and_what_joins_them(laboratory, small_cnn):
    plain = dataclasses.replace(small_cnn, before=None)
    other = dataclasses.replace(plain, network=Network("cnn", "vgg_face", plain.network.options))
    assert stages(laboratory, plain, plain) == {units.TRAINING: 1}
    assert stages(laboratory, small_cnn, plain) == {units.BEFORE: 1, units.TRAINING: 2}
    assert stages(laboratory, Separate((plain, other))) == {units.TRAINING: 2}
    assert stages(laboratory, Fusion((plain, other), "decision")) == {units.TRAINING: 2}
    assert stages(laboratory, plain, Fusion((plain, other), "fc")) == {
        units.TRAINING: 2, units.BEHIND: 1
    }  # fmt: skip
    assert stages(laboratory, Repeated(plain, "seeds")) == {units.TRAINING: SMOKE.repeats}
    assert stages(laboratory, Repeated(plain, "folds")) == {units.TRAINING: 2}
    folds = dataclasses.replace(plain, folds=3)
    assert stages(laboratory, folds) == {units.BEFORE: 1, units.TRAINING: 3}


def test_cells_whose_data_are_missing_have_no_units(laboratory):
    network = Network("cnn", "cnn_m", {"landmarks": False, "length": 1})
    missing = Training(network, before="pretrain2", needs_before=True)
    assert stages(laboratory, missing) == {}


def test_every_seed_has_its_trainings(roles, tmp_path, quiet, small_cnn):
    laboratory = experiments.Laboratory(roles, tmp_path, SMOKE, log=quiet, seeds=3)
    assert stages(laboratory, small_cnn) == {units.BEFORE: 3, units.TRAINING: 3}


def test_paths_of_paper_d_that_share_a_folder_are_in_different_stages(roles, tmp_path, quiet):
    laboratory = experiments.Laboratory(roles, tmp_path, SMOKE, log=quiet)
    tables = [experiments.TABLES[name] for name in ("D3", "D4", "D5")]
    found = units.units_of(tables, laboratory)
    paths = reproduction.paper_d.submissions.PATHS
    assert len(found) == len(paths)
    used = collections.Counter()
    for unit in found.values():
        (name,) = (n for n in paths if unit.key.startswith(f"paper D, path {n}, "))
        used[unit.stage, paths[name].network, paths[name].stages[0]] += 1
    assert set(used.values()) == {1}


def test_paper_a_trains_net_b_before_every_net_a(laboratory):
    laboratory.options = {"seeds": 2}
    found = units.units_of([experiments.TABLES[name] for name in ("A2", "A5")], laboratory)
    keys = [unit.key for unit in found.values()]
    assert keys[0] == "paper A, NetB"
    lambdas = {cell.setting.lam for cell in experiments.TABLES["A2"].cells if cell.setting}
    assert len(keys) == 1 + 2 * len(lambdas - {None})


@pytest.mark.nightly
def test_the_command_computes_tables_on_processes_with_the_bytes_of_one(tmp_path):
    pytest.importorskip("distributed")
    names = ["A2", "C12", "D5", "B-folds"]

    def run(out, *options):
        words = ["table", *names, "--smoke", "--out", out, *options]
        result = CliRunner().invoke(main, list(map(str, words)))
        assert result.exit_code == 0, result.output

    run(tmp_path / "out", "--cluster", "local:2")
    run(tmp_path / "expected")
    found, expected = (
        {
            path: content
            for path, content in contents(tmp_path / folder).items()
            if len(path.parts) == 1 and path.suffix in (".csv", ".md", ".json")
        }
        for folder in ("out", "expected")
    )
    assert found == expected and len(found) >= 3 * len(names)

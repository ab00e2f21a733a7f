import pytest

from kollias_affect import experiments
from kollias_affect.experiments import SMOKE, scoring
from kollias_affect.experiments.declaration import Cell, Network, Table, Training


def quiet(_):
    """A log that prints nothing."""


def test_tables_share_their_trainings_and_resume(roles, tmp_path, trained, monkeypatch):
    scored = scoring.Scored(Training(Network("cnn", options={"landmarks": False, "length": 1})))
    cells = (Cell("CNN", "", scored, {"CCC valence": 0.5}),)
    for name in ("T1", "T2"):
        texts = (name, "A test", "No paper", "nothing", "all", "test part")
        table = Table(*texts, ("CCC valence",), cells, scoring.dimensional)
        monkeypatch.setitem(experiments.TABLES, name, table)
    first = experiments.run_tables(["T1"], roles, tmp_path, SMOKE, log=quiet)["T1"]
    second = experiments.run_tables(["T2"], roles, tmp_path, SMOKE, log=quiet)["T2"]
    again = experiments.run_tables(["T1"], roles, tmp_path, SMOKE, log=quiet)["T1"]
    assert len(trained) == 1
    assert second.equals(first) and again.equals(first)


@pytest.mark.nightly
def test_published_tables_share_their_trainings(roles, tmp_path, trained):
    first = experiments.run_tables(["C12"], roles, tmp_path, SMOKE, log=quiet)["C12"]
    assert len(trained) == 2
    second = experiments.run_tables(["C13"], roles, tmp_path, SMOKE, log=quiet)["C13"]
    assert len(trained) == 3  # the CNN-RNN is shared
    assert second.loc["CNN-RNN", "CCC valence"] == first.loc["CNN-GRU", "CCC valence"]


def test_wrong_labels_are_refused_before_anything_is_trained(roles, tmp_path, trained):
    with pytest.raises(ValueError, match="needs clips with `expression`"):
        experiments.run_tables(["C12", "C18"], roles, tmp_path, SMOKE)
    with pytest.raises(ValueError, match="at least 5 people"):
        experiments.run_tables(["C16"], roles, tmp_path, SMOKE)
    assert not trained


def test_missing_data_are_named_before_anything_is_trained(roles, tmp_path, trained):
    with pytest.raises(ValueError, match="Missing are annotator: the clips of"):
        experiments.run_tables(["C12", "C11"], {"data": roles["data"]}, tmp_path, SMOKE)
    with pytest.raises(ValueError, match="`table` must be one of"):
        experiments.run_tables(["C12", "C99"], roles, tmp_path, SMOKE)
    assert not trained

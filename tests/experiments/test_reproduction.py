import numpy as np
import pytest

from kollias_affect import evaluation, experiments
from kollias_affect.experiments import SMOKE, scoring
from kollias_affect.experiments.declaration import Cell, Table


@pytest.mark.nightly
def test_tables_share_their_trainings_and_resume(
    roles, tmp_path, trained, quiet, small_cnn, monkeypatch
):
    """Also: pre-training comes first and changes the start, and damaged files are replaced."""
    cells = (Cell("CNN", "", scoring.Scored(small_cnn), {"MSE arousal": 0.5}),)
    for name in ("T1", "T2"):
        texts = (name, "A test", "No paper", "nothing", "all", "test part")
        table = Table(*texts, ("MSE arousal",), cells, scoring.dimensional, ("data", "pretrain"))
        monkeypatch.setitem(experiments.TABLES, name, table)
    first = experiments.run_tables(["T1"], roles, tmp_path, SMOKE, log=quiet)["T1"]
    second = experiments.run_tables(["T2"], roles, tmp_path, SMOKE, log=quiet)["T2"]
    again = experiments.run_tables(["T1"], roles, tmp_path, SMOKE, log=quiet)["T1"]
    assert [name.split("-")[0] for name in trained] == ["pretrain", "cnn"]
    assert second.equals(first) and again.equals(first)

    laboratory = experiments.Laboratory(roles, tmp_path / "trainings", SMOKE, log=quiet)
    clips, predictions = laboratory.predictions(small_cnn)["test"]
    assert [clip.key for clip in clips] == [clip.key for clip in roles["data"].test]
    scores = evaluation.scores(clips, predictions)
    assert first.loc["CNN", "MSE arousal"] == pytest.approx(scores.loc["arousal", "MSE"])
    start = laboratory.trainings.new(small_cnn)
    assert not np.allclose(predictions["d"], evaluation.predict(start, clips)["d"])

    file = laboratory.trainings.folder(small_cnn) / "test.npz"
    file.write_bytes(file.read_bytes()[:100])
    fresh = experiments.Laboratory(roles, tmp_path / "trainings", SMOKE, log=quiet)
    repeated = fresh.predictions(small_cnn)["test"][1]
    assert np.allclose(repeated["d"], predictions["d"], atol=1e-6) and len(trained) == 2


@pytest.mark.nightly
def test_published_tables_share_their_trainings(roles, tmp_path, trained, quiet):
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

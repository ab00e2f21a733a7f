import json

import keras
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from kollias_affect import models
from kollias_affect.cli import main
from kollias_affect.datasets import frames_csv

TINY = {"length": 4, "width": 0.02, "rnn_units": 6, "hidden_units": 8, "initializer": None}


def run(code, *arguments):
    result = CliRunner().invoke(main, [str(a) for a in arguments])
    assert result.exit_code == code, (result.exit_code, result.output)
    return result.output


@pytest.fixture
def listed(make_clip, tmp_path):
    clips = [make_clip(f"v{i}/utterance_{j}", 9, 25 * i + 9 * j) for i in (1, 2) for j in (1, 2)]
    frames_csv.write(clips, tmp_path / "frames.csv")
    return tmp_path / "frames.csv"


@pytest.fixture
def model(tmp_path):
    keras.utils.set_random_seed(1)
    models.save(models.affwildnet(**TINY, input_shape=(32, 32, 3)), tmp_path / "model.keras")
    return tmp_path / "model.keras"


def test_everything_is_written_to_a_folder(model, listed, tmp_path):
    printed = run(0, "evaluate", model, listed, "--out", tmp_path / "out", "--per-video")
    names = {path.name for path in (tmp_path / "out").iterdir()}
    expected = {"histogram.png", "intervals.csv", "per_video.md", "predictions.csv", "scores.csv"}
    assert expected <= names
    assert {"traces-2-v1_utterance_2.png", "trajectory-2-v1_utterance_2.png"} <= names
    table = pd.read_csv(tmp_path / "out" / "predictions.csv")
    assert list(table.columns) == ["clip", "frame", "valence", "arousal"] and len(table) == 36
    assert "RMSE" in printed and "CCC arousal" in printed


def test_post_processing_is_found_on_one_set_and_applied_to_another(model, listed, tmp_path):
    file = tmp_path / "steps.json"
    assert "improves the validation CCC" in run(0, "evaluate", model, listed, "--search", file)
    assert json.loads(file.read_text())["names"] == ["valence", "arousal"]
    run(0, "evaluate", model, listed, "--postprocessing", file)
    message = run(2, "evaluate", model, listed, "--search", file, "--postprocessing", file)
    assert "Give one of them" in message
    by = ["--by", "utterance"]
    run(0, "evaluate", model, listed, "--search", file, *by, "--out", tmp_path / "out")
    assert "utterances" in run(0, "evaluate", model, listed, "--postprocessing", file, *by)
    message = run(2, "evaluate", model, listed, "--postprocessing", file)
    assert "These steps are of utterances" in message


def test_utterances_are_scored_as_one_each(model, listed, tmp_path):
    printed = run(0, "evaluate", model, listed, "--by", "utterance")
    assert "utterances" in printed and "left out" in printed
    assert "must be one of" in run(2, "evaluate", model, listed, "--by", "minute")


def test_two_models_are_compared(model, listed):
    printed = run(0, "evaluate", model, listed, "--against", model)
    assert "p-value" in printed and "1.0000" in printed


def test_models_of_two_tasks_are_not_compared(model, listed, tmp_path):
    other = models.cnn("alexnet", "expression", landmarks=False, hidden_units=(4,))
    models.save(other, tmp_path / "other.keras")
    message = run(2, "evaluate", model, listed, "--against", tmp_path / "other.keras")
    assert "Two models are compared on one task" in message


def test_expressions_get_a_confusion(make_clip, tmp_path):
    random = np.random.default_rng(0)
    clips = [
        make_clip(name, 6, 9 * i, valence_arousal=None, expression=random.integers(0, 7, 6))
        for i, name in enumerate("ab")
    ]
    frames_csv.write(clips, tmp_path / "frames.csv")
    small = models.cnn("alexnet", "expression", landmarks=False, hidden_units=(4,))
    models.save(small, tmp_path / "small.keras")
    run(0, "evaluate", tmp_path / "small.keras", tmp_path / "frames.csv", "--out", tmp_path / "out")
    counts = pd.read_csv(tmp_path / "out" / "confusion.csv", index_col=0)
    assert counts.to_numpy().sum() == 12
    assert (tmp_path / "out" / "distribution.png").exists()


def test_table_lists_what_there_is_and_refuses_the_rest(tmp_path):
    printed = run(0, "table")
    assert "C12" in printed and "pretrain2" in printed
    assert "must be one of" in run(2, "table", "C99", "--out", tmp_path / "out")
    assert "no --out" in run(2, "table", "C12")
    message = run(2, "table", "C12", "--out", tmp_path / "out")
    assert "Missing are data" in message and not (tmp_path / "out").exists()
    assert "its own synthetic data" in run(
        2, "table", "C12", "--smoke", "--data", "omg:x", "--out", tmp_path / "out"
    )
    weights = run(2, "table", "C12", "--weights", "vgg_face=none.mat", "--out", tmp_path / "out")
    assert "existing file" in weights

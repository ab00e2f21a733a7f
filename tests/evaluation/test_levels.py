import numpy as np
import pandas as pd
import pytest

from kollias_affect import evaluation
from kollias_affect.clip import Clip
from kollias_affect.evaluation import postprocess

DIMENSIONS = ("valence", "arousal")


def lin(labels, predictions):
    """Computes the CCC by Lin's formula."""
    labels, predictions = np.asarray(labels, float), np.asarray(predictions, float)
    covariance = np.mean((labels - labels.mean()) * (predictions - predictions.mean()))
    distance = (labels.mean() - predictions.mean()) ** 2
    return 2 * covariance / (labels.var() + predictions.var() + distance)


@pytest.fixture
def omg():
    """Three utterances of one label each, and predictions that jump within sequences."""
    labels = {
        "v/utterance_1": (0.5, 0.5),
        "v/utterance_2": (-0.5, 0.25),
        "w/utterance_1": (0, 0.75),
    }
    valence = {
        "v/utterance_1": [0.0, 0.5, 0.7, 0.2, 0.4],
        "v/utterance_2": [-0.5, -0.1],
        "w/utterance_1": [0.3, 0.2, 0.9],
    }
    clips = [
        Clip(key, ["1.png"] * len(v), valence_arousal=[labels[key]] * len(v))
        for key, v in valence.items()
    ]
    return clips, {key: np.array(v)[:, None] * [1, -0.5] for key, v in valence.items()}


def test_each_level_is_the_ccc_of_its_own_rows(omg):
    table = evaluation.level_scores(*omg, length=3)
    assert list(table.index) == ["frame", "sequence", "utterance"]
    labels = [0.5] * 5 + [-0.5] * 2 + [0] * 3
    frames = lin(labels, [0, 0.5, 0.7, 0.2, 0.4, -0.5, -0.1, 0.3, 0.2, 0.9])
    # Sequences of three frames: means 0.4 and 0.3, -0.3, and 1.4 / 3.
    sequences = lin([0.5, 0.5, -0.5, 0], [0.4, 0.3, -0.3, 1.4 / 3])
    # Utterances: the mean of the medians 0.5 and 0.3; -0.3; 0.3.
    utterances = lin([0.5, -0.5, 0], [0.4, -0.3, 0.3])
    assert table["CCC valence"].tolist() == pytest.approx([frames, sequences, utterances])
    assert table["rows"].tolist() == [10, 4, 3] and table["left out"].tolist() == [0, 0, 0]


def test_levels_equal_the_functions_that_give_them_one_by_one(omg):
    clips, predictions = omg
    table = evaluation.level_scores(clips, predictions, length=3, significance=True)
    for level, statistic in (("sequence", "mean"), ("utterance", "median")):
        rows = evaluation.aggregate(predictions, clips, level, statistic, length=3)
        expected = evaluation.scores(clips, rows, significance=True)
        for column in ("CCC", "Pearson", "MSE", "RMSE", "SAGR", "p-value"):
            for name in DIMENSIONS:
                assert table.loc[level, f"{column} {name}"] == expected.loc[name, column]
    assert table.loc["frame", "CCC mean"] == evaluation.scores(*omg).loc["mean", "CCC"]


def test_the_filter_acts_on_all_levels_and_the_smoothing_on_utterances(omg):
    clips, predictions = omg
    window = {"names": DIMENSIONS, "windows": 3, "within": "sequence", "few": None, "length": 3}
    rest = {"validation": {}, "versions": {}}
    alone = {"smoothing": 1, "by": None, "statistic": None}
    table = evaluation.level_scores(
        clips, predictions, postprocess.PostProcessing(**window, **alone, **rest)
    )
    filtered = postprocess.median_filter(predictions, 3, length=3)
    pd.testing.assert_frame_equal(table, evaluation.level_scores(clips, filtered, length=3))
    both = {"smoothing": 3, "by": "utterance", "statistic": "mean"}
    smoothed = evaluation.level_scores(
        clips, predictions, postprocess.PostProcessing(**window, **both, **rest)
    )
    pd.testing.assert_frame_equal(smoothed[:2], table[:2])
    utterances = postprocess.smooth(evaluation.aggregate(filtered, clips, "utterance", "mean", 3))
    expected = evaluation.scores(clips, utterances).loc["valence", "CCC"]
    assert smoothed.loc["utterance", "CCC valence"] == pytest.approx(expected)
    assert expected != pytest.approx(table.loc["utterance", "CCC valence"])


def test_what_has_no_prediction_is_left_out_and_counted(omg):
    clips, predictions = omg
    hidden = Clip("x/utterance_1", ["", ""], valence_arousal=[[0.1, 0.1]] * 2)
    predictions["x/utterance_1"] = np.full((2, 2), np.nan)
    table = evaluation.level_scores([*clips, hidden], predictions, length=3)
    assert table["rows"].tolist() == [10, 4, 3] and table["left out"].tolist() == [0, 1, 1]


def test_expressions_have_levels_too():
    clips = [Clip(k, ["1.png"] * 2, expression=[i] * 2) for i, k in enumerate("ab")]
    predictions = {"a": np.eye(7)[[0, 1]], "b": np.eye(7)[[1, 1]] * 0.9}
    table = evaluation.level_scores(clips, predictions, task="expression", length=1)
    assert table["accuracy"].tolist()[:2] == [0.75, 0.75] and table["rows"].tolist() == [4, 4, 2]

"""Scores, evaluation and TensorBoard of action units, eight expressions and several tasks."""

import warnings

import keras
import numpy as np
import pandas as pd
import pytest
from sklearn import metrics as sklearn_metrics
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from kollias_affect import evaluation, tasks
from kollias_affect.clip import Clip
from kollias_affect.evaluation import evaluate_model
from kollias_affect.evaluation.tensorboard import AffectTensorBoard

UNITS = list(tasks.ACTION_UNITS)
THREE = ("valence_arousal", "expression_8", "action_units")


def unit_clips(random, clips=3, frames=20):
    """Clips of action units with unknown labels; the last unit never occurs."""
    made = []
    for number in range(clips):
        labels = random.integers(-1, 2, (frames, 12)).astype(float)
        labels[:, 11] = 0
        labels[0] = -1
        labels[0, 3] = 1
        labels[1] = -1  # no label at all
        valid = np.arange(frames) != 1
        made.append(Clip(f"v{number}", ["x.png"] * frames, action_units=labels, valid=valid))
    return made


def test_scores_of_action_units_are_those_of_scikit_learn_over_known_labels():
    random = np.random.default_rng(0)
    clips = unit_clips(random)
    predictions = {clip.key: random.uniform(size=(20, 12)) for clip in clips}
    table = evaluation.scores(clips, predictions, "action_units")
    labels = np.concatenate([clip.action_units for clip in clips])
    values = np.concatenate(list(predictions.values())) >= 0.5
    expected = []
    for unit, name in enumerate(UNITS[:11]):
        known = np.isfinite(labels[:, unit])
        pair = labels[known, unit], values[known, unit]
        expected.append(sklearn_metrics.f1_score(*pair))
        assert table.loc[name, "F1"] == pytest.approx(expected[-1])
        assert table.loc[name, "accuracy"] == pytest.approx(sklearn_metrics.accuracy_score(*pair))
        assert table.loc[name, "recall"] == pytest.approx(sklearn_metrics.recall_score(*pair))
        assert table.loc[name, "frames"] == known.sum()
    assert table.loc["mean", "F1"] == pytest.approx(np.mean(expected))
    assert table.loc["mean", "frames"] == 3 * 19


def test_intervals_and_comparisons_of_action_units_are_those_of_their_f1():
    random = np.random.default_rng(1)
    clips = unit_clips(random, 4)
    good = {clip.key: np.nan_to_num(clip.action_units, nan=0.0) for clip in clips}
    bad = {clip.key: 1 - good[clip.key] for clip in clips}
    table = evaluation.confidence_intervals(clips, bad, "F1", "action_units", resamples=50)
    assert (table["low"] <= table["F1"]).all() and (table["F1"] <= table["high"]).all()
    comparison = evaluation.compare(clips, good, bad, "F1", "action_units")
    assert comparison.loc["mean", ["first", "second"]].tolist() == [1, 0]


def test_eight_expressions_have_their_own_names():
    labels = [0, 4, 7, 7]
    clip = Clip("a", ["x.png"] * 4, expression=labels, expressions=tasks.EXPRESSIONS_8)
    predictions = {"a": np.eye(8)[[0, 4, 7, 0]]}
    table = evaluation.scores([clip], predictions, "expression_8")
    f1 = {"neutral": 2 / 3, "happiness": 1, "other": 2 / 3}
    assert table["F1"][list(f1)].to_dict() == pytest.approx(f1)
    assert table.loc["all", "F1"] == pytest.approx(np.mean(list(f1.values())))
    assert table.loc["all eight", "F1"] == pytest.approx(sum(f1.values()) / 8)
    counts = evaluation.confusion([clip], predictions, "expression_8")
    assert counts.loc["other", ["other", "neutral"]].tolist() == [1, 1]
    unit = evaluation.aggregate(predictions, [clip], "video", "mean", task="expression_8")
    assert unit.loc["a", "label expression"] == "other"


def linear(names=THREE):
    """A linear model of the mean colour of single frames with several tasks."""
    keras.utils.set_random_seed(1)
    images = keras.Input((16, 16, 3), name="images")
    colours = keras.layers.GlobalAveragePooling2D()(images)
    kinds = {"expression_8": "softmax", "action_units": "sigmoid", "valence_arousal": "tanh"}
    outputs = {
        name: keras.layers.Dense(len(tasks.TASKS[name][0]), kinds[name], name=name)(colours)
        for name in names
    }
    return keras.Model({"images": images}, outputs)


@pytest.fixture
def clips(make_clip):
    """One clip for each pair of tasks, each without labels of the third one."""
    random = np.random.default_rng(0)
    made = []
    for number in range(3):
        labels = {
            "valence_arousal": random.uniform(-1, 1, (9, 2)),
            "expression": random.integers(0, 8, 9),
            "action_units": random.integers(0, 2, (9, 12)).astype(float),
        }
        labels[list(labels)[number]] = None
        name, options = f"v{number}", {"size": 16, "expressions": tasks.EXPRESSIONS_8}
        made.append(make_clip(name, 9, 10 * number, landmarks=None, **labels, **options))
    return made


def test_every_output_is_scored_on_the_frames_with_its_labels(clips, tmp_path, monkeypatch):
    monkeypatch.setattr(evaluation.results, "CLIPS_DRAWN", 1)
    monkeypatch.setattr(evaluation.results.plots, "save", lambda figure, path: None)
    model = linear()
    result = evaluate_model(model, clips, out_dir=tmp_path, per_video=True)
    predictions = evaluation.predict(model, clips)
    total = 0
    for number, task in enumerate(THREE):
        labelled = [clip for i, clip in enumerate(clips) if i != number]
        values = {clip.key: predictions[task][clip.key] for clip in labelled}
        expected = evaluation.scores(labelled, values, task)
        for row in expected.index:
            found = result.scores.loc[f"{task} {row}", expected.columns]
            assert np.allclose(found.astype(float), expected.loc[row].astype(float), equal_nan=True)
        main = {"valence_arousal": ("mean", "CCC"), "expression_8": ("all", "F1")}
        total += expected.loc[main.get(task, ("mean", "F1"))]
        assert (tmp_path / task / "scores.csv").exists()
    assert result.total == pytest.approx(total) and result.without_labels == ()
    assert len(result.per_video) == 3
    written = pd.read_csv(tmp_path / "scores.csv", index_col=0)
    assert list(written.index) == list(result.scores.index)


def test_tasks_without_labels_are_named_and_not_scored(clips):
    clips = [clip.labelled(expression=None, valid=clip.valid) for clip in clips[:1]]
    result = evaluate_model(linear(), clips)
    assert result.without_labels == ("expression_8", "valence_arousal") and result.total is None
    assert all(row.startswith("action_units ") for row in result.scores.index)


def test_one_task_of_several_is_evaluated_like_a_model_of_that_task(clips):
    labelled = [clip for clip in clips if clip.valence_arousal is not None]
    model = linear()
    one = keras.Model(model.input, model.output["valence_arousal"])
    expected = evaluate_model(one, labelled, levels=True)
    result = evaluate_model(model, labelled, levels=True, task="valence_arousal")
    pd.testing.assert_frame_equal(result.scores, expected.scores)
    pd.testing.assert_frame_equal(result.levels, expected.levels)


def test_options_of_one_task_are_refused_for_several(clips):
    for options in ({"by": "video"}, {"levels": True}, {"search": "steps.json"}):
        with pytest.raises(ValueError, match="is for one task"):
            evaluate_model(linear(), clips, **options)
    with pytest.raises(ValueError, match="`task` must be one of"):
        evaluate_model(linear(), clips, task="expression")


def test_two_models_are_compared_on_every_task(clips):
    comparison = evaluate_model(linear(), clips, against=linear()).comparison
    assert {row.split(" ")[0] for row in comparison.index} == set(THREE)
    assert (comparison["difference"] == 0).all()


def test_tensorboard_shows_every_task(clips, tmp_path):
    model = linear()
    board = AffectTensorBoard(tmp_path, clips, clips_shown=1)
    with warnings.catch_warnings():
        warnings.filterwarnings("error", "TensorBoard lacks")
        board.set_model(model)
        board.on_train_begin()
        board.on_epoch_end(0, {})
        board.on_train_end()
    tags = EventAccumulator(str(tmp_path / "validation")).Reload().Tags()["tensors"]
    expected = {
        "affect/valence_arousal/ccc_mean",
        "affect/expression_8/macro_f1",
        "affect/action_units/f1",
        "pictures/valence_arousal/plane",
        "pictures/expression_8/confusion",
        "traces/action_units/v0",
    }
    assert expected <= set(tags)
    metadata = (tmp_path / "validation" / "metadata.tsv").read_text().splitlines()
    assert {"valence", "expression", "AU26"} <= set(metadata[0].split("\t"))

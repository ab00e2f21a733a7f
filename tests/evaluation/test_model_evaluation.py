import json

import keras
import numpy as np
import pandas as pd
import pytest

from kollias_affect import evaluation
from kollias_affect.evaluation import evaluate_model


@pytest.fixture
def clips(make_clip):
    """Four utterances of two videos."""
    return [
        make_clip(f"v{i}/utterance_{j}", 9, 25 * i + 9 * j, size=16) for i in (1, 2) for j in (1, 2)
    ]


def linear(task, units):
    """A linear model of the mean colour of single frames."""
    images = keras.Input((16, 16, 3), name="images")
    colours = keras.layers.GlobalAveragePooling2D()(images)
    activation = "softmax" if task == "expression" else "tanh"
    outputs = keras.layers.Dense(units, activation, name=task)(colours)
    return keras.Model({"images": images}, outputs)


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(1)
    return linear("valence_arousal", 2)


def test_scores_are_those_of_the_predictions(model, clips):
    result = evaluate_model(model, clips, per_video=True)
    predictions = evaluation.predict(model, clips)
    assert result.scores.equals(evaluation.scores(clips, predictions))
    assert len(result.per_video) == 2
    assert result.steps is result.comparison is None and result.measure == "CCC"


def test_steps_of_utterances_apply_to_utterances_only(model, clips, tmp_path):
    file = tmp_path / "steps.json"
    by = {"by": "utterance"}
    searched = evaluate_model(model, clips, search=file, **by, out_dir=tmp_path / "out")
    assert json.loads(file.read_text())["by"] == "utterance"
    applied = evaluate_model(model, clips, postprocessing=file, **by)
    assert applied.steps == searched.steps
    assert np.allclose(applied.scores, searched.scores)
    with pytest.raises(ValueError, match="These steps apply to utterances"):
        evaluate_model(model, clips, postprocessing=file)


def test_all_levels_come_from_one_prediction(model, clips, tmp_path, monkeypatch):
    calls = []
    original = evaluation.model_evaluation.predict
    monkeypatch.setattr(
        evaluation.model_evaluation, "predict", lambda *a: calls.append(1) or original(*a)
    )
    file = tmp_path / "steps.json"
    options = {"search": file, "by": "utterance", "out_dir": tmp_path / "out"}
    result = evaluate_model(model, clips, levels=True, significance=True, **options)
    assert len(calls) == 1 and list(result.levels.index) == ["frame", "sequence", "utterance"]
    utterance = result.levels.loc["utterance"]
    assert utterance["CCC valence"] == pytest.approx(result.scores.loc["valence", "CCC"])
    assert utterance["p-value arousal"] == pytest.approx(result.scores.loc["arousal", "p-value"])
    written = pd.read_csv(tmp_path / "out" / "levels.csv", index_col=0)
    assert np.allclose(written["CCC mean"], result.levels["CCC mean"], atol=1e-6)
    assert evaluate_model(model, clips).levels is None


def test_pictures_of_omg_have_its_range_of_arousal(model, clips, tmp_path, monkeypatch):
    limits = []

    def keep(figure, path):
        if path.name == "histogram.png":
            limits.append(figure.axes[0].get_ylim())

    monkeypatch.setattr(evaluation.results.plots, "save", keep)
    for clip in clips:
        clip.valence_arousal[:] = np.abs(clip.valence_arousal)
    evaluate_model(model, clips, out_dir=tmp_path)
    evaluate_model(model, clips, out_dir=tmp_path, ranges={})
    assert np.allclose(limits, [(0, 1), (-1, 1)])


def test_two_models_are_compared_after_the_same_steps(model, clips):
    comparison = evaluate_model(model, clips, by="utterance", against=model).comparison
    assert (comparison["p-value"] == 1).all() and (comparison["difference"] == 0).all()


def test_options_that_exclude_each_other_are_refused(model, clips, tmp_path):
    file = tmp_path / "steps.json"
    with pytest.raises(ValueError, match="Give one of them"):
        evaluate_model(model, clips, search=file, postprocessing=file)
    with pytest.raises(ValueError, match="applies to valence and arousal"):
        evaluate_model(linear("expression", 7), clips, search=file)
    with pytest.raises(ValueError, match="Two models are compared on one task"):
        evaluate_model(model, clips, against=linear("expression", 7))
    assert not file.exists()


def test_expressions_get_a_confusion_matrix(make_clip, tmp_path):
    random = np.random.default_rng(0)
    clips = [
        make_clip(
            name, 6, 9 * i, size=16, valence_arousal=None, expression=random.integers(0, 7, 6)
        )
        for i, name in enumerate("ab")
    ]
    result = evaluate_model(linear("expression", 7), clips, out_dir=tmp_path)
    assert result.measure == "accuracy"
    counts = pd.read_csv(tmp_path / "confusion.csv", index_col=0)
    assert counts.to_numpy().sum() == 12
    assert (tmp_path / "distribution.png").exists()

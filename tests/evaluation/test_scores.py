import numpy as np
import pytest

from kollias_affect import evaluation, metrics


@pytest.fixture
def scored(make_clip):
    clips = [make_clip("a", 30, missing=(3, 4)), make_clip("b", 20, 50)]
    random = np.random.default_rng(0)
    predictions = [0.5 * c.valence_arousal + random.normal(0, 0.2, (len(c), 2)) for c in clips]
    predictions[0][~clips[0].valid] = np.nan
    return clips, {clip.key: values for clip, values in zip(clips, predictions, strict=True)}


def test_scores_are_those_of_all_valid_frames_together(scored):
    clips, predictions = scored
    table = evaluation.scores(clips, predictions)
    labels = np.concatenate([c.valence_arousal[c.valid] for c in clips])
    values = np.concatenate([predictions[c.key][c.valid] for c in clips])
    assert list(table.index) == ["valence", "arousal", "mean"]
    for i, name in enumerate(("valence", "arousal")):
        pearson = np.corrcoef(labels[:, i], values[:, i])[0, 1]
        assert table.loc[name, "Pearson"] == pytest.approx(pearson)
        mse = np.mean((labels[:, i] - values[:, i]) ** 2)
        assert table.loc[name, "MSE"] == pytest.approx(mse)
    assert np.allclose(table["CCC"][:2], metrics.ccc(labels, values))
    assert table.loc["mean", "CCC"] == pytest.approx(table["CCC"][:2].mean())
    assert table["frames"].tolist() == [48, 48, 48]


def test_constant_predictions_score_zero(make_clip):
    clip = make_clip(frames=10)
    table = evaluation.scores([clip], {"a": np.full((10, 2), 0.1)})
    assert np.allclose(table[["CCC", "Pearson"]], 0, atol=1e-6)


def test_one_dimension(scored):
    clips, predictions = scored
    table = evaluation.scores(
        clips, {key: p[:, 1:] for key, p in predictions.items()}, task="arousal"
    )
    assert list(table.index) == ["arousal"]
    both = evaluation.scores(*scored)
    assert table.loc["arousal", "CCC"] == pytest.approx(both.loc["arousal", "CCC"])


def test_expressions_have_accuracy_and_f1(make_clip):
    clip = make_clip(frames=4, expression=[0, 4, 4, -1], valid=[1, 1, 1, 0])
    outputs = np.eye(7)[[0, 4, 0, 6]]
    table = evaluation.scores([clip], {"a": outputs}, task="expression")
    assert table.loc["happiness", "recall"] == 0.5 and table.loc["neutral", "precision"] == 0.5
    assert table.loc["all", "accuracy"] == pytest.approx(2 / 3)
    assert table.loc["happiness", "frames"] == 2 and table.loc["all", "frames"] == 3


def test_clips_without_labels_are_refused(make_clip):
    with pytest.raises(ValueError, match="Scores need labels"):
        evaluation.scores([make_clip(frames=3, valence_arousal=None)], {"a": np.zeros((3, 2))})

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn import metrics as sklearn_metrics

from kollias_affect import EXPRESSIONS, evaluation, metrics
from kollias_affect.evaluation import measures


@pytest.fixture
def scored(make_clip):
    clips = [make_clip("a", 30, missing=(3, 4)), make_clip("b", 20, 50)]
    random = np.random.default_rng(0)
    predictions = [0.5 * c.valence_arousal + random.normal(0, 0.2, (len(c), 2)) for c in clips]
    predictions[0][~clips[0].valid] = np.nan
    return clips, {clip.key: values for clip, values in zip(clips, predictions, strict=True)}


@pytest.fixture
def expressions(make_clip):
    """Two clips of 60 frames with five of the seven classes; some frames are not valid."""
    random = np.random.default_rng(0)
    clips = [
        make_clip(key, 60, expression=random.integers(0, 5, 60), valid=random.random(60) < 0.8)
        for key in "ab"
    ]
    predictions = {clip.key: random.dirichlet(np.ones(7), 60) for clip in clips}
    for clip in clips:
        predictions[clip.key][np.arange(60), clip.expression] += 0.2
    return clips, predictions


def together(clips, predictions):
    labels = np.concatenate([c.valence_arousal[c.valid] for c in clips]).astype(np.float64)
    return labels, np.concatenate([predictions[c.key][c.valid] for c in clips])


def test_all_valid_frames_are_one_set(scored):
    clips, predictions = scored
    table = evaluation.scores(clips, predictions)
    labels, values = together(clips, predictions)
    assert list(table.index) == ["valence", "arousal", "mean"]
    for i, name in enumerate(("valence", "arousal")):
        pearson = stats.pearsonr(labels[:, i], values[:, i]).statistic
        assert table.loc[name, "Pearson"] == pytest.approx(pearson, abs=1e-9)
        mse = np.mean((labels[:, i] - values[:, i]) ** 2)
        assert table.loc[name, "MSE"] == pytest.approx(mse, abs=1e-9)
        assert table.loc[name, "RMSE"] == pytest.approx(np.sqrt(mse), abs=1e-9)
        agree = np.mean(np.sign(labels[:, i]) == np.sign(values[:, i]))
        assert table.loc[name, "SAGR"] == pytest.approx(agree)
    assert np.allclose(table["CCC"][:2], metrics.ccc(labels, values), rtol=0, atol=1e-9)
    assert table.loc["mean", "CCC"] == pytest.approx(table["CCC"][:2].mean())
    assert table["frames"].tolist() == [48, 48, 48]


def test_scores_differ_from_the_mean_over_clips(scored):
    clips, predictions = scored
    clips[1].valence_arousal[:] /= 10
    scores = [evaluation.scores([c], {c.key: predictions[c.key]}).loc["mean", "CCC"] for c in clips]
    assert abs(evaluation.scores(clips, predictions).loc["mean", "CCC"] - np.mean(scores)) > 0.01


def t_test_of_correlation(labels, predictions):
    """Computes the two-sided p-value from Student's t, the textbook's formula."""
    r, degrees = np.corrcoef(labels, predictions)[0, 1], len(labels) - 2
    return 2 * stats.t.sf(abs(r) * np.sqrt(degrees / (1 - r**2)), degrees)


def test_p_values_are_those_of_the_correlation(scored):
    clips, predictions = scored
    table = evaluation.scores(clips, predictions, significance=True)
    labels, values = together(clips, predictions)
    for i, name in enumerate(("valence", "arousal")):
        expected = t_test_of_correlation(labels[:, i], values[:, i])
        assert 0 < table.loc[name, "p-value"] == pytest.approx(expected, rel=1e-6)
    assert np.isnan(table.loc["mean", "p-value"])  # a mean of correlations has none
    plain = evaluation.scores(clips, predictions)
    assert table.drop(columns="p-value").equals(plain)


def test_utterances_and_videos_have_p_values_of_their_own_rows(make_clip):
    clips = [make_clip(f"v{i}/utterance_1", 4, 10 * i) for i in range(8)]
    random = np.random.default_rng(1)
    predictions = {c.key: c.valence_arousal + random.normal(0, 0.3, (4, 2)) for c in clips}
    utterances = evaluation.aggregate(predictions, clips, by="utterance")
    table = evaluation.scores(clips, utterances, significance=True)
    columns = utterances["label valence"], utterances["valence"]
    assert table.loc["valence", "p-value"] == pytest.approx(t_test_of_correlation(*columns))
    videos = evaluation.scores(clips, predictions, per_video=True, significance=True)
    columns = clips[3].valence_arousal[:, 1].astype(float), predictions["v3/utterance_1"][:, 1]
    assert videos.loc["v3", "p-value arousal"] == pytest.approx(t_test_of_correlation(*columns))
    assert "p-value mean" not in videos


@pytest.mark.filterwarnings("error")
def test_without_a_correlation_there_is_no_p_value(make_clip):
    clip = make_clip(frames=10)
    table = evaluation.scores([clip], {"a": np.full((10, 2), 0.1)}, significance=True)
    assert table["p-value"].isna().all()
    clip = make_clip("b", 2)
    table = evaluation.scores([clip], {"b": clip.valence_arousal / 2}, significance=True)
    assert table["p-value"].isna().all()  # a line fits two points exactly


def test_expressions_have_no_p_value(expressions):
    with pytest.raises(ValueError, match="P-values are those of the correlation"):
        evaluation.scores(*expressions, "expression", significance=True)


def test_small_p_values_are_written_and_not_rounded_to_zero(tmp_path):
    table = pd.DataFrame({"CCC": [0.5, 0.25], "p-value": [2.4e-26, np.nan]}, ["valence", "mean"])
    evaluation.write_table(table, tmp_path / "scores")
    again = pd.read_csv(tmp_path / "scores.csv", index_col=0)
    assert again.loc["valence", "p-value"] == 2.4e-26 and again["p-value"].isna().tolist()[1]
    text = (tmp_path / "scores.md").read_text()
    assert "2e-26" in text and "0.500" in text and "nan" not in text
    assert evaluation.markdown(pd.DataFrame({"p-value": [0.0123]})).endswith("| 0.012     |")
    assert evaluation.markdown(pd.DataFrame({"CCC": [-0.0002]})).endswith("| 0.000 |")


@pytest.mark.filterwarnings("error")
def test_constant_predictions_score_zero(make_clip):
    clip = make_clip(frames=10)
    table = evaluation.scores([clip], {"a": np.full((10, 2), 0.1)})
    assert (table[["CCC", "Pearson"]] == 0).all(axis=None)
    assert not table.isna().any(axis=None)


def test_one_dimension_can_be_scored(scored):
    clips, predictions = scored
    table = evaluation.scores(
        clips, {key: p[:, 1:] for key, p in predictions.items()}, task="arousal"
    )
    assert list(table.index) == ["arousal"]
    both = evaluation.scores(*scored)
    assert table.loc["arousal", "CCC"] == pytest.approx(both.loc["arousal", "CCC"])


def test_outputs_of_another_task_are_refused(scored):
    clips, predictions = scored
    with pytest.raises(ValueError, match="Received: 2 columns"):
        evaluation.scores(clips, predictions, task="valence")
    with pytest.raises(ValueError, match="`task` must be one of"):
        evaluation.scores(clips, predictions, task="Valence")


def test_expressions_have_accuracy_and_f1(make_clip):
    clip = make_clip(frames=4, expression=[0, 4, 4, -1], valid=[1, 1, 1, 0])
    outputs = np.eye(7)[[0, 4, 0, 6]]
    table = evaluation.scores([clip], {"a": outputs}, task="expression")
    assert table.loc["happiness", "recall"] == 0.5 and table.loc["neutral", "precision"] == 0.5
    assert table.loc["all", "accuracy"] == pytest.approx(2 / 3)
    assert table.loc["happiness", "frames"] == 2 and table.loc["all", "frames"] == 3


def test_expression_scores_equal_those_of_scikit_learn(expressions):
    clips, predictions = expressions
    table = evaluation.scores(clips, predictions, "expression")
    labels = np.concatenate([c.expression[c.valid] for c in clips])
    predicted = np.concatenate([predictions[c.key][c.valid] for c in clips]).argmax(axis=1)
    recalls = sklearn_metrics.recall_score(
        labels, predicted, labels=range(7), average=None, zero_division=0
    )
    assert np.allclose(table.loc[list(EXPRESSIONS), "recall"], recalls, rtol=0, atol=1e-9)
    for row, classes in (("all", np.unique(labels)), ("all seven", range(7))):
        f1 = sklearn_metrics.f1_score(
            labels, predicted, labels=classes, average="macro", zero_division=0
        )
        assert table.loc[row, "F1"] == pytest.approx(f1, abs=1e-9)
        accuracy = sklearn_metrics.accuracy_score(labels, predicted)
        assert table.loc[row, "accuracy"] == pytest.approx(accuracy, abs=1e-9)
    assert table.loc["all", "F1"] > table.loc["all seven", "F1"]
    confusion = evaluation.confusion(clips, predictions)
    expected = sklearn_metrics.confusion_matrix(labels, predicted, labels=range(7))
    assert np.array_equal(confusion, expected)
    assert confusion.index.name == "label" and list(confusion.columns) == list(EXPRESSIONS)


def test_per_video_has_a_row_per_video_and_keeps_those_without_a_frame(make_clip):
    clips = [make_clip(f"v1_{side}", 10, i) for i, side in enumerate(("left", "right"))]
    clips += [make_clip("v2", 10, 50), make_clip("v0", 5, 90, valid=np.zeros(5))]
    random = np.random.default_rng(0)
    predictions = {clip.key: random.normal(0, 1, (len(clip), 2)) for clip in clips}
    table = evaluation.scores(clips, predictions, per_video=True)
    assert table["frames"].to_dict() == {"v0": 0, "v1": 20, "v2": 10}
    assert table.drop(columns="frames").loc["v0"].isna().all()
    expected = measures.ccc(*together(clips[:2], predictions))
    assert table.loc["v1", "CCC valence"] == pytest.approx(expected[0], abs=1e-9)
    assert table.loc["v1", "CCC mean"] == pytest.approx(expected.mean(), abs=1e-9)
    one = evaluation.scores(clips, predictions, per_video=True, video_of=lambda clip: "all")
    assert one.loc["all", "MSE mean"] == evaluation.scores(clips, predictions).loc["mean", "MSE"]


def test_a_video_of_one_value_has_no_correlation(make_clip):
    """A correlation needs two values; 0 would say that there is none."""
    clips = [make_clip("a", 1), make_clip("b", 1, 50), make_clip("c", 10, 90)]
    predictions = {clip.key: clip.valence_arousal + 0.5 for clip in clips}
    frames = evaluation.scores(clips, predictions, per_video=True)
    videos = evaluation.aggregate(predictions, clips, by="video")
    of_videos = evaluation.scores(clips, videos, per_video=True)
    for table, single in ((frames, ["a", "b"]), (of_videos, ["a", "b", "c"])):
        for name in ("CCC valence", "CCC mean", "Pearson arousal", "Pearson mean"):
            assert table.index[table[name].isna()].tolist() == single
        assert table["MSE mean"].tolist() == pytest.approx([0.25] * 3)
        assert evaluation.count_single(table) == len(single)


def test_expressions_can_be_scored_per_video(expressions):
    clips, predictions = expressions
    table = evaluation.scores(clips, predictions, "expression", per_video=True)
    expected = evaluation.scores(clips[:1], {"a": predictions["a"]}, "expression").loc["all"]
    assert table.loc["a"].to_dict() == pytest.approx(expected.to_dict())


def test_clips_without_labels_are_refused(make_clip):
    with pytest.raises(ValueError, match="Scores need labels"):
        evaluation.scores([make_clip(frames=3, valence_arousal=None)], {"a": np.zeros((3, 2))})


def test_valid_frames_without_a_prediction_are_refused(scored):
    clips, predictions = scored
    predictions["b"][7, 1] = np.nan
    with pytest.raises(ValueError, match=r"at frame 8 of clip 'b' \(1 such"):
        evaluation.scores(clips, predictions)


def test_shuffled_predictions_score_the_same_and_mismatched_ones_are_refused(scored):
    clips, predictions = scored
    expected = evaluation.scores(clips, predictions)
    table = evaluation.to_table(predictions, ("valence", "arousal"))
    for other in (dict(reversed(predictions.items())), table.sample(frac=1, random_state=0)):
        assert evaluation.scores(clips, other).equals(expected)
    assert np.allclose(evaluation.scores(clips[::-1], predictions), expected, rtol=1e-12)
    swapped = {"a": predictions["b"], "b": predictions["a"]}
    with pytest.raises(ValueError, match="one row per frame"):
        evaluation.scores(clips, swapped)
    with pytest.raises(ValueError, match="never by position"):
        evaluation.scores(clips, list(predictions.values()))

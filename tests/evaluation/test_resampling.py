import itertools

import numpy as np
import pytest
from sklearn import metrics as sklearn_metrics

from kollias_affect import evaluation
from kollias_affect.clip import Clip
from kollias_affect.evaluation import measures


def clip_of(key, **labels):
    frames = len(next(iter(labels.values())))
    return Clip(key, [f"{i}.png" for i in range(frames)], **labels)


def corpus(videos=20, frames=100, error=0.3, seed=0):
    """Makes videos with errors that vary between videos more than between frames."""
    random = np.random.default_rng(seed)
    clips, predictions = [], {}
    for i in range(videos):
        labels = np.clip(random.normal(0, 0.4, 2) + random.normal(0, 0.05, (frames, 2)), -1, 1)
        clips.append(clip_of(f"{i:03d}", valence_arousal=labels))
        video_error = random.normal(0, error, 2)
        predictions[clips[-1].key] = labels + video_error + random.normal(0, 0.02, (frames, 2))
    return clips, predictions


def ccc_of(clips, predictions):
    labels = np.concatenate([clip.valence_arousal for clip in clips]).astype(np.float64)
    return measures.ccc(labels, np.concatenate([predictions[clip.key] for clip in clips]))


def test_intervals_contain_the_score_and_depend_on_the_seed():
    clips, predictions = corpus()
    table = evaluation.confidence_intervals(clips, predictions, resamples=300)
    scores = evaluation.scores(clips, predictions)
    assert list(table.index) == ["valence", "arousal", "mean"]
    assert np.allclose(table["CCC"], scores["CCC"], rtol=0, atol=1e-12)
    assert (table["low"] < table["CCC"]).all() and (table["CCC"] < table["high"]).all()
    assert evaluation.confidence_intervals(clips, predictions, resamples=300).equals(table)
    reordered = evaluation.confidence_intervals(clips[::-1], predictions, resamples=300)
    assert np.allclose(reordered, table, rtol=0, atol=1e-12)
    other = evaluation.confidence_intervals(clips, predictions, resamples=300, seed=1)
    assert not other.equals(table)
    narrow = evaluation.confidence_intervals(clips, predictions, confidence=0.5, resamples=300)
    assert (narrow["high"] - narrow["low"] < table["high"] - table["low"]).all()


def test_videos_are_resampled_and_not_frames():
    clips, predictions = corpus(videos=12)
    table = evaluation.confidence_intervals(clips, predictions, resamples=400)
    single, outputs = [], {}
    for clip in clips:
        for i in range(len(clip)):
            single.append(clip.part(i, i + 1, f"{clip.key}/{i}"))
            outputs[single[-1].key] = predictions[clip.key][i : i + 1]
    wrong = evaluation.confidence_intervals(single, outputs, resamples=400)
    width, narrow = (t.loc["mean", "high"] - t.loc["mean", "low"] for t in (table, wrong))
    assert width > 4 * narrow
    # Clips of one frame each, with a rule that assigns them to the videos.
    right = evaluation.confidence_intervals(
        single, outputs, resamples=400, video_of=lambda clip: clip.key.split("/")[0]
    )
    assert np.allclose(right[["low", "high"]], table[["low", "high"]], rtol=0, atol=1e-9)


def test_the_interval_equals_percentiles_of_scores_of_drawn_videos():
    clips, predictions = corpus(videos=15)
    table = evaluation.confidence_intervals(clips, predictions, resamples=2000)
    random = np.random.default_rng(5)
    drawn = [
        ccc_of([clips[i] for i in random.integers(0, 15, 15)], predictions) for _ in range(2000)
    ]
    low, high = np.percentile(drawn, [2.5, 97.5], axis=0)
    assert np.allclose(table["low"][:2], low, atol=0.04)
    assert np.allclose(table["high"][:2], high, atol=0.04)


def test_intervals_contain_the_true_value_about_as_often_as_stated():
    truth, hits = 0.4**2 + 0.05**2, 0  # the variance of the labels is the expected MSE of zeros
    for seed in range(60):
        clips, _ = corpus(videos=30, frames=4, seed=seed)
        zeros = {clip.key: np.zeros((4, 2)) for clip in clips}
        row = evaluation.confidence_intervals(clips, zeros, "MSE", resamples=300).loc["valence"]
        hits += row["low"] <= truth <= row["high"]
    assert 48 <= hits <= 60


@pytest.mark.parametrize("measure", list(measures.MEASURES))
def test_a_model_against_itself_has_p_one(measure):
    clips, predictions = corpus(videos=14)
    table = evaluation.compare(clips, predictions, predictions, measure, resamples=500)
    assert (table["difference"] == 0).all() and (table["p-value"] == 1).all()


@pytest.mark.parametrize("measure", ["CCC", "Pearson", "MSE"])
@pytest.mark.parametrize("offset", [0.0, 0.6])
def test_the_p_value_equals_that_of_all_exchanges_of_videos(measure, offset):
    clips, first = corpus(videos=6, frames=20)
    other = corpus(videos=6, frames=20, error=0.5, seed=1)[1]
    second = {key: offset + 0.5 * values + 0.5 * other[key] for key, values in first.items()}
    table = evaluation.compare(clips, first, second, measure)
    score = getattr(measures, measure.lower())
    labels = np.concatenate([clip.valence_arousal for clip in clips]).astype(np.float64)
    differences = []
    for exchanges in itertools.product([False, True], repeat=6):
        pairs = list(zip(exchanges, clips, strict=True))
        one = np.concatenate(
            [(second if exchanged else first)[clip.key] for exchanged, clip in pairs]
        )
        other = np.concatenate(
            [(first if exchanged else second)[clip.key] for exchanged, clip in pairs]
        )
        differences.append(score(labels, one) - score(labels, other))
    differences = np.array(differences)
    assert np.allclose(table["difference"][:2], differences[0], rtol=0, atol=1e-9)
    above = (differences >= differences[0] - 1e-12).mean(axis=0)
    below = (differences <= differences[0] + 1e-12).mean(axis=0)
    assert np.allclose(table["p-value"][:2], np.minimum(1, 2 * np.minimum(above, below)))


def test_a_better_model_differs_significantly_and_noise_does_not():
    clips, good = corpus(videos=25, error=0.1)
    bad = corpus(videos=25, error=0.8)[1]
    random = np.random.default_rng(3)
    noisy = {key: values + random.normal(0, 0.02, values.shape) for key, values in good.items()}
    clear = evaluation.compare(clips, good, bad, resamples=999)
    assert (clear["difference"] > 0).all() and clear.loc["mean", "p-value"] < 0.01
    reverse = evaluation.compare(clips, bad, good, resamples=999)
    assert np.allclose(reverse["difference"], -clear["difference"])
    similar = evaluation.compare(clips, noisy, dict(good), "SAGR", resamples=999)
    assert similar.loc["mean", "p-value"] > 0.01


def expression_corpus(right, seed=0):
    random = np.random.default_rng(seed)
    clips, predictions = [], {}
    for i in range(20):
        labels = random.integers(0, 7, 40)
        clips.append(clip_of(f"{i:03d}", expression=labels))
        predicted = np.where(random.random(40) < right, labels, random.integers(0, 7, 40))
        predictions[clips[-1].key] = np.eye(7)[predicted]
    return clips, predictions


@pytest.mark.parametrize("measure", ["accuracy", "F1"])
def test_expressions_have_intervals_and_p_values(measure):
    clips, predictions = expression_corpus(0.6)
    table = evaluation.confidence_intervals(
        clips, predictions, measure, "expression", resamples=300
    )
    scores = evaluation.scores(clips, predictions, "expression")
    assert table.loc["all", measure] == pytest.approx(scores.loc["all", measure], abs=1e-9)
    assert table.loc["all", "low"] < table.loc["all", measure] < table.loc["all", "high"]
    labels = np.concatenate([clip.expression for clip in clips])
    predicted = np.concatenate([predictions[clip.key] for clip in clips]).argmax(axis=1)
    f1 = sklearn_metrics.f1_score(labels, predicted, average="macro")
    assert measure == "accuracy" or table.loc["all", "F1"] == pytest.approx(f1, abs=1e-9)
    constant = {key: np.eye(7)[np.zeros(40, int)] for key in predictions}
    compared = evaluation.compare(
        clips, predictions, constant, measure, "expression", resamples=999
    )
    assert compared.loc["all", "p-value"] < 0.01
    itself = evaluation.compare(clips, predictions, predictions, measure, "expression")
    assert itself.loc["all", "p-value"] == 1


@pytest.mark.filterwarnings("error")
def test_constant_predictions_have_an_interval_without_nan_or_warnings():
    clips, predictions = corpus()
    constant = {key: np.full_like(values, 0.1) for key, values in predictions.items()}
    for measure in measures.MEASURES:
        table = evaluation.confidence_intervals(clips, constant, measure, resamples=100)
        assert not table.isna().any(axis=None)
    assert (evaluation.confidence_intervals(clips, constant, resamples=100)["high"] == 0).all()
    assert not evaluation.compare(clips, constant, predictions, resamples=99).isna().any(axis=None)


def test_few_videos_are_refused():
    clips, predictions = corpus(videos=2)
    clips[1].valid[:] = False
    for call in (
        lambda: evaluation.confidence_intervals(clips, predictions),
        lambda: evaluation.compare(clips, predictions, predictions),
    ):
        with pytest.raises(ValueError, match=r"at least two videos .* Received: 1\."):
            call()


def test_videos_without_a_frame_that_counts_change_nothing():
    clips, predictions = corpus(videos=6)
    expected = evaluation.confidence_intervals(clips, predictions, resamples=100)
    empty = clip_of("004b", valence_arousal=np.zeros((5, 2)))
    empty.valid[:] = False
    more = {**predictions, "004b": np.full((5, 2), np.nan)}
    table = evaluation.confidence_intervals([*clips, empty], more, resamples=100)
    assert table.equals(expected) and table["videos"].tolist() == [6, 6, 6]


def test_other_predictions_and_unknown_arguments_are_refused():
    clips, predictions = corpus(videos=3)
    others = {"x" + key: values for key, values in predictions.items()}
    with pytest.raises(ValueError, match="same 3 clips"):
        evaluation.compare(clips, predictions, others)
    with pytest.raises(ValueError, match="never by position"):
        evaluation.confidence_intervals(clips, list(predictions.values()))
    with pytest.raises(ValueError, match="`measure` must be one of"):
        evaluation.confidence_intervals(clips, predictions, "accuracy")
    with pytest.raises(ValueError, match="`resamples` must be"):
        evaluation.compare(clips, predictions, predictions, resamples=0)
    with pytest.raises(ValueError, match="`confidence` must be"):
        evaluation.confidence_intervals(clips, predictions, confidence=95)


def test_utterances_of_two_models_are_compared_by_video():
    labels = np.random.default_rng(0).uniform(-1, 1, (12, 2))
    clips = [
        clip_of(f"v{i // 3}/utterance_{i % 3}", valence_arousal=[label] * 5)
        for i, label in enumerate(labels)
    ]
    random = np.random.default_rng(1)
    first, second = (
        {c.key: c.valence_arousal + random.normal(0, error, (5, 2)) for c in clips}
        for error in (0.1, 0.5)
    )
    one, other = (evaluation.aggregate(p, clips, by="utterance") for p in (first, second))
    table = evaluation.compare(clips, one, other.sample(frac=1, random_state=0))
    assert table["videos"].tolist() == [4, 4, 4]
    assert table.loc["mean", "first"] == evaluation.scores(clips, one).loc["mean", "CCC"]
    other.loc["v0/utterance_1", "valence"] = np.nan
    with pytest.raises(ValueError, match="on the same rows"):
        evaluation.compare(clips, one, other)
    with pytest.raises(ValueError, match="on the same rows"):
        evaluation.compare(clips, one, second)


@pytest.mark.filterwarnings("error")
def test_no_deprecated_argument_of_scipy_is_used():
    clips, predictions = corpus(videos=3)
    evaluation.confidence_intervals(clips, predictions, resamples=20)
    evaluation.compare(clips, predictions, predictions, resamples=20)

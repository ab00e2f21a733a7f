"""Scores of groups of people: values, intervals over persons, differences, warnings."""

import itertools

import numpy as np
import pytest
from sklearn.metrics import f1_score

from kollias_affect import evaluation
from kollias_affect.clip import Clip
from kollias_affect.evaluation import groups as reports

FRAMES = 5
PEOPLE = {"anna": "f", "berta": "f", "carl": "m", "dora": "f", "emil": "m"}


def ccc(labels, predictions):
    """Lin's coefficient with population moments, of concatenated frames."""
    t, p = np.concatenate(labels), np.concatenate(predictions)
    covariance = ((t - t.mean()) * (p - p.mean())).mean()
    return 2 * covariance / (t.var() + p.var() + (t.mean() - p.mean()) ** 2)


@pytest.fixture(scope="module")
def people():
    """Clips, predictions, and groups of four of five persons, of whom Anna has two clips."""
    random = np.random.default_rng(0)
    clips, predictions, found = [], {}, {}
    for key, name in enumerate(["anna", "anna", "berta", "carl", "dora", "emil"]):
        labels = random.uniform(-1, 1, (FRAMES, 2))
        clip = Clip(f"v{key}", ["1.png"] * FRAMES, valence_arousal=labels, subject=name)
        clips.append(clip)
        predictions[clip.key] = labels + random.normal(0, 0.1 + 0.1 * key, labels.shape)
        found[clip.key] = {"gender": PEOPLE[name]} if name != "dora" else {}
    return clips, predictions, found


def of(people, names, column=0):
    clips, predictions, _ = people
    chosen = [clip for clip in clips if clip.subject in names]
    labels = [clip.valence_arousal[:, column].astype(float) for clip in chosen]
    return labels, [predictions[clip.key][:, column] for clip in chosen]


def test_groups_are_scored_alone_and_compared_with_the_others(people):
    table = evaluation.group_scores(*people, resamples=50)
    women, men = ccc(*of(people, ("anna", "berta"))), ccc(*of(people, ("carl", "emil")))
    row = table.loc[("gender", "f", "valence")]
    assert row[["CCC", "others", "difference"]].tolist() == pytest.approx(
        [women, men, women - men], abs=1e-6
    )
    assert table.loc[("gender", "m", "valence"), "difference"] == pytest.approx(men - women)
    arousal = ccc(*of(people, ("carl", "emil"), 1))
    assert table.loc[("gender", "m", "mean"), "CCC"] == pytest.approx((men + arousal) / 2, abs=1e-6)
    labels, predicted = (np.concatenate(values) for values in of(people, ("carl", "emil")))
    rmse = np.sqrt(((labels - predicted) ** 2).mean())
    assert table.loc[("gender", "m", "valence"), "RMSE"] == pytest.approx(rmse, abs=1e-6)
    assert table.loc[("gender", "f", "mean"), ["persons", "frames"]].tolist() == [2, 3 * FRAMES]


def test_intervals_draw_persons_with_all_their_clips(people):
    """Two persons give three samples; the rarest has probability 1/4, its pairs 1/16."""
    table = evaluation.group_scores(*people, resamples=4000)
    samples = {}
    for gender, pair in (("f", ("anna", "berta")), ("m", ("carl", "emil"))):
        samples[gender] = [ccc(*of(people, set(drawn))) for drawn in ((p, p) for p in pair)]
        samples[gender].append(ccc(*of(people, pair)))
        row = table.loc[("gender", gender, "valence")]
        expected = [min(samples[gender]), max(samples[gender])]
        assert row[["low", "high"]].tolist() == pytest.approx(expected, abs=1e-6)
    differences = [a - b for a, b in itertools.product(samples["f"], samples["m"])]
    row = table.loc[("gender", "f", "valence"), ["difference low", "difference high"]]
    assert row.tolist() == pytest.approx([min(differences), max(differences)], abs=1e-6)


def test_a_group_of_one_person_has_no_interval_and_is_named_small(people):
    clips, predictions, _ = people
    found = {"v0": {"age": "20-29"}, "v2": {"age": "100-109"}, "v3": {"age": "20-29"}}
    table = evaluation.group_scores(clips, predictions, found, resamples=20)
    assert table.index.get_level_values("group").unique().tolist() == ["20-29", "100-109"]
    row = table.loc[("age", "100-109", "mean")]
    assert row[["low", "high", "difference low"]].isna().all() and row["small"]
    assert np.isfinite(row["difference"])
    (text,) = reports.warnings(table)
    assert "age 20-29 (2), age 100-109 (1)" in text


def test_a_person_in_two_groups_counts_in_both_and_a_file_may_name_the_persons(people):
    clips, predictions, _ = people
    found = {c.key: {"subject": "x", "mood": m} for c, m in zip(clips, "aabbba", strict=True)}
    table = evaluation.group_scores(clips, predictions, found, resamples=20)
    assert table.loc[("mood", "a", "mean"), ["persons", "frames"]].tolist() == [1, 3 * FRAMES]
    assert table.loc[("mood", "b", "mean"), "persons"] == 1
    assert table.loc[("subject", "x", "mean"), "frames"] == 6 * FRAMES
    assert np.isnan(table.loc[("subject", "x", "mean"), "difference"])


def test_groups_that_differ_by_more_than_chance_are_named():
    random, clips, predictions, found = np.random.default_rng(1), [], {}, {}
    for number in range(16):
        labels = random.uniform(-1, 1, (20, 2))
        clips.append(Clip(str(number), ["1.png"] * 20, valence_arousal=labels))
        noise = 0.1 if number < 8 else 1.0
        predictions[str(number)] = labels + random.normal(0, noise, labels.shape)
        found[str(number)] = {"glasses": "no" if number < 8 else "yes", "half": str(number % 2)}
    table = evaluation.group_scores(clips, predictions, found, resamples=500)
    (text,) = reports.warnings(table)
    assert "glasses no (+0." in text and "glasses yes (-0." in text and "half" not in text
    assert not table["small"].any()


def test_expressions_are_scored_by_the_macro_f1_of_the_classes_of_the_group():
    labels = {"a": [0, 4, 4], "b": [4, 0, 4], "c": [1, 2, 2]}
    guesses = {"a": [0, 4, 0], "b": [4, 4, 4], "c": [2, 2, 2]}
    clips = [Clip(key, ["1.png"] * 3, expression=values) for key, values in labels.items()]
    found = {"a": {"group": "x"}, "b": {"group": "x"}, "c": {"group": "y"}}
    predictions = {key: np.eye(7)[values] for key, values in guesses.items()}
    table = evaluation.group_scores(clips, predictions, found, "expression", resamples=20)
    both = [labels["a"] + labels["b"], guesses["a"] + guesses["b"]]
    expected = f1_score(*both, labels=[0, 4], average="macro")
    assert table.loc[("group", "x", "all"), "F1"] == pytest.approx(expected)
    assert table.loc[("group", "y", "all"), "accuracy"] == pytest.approx(2 / 3)


def test_utterances_are_scored_by_group(people):
    clips, predictions, found = people
    table = evaluation.aggregate(predictions, clips, by="utterance")
    scored = evaluation.group_scores(clips, table, found, resamples=20)
    assert scored.loc[("gender", "f", "mean"), "frames"] == 3  # utterances


def test_groups_without_clips_are_refused(people):
    clips, predictions, _ = people
    with pytest.raises(ValueError, match="Name the clips by their keys"):
        evaluation.group_scores(clips, predictions, {"other": {"age": "1"}})
    with pytest.raises(ValueError, match="by=video"):
        evaluation.check_options(by="video", groups={})

import numpy as np
import pandas as pd
import pytest

from kollias_affect import EXPRESSIONS, evaluation
from kollias_affect.clip import Clip

VA = ["valence", "arousal"]


def clip_of(key, frames, missing=(), **fields):
    paths = ["" if i in missing else f"{i}.png" for i in range(frames)]
    return Clip(key, paths, **fields)


def random_outputs(clips, seed=0):
    random = np.random.default_rng(seed)
    outputs = {clip.key: random.normal(0, 0.5, (len(clip), 2)) for clip in clips}
    for clip in clips:
        outputs[clip.key][~clip.has_image] = np.nan
    return outputs


def omg(videos=8, utterances=5, seed=0):
    """Makes clips like those of OMG-Emotion: one label per utterance, any number of frames."""
    random = np.random.default_rng(seed)
    clips = []
    for video in range(videos):
        for number in range(utterances):
            frames = int(random.integers(1, 300))
            label = [[random.uniform(-1, 1), random.uniform(0, 1)]] * frames
            key = f"{video:09x}/utterance_{number + 1}"
            clips.append(clip_of(key, frames, valence_arousal=label, subject=str(video)))
    return clips


@pytest.mark.parametrize("statistic, function", [("median", np.median), ("mean", np.mean)])
def test_utterances_are_the_average_of_the_statistic_of_their_sequences(statistic, function):
    clips = omg()
    predictions = random_outputs(clips)
    table = evaluation.aggregate(predictions, clips, by="utterance", statistic=statistic)
    assert table.index.name == "utterance" and list(table.index) == [clip.key for clip in clips]
    for clip in clips:
        values = predictions[clip.key]
        parts = [values[start : start + 80] for start in range(0, len(values), 80)]
        expected = np.mean([function(part, axis=0) for part in parts], axis=0)
        assert np.allclose(table.loc[clip.key, VA].astype(float), expected, rtol=0, atol=1e-12)
        assert table.loc[clip.key, "frames"] == len(clip)
        labels = table.loc[clip.key, ["label valence", "label arousal"]].astype(float)
        assert np.allclose(labels, clip.valence_arousal[0], rtol=0, atol=1e-12)


def test_a_short_last_sequence_has_the_same_weight():
    clip = clip_of("a", 81)
    values = np.vstack([np.zeros((80, 2)), np.ones((1, 2))])
    table = evaluation.aggregate({"a": values}, [clip], by="utterance")
    assert table.loc["a", "valence"] == 0.5
    undivided = evaluation.aggregate({"a": values}, [clip], by="utterance", length=None)
    assert undivided.loc["a", "valence"] == 0


def test_frames_that_do_not_count_change_nothing_and_sequences_stay():
    clip = clip_of("a", 6, missing=(1,), valid=[1, 1, 0, 1, 1, 1])
    values = np.array([[1], [np.nan], [50], [2], [3], [7]], float) * [1, -1]
    table = evaluation.aggregate({"a": values}, [clip], by="sequence", length=3)
    assert list(table.index) == ["a#1", "a#2"] and list(table["clip"]) == ["a", "a"]
    assert table["valence"].tolist() == [1, 3] and table["arousal"].tolist() == [-1, -3]
    assert table["frames"].tolist() == [1, 3]


def test_videos_average_the_sequences_of_their_clips():
    clips = [clip_of("v/utterance_1", 6), clip_of("w", 2), clip_of("v/utterance_2", 2)]
    values = {"v/utterance_1": [0, 0, 3, 3, 6, 6], "w": [9, 9], "v/utterance_2": [1, 1]}
    predictions = {key: np.array(v, float)[:, None] * [1, 2] for key, v in values.items()}
    table = evaluation.aggregate(predictions, clips, by="video", length=2)
    assert list(table.index) == ["v", "w"]
    assert table["valence"].tolist() == [2.5, 9] and table["frames"].tolist() == [8, 2]
    people = evaluation.aggregate(predictions, clips, by="video", video_of=lambda clip: "all")
    assert list(people.index) == ["all"] and people["frames"].tolist() == [10]


def test_a_unit_without_a_predicted_frame_keeps_its_row_and_its_label():
    visible = [
        clip_of(f"v/utterance_{i}", 90, valence_arousal=[[i / 9, i / 9]] * 90) for i in (1, 2)
    ]
    hidden = Clip("v/utterance_9", [""], valence_arousal=[[0.9, 0.8]])
    clips = [*visible, hidden]
    predictions = random_outputs(clips)
    table = evaluation.aggregate(predictions, clips, by="utterance")
    row = table.loc[hidden.key]
    assert row[VA].isna().all() and row["frames"] == 0
    assert row["label valence"] == pytest.approx(0.9)
    scores = evaluation.scores(clips, table)
    assert scores["utterances"].tolist() == [2, 2, 2] and scores["left out"].tolist() == [1, 1, 1]
    filled = evaluation.scores(clips, table.fillna({"valence": 0.0, "arousal": 0.0}))
    assert filled["utterances"].tolist() == [3, 3, 3] and not filled["left out"].any()
    sequences = evaluation.aggregate(predictions, clips, by="sequence")
    assert len(sequences) == 5 and sequences.loc["v/utterance_9#1", "frames"] == 0


def test_labels_out_of_range_are_ignored():
    labels = [[-5, -5], [0.5, 0.5], [0.7, 0.1]]
    clip = clip_of("a", 3, valence_arousal=labels, valid=[0, 1, 0])
    table = evaluation.aggregate({"a": np.ones((3, 2))}, [clip], by="utterance", statistic="mean")
    assert table.loc["a", "label valence"] == 0.5 and table.loc["a", "frames"] == 1
    unseen = Clip("b", ["", "", ""], valence_arousal=labels)
    table = evaluation.aggregate({"b": np.full((3, 2), np.nan)}, [unseen], "utterance", "mean")
    assert table.loc["b", "label valence"] == pytest.approx(0.6)


def omg_challenge_ccc(labels, predictions):
    """Computes the corpus CCC like the OMG challenge: Pearson's, and deviations with ddof 0."""
    pearson = np.corrcoef(labels, predictions)[0, 1]
    spreads = np.std(labels), np.std(predictions)
    distance = (np.mean(predictions) - np.mean(labels)) ** 2
    return 2 * pearson * spreads[0] * spreads[1] / (spreads[0] ** 2 + spreads[1] ** 2 + distance)


def test_utterances_are_scored_as_the_omg_challenge_does():
    clips = omg(videos=20)
    predictions = random_outputs(clips)
    for clip in clips:
        predictions[clip.key] += clip.valence_arousal
    utterances = evaluation.aggregate(predictions, clips, by="utterance")
    table = evaluation.scores(clips, utterances.sample(frac=1, random_state=0))
    labels = np.array([clip.valence_arousal[0] for clip in clips], np.float64)
    for i, name in enumerate(VA):
        expected = omg_challenge_ccc(labels[:, i], utterances[name].to_numpy())
        assert 0.1 < expected < 0.99
        assert table.loc[name, "CCC"] == pytest.approx(expected, abs=1e-9)
    assert table["utterances"].tolist() == [100] * 3


def test_a_table_survives_a_csv_file(tmp_path):
    clips = omg()
    utterances = evaluation.aggregate(random_outputs(clips), clips, by="utterance")
    utterances.to_csv(tmp_path / "table.csv", float_format="%.17g")
    again = evaluation.scores(clips, pd.read_csv(tmp_path / "table.csv", index_col=0))
    assert np.allclose(again, evaluation.scores(clips, utterances), rtol=0, atol=1e-12)


def test_expressions_by_mean_probability_and_by_vote():
    clip = clip_of("a", 3, expression=[4, 4, 0])
    outputs = np.zeros((3, 7))
    outputs[:, 4] = [0.4, 0.4, 0.0]
    outputs[:, 1] = [0.6, 0.6, 0.1]
    outputs[:, 0] = [0.0, 0.0, 0.9]
    outputs[:, 2] = 1 - outputs.sum(axis=1)
    mean = evaluation.aggregate({"a": outputs}, [clip], by="video", statistic="mean")
    vote = evaluation.aggregate({"a": outputs}, [clip], by="video", statistic="vote")
    assert np.allclose(mean.loc["a", list(EXPRESSIONS)].astype(float), outputs.mean(axis=0))
    assert vote.loc["a", "anger"] == pytest.approx(2 / 3)
    assert vote.loc["a", list(EXPRESSIONS)].sum() == pytest.approx(1)
    assert mean.loc["a", "label expression"] == "happiness"
    confusion = evaluation.confusion([clip], vote)
    assert confusion.loc["happiness", "anger"] == 1 and confusion.to_numpy().sum() == 1
    assert evaluation.scores([clip], vote, "expression").loc["all", "accuracy"] == 0


def test_unlabelled_clips_have_no_label_columns_and_cannot_be_scored():
    clips = [clip_of("a", 3)]
    table = evaluation.aggregate({"a": np.zeros((3, 2))}, clips, by="video")
    assert list(table.columns) == [*VA, "frames"]
    with pytest.raises(ValueError, match="must have labels and outputs"):
        evaluation.scores(clips, table)
    mixed = [*clips, clip_of("b", 2, valence_arousal=[[0, 0]] * 2)]
    table = evaluation.aggregate({"a": np.zeros((3, 2)), "b": np.zeros((2, 2))}, mixed, by="video")
    with pytest.raises(ValueError, match=r"without a label \['a'\]"):
        evaluation.scores(mixed, table)


def test_predictions_are_paired_by_key():
    clips = omg(videos=2)
    predictions = random_outputs(clips)
    expected = evaluation.aggregate(predictions, clips, by="utterance")
    rows = evaluation.to_table(predictions, VA).sample(frac=1, random_state=0)
    assert evaluation.aggregate(rows, clips, by="utterance").equals(expected)
    assert evaluation.aggregate(predictions, clips[::-1], by="utterance")[::-1].equals(expected)
    with pytest.raises(ValueError, match="same 10 clips"):
        evaluation.aggregate(dict(list(predictions.items())[1:]), clips)
    for broken in (expected[1:], pd.concat([expected, expected[:1]])):
        with pytest.raises(ValueError, match="one row per utterance of the same clips"):
            evaluation.scores(clips, broken.rename_axis("utterance"))


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"by": "frame"}, "`by` must be one of"),
        ({"statistic": "vote"}, r"one of \('median', 'mean'\)"),
        ({"length": 0}, "`length` must be an integer"),
        ({"task": "valence"}, "Received: 2 columns"),
    ],
)
def test_unknown_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        evaluation.aggregate({"a": np.zeros((3, 2))}, [clip_of("a", 3)], **arguments)


def test_no_clips_are_refused():
    with pytest.raises(ValueError, match="at least one clip"):
        evaluation.aggregate({}, [])
    with pytest.raises(ValueError, match="at least one valid frame"):
        evaluation.scores([], {})


def test_one_output_needs_its_task():
    clip = clip_of("a", 3, valence_arousal=[[0.1, 0.2]] * 3)
    with pytest.raises(ValueError, match="Name the `task`"):
        evaluation.aggregate({"a": np.zeros((3, 1))}, [clip])
    table = evaluation.aggregate({"a": np.zeros((3, 1))}, [clip], task="arousal")
    assert list(table.columns) == ["clip", "arousal", "frames", "label arousal"]


@pytest.mark.parametrize(
    "key, video",
    [
        ("5b44393ed/utterance_4", "5b44393ed"),
        ("f8da01d25_1/utterance_12", "f8da01d25_1"),
        ("5b44393ed/utterance_4_left", "5b44393ed"),
        ("5b44393ed/utterance_4+3", "5b44393ed"),
        ("10-60-1280x720_right", "10-60-1280x720"),
        ("video59_face2", "video59"),
        ("train/000046280", "train/000046280"),
        ("105", "105"),
    ],
)
def test_the_video_of_a_clip(key, video):
    assert evaluation.video_of(clip_of(key, 1)) == video

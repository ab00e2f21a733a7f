import keras
import numpy as np
import pandas as pd
import pytest

from kollias_affect import backbones, evaluation, models

TINY = {"length": 4, "width": 0.02, "input_shape": (32, 32, 3), "rnn_units": 6, "hidden_units": 8}


@pytest.fixture(scope="module")
def model():
    return models.affwildnet(**TINY, initializer=None)


def test_every_frame_has_a_prediction_and_missing_faces_have_nan(model, make_clip):
    clips = [make_clip("a", 9, missing=(2,)), make_clip("b", 4, 50), make_clip("c", 1, 90)]
    predictions = evaluation.predict(model, clips)
    assert {key: p.shape for key, p in predictions.items()} == {
        "a": (9, 2),
        "b": (4, 2),
        "c": (1, 2),
    }
    assert np.flatnonzero(np.isnan(predictions["a"]).any(axis=1)).tolist() == [2]
    assert not np.isnan(predictions["b"]).any()


def test_predictions_do_not_depend_on_the_other_clips(model, make_clip):
    clips = [make_clip("a", 9), make_clip("b", 6, 50)]
    together = evaluation.predict(model, clips)
    for clip in clips:
        alone = evaluation.predict(model, [clip])
        assert np.allclose(together[clip.key], alone[clip.key], atol=1e-6)


@pytest.mark.parametrize("stream", [False, True])
def test_a_model_with_several_tasks_gives_the_predictions_of_each(make_clip, stream):
    backbone = backbones.cnn_m((32, 32, 3), width=0.02)
    options = {"hidden_units": 8, "rnn_units": 6, "length": 9, "landmarks": False}
    model = models.cnn_rnn(backbone, ("expression", "valence_arousal"), **options)
    clips = [make_clip("a", 9, missing=(0, 2), size=32), make_clip("b", 4, 50, size=32)]
    predictions = evaluation.predict(model, clips, stream=stream)
    for task, size in (("expression", 7), ("valence_arousal", 2)):
        one = keras.Model(model.input, model.output[task])
        for key, values in evaluation.predict(one, clips, stream=stream).items():
            assert values.shape[1] == size
            assert np.allclose(predictions[task][key], values, atol=1e-6, equal_nan=True)


@pytest.fixture
def pair(make_clip):
    clips = [make_clip("a", 4), make_clip("b", 4, 50)]
    return clips, {clip.key: clip.valence_arousal + 1.0 for clip in clips}


def test_clips_in_another_order_are_matched_by_key(pair):
    clips, predictions = pair
    other = dict(reversed(predictions.items()))
    for values, clip in zip(evaluation.paired(clips, other), clips, strict=True):
        assert np.array_equal(values, clip.valence_arousal + 1.0)


def test_shuffled_rows_are_matched_by_clip_and_frame(pair):
    clips, predictions = pair
    table = evaluation.to_table(predictions, ["valence", "arousal"]).sample(frac=1, random_state=0)
    assert table["frame"].tolist() != sorted(table["frame"].tolist())
    for values, clip in zip(evaluation.paired(clips, table), clips, strict=True):
        assert np.array_equal(values, predictions[clip.key])


def test_missing_and_repeated_rows_are_refused(pair):
    clips, predictions = pair
    table = evaluation.to_table(predictions, ["valence", "arousal"])
    for broken in (table.drop(2), pd.concat([table, table[:1]])):
        with pytest.raises(ValueError, match="numbered 1, 2"):
            evaluation.paired(clips, broken)
    with pytest.raises(ValueError, match="one row per frame"):
        evaluation.paired(clips, table.drop([3]))  # without the last frame, numbers have no gap
    with pytest.raises(ValueError, match=r"Add \['clip'\]"):
        evaluation.paired(clips, table.drop(columns="clip"))


def test_predictions_without_keys_are_refused(pair):
    clips, predictions = pair
    with pytest.raises(ValueError, match="never by position"):
        evaluation.paired(clips, list(predictions.values()))


def test_predictions_of_other_clips_are_refused(pair):
    clips, predictions = pair
    with pytest.raises(ValueError, match=r"none for \['b'\]"):
        evaluation.paired(clips, {"a": predictions["a"]})
    with pytest.raises(ValueError, match=r"other clips \['b'\]"):
        evaluation.paired(clips[:1], predictions)


def test_predictions_of_another_length_are_refused(pair):
    clips, predictions = pair
    with pytest.raises(ValueError, match="one row per frame"):
        evaluation.paired(clips, {**predictions, "b": predictions["b"][:3]})


def test_clips_with_the_same_key_are_refused(make_clip):
    clip = make_clip("a", 4)
    with pytest.raises(ValueError, match="must differ"):
        evaluation.paired([clip, clip], {"a": clip.valence_arousal})

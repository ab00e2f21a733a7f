import numpy as np
import pytest

from kollias_affect import evaluation


@pytest.fixture
def trainings():
    random = np.random.default_rng(0)
    predictions = [{key: random.normal(0, 1, (5, 2)) for key in "ab"} for _ in range(3)]
    for training in predictions:
        training["a"][2] = np.nan
    return predictions


def test_frames_are_averaged_in_any_order(trainings):
    average = evaluation.average(trainings)
    for key in "ab":
        expected = np.mean([training[key] for training in trainings], axis=0)
        assert np.array_equal(average[key], expected, equal_nan=True)
    assert np.flatnonzero(np.isnan(average["a"]).any(axis=1)).tolist() == [2]
    table = evaluation.to_table(trainings[1], ("valence", "arousal")).sample(frac=1, random_state=0)
    other = evaluation.average([trainings[0], table, dict(reversed(trainings[2].items()))])
    assert all(np.array_equal(other[key], average[key], equal_nan=True) for key in "ab")


def test_different_clips_lengths_and_missing_frames_are_refused(trainings):
    first, second, _ = trainings
    with pytest.raises(ValueError, match=r"\['b'\] \(1 clips\)"):
        evaluation.average([first, {"a": second["a"]}])
    with pytest.raises(ValueError, match="shapes"):
        evaluation.average([first, {**second, "b": second["b"][:4]}])
    second["b"][1] = np.nan
    with pytest.raises(ValueError, match="1 frames of clip 'b' that only some predict"):
        evaluation.average([first, second])
    with pytest.raises(ValueError, match="at least one training"):
        evaluation.average([])

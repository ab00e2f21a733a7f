import numpy as np
import pytest

from kollias_affect import evaluation
from kollias_affect.clip import Clip


def clip_of(labels, key="a"):
    return Clip(key, [f"{i}.png" for i in range(len(labels))], valence_arousal=labels)


def test_edges_equal_those_of_table_7():
    corners = [[0, 0], [1, 0.5], [1, 1], [-1, 0], [-1, 0.5], [-0.001, 1], [0, 0.499]]
    clip = clip_of(corners)
    table = evaluation.mse_by_region([clip], {"a": np.zeros((7, 2))})
    assert table["frames"].tolist() == [2, 2, 1, 2, 0, 7]
    assert list(table.index[-2:]) == ["elsewhere", "whole"]


def test_errors_are_computed_over_frames_with_labels_in_the_region():
    random = np.random.default_rng(0)
    labels = random.uniform(-1, 1, (200, 2)).astype(np.float32)
    values = random.uniform(-1, 1, (200, 2))
    table = evaluation.mse_by_region([clip_of(labels)], {"a": values})
    inside = (labels[:, 0] < 0) & (labels[:, 1] >= 0.5)
    expected = ((labels[inside] - values[inside]) ** 2).mean(axis=0)
    row = table.loc["V in [-1, 0), A in [0.5, 1]"]
    assert np.allclose(row[["MSE valence", "MSE arousal"]].astype(float), expected, atol=1e-12)
    assert row["frames"] == inside.sum()


def test_frames_outside_all_regions_are_counted():
    labels = [[0.5, 0.5], [0.5, -0.5], [-0.5, -0.5]]
    table = evaluation.mse_by_region([clip_of(labels)], {"a": np.zeros((3, 2))})
    assert table.loc["elsewhere", "frames"] == 2
    assert table.loc["elsewhere", "MSE arousal"] == pytest.approx(0.25)
    parts = table.drop("whole")["frames"].sum()
    assert parts == table.loc["whole", "frames"] == 3


def test_a_label_on_an_edge_that_float32_rounds_is_above_it():
    thirds = {"low": ((-1, 0.7), (-1, 1)), "high": ((0.7, 1), (-1, 1))}
    table = evaluation.mse_by_region(
        [clip_of([[0.7, 0], [0.69, 0]])], {"a": np.zeros((2, 2))}, thirds
    )
    assert table["frames"].tolist() == [1, 1, 0, 2]


@pytest.mark.parametrize(
    "regions, message",
    [
        ({"a": ((-1, 0.1), (0, 1)), "b": ((0, 1), (0.5, 1))}, "'a' and 'b'"),
        ({"a": ((0, 0), (0, 1))}, "from below to"),
        ({"a": (0, 1)}, "from below to"),
        ({"whole": ((0, 1), (0, 1))}, "Rename the regions"),
        ({}, "at least one region"),
    ],
)
def test_overlapping_and_malformed_regions_are_refused(regions, message):
    with pytest.raises(ValueError, match=message):
        evaluation.mse_by_region([clip_of([[0, 0]])], {"a": np.zeros((1, 2))}, regions)


def test_utterances_can_be_scored_by_region():
    clips = [clip_of([[0.5, 0.2]] * 4), clip_of([[-0.5, 0.7]] * 4, "b")]
    utterances = evaluation.aggregate(
        {"a": np.zeros((4, 2)), "b": np.ones((4, 2))}, clips, "utterance"
    )
    table = evaluation.mse_by_region(clips, utterances)
    assert table["utterances"].tolist() == [1, 0, 0, 1, 0, 2]
    assert table.loc["V in [-1, 0), A in [0.5, 1]", "MSE valence"] == pytest.approx(2.25)

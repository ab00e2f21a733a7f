"""Windows of clips for several tasks, of which some lack labels."""

import numpy as np
import pytest

from kollias_affect import tasks, windows
from kollias_affect.clip import Clip

THREE = ("valence_arousal", "expression_8", "action_units")


def units(frames, label=1):
    return np.tile([[label, *[0] * 11]], (frames, 1)).astype(float)


@pytest.fixture
def clips():
    """Clips of four frames: all labels with gaps, only expressions, only action units."""
    paths = [f"{i}.png" for i in range(4)]
    affect = np.full((4, 2), 0.5)
    affect[1] = np.nan
    partial = units(4)
    partial[2], partial[3, 5] = np.nan, np.nan
    both = Clip(
        "a", paths, valence_arousal=affect, expression=[0, 7, -1, 4], action_units=partial,
        expressions=tasks.EXPRESSIONS_8,
    )  # fmt: skip
    return [
        both,
        Clip("b", paths[:2], expression=[3, 4]),
        Clip("c", paths[:2], action_units=units(2, 0)),
    ]


def batches(clips, task=THREE, **options):
    rows = [np.zeros((len(clip), 1), np.float32) for clip in clips]  # no images are read
    data = windows.dataset(
        clips, length=2, batch_size=1, landmarks=False, task=task, features=rows, **options
    )
    return [(labels, weights) for _, labels, weights in data.as_numpy_iterator()]


def test_frames_have_weight_0_for_each_task_that_they_lack(clips):
    found = batches(clips)
    weights = {task: np.concatenate([w[task].ravel() for _, w in found]) for task in THREE}
    assert weights["valence_arousal"].tolist() == [1, 0, 1, 1, 0, 0, 0, 0]
    assert weights["expression_8"].tolist() == [1, 1, 0, 1, 1, 1, 0, 0]
    assert weights["action_units"].tolist() == [1, 1, 0, 1, 0, 0, 1, 1]
    labels = {task: np.concatenate([v[task][0] for v, _ in found]) for task in THREE}
    assert all(np.isfinite(values).all() for values in labels.values())
    assert labels["expression_8"].tolist() == [0, 7, 0, 4, 3, 4, 0, 0]
    assert labels["action_units"][3, 5] == -1 and labels["action_units"][3, 0] == 1


def test_other_has_weight_0_among_seven_expressions(clips):
    found = batches(clips, ("expression", "valence_arousal"))
    assert np.concatenate([w["expression"][0] for _, w in found])[:4].tolist() == [1, 0, 0, 1]


def test_one_task_needs_its_labels_on_every_clip(clips):
    with pytest.raises(ValueError, match="needs `expression` on every clip"):
        batches(clips, "expression")


def test_soft_labels_are_the_shares_of_the_raters():
    shares = [[0.5, 0, 0, 0, 0.5, 0, 0], [np.nan] * 7]
    clip = Clip("a", ["1.png", "2.png"], expression=[0, 5], expression_shares=shares)
    ((labels, weights),) = batches([clip], "expression", soft_labels=True)
    expected = np.array([[0.5, 0, 0, 0, 0.5, 0, 0], [0, 0, 0, 0, 0, 1, 0]])
    np.testing.assert_array_equal(labels[0], expected)
    assert weights.tolist() == [[1, 1]]
    ((eight, _),) = batches([clip], "expression_8", soft_labels=True)
    assert eight.shape == (1, 2, 8) and eight[0, 0, 4] == 0.5


def test_class_weights_apply_to_expressions_only(clips):
    found = batches(clips, class_weights={0: 2.0, 3: 3.0, 4: 0.5, 7: 4.0})
    expression = np.concatenate([w["expression_8"][0] for _, w in found])
    assert expression.tolist() == [2, 4, 0, 0.5, 3, 0.5, 0, 0]
    assert batches(clips)[0][1]["valence_arousal"].tolist() == [[1, 0]]


def test_every_task_has_the_same_number_of_windows_in_an_epoch():
    paths = [f"{i}.png" for i in range(2)]
    many = [Clip(f"e{i}", paths, expression=[i % 7] * 2) for i in range(9)]
    few = [Clip("u", paths, action_units=units(2))]
    task = ("expression", "action_units")
    options = {"shuffle": True, "balance_tasks": True}
    found = [w for _, w in batches([*many, *few], task, **options)]
    of_units = [w["action_units"].any() for w in found]
    assert of_units == [False, True] * 5  # in every batch of two windows
    labels = [v["expression"][0, 0] for v, w in batches([*many, *few], task, **options)]
    again = [v["expression"][0, 0] for v, w in batches([*many, *few], task, **options)]
    assert labels == again and len({tuple(labels), tuple(sorted(labels))}) == 2


def test_balancing_needs_labels_of_every_task(clips):
    with pytest.raises(ValueError, match="without labels of 'valence'"):
        batches(clips[1:], ("valence", "expression"), shuffle=True, balance_tasks=True)
    with pytest.raises(ValueError, match="Received: shuffle=False"):
        batches(clips, balance_tasks=True)

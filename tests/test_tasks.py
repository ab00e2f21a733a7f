import numpy as np
import pytest

import kollias_affect
from kollias_affect import tasks
from kollias_affect.clip import Clip


@pytest.fixture
def clip():
    """Three frames with both kinds of labels; those of the second frame are not valid."""
    return Clip(
        key="a",
        paths=["a.png", "", "c.png"],
        times=np.arange(3) / 25,
        valence_arousal=np.array([[0.1, -0.2], [0.3, 0.4], [-0.5, 0.6]]),
        expression=np.array([0, 4, 6]),
        valid=np.array([True, False, True]),
    )


def test_the_package_gives_the_expressions_of_this_module():
    assert kollias_affect.EXPRESSIONS is tasks.EXPRESSIONS


def test_each_task_has_outputs_and_a_range():
    for names, (low, high) in tasks.TASKS.values():
        assert len(set(names)) == len(names) > 0 and low < high
    assert tasks.TASKS["expression"][0] == tasks.EXPRESSIONS
    assert tasks.TASKS["valence_arousal"][0] == tasks.DIMENSIONS == ("valence", "arousal")


@pytest.mark.parametrize("task", tasks.TASKS)
def test_labels_have_one_column_an_output(clip, task):
    labels = tasks.labels(clip, task)
    names = tasks.TASKS[task][0]
    assert labels.shape == ((3,) if task == "expression" else (3, len(names)))
    source = getattr(clip, tasks.label_field(task))
    expected = source if task == "expression" else source[:, tasks.columns(names)]
    np.testing.assert_array_equal(labels, expected)


def test_columns_follow_the_order_of_the_names():
    assert tasks.columns(["arousal", "valence"]) == [1, 0]
    assert tasks.columns([]) == []


@pytest.mark.parametrize("task", tasks.TASKS)
def test_labels_of_frames_that_are_not_valid_are_unknown(clip, task):
    known = tasks.known_labels(clip, task)
    labels = tasks.labels(clip, task)
    np.testing.assert_array_equal(known[clip.valid], labels[clip.valid])
    unknown = known[~clip.valid]
    assert (unknown == -1).all() if task == "expression" else np.isnan(unknown).all()


def test_known_labels_leave_the_clip_as_it_is(clip):
    before = clip.valence_arousal.copy(), clip.expression.copy()
    tasks.known_labels(clip, "valence")
    tasks.known_labels(clip, "expression")
    np.testing.assert_array_equal(clip.valence_arousal, before[0])
    np.testing.assert_array_equal(clip.expression, before[1])


@pytest.mark.parametrize(
    ("task", "field"), [("valence", "valence_arousal"), ("expression", "expression")]
)
def test_a_clip_without_the_labels_is_an_error_that_names_them(clip, task, field):
    setattr(clip, field, None)
    with pytest.raises(ValueError, match=f"needs `{field}` on every clip"):
        tasks.labels(clip, task)


def test_the_task_of_labels_is_one_that_every_clip_allows(clip, make_clip):
    unlabelled = make_clip("b", valence_arousal=None)
    expressions = make_clip("c", valence_arousal=None, expression=np.zeros(10, int))
    assert tasks.task_of_labels([clip]) == "valence_arousal"
    assert tasks.task_of_labels([clip, expressions]) == "expression"
    assert tasks.task_of_labels([clip, unlabelled]) is None

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
        action_units=np.tile([[0.0], [1.0], [0.0]], 12),
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
    field = tasks.label_field(task)
    assert labels.shape == ((3,) if field == "expression" else (3, len(names)))
    source = getattr(clip, field)
    expected = source[:, tasks.columns(names)] if field == "valence_arousal" else source
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
    is_class = tasks.label_field(task) == "expression"
    assert (unknown == -1).all() if is_class else np.isnan(unknown).all()


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


def test_each_frame_is_known_for_the_tasks_of_which_it_has_a_label():
    clip = Clip(
        "a",
        ["1.png", "2.png", "3.png", ""],
        valence_arousal=[[0.5, 0.5], [np.nan, np.nan], [np.nan, np.nan], [0.5, 0.5]],
        expression=[-1, 7, 4, 4],
        action_units=[[-1] * 12, [np.nan] * 12, [1, *[-1] * 11], [1] * 12],
        expressions=tasks.EXPRESSIONS_8,
    )
    expected = {
        "valence_arousal": [True, False, False, False],
        "arousal": [True, False, False, False],
        "expression": [False, False, True, False],  # "other" is none of the seven
        "expression_8": [False, True, True, False],
        "action_units": [False, False, True, False],
    }
    for task, frames in expected.items():
        assert tasks.known(clip, task).tolist() == frames, task
    assert tasks.known_labels(clip, "expression").tolist() == [-1, -1, 4, -1]


def test_a_clip_without_labels_of_a_task_has_no_known_frame(make_clip):
    assert not tasks.known(make_clip(), "action_units").any()


def test_other_makes_the_task_of_eight_expressions():
    seven = Clip("a", ["1.png"], expression=[4])
    eight = Clip("b", ["1.png"], expression=[7], expressions=tasks.EXPRESSIONS_8)
    assert tasks.task_of_labels([seven, eight]) == "expression_8"


def test_the_action_units_are_the_twelve_of_aff_wild2():
    # Header of the lists of the ABAW competitions.
    header = "AU1,AU2,AU4,AU6,AU7,AU10,AU12,AU15,AU23,AU24,AU25,AU26"
    assert ",".join(tasks.ACTION_UNITS) == header


@pytest.mark.parametrize(
    "task", ["smile", ("expression", "smile"), (), ("valence", "valence_arousal")]
)
def test_unknown_tasks_and_tasks_that_share_outputs_are_refused(task):
    with pytest.raises(ValueError, match="Received: task="):
        tasks.names_of(task)


def test_cards_of_one_and_of_several_tasks_are_read_alike():
    one = {"task": "valence_arousal", "outputs": ["valence", "arousal"], "range": [-1, 1]}
    expected = {"valence_arousal": (("valence", "arousal"), (-1, 1))}
    assert tasks.tasks_of(one) == expected
    several = {
        "task": ["expression", "valence_arousal"],
        "outputs": {"expression": list(tasks.EXPRESSIONS), "valence_arousal": one["outputs"]},
        "range": {"expression": [0, 1], "valence_arousal": [-1, 1]},
    }
    assert tasks.tasks_of(several) == {"expression": (tasks.EXPRESSIONS, (0, 1)), **expected}

import numpy as np
import pytest

from kollias_affect.clip import Clip
from kollias_affect.tasks import EXPRESSIONS


def test_frames_without_an_image_are_not_valid():
    clip = Clip("a", ["1.jpg", "", "3.jpg"])
    assert clip.valid.tolist() == [True, False, True]
    assert Clip("a", ["1.jpg", ""], valid=[True, True]).valid.tolist() == [True, False]


def test_labels_of_invalid_frames_may_have_any_value():
    clip = Clip("a", ["1.jpg", ""], valence_arousal=[[0.5, -0.5], [np.nan, -5]])
    assert clip.valid.tolist() == [True, False]


@pytest.mark.parametrize("bad", [[0.0, np.nan], [1.01, 0.0], [-5, -5]])
def test_labels_out_of_range_are_refused(bad):
    with pytest.raises(ValueError, match=r"\[-1, 1\].*Received: .* at frame 2.*valid"):
        Clip("a", ["1.jpg", "2.jpg"], valence_arousal=[[0, 0], bad])


def test_unknown_expression_is_refused():
    with pytest.raises(ValueError, match="Received: 7 at frame 1"):
        Clip("a", ["1.jpg"], expression=[7])


def test_labels_of_another_length_are_refused():
    with pytest.raises(ValueError, match=r"shape \(2, 2\). Received: shape \(3, 2\)"):
        Clip("a", ["1.jpg", "2.jpg"], valence_arousal=np.zeros((3, 2)))


def test_decreasing_times_are_refused():
    with pytest.raises(ValueError, match="0.0 s at frame 2, after 0.04 s"):
        Clip("a", ["1.jpg", "2.jpg"], times=[0.04, 0.0])


def test_labelled_returns_a_copy_with_the_labels():
    clip = Clip("a", ["1.jpg", "2.jpg"], subject="s")
    other = clip.labelled(valence_arousal=np.zeros((2, 2)), valid=[True, False])
    assert clip.valence_arousal is None and clip.valid.all()
    assert other.subject == "s" and other.valid.tolist() == [True, False]


def test_paths_are_a_sequence():
    assert Clip("a", [None, "1.jpg"]).paths == ["", "1.jpg"]
    with pytest.raises(ValueError, match="must be a sequence"):
        Clip("a", "1.jpg")


def test_parts_keep_every_sequence_and_the_subject():
    random = np.random.default_rng(0)
    clip = Clip(
        "a",
        ["1", "", "3", "4"],
        times=np.arange(4) / 25,
        landmarks=random.uniform(-1, 1, (4, 68, 2)),
        valence_arousal=random.uniform(-1, 1, (4, 2)),
        expression=[0, -1, 2, 3],
        valid=[1, 0, 0, 1],
        subject="someone",
    )
    part = clip.part(1, 4, "a+1")
    assert (part.key, part.subject, part.paths) == ("a+1", "someone", ["", "3", "4"])
    assert part.valid.tolist() == [False, False, True] and part.expression.tolist() == [-1, 2, 3]
    assert np.array_equal(part.times, clip.times[1:])
    assert np.array_equal(part.landmarks, clip.landmarks[1:])
    assert np.array_equal(part.valence_arousal, clip.valence_arousal[1:])
    bare = Clip("b", ["1", "2"]).part(0, 1, "b+1")
    assert bare.subject == "b" and bare.times is bare.landmarks is bare.valence_arousal is None


def test_a_valid_frame_may_lack_all_kinds_of_labels_but_one():
    labels = {"valence_arousal": [[0.5, 0], [np.nan, np.nan]], "expression": [-1, 3]}
    assert Clip("a", ["1.jpg", "2.jpg"], **labels).valid.all()
    with pytest.raises(ValueError, match="at frame 2"):
        Clip("a", ["1.jpg", "2.jpg"], **{**labels, "expression": [-1, -1]})


@pytest.mark.parametrize(
    "labels",
    [
        {"expression": [-1], "action_units": [[0.0] * 11 + [2]]},
        {"expression": [2.5], "valence_arousal": [[0, 0]]},
        {"expression": [0], "valence_arousal": [[0, np.nan]]},
        {"expression": [0], "valence_arousal": [[-5, -5]]},
        {"action_units": [[-1] * 12]},
        {"expression": [8], "expressions": (*EXPRESSIONS, "other")},
    ],
)
def test_labels_that_are_present_must_be_in_range(labels):
    with pytest.raises(ValueError, match="Received: .* at frame 1"):
        Clip("a", ["1.jpg"], **labels)


def test_the_eighth_expression_needs_its_name():
    clip = Clip("a", ["1.jpg"], expression=[7], expressions=(*EXPRESSIONS, "other"))
    assert clip.part(0, 1, "b").expressions[7] == "other"
    with pytest.raises(ValueError, match="`expressions` must be one of"):
        Clip("a", ["1.jpg"], expression=[0], expressions=("happy", "sad"))

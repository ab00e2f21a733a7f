import numpy as np
import pytest

from kollias_affect.adaptation import video_decision

OUTPUTS = np.array([[0.6, 0.4, 0.0], [0.6, 0.4, 0.0], [0.0, 0.9, 0.1]])


def test_mean_and_majority_may_differ():
    assert video_decision(OUTPUTS) == 1
    assert video_decision(OUTPUTS, "majority") == 0


@pytest.mark.parametrize("by", ["mean", "majority"])
def test_frames_without_weight_or_face_are_left_out(by):
    assert video_decision(OUTPUTS, by, [0, 0, 1]) == 1
    assert video_decision(OUTPUTS, by, [1, 1, 0]) == 0
    outputs = OUTPUTS.copy()
    outputs[:2] = np.nan
    assert video_decision(outputs, by) == 1


@pytest.mark.parametrize("by", ["mean", "majority"])
def test_a_video_without_frames_has_no_class(by):
    assert video_decision(OUTPUTS, by, [0, 0, 0]) == -1
    assert video_decision(np.zeros((0, 7)), by) == -1


@pytest.mark.parametrize("by", ["mean", "majority"])
def test_the_first_of_equal_classes_is_chosen(by):
    assert video_decision([[0, 0.5, 0.2], [0, 0.2, 0.5]], by) == 1


def test_arguments_are_checked():
    with pytest.raises(ValueError, match="`by` must be one of"):
        video_decision(OUTPUTS, "median")
    with pytest.raises(ValueError, match="one video at a time"):
        video_decision([OUTPUTS, OUTPUTS])
    with pytest.raises(ValueError, match=r"Received: \(3, 3\) and \(2,\)"):
        video_decision(OUTPUTS, weights=[1, 1])

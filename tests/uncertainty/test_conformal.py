"""Conformal quantiles: the definition by hand, and coverage on simulated videos."""

import numpy as np
import pytest

from kollias_affect import uncertainty
from kollias_affect.uncertainty import conformal
from kollias_affect.uncertainty.record import classes, columns


def test_every_video_has_the_same_weight_and_one_is_infinite():
    # Weights by hand: video a has 1/3 in one frame, b 1/3 in two frames, infinity 1/3.
    scores, groups = [5.0, 1.0, 2.0], ["a", "b", "b"]
    assert uncertainty.quantile(scores, groups, 1 / 6) == 1.0
    assert uncertainty.quantile(scores, groups, 1 / 3) == 2.0
    assert uncertainty.quantile(scores, groups, 2 / 3) == 5.0


def test_one_frame_a_video_gives_the_usual_conformal_quantile():
    scores = np.random.default_rng(0).normal(size=99)
    # The ceil((n + 1) coverage)-th smallest score.
    assert uncertainty.quantile(scores, range(99), 0.9) == np.sort(scores)[89]


@pytest.mark.parametrize("coverage", [0.7, 0.9])
def test_new_videos_are_covered_although_frames_of_a_video_resemble_each_other(coverage):
    random, held = np.random.default_rng(0), []
    for _ in range(400):
        errors = np.abs(random.normal(size=(21, 1)) + 0.1 * random.normal(size=(21, 30)))
        limit = uncertainty.quantile(errors[:-1].ravel(), np.repeat(range(20), 30), coverage)
        held.append((errors[-1] <= limit).mean())
    # Four standard errors of the mean; at most 1 / 21 above the coverage by the theory.
    error = 4 * np.std(held) / np.sqrt(400)
    assert coverage - error <= np.mean(held) <= coverage + 1 / 21 + error


def test_too_few_videos_are_refused():
    with pytest.raises(ValueError, match=r"at least 9 videos to calibrate. Received: 8"):
        uncertainty.quantile(np.zeros(8), range(8), 0.9)
    assert uncertainty.quantile(np.arange(9), range(9), 0.9) == 8


def test_intervals_scale_with_the_deviation_and_stay_in_the_range():
    tasks = {"valence_arousal": (("valence", "arousal"), (-1, 1))}
    record = {
        "tasks": {"valence_arousal": {"quantiles": [2.0, 1.0], "scaled": True}},
        "distance": {"threshold": 1.5, "share": 0.01},
    }
    nan = np.nan
    outputs = {
        "valence_arousal": np.array([[0.5, -0.9], [nan, nan]]),
        "valence_arousal_variance": np.array([[0.01, 0.04], [nan, nan]]),
        "distance": np.array([[1.6], [nan]]),
    }
    found = columns(record, tasks, outputs)
    deviation = np.sqrt([0.01 + 1e-4, 0.04 + 1e-4])  # with the floor of 0.01
    low, high = found["valence_low", "valence_high"][0]
    np.testing.assert_allclose([low, high], 0.5 + 2 * deviation[0] * np.array([-1, 1]))
    assert found["arousal_low", "arousal_high"][0, 0] == -1
    np.testing.assert_allclose(found["arousal_low", "arousal_high"][0, 1], -0.9 + deviation[1])
    assert found["distance", "unfamiliar"][0].tolist() == [1.6, 1]
    assert all(np.isnan(values[1]).all() for values in found.values())
    assert columns(None, tasks, outputs) == {}


def test_sets_hold_every_class_above_the_limit_and_never_none():
    record = {"tasks": {"expression": {"quantiles": [0.6]}}}
    found = classes(record, "expression", np.array([[0.5, 0.45, 0.05], [0.34, 0.33, 0.33]]))
    assert found.tolist() == [[True, True, False], [True, False, False]]


def test_a_weighted_quantile_reaches_its_share():
    weights = conformal.group_weights(["a", "b", "b"])
    assert weights.tolist() == [0.5, 0.25, 0.25]
    assert conformal.weighted_quantile([3, 1, 2], weights, 0.5) == 2

import numpy as np
import pytest

from kollias_affect import annotations


def video(seed, follower, frames=240, annotators=3, strength=1.0):
    """Landmarks that open the mouth, one annotator who follows it, and random walks."""
    random = np.random.default_rng(seed)
    mouth = np.sin(np.arange(frames) / 7 + seed) + np.sin(np.arange(frames) / 17)
    landmarks = random.normal(size=(frames, 68, 2)) * 0.05
    landmarks[:, 48:, 1] += strength * mouth[:, None]
    traces = random.normal(size=(annotators, frames)).cumsum(axis=1) / 5
    traces[follower] = 0.5 * mouth + 0.1 * random.normal(size=frames)
    return traces, landmarks


@pytest.mark.parametrize("follower", [0, 1, 2])
def test_the_annotator_who_follows_the_face_is_found(follower):
    result = annotations.most_correlated(*video(0, follower))
    assert result.annotator == follower
    assert result.correlations[follower] > 0.9 > np.delete(result.correlations, follower).max()
    assert result.videos.shape == (1, 3) and np.array_equal(result.videos[0], result.correlations)


def test_many_landmarks_do_not_correlate_with_noise():
    random = np.random.default_rng(1)
    traces, landmarks = random.normal(size=(4, 200)), random.normal(size=(200, 68, 2))
    result = annotations.most_correlated(traces, landmarks)
    # In-sample, 136 numbers a frame explain 136 / 200 of the variance of any trace.
    assert np.abs(result.correlations).max() < 0.35


def test_one_component_is_the_correlation_with_predictions_of_unseen_frames():
    traces, landmarks = video(2, 0, frames=100)
    points = landmarks.reshape(100, -1) - landmarks.reshape(100, -1).mean(axis=0)
    trace, predicted = traces[0] - traces[0].mean(), np.empty(100)
    for start in range(0, 100, 50):
        part = np.arange(start, start + 50)
        rest = np.setdiff1d(np.arange(100), part)
        axis = np.linalg.svd(points[rest] - points[rest].mean(axis=0))[2][0]
        score = points[rest] @ axis
        predicted[part] = points[part] @ axis * (score @ trace[rest]) / (score @ score)
    result = annotations.most_correlated(traces, landmarks, components=(1,), folds=2)
    expected = np.corrcoef(predicted, traces[0])[0, 1]
    assert result.correlations[0] == pytest.approx(expected, abs=1e-9)


def test_the_mean_over_videos_and_dimensions_decides():
    first, second = video(3, 0), video(4, 1, strength=0.01)
    alone = [annotations.most_correlated(*pair).annotator for pair in (first, second)]
    traces, landmarks = zip(first, second, strict=True)
    both = annotations.most_correlated(list(traces), list(landmarks))
    assert alone[0] == both.annotator == 0
    assert np.allclose(both.correlations, both.videos.mean(axis=0))
    two = np.stack([traces[0], traces[0][::-1]], axis=-1)  # the second dimension favours 2
    dims = annotations.most_correlated(two, landmarks[0], components=(4,))
    parts = [
        annotations.most_correlated(two[..., i], landmarks[0], components=(4,)) for i in (0, 1)
    ]
    assert np.allclose(dims.correlations, np.mean([p.correlations for p in parts], axis=0))


def test_missing_frames_annotators_and_short_videos_do_not_count():
    traces, landmarks = video(5, 1)
    holes = landmarks.copy()
    holes[::3] = np.nan
    kept = np.arange(240) % 3 > 0
    expected = annotations.most_correlated(traces[:, kept], landmarks[kept])
    found = annotations.most_correlated(traces, holes)
    assert np.allclose(found.correlations, expected.correlations)
    absent = traces.copy()
    absent[0] = np.nan
    short = (traces[:, :20], landmarks[:20])
    result = annotations.most_correlated([absent, short[0]], [landmarks, short[1]])
    assert result.annotator == 1 and np.isnan(result.correlations[0])
    assert np.isnan(result.videos[1]).all()
    with pytest.raises(ValueError, match="none of which has so many"):
        annotations.most_correlated(*short)


def test_a_constant_trace_or_face_has_no_correlation():
    traces, landmarks = video(6, 1)
    traces[0] = 0.3
    assert annotations.most_correlated(traces, landmarks).correlations[0] == 0
    still = np.ones_like(landmarks)
    assert (annotations.most_correlated(traces, still).correlations == 0).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((np.zeros((2, 9)), np.zeros((8, 68, 2))), "of the same frames"),
        ((np.zeros(9), np.zeros((9, 68, 2))), "must be \\[annotators, frames\\]"),
        (([np.zeros((2, 9))], []), "must have traces and landmarks"),
        (([np.zeros((2, 9)), np.zeros((3, 9))], [np.zeros((9, 68, 2))] * 2), "same annotators"),
        ((np.zeros((2, 9)), np.zeros((9, 68, 2)), ()), "at least one number"),
        ((np.zeros((2, 9)), np.zeros((9, 68, 2)), (1,), 1), "folds"),
    ],
)
def test_invalid_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        annotations.most_correlated(*arguments)

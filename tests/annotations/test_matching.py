import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kollias_affect.annotations import match

# Hundredths of a second make ties, duplicates and unsorted times common.
TIMES = st.lists(st.integers(0, 30).map(lambda n: n / 100), min_size=1, max_size=12)
FRAMES = st.lists(st.integers(0, 60).map(lambda n: n / 200), max_size=12)


def brute_force(frame_times, annotation_times, values):
    """Implements the documented rule directly."""
    result = []
    for frame in frame_times:
        distances = np.abs(np.asarray(annotation_times) - frame)
        result.append(np.mean(values[distances <= distances.min() + 1e-9], axis=0))
    return np.array(result).reshape(-1, *values.shape[1:])


@given(FRAMES, TIMES, st.integers(0, 2**32 - 1), st.sampled_from([(), (1,), (2,)]))
def test_match_equals_brute_force(frames, times, seed, dims):
    values = np.random.default_rng(seed).uniform(-1, 1, (len(times), *dims))
    matched = match(frames, times, values)
    assert matched.shape == (len(frames), *dims) and matched.dtype == np.float64
    assert np.allclose(matched, brute_force(frames, times, values), rtol=0, atol=1e-14)


@given(FRAMES, TIMES, st.integers(0, 2**32 - 1))
def test_match_ignores_the_order_of_the_annotations(frames, times, seed):
    random = np.random.default_rng(seed)
    values, order = random.uniform(-1, 1, (len(times), 2)), random.permutation(len(times))
    shuffled = match(frames, np.array(times)[order], values[order])
    assert np.array_equal(match(frames, times, values), shuffled)


@given(FRAMES, TIMES, st.integers(0, 2**32 - 1))
def test_match_of_a_frame_does_not_depend_on_other_frames(frames, times, seed):
    random = np.random.default_rng(seed)
    values, order = random.uniform(-1, 1, len(times)), random.permutation(len(frames))
    shuffled = match(np.array(frames)[order], times, values)
    assert np.array_equal(match(frames, times, values)[order], shuffled)


@pytest.mark.parametrize("start", [0.0, 0.1, 1e3, 1.7e9])
@pytest.mark.parametrize("step", [0.04, 1 / 30, 1e-3])
def test_ties_of_decimal_times_are_exact_averages(start, step):
    times = start + step * np.arange(50)
    values = np.arange(50.0)
    between = start + step * (np.arange(49) + 0.5)
    if start < 1e9:  # a double resolves 1.7e9 s to a quarter of a microsecond only
        assert np.array_equal(match(between, times, values), values[:-1] + 0.5)
    assert np.array_equal(match(times, times, values), values)


def test_annotations_at_one_time_are_averaged():
    times, values = [0.3, 0.1 + 0.2, 0.0], [1.0, 0.0, -1.0]
    assert (0.1 + 0.2) != 0.3
    assert match([0.29, 0.01], times, values).tolist() == [0.5, -1]


def test_frames_outside_of_the_annotated_time_get_the_first_and_last_value():
    assert match([-5, 9], [0, 1, 2], [3, 4, 5]).tolist() == [3, 5]


def test_a_missing_value_affects_only_its_own_frames():
    matched = match([0, 1, 2], [0, 1, 2], [0.5, np.nan, 0.25])
    assert np.array_equal(matched, [0.5, np.nan, 0.25], equal_nan=True)


@given(FRAMES, TIMES, st.integers(0, 20).map(lambda n: n / 100))
def test_bound_is_the_maximum_distance(frames, times, bound):
    distances = [min(abs(frame - time) for time in times) for frame in frames]
    if all(distance <= bound + 1e-9 for distance in distances):
        match(frames, times, times, bound)
    else:
        with pytest.raises(ValueError, match=rf"within {bound} s.*such frames"):
            match(frames, times, times, bound)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([0], [0, 1], [1]), "one row per annotation"),
        (([0], [], []), "must not be empty"),
        (([np.nan], [0], [1]), "`frame_times` must be a one-dim"),
        (([0], [np.inf], [1]), "`annotation_times` must be a one-dim"),
        ((None, [0], [1]), "`frame_times` must be a one-dim"),
        (([[0]], [0], [1]), "`frame_times` must be a one-dim"),
        (([0], [0], 1), "one row per annotation"),
        (([0], [0], [1], -1), "`bound` must be"),
        (([0], [0], [1], np.nan), "`bound` must be"),
    ],
)
def test_invalid_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        match(*arguments)

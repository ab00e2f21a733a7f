import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from kollias_affect.annotations import traces

# Hundredths of a second, so that ties, duplicates and disorder are common.
TIMES = st.lists(st.integers(0, 30).map(lambda n: n / 100), min_size=1, max_size=12)
FRAMES = st.lists(st.integers(0, 60).map(lambda n: n / 200), max_size=12)


def brute_force(frame_times, annotation_times, values):
    """The rule, word by word."""
    result = []
    for frame in frame_times:
        distances = np.abs(np.asarray(annotation_times) - frame)
        result.append(np.mean(values[distances <= distances.min() + 1e-9], axis=0))
    return np.array(result).reshape(-1, *values.shape[1:])


@given(FRAMES, TIMES, st.integers(0, 2**32 - 1), st.sampled_from([(), (1,), (2,)]))
def test_match_is_the_rule_word_by_word(frames, times, seed, dims):
    values = np.random.default_rng(seed).uniform(-1, 1, (len(times), *dims))
    matched = traces.match(frames, times, values)
    assert matched.shape == (len(frames), *dims) and matched.dtype == np.float64
    assert np.allclose(matched, brute_force(frames, times, values), rtol=0, atol=1e-14)


@given(FRAMES, TIMES, st.integers(0, 2**32 - 1))
def test_match_ignores_the_order_of_the_annotations(frames, times, seed):
    random = np.random.default_rng(seed)
    values, order = random.uniform(-1, 1, (len(times), 2)), random.permutation(len(times))
    shuffled = traces.match(frames, np.array(times)[order], values[order])
    assert np.array_equal(traces.match(frames, times, values), shuffled)


@given(FRAMES, TIMES, st.integers(0, 2**32 - 1))
def test_match_treats_each_frame_alone(frames, times, seed):
    random = np.random.default_rng(seed)
    values, order = random.uniform(-1, 1, len(times)), random.permutation(len(frames))
    shuffled = traces.match(np.array(frames)[order], times, values)
    assert np.array_equal(traces.match(frames, times, values)[order], shuffled)


@pytest.mark.parametrize("start", [0.0, 0.1, 1e3, 1.7e9])
@pytest.mark.parametrize("step", [0.04, 1 / 30, 1e-3])
def test_ties_of_decimal_times_are_exact_averages(start, step):
    times = start + step * np.arange(50)
    values = np.arange(50.0)
    between = start + step * (np.arange(49) + 0.5)
    if start < 1e9:  # a double holds 1.7e9 s to a quarter of a microsecond only
        assert np.array_equal(traces.match(between, times, values), values[:-1] + 0.5)
    assert np.array_equal(traces.match(times, times, values), values)


def test_annotations_at_one_time_are_averaged():
    times, values = [0.3, 0.1 + 0.2, 0.0], [1.0, 0.0, -1.0]
    assert (0.1 + 0.2) != 0.3
    assert traces.match([0.29, 0.01], times, values).tolist() == [0.5, -1]


def test_outside_of_the_annotations_the_first_and_last_count():
    assert traces.match([-5, 9], [0, 1, 2], [3, 4, 5]).tolist() == [3, 5]


def test_a_missing_value_spoils_its_own_frames_alone():
    matched = traces.match([0, 1, 2], [0, 1, 2], [0.5, np.nan, 0.25])
    assert np.array_equal(matched, [0.5, np.nan, 0.25], equal_nan=True)


@given(FRAMES, TIMES, st.integers(0, 20).map(lambda n: n / 100))
def test_bound_is_the_largest_distance(frames, times, bound):
    distances = [min(abs(frame - time) for time in times) for frame in frames]
    if all(distance <= bound + 1e-9 for distance in distances):
        traces.match(frames, times, times, bound)
    else:
        with pytest.raises(ValueError, match=rf"within {bound} s.*such frames"):
            traces.match(frames, times, times, bound)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([0], [0, 1], [1]), "one row per annotation"),
        (([0], [], []), "must not be empty"),
        (([np.nan], [0], [1]), "`frame_times` must be finite"),
        (([0], [np.inf], [1]), "`annotation_times` must be finite"),
        ((None, [0], [1]), "`frame_times` must be finite"),
        (([[0]], [0], [1]), "`frame_times` must be finite"),
        (([0], [0], 1), "one row per annotation"),
        (([0], [0], [1], -1), "`bound` must be"),
        (([0], [0], [1], np.nan), "`bound` must be"),
    ],
)
def test_match_refuses(arguments, message):
    with pytest.raises(ValueError, match=message):
        traces.match(*arguments)


# Small whole numbers: ties between correlations, equal traces and constants are common.
TRACES = arrays(
    np.int64, array_shapes(min_dims=2, max_dims=2, max_side=6), elements=st.integers(-2, 2)
)


@given(TRACES, st.integers(0, 2**32 - 1))
def test_agree_ignores_the_order_of_the_annotators(traces, seed):
    order = np.random.default_rng(seed).permutation(len(traces))
    one, other = traces.agree(traces), traces.agree(traces[order])
    assert np.array_equal(one.values, other.values)
    kept, kept_other = traces[list(one.kept)], traces[order][list(other.kept)]
    assert sorted(kept.tolist()) == sorted(kept_other.tolist())
    matrix = one.correlations[np.ix_(order, order)]
    assert np.array_equal(matrix, other.correlations, equal_nan=True)


@given(TRACES, st.sampled_from([0.1, 3, 1e-9, 1e6]), st.sampled_from([0, 0.1, -7]))
def test_agree_does_not_depend_on_unit_and_zero(traces, factor, offset):
    one, other = traces.agree(traces), traces.agree(factor * traces + factor * offset)
    assert one.kept == other.kept
    assert np.allclose(factor * (one.values + offset), other.values, rtol=1e-9, atol=1e-12 * factor)
    assert np.allclose(one.correlations, other.correlations, atol=1e-9, equal_nan=True)


@pytest.mark.parametrize("seed", range(5))
def test_agree_does_not_depend_on_the_units_of_each_annotator(seed):
    random = np.random.default_rng(seed)
    traces = random.normal(size=30) + random.normal(size=(6, 30))
    scaled = traces * random.uniform(0.1, 10, (6, 1)) + random.normal(size=(6, 1))
    assert traces.agree(traces).kept == traces.agree(scaled).kept


@given(TRACES, st.integers(2, 6), st.integers(0, 4))
def test_as_many_are_kept_as_asked_for(traces, least, more):
    kept = traces.agree(traces, keep=(least, least + more)).kept
    varied = int((np.ptp(traces, axis=1) > 0).sum())
    assert kept == tuple(sorted(set(kept)))
    if varied < 2:
        assert kept == tuple(range(len(traces)))
    else:
        assert min(least, varied) <= len(kept) <= least + more
        assert (np.ptp(traces[list(kept)], axis=1) > 0).all()


@given(TRACES)
def test_the_mean_is_that_of_those_kept(traces):
    result = traces.agree(traces)
    assert np.allclose(result.values, traces[list(result.kept)].mean(axis=0), atol=1e-14)
    assert np.array_equal(traces.mean(traces), traces.mean(traces[::-1]))
    assert np.array_equal(traces.single(traces, 0), traces[0])


@given(TRACES)
def test_correlations_are_pearsons(traces):
    matrix = traces.correlation_matrix(traces)
    varied = np.ptp(traces, axis=1) > 0
    assert np.isnan(matrix[~varied]).all() and np.isnan(matrix[:, ~varied]).all()
    if varied.sum() >= 2:
        expected = np.corrcoef(traces[varied])
        assert np.allclose(matrix[np.ix_(varied, varied)], expected, atol=1e-12)
    assert np.array_equal(matrix, matrix.T, equal_nan=True)


def outlier():
    """Four that agree, one noise, one who held the joystick upside down."""
    random = np.random.default_rng(0)
    truth = np.sin(np.arange(200) / 10)
    good = truth + 0.2 * random.normal(size=(4, 200))
    return np.array([-truth, *good, random.normal(size=200)]), truth


def test_those_who_agree_are_kept_and_the_others_not():
    traces, truth = outlier()
    result = traces.agree(traces)
    assert result.kept == (1, 2, 3, 4)
    assert np.corrcoef(result.values, truth)[0, 1] > 0.97 > np.corrcoef(traces.mean(0), truth)[0, 1]


def test_the_first_two_are_the_most_correlated_pair():
    traces, _ = outlier()
    matrix = traces.correlation_matrix(traces)
    best = np.unravel_index(np.argmax(np.triu(matrix, 1)), matrix.shape)
    assert traces.agree(traces, keep=(2, 2)).kept == tuple(int(i) for i in sorted(best))


def test_a_veto_passes_over_annotators_and_groups():
    traces, _ = outlier()
    best = traces.agree(traces, keep=(2, 2)).kept
    assert traces.agree(traces, accept=lambda group: 2 not in group).kept == (1, 3, 4)
    other = traces.agree(traces, keep=(2, 2), accept=lambda group: group != best).kept
    assert other != best and set(other) < {1, 2, 3, 4}
    with pytest.raises(ValueError, match=r"`accept` must let.*no group of 2 to 4 among 6"):
        traces.agree(traces, accept=lambda group: False)


def test_a_veto_is_not_asked_about_smaller_groups_than_wanted():
    traces, _ = outlier()
    asked = []
    result = traces.agree(traces, (3, 3), lambda group: asked.append(group) or len(group) == 3)
    assert len(result.kept) == 3 and {len(group) for group in asked} == {3}
    assert all(list(group) == sorted(group) for group in asked)


@pytest.mark.parametrize(("count", "constant"), [(1, 0), (1, 1), (3, 3), (3, 2)])
def test_if_fewer_than_two_vary_all_are_averaged(count, constant):
    traces = np.outer(np.arange(1, count + 1), np.linspace(0, 1, 5))
    traces[:constant] = 0.5
    result = traces.agree(traces)
    assert result.kept == tuple(range(count))
    assert np.allclose(result.values, traces.mean(axis=0))
    with pytest.raises(ValueError, match="`accept` must let"):
        traces.agree(traces, accept=lambda group: False)


@pytest.mark.parametrize(
    "bad", [[], [[]], [1, 2], [[1, np.nan]], [[1, 2], [3]], [["high"]], np.zeros((2, 2, 2))]
)
@pytest.mark.parametrize("function", [traces.agree, traces.mean])
def test_bad_annotations(function, bad):
    with pytest.raises(ValueError, match="`annotations` must be finite"):
        function(bad)


@pytest.mark.parametrize("keep", [(1, 4), (4, 2), 3, (2,), (2, 3, 4), ("a", "b"), (2.5, 4), None])
def test_bad_ranges(keep):
    with pytest.raises(ValueError, match="`keep` must be"):
        traces.agree(np.eye(4), keep)


def test_unknown_annotator():
    with pytest.raises(ValueError, match="from 0 to 3. Received: annotator=4"):
        traces.single(np.eye(4), 4)


def test_what_agree_returns_can_be_unpacked_and_is_an_array():
    traces = np.random.default_rng(0).normal(size=(3, 50)).cumsum(axis=1)
    result = traces.agree(traces)
    values, kept, correlations = result
    assert values is result.values and kept == result.kept and correlations.shape == (3, 3)
    assert np.array_equal(np.asarray(result), values)


def test_traces_that_are_a_dict():
    with pytest.raises(ValueError, match="must be finite numbers"):
        traces.agree({"a": [1.0, 2.0], "b": [2.0, 1.0]})

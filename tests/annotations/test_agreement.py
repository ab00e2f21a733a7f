import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from kollias_affect import annotations

# Small integers make ties between correlations, equal traces and constant traces common.
TRACES = arrays(
    np.int64, array_shapes(min_dims=2, max_dims=2, max_side=6), elements=st.integers(-2, 2)
)


@given(TRACES, st.integers(0, 2**32 - 1))
def test_agree_ignores_the_order_of_the_annotators(traces, seed):
    order = np.random.default_rng(seed).permutation(len(traces))
    one, other = annotations.agree(traces), annotations.agree(traces[order])
    assert np.array_equal(one.values, other.values)
    kept, kept_other = traces[list(one.kept)], traces[order][list(other.kept)]
    assert sorted(kept.tolist()) == sorted(kept_other.tolist())
    matrix = one.correlations[np.ix_(order, order)]
    assert np.array_equal(matrix, other.correlations, equal_nan=True)


@given(TRACES, st.sampled_from([0.1, 3, 1e-9, 1e6]), st.sampled_from([0, 0.1, -7]))
def test_agree_is_invariant_to_a_common_scale_and_offset(traces, factor, offset):
    one, other = annotations.agree(traces), annotations.agree(factor * traces + factor * offset)
    assert one.kept == other.kept
    assert np.allclose(factor * (one.values + offset), other.values, rtol=1e-9, atol=1e-12 * factor)
    assert np.allclose(one.correlations, other.correlations, atol=1e-9, equal_nan=True)


@pytest.mark.parametrize("seed", range(5))
def test_agree_is_invariant_to_scale_and_offset_of_each_annotator(seed):
    random = np.random.default_rng(seed)
    traces = random.normal(size=30) + random.normal(size=(6, 30))
    scaled = traces * random.uniform(0.1, 10, (6, 1)) + random.normal(size=(6, 1))
    assert annotations.agree(traces).kept == annotations.agree(scaled).kept


@given(TRACES, st.integers(2, 6), st.integers(0, 4))
def test_number_of_kept_annotators_is_in_the_range(traces, least, more):
    kept = annotations.agree(traces, keep=(least, least + more)).kept
    varied = int((np.ptp(traces, axis=1) > 0).sum())
    assert kept == tuple(sorted(set(kept)))
    if varied < 2:
        assert kept == tuple(range(len(traces)))
    else:
        assert min(least, varied) <= len(kept) <= least + more
        assert (np.ptp(traces[list(kept)], axis=1) > 0).all()


@given(TRACES)
def test_values_are_the_mean_of_the_kept_annotators(traces):
    result = annotations.agree(traces)
    assert np.allclose(result.values, traces[list(result.kept)].mean(axis=0), atol=1e-14)
    assert np.array_equal(annotations.mean(traces), annotations.mean(traces[::-1]))
    assert np.array_equal(annotations.single(traces, 0), traces[0])


@given(TRACES)
def test_correlations_equal_numpy_corrcoef(traces):
    matrix = annotations.correlation_matrix(traces)
    varied = np.ptp(traces, axis=1) > 0
    assert np.isnan(matrix[~varied]).all() and np.isnan(matrix[:, ~varied]).all()
    if varied.sum() >= 2:
        expected = np.corrcoef(traces[varied])
        assert np.allclose(matrix[np.ix_(varied, varied)], expected, atol=1e-12)
    assert np.array_equal(matrix, matrix.T, equal_nan=True)


def annotators_with_outliers():
    """One inverted trace, four that agree, and one of noise, with the true trace."""
    random = np.random.default_rng(0)
    truth = np.sin(np.arange(200) / 10)
    good = truth + 0.2 * random.normal(size=(4, 200))
    return np.array([-truth, *good, random.normal(size=200)]), truth


def test_agreeing_annotators_are_kept_and_outliers_left_out():
    traces, truth = annotators_with_outliers()
    result = annotations.agree(traces)
    assert result.kept == (1, 2, 3, 4)
    assert np.corrcoef(result.values, truth)[0, 1] > 0.97 > np.corrcoef(traces.mean(0), truth)[0, 1]


def test_a_pair_is_the_most_correlated_one():
    traces, _ = annotators_with_outliers()
    matrix = annotations.correlation_matrix(traces)
    best = np.unravel_index(np.argmax(np.triu(matrix, 1)), matrix.shape)
    assert annotations.agree(traces, keep=(2, 2)).kept == tuple(int(i) for i in sorted(best))


def test_rejected_annotators_and_groups_are_skipped():
    traces, _ = annotators_with_outliers()
    best = annotations.agree(traces, keep=(2, 2)).kept
    assert annotations.agree(traces, accept=lambda group: 2 not in group).kept == (1, 3, 4)
    other = annotations.agree(traces, keep=(2, 2), accept=lambda group: group != best).kept
    assert other != best and set(other) < {1, 2, 3, 4}
    with pytest.raises(ValueError, match=r"`accept` must accept.*no group of 2 to 4 among 6"):
        annotations.agree(traces, accept=lambda group: False)


def test_accept_is_not_called_for_groups_below_the_minimum():
    traces, _ = annotators_with_outliers()
    asked = []
    result = annotations.agree(traces, (3, 3), lambda group: asked.append(group) or len(group) == 3)
    assert len(result.kept) == 3 and {len(group) for group in asked} == {3}
    assert all(list(group) == sorted(group) for group in asked)


@pytest.mark.parametrize(("count", "constant"), [(1, 0), (1, 1), (3, 3), (3, 2)])
def test_all_annotators_are_averaged_if_fewer_than_two_traces_vary(count, constant):
    traces = np.outer(np.arange(1, count + 1), np.linspace(0, 1, 5))
    traces[:constant] = 0.5
    result = annotations.agree(traces)
    assert result.kept == tuple(range(count))
    assert np.allclose(result.values, traces.mean(axis=0))
    with pytest.raises(ValueError, match="`accept` must accept"):
        annotations.agree(traces, accept=lambda group: False)


@pytest.mark.parametrize(
    "bad", [[], [[]], [1, 2], [[1, np.nan]], [[1, 2], [3]], [["high"]], np.zeros((2, 2, 2))]
)
@pytest.mark.parametrize("function", [annotations.agree, annotations.mean])
def test_invalid_annotations_are_refused(function, bad):
    with pytest.raises(ValueError, match="`annotations` must be finite"):
        function(bad)


@pytest.mark.parametrize("keep", [(1, 4), (4, 2), 3, (2,), (2, 3, 4), ("a", "b"), (2.5, 4), None])
def test_invalid_ranges_are_refused(keep):
    with pytest.raises(ValueError, match="`keep` must be"):
        annotations.agree(np.eye(4), keep)


def test_unknown_annotator_is_refused():
    with pytest.raises(ValueError, match="from 0 to 3. Received: annotator=4"):
        annotations.single(np.eye(4), 4)


def test_agreement_can_be_unpacked_and_converts_to_an_array():
    traces = np.random.default_rng(0).normal(size=(3, 50)).cumsum(axis=1)
    result = annotations.agree(traces)
    values, kept, correlations = result
    assert values is result.values and kept == result.kept and correlations.shape == (3, 3)
    assert np.array_equal(np.asarray(result), values)


def test_a_dict_of_traces_is_refused():
    with pytest.raises(ValueError, match="must be finite numbers"):
        annotations.agree({"a": [1.0, 2.0], "b": [2.0, 1.0]})

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kollias_affect import annotations


def smooth(frames, seed, rows=None):
    """Random walks."""
    shape = frames if rows is None else (rows, frames)
    return np.random.default_rng(seed).normal(size=shape).cumsum(axis=-1)


@given(st.integers(4, 40), st.integers(0, 2**32 - 1), st.sampled_from([1, 5, 25, 30.0]))
def test_cross_correlation_is_numpy_corrcoef_of_the_overlap(frames, seed, rate):
    first, second = np.random.default_rng(seed).integers(-2, 3, (2, frames)).astype(float)
    most = frames // 2
    lags, correlations = annotations.cross_correlation(first, second, most / rate, rate)
    assert np.allclose(lags * rate, np.arange(-most, most + 1))
    for step, correlation in zip(range(-most, most + 1), correlations, strict=True):
        pairs = [(first[t + step], second[t]) for t in range(frames) if 0 <= t + step < frames]
        one, other = np.array(pairs).T
        if np.ptp(one) == 0 or np.ptp(other) == 0:
            assert np.isnan(correlation)
        else:
            assert correlation == pytest.approx(np.corrcoef(one, other)[0, 1], abs=1e-12)


def test_nearly_constant_overlaps_are_exact():
    random = np.random.default_rng(0)
    first = np.r_[np.full(30, 1e6), 1e-3 * random.normal(size=70)]
    second = random.normal(size=100)
    correlations = annotations.cross_correlation(first, second, 40, 1).correlations
    expected = np.corrcoef(first[40:], second[:60])[0, 1]
    assert correlations[-1] == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("steps", [-20, -3, 0, 7, 25])
def test_a_late_trace_has_a_positive_lag(steps):
    trace = smooth(400, 0)
    late = trace[50 - steps : 350 - steps]  # late(t) = trace(t - steps)
    assert annotations.lag(late, trace[50:350], max_lag=2, rate=25) == steps / 25
    assert annotations.lag(trace[50:350], late, max_lag=2, rate=25) == -steps / 25


def test_lag_is_invariant_to_scale_and_offset():
    trace = smooth(300, 1)
    late, early = trace[:-10], trace[10:]
    assert annotations.lag(1e-9 * late + 5, 1e6 * early - 3, 1, 10) == 1.0


def test_each_annotator_is_compared_with_the_mean_of_the_others():
    traces = smooth(200, 2, rows=4)
    lags = annotations.lag(traces, max_lag=3, rate=10)
    for i in range(4):
        others = np.delete(traces, i, axis=0).mean(axis=0)
        assert lags[i] == annotations.lag(traces[i], others, max_lag=3, rate=10)
    one = annotations.lag(traces, traces[0], max_lag=3, rate=10)
    assert one[0] == 0 and one[2] == annotations.lag(traces[2], traces[0], max_lag=3, rate=10)


def test_constant_traces_have_no_lag_and_are_not_shifted():
    traces = np.stack([smooth(100, 3), smooth(100, 4), np.full(100, 0.25)])
    lags = annotations.lag(traces, max_lag=1, rate=10)
    assert np.isfinite(lags[:2]).all() and np.isnan(lags[2])
    assert np.array_equal(annotations.shift(traces, lags, 10)[2], traces[2])
    assert np.isnan(annotations.lag(traces[0], traces[2], max_lag=1, rate=10))


def test_of_equal_correlations_the_smallest_lag_counts():
    wave = np.tile([0.0, 1.0, 2.0, 1.0], 20)
    assert annotations.lag(wave, wave, max_lag=20, rate=1) == 0
    assert annotations.lag(wave, np.roll(wave, -1), max_lag=20, rate=1) == 1


def test_shift_undoes_the_lag():
    trace = smooth(300, 5)
    delays = [0, 5, 12]
    traces = np.stack([trace[40 - d : 240 - d] for d in delays])
    lags = annotations.lag(traces, trace[40:240], max_lag=1, rate=25)
    assert np.allclose(lags * 25, delays)
    shifted = annotations.shift(traces, lags, rate=25)
    assert np.array_equal(shifted[:, :180], np.tile(trace[40:220], (3, 1)))
    assert (shifted[2, -12:] == traces[2, -1]).all()
    assert np.array_equal(annotations.shift(traces[1], 0.2, 25), shifted[1])


def test_shifts_between_frames_are_linear():
    assert annotations.shift([0.0, 1.0, 3.0], 0.5, rate=1).tolist() == [0.5, 2.0, 3.0]
    assert annotations.shift([0.0, 1.0, 3.0], -0.5, rate=1).tolist() == [0.0, 0.5, 2.0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([1, 2, 3], [1, 2]), "3 and 2 frames"),
        (([1, np.nan, 3], [1, 2, 3]), "`first` must be finite"),
        (([1, 2, 3], [[1, 2, 3]]), "`second` must be finite"),
        (([1, 2, 3, 4], [1, 2, 3, 4], 3, 1), "`max_lag` must be.*at most 2"),
        (([1, 2, 3, 4], [1, 2, 3, 4], 0, 1), "`max_lag` must be"),
        (([1, 2, 3, 4], [1, 2, 3, 4], 1, 0), "`rate` must be"),
    ],
)
def test_invalid_traces_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        annotations.cross_correlation(*arguments)


def test_nothing_to_compare_with_is_refused():
    for trace in ([1, 2, 3], [[1, 2, 3]]):
        with pytest.raises(ValueError, match="needs a trace to compare with"):
            annotations.lag(trace, max_lag=1, rate=1)
    with pytest.raises(ValueError, match="one for each of 2 traces"):
        annotations.shift(np.eye(2), [1, 2, 3])

import hypothesis
import hypothesis.strategies as st
import numpy as np

from kollias_affect.annotations import traces


def segment(start, stop, value, step=0.25):
    times = np.arange(start, stop + step / 2, step)
    return np.column_stack([times, 1000 * times, np.full(len(times), value)])


def test_no_segments_make_an_empty_trace():
    trace = traces.effective([], values=2)
    assert trace.times.shape == (0,) and trace.values.shape == (0, 2)


segments = st.lists(
    st.tuples(st.integers(0, 20), st.integers(0, 20)).map(sorted), min_size=1, max_size=6
)


@hypothesis.given(segments)
def test_every_time_has_the_value_of_the_last_segment_that_covers_it(spans):
    trace = traces.effective([segment(a, b, i) for i, (a, b) in enumerate(spans)])
    for time, value in zip(trace.times, trace.values[:, 0], strict=True):
        assert value == max(i for i, (a, b) in enumerate(spans) if a <= time <= b)
    covered = {t for a, b in spans for t in np.arange(a, b + 0.1, 0.25)}
    assert set(trace.times) == covered
    assert (np.diff(trace.times) >= 0).all()


def test_samples_of_one_frame_stay_in_the_order_of_the_clock():
    samples = [[0.0, 1, 0.1], [0.0, 2, 0.2], [0.04, 3, 0.3]]
    assert traces.effective([samples]).values[:, 0].tolist() == [0.1, 0.2, 0.3]


def test_values_at_other_times_are_the_nearest_ones_and_missing_in_gaps():
    times = np.concatenate([np.arange(0, 2, 0.02), np.arange(3, 5, 0.02)])
    grid = np.arange(0, 5, 0.1)
    values = traces.sampled(times, times * 10, grid)
    gap = (grid > 1.98 + 0.25) & (grid < 3 - 0.25)
    assert np.isnan(values[gap]).all() and np.isfinite(values[~gap]).all()
    inside = (grid <= 1.98) | ((grid >= 3) & (grid <= 4.98))
    np.testing.assert_allclose(values[inside], grid[inside] * 10, atol=0.11)


def test_dropped_stretches_have_no_values_and_lend_none():
    times = np.arange(0, 10, 0.02)
    values = traces.sampled(times, times, np.array([1.99, 2.0, 3.0, 4.0, 4.01]), [(2, 4)])
    assert np.isnan(values).tolist() == [False, True, True, True, False]
    assert values[0] < 2 and values[-1] > 4


def test_sparse_traces_have_wider_gaps():
    """A mean of each second, as other tools write it, covers the second."""
    times = np.arange(0.5, 10)
    assert traces.gap_of(times) == 1.5
    assert np.isfinite(traces.sampled(times, times, np.arange(0, 10, 0.04))).all()
    assert traces.gap_of(np.arange(0, 9, 1 / 60)) == 0.5

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


def test_dropped_stretches_take_their_samples_away():
    trace = traces.without(traces.effective([segment(0, 10, 1)]), [(2, 4), (9, 99)])
    assert trace.times.min() == 0 and trace.times.max() == 8.75
    assert not ((trace.times >= 2) & (trace.times <= 4)).any()

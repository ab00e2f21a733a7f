import numpy as np

from kollias_affect.annotations import quality, traces


def trace(times, values=None):
    times = np.asarray(times, float)
    values = np.sin(times) if values is None else np.asarray(values, float)
    values = values[:, None] if values.ndim == 1 else values
    return traces.Trace(times, values, times * 1000, times * 0)


def test_a_complete_trace_has_no_findings():
    found = quality.measure(trace(np.arange(0, 20, 1 / 60)), 20, presented=600, dropped=0)
    assert found["covered"] == 1 and found["late_start"] == 0
    assert not found["gaps"] and not found["constant"] and found["dropped_share"] == 0
    assert abs(found["rate"] - 60) < 0.1


def test_late_start_gap_and_early_end_are_told():
    times = np.concatenate([np.arange(3, 6.01, 0.1), np.arange(8, 9.01, 0.1)])
    found = quality.measure(trace(times), 12)
    assert found["late_start"] == 3 and found["early_end"] == 3
    np.testing.assert_allclose(found["gaps"], [[0, 3], [6, 8], [9, 12]], atol=1e-9)
    assert found["covered"] == round(4 / 12, 4)


def test_a_constant_stretch_counts_from_ten_seconds_on():
    times = np.arange(0, 30, 0.1)
    values = np.where(times < 9, 0.5, np.where(times < 21, -0.5, times))
    found = quality.measure(trace(times, values), 30)
    np.testing.assert_allclose(found["constant"], [[9, 20.9]], atol=1e-9)


def test_in_the_plane_one_moving_dimension_is_enough():
    times = np.arange(0, 20, 0.1)
    values = np.column_stack([np.zeros(len(times)), np.sin(times)])
    assert quality.measure(trace(times, values), 20)["constant"] == []


def test_a_gap_ends_a_constant_stretch():
    times = np.concatenate([np.arange(0, 6, 0.1), np.arange(7, 13, 0.1)])
    assert quality.measure(trace(times, np.zeros(len(times))), 13)["constant"] == []


def test_an_empty_trace_covers_nothing():
    found = quality.measure(trace([]), 8)
    assert found["covered"] == 0 and found["gaps"] == [[0, 8]] and found["samples"] == 0


def test_dropped_frames_are_counted():
    found = quality.measure(trace([0, 0.1]), 0.2, presented=200, dropped=5)
    assert (found["dropped"], found["dropped_share"]) == (5, 0.025)

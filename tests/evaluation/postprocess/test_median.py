import warnings

import numpy as np
import pytest

from kollias_affect import evaluation
from kollias_affect.evaluation.postprocess import median_filter


def naive_median(values, window):
    """Computes the median of each window in a loop."""
    half = window // 2
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        medians = [
            np.nanmedian(values[max(0, i - half) : i + half + 1]) for i in range(len(values))
        ]
    return np.where(np.isnan(values), np.nan, medians)


@pytest.mark.parametrize("length", [80, 7, 1, None])
@pytest.mark.parametrize("window", [1, 3, 5, 81, 161])
@pytest.mark.parametrize("frames", [0, 1, 2, 7, 80, 200])
def test_the_median_equals_that_of_a_loop(window, frames, length):
    random = np.random.default_rng(frames)
    values = random.normal(size=(frames, 2))
    values[random.random((frames, 2)) < 0.2] = np.nan
    starts = range(0, frames, length or frames + 1)
    parts = [values[start : start + (length or frames)] for start in starts] or [values]
    sequences = np.concatenate([naive_median(part[:, 0], window) for part in parts])
    expected = np.stack([sequences, naive_median(values[:, 1], 3)], axis=1)
    medians = median_filter(values, (window, 3), within=("sequence", "clip"), length=length)
    assert np.array_equal(medians, expected, equal_nan=True)


def test_each_sequence_is_filtered_on_its_own_by_default():
    """Paper B, section 6.3: "median filtering of the per frame predictions within a sequence"."""
    values = np.concatenate([np.zeros(80), np.ones(80), np.full(5, 2.0)])[:, None]
    assert np.array_equal(median_filter(values, 81), values)
    across = median_filter(values, 81, within="clip")
    assert not np.array_equal(across, values)


def test_a_window_is_cut_at_both_ends_of_a_sequence():
    values = np.array([[5.0], [1.0], [3.0], [9.0], [7.0], [8.0], [2.0], [6.0]])
    # Sequences: 5 1 3, 9 7 8, 2 6. By hand, the medians of each frame and its neighbours:
    expected = [3, 3, 2, 8, 8, 7.5, 4, 4]
    assert median_filter(values, 3, length=3)[:, 0].tolist() == expected
    # Across sequences: 5 1 | 5 1 3 | 1 3 9 | 3 9 7 | 9 7 8 | 7 8 2 | 8 2 6 | 2 6.
    assert median_filter(values, 3, within="clip")[:, 0].tolist() == [3, 3, 3, 7, 8, 7, 6, 4]


def test_the_papers_window_of_81_covers_a_sequence_of_80_from_its_middle_frames_only():
    ramp = np.arange(160.0)[:, None]
    medians = median_filter(ramp, 81)[:, 0]
    # Frame i of a sequence has the frames from max(0, i - 40) to min(79, i + 40).
    assert medians[[0, 1, 39, 40, 78, 79]].tolist() == [20, 20.5, 39.5, 39.5, 58.5, 59]
    assert np.array_equal(medians[80:], medians[:80] + 80)


def test_the_sequences_are_those_of_aggregation(noisy):
    """A window that is longer than two sequences gives each frame its sequence's median."""
    clips, predictions = noisy(0, frames=(100, 37))
    medians = median_filter(predictions, 201, length=30)
    sequences = evaluation.aggregate(predictions, clips, "sequence", "median", length=30)
    for clip in clips:
        rows = sequences[sequences["clip"] == clip.key][["valence", "arousal"]].to_numpy()
        expected = np.repeat(rows, 30, axis=0)[: len(clip)]
        seen = clip.has_image
        assert np.array_equal(medians[clip.key][seen], expected[seen])


def test_within_and_length_are_checked():
    values = np.zeros((3, 2))
    with pytest.raises(ValueError, match="`within` must be one of"):
        median_filter(values, within="video")
    with pytest.raises(ValueError, match="each of the 2 dimensions"):
        median_filter(values, within=("clip",))
    with pytest.raises(ValueError, match="`length` must be an integer"):
        median_filter(values, length=0)


@pytest.mark.parametrize("frames", range(1, 81, 13))
def test_clips_shorter_than_the_papers_windows_are_filtered(frames):
    values = np.random.default_rng(0).normal(size=(frames, 2))
    medians = median_filter({"a": values})["a"]
    assert medians.shape == (frames, 2)
    # A window of 81 reaches from the middle of such a clip to both of its ends.
    assert medians[frames // 2, 0] == np.median(values[:, 0])


def test_windows_are_cut_at_the_edges_and_not_mirrored():
    # With a mirrored or repeated edge, the first median would be 0.
    assert median_filter([[0.0], [4.0], [6.0], [8.0]], 3)[:, 0].tolist() == [2, 4, 6, 7]


def test_frames_without_a_face_stay_missing_and_do_not_count():
    medians = median_filter([[1.0], [np.nan], [3.0], [np.nan], [np.nan], [np.nan]], 3)[:, 0]
    assert np.array_equal(medians, [1, np.nan, 3] + [np.nan] * 3, equal_nan=True)


def test_a_window_of_one_leaves_a_dimension_unchanged():
    values = np.random.default_rng(0).normal(size=(9, 2))
    medians = median_filter(values, (1, 3))
    assert np.array_equal(medians[:, 0], values[:, 0]) and not np.array_equal(medians, values)


def test_predictions_are_not_changed_in_place():
    values = np.random.default_rng(0).normal(size=(9, 2))
    before = values.copy()
    median_filter({"a": values}, 3)
    assert np.array_equal(values, before)


def test_windows_do_not_cross_clips(noisy):
    _, predictions = noisy(0)
    together = median_filter(predictions)
    for key, values in predictions.items():
        assert np.array_equal(together[key], median_filter(values), equal_nan=True)
    across = median_filter(predictions, within="clip")
    for key, values in predictions.items():
        expected = median_filter(values, within="clip")
        assert np.array_equal(across[key], expected, equal_nan=True)


def test_a_table_with_rows_in_any_order_is_accepted(noisy):
    _, predictions = noisy(0)
    table = evaluation.to_table(predictions, ["valence", "arousal"]).sample(frac=1, random_state=0)
    expected = median_filter(predictions)
    for key, values in median_filter(table).items():
        assert np.array_equal(values, expected[key], equal_nan=True)


@pytest.mark.parametrize("windows", [0, -3, 2, (81, 4), 3.5, "81", True, (3, None)])
def test_windows_must_be_odd_and_positive(windows):
    with pytest.raises(ValueError, match="`windows` must be"):
        median_filter(np.zeros((5, 2)), windows)


def test_each_dimension_needs_a_window():
    with pytest.raises(ValueError, match="each of the 1 dimensions"):
        median_filter(np.zeros((5, 1)))


@pytest.mark.parametrize("bad", [np.zeros(5), np.full((5, 2), np.inf)])
def test_predictions_with_infinity_or_another_shape_are_refused(bad):
    # pandas would treat infinity like frames without a face.
    with pytest.raises(ValueError, match=r"shape \[frames, dims\]"):
        median_filter({"a": bad}, 3)

import csv

import numpy as np
import pytest
from shared_values import SHARED

from kollias_affect.annotations import comparison
from kollias_affect.annotations.recordings import Recording

TIMES = np.arange(0, 40, 1 / 60)


def wave(times, seed=3):
    """A smooth random curve."""
    generator = np.random.default_rng(seed)
    return sum(
        a * np.sin(f * times + p)
        for a, f, p in zip(
            generator.uniform(0.05, 0.2, 9), generator.uniform(0.2, 2, 9),
            generator.uniform(0, 6, 9), strict=True,
        )
    )  # fmt: skip


def recording(annotator, values, video="clip.mp4", times=TIMES, **fields):
    return Recording(video, "1", annotator, "valence", times, np.asarray(values), **fields)


def test_numbers_of_a_track_are_those_of_numpy():
    traces = [wave(TIMES), 0.5 * wave(TIMES) + 0.1, wave(TIMES, 4)]
    found = comparison.compare([recording(f"a{i}", t) for i, t in enumerate(traces)])
    row = found.tracks.iloc[0]
    grid = np.arange(int(TIMES[-1] * 25) + 1) / 25
    # The nearest sample of 60 Hz is at most 1/120 s away.
    sampled = [wave(grid), 0.5 * wave(grid) + 0.1, wave(grid, 4)]
    expected = np.corrcoef(sampled)[np.triu_indices(3, 1)]
    np.testing.assert_allclose(found.pairs["correlation"], expected, atol=5e-3)
    assert row["correlation"] == pytest.approx(expected.mean(), abs=5e-3)
    assert row["annotators"] == 3 and row["shared"] == 1 and row["kept"] == "a0 a1"


@pytest.mark.parametrize("count", [2, 3, 5])
def test_estimated_lags_are_those_between_the_annotators(count):
    lags = np.linspace(-0.6, 0.6, count)
    found = [recording(f"a{i}", wave(TIMES - lag)) for i, lag in enumerate(lags)]
    grid = comparison.grid_of(found)
    sampled = comparison.sample(found, grid, "estimate")
    np.testing.assert_allclose(sampled.lags, lags, atol=0.06)
    values = sampled.values[:, sampled.shared]
    assert np.corrcoef(values).min() > 0.98


def test_a_lag_in_seconds_moves_everybody():
    late = recording("a", wave(TIMES - 1.0))
    grid = np.arange(5, 30, 0.04)
    np.testing.assert_allclose(
        comparison.sample([late], grid, 1.0).values[0], wave(grid), atol=0.02
    )


def test_a_pair_has_its_lag():
    found = comparison.compare([recording("a", wave(TIMES - 0.4)), recording("b", wave(TIMES))])
    pair = found.pairs.iloc[0]
    assert pair["lag"] == pytest.approx(0.4, abs=0.021)
    assert pair["correlation_at_lag"] > 0.99 > pair["correlation"]


def test_over_all_videos_frames_stand_one_after_the_other():
    found = comparison.compare(
        [
            recording(name, values, video)
            for video, shift in (("one.mp4", 0.0), ("two.mp4", 0.5))
            for name, values in (("a", wave(TIMES) + shift), ("b", wave(TIMES, 4) + shift))
        ]
    )
    every = found.tracks[found.tracks["video"] == "all"].iloc[0]
    grid = np.arange(int(TIMES[-1] * 25) + 1) / 25
    joined = [np.concatenate([wave(grid, s), wave(grid, s) + 0.5]) for s in (3, 4)]
    assert every["correlation"] == pytest.approx(np.corrcoef(joined)[0, 1], abs=5e-3)
    assert every["frames"] == 2 * len(grid)


def test_one_annotator_and_no_common_frames_have_no_numbers_and_no_error():
    late = TIMES + 100
    found = comparison.compare(
        [recording("a", wave(TIMES)), recording("a", wave(TIMES), "two.mp4"),
         recording("b", wave(late), "two.mp4", late)]
    )  # fmt: skip
    tracks = found.tracks.set_index("video")
    assert tracks["correlation"].isna().all() and tracks["icc"].isna().all()
    assert tracks.loc["two.mp4", "shared"] == 0


def test_dropped_stretches_do_not_count():
    values = np.where((TIMES > 10) & (TIMES < 20), 0.9, wave(TIMES))
    found = comparison.compare(
        [recording("a", wave(TIMES)), recording("b", values, dropped=((9.9, 20.1),))]
    )
    assert found.pairs["correlation"].iloc[0] > 0.999
    assert found.tracks["shared"].iloc[0] == pytest.approx(0.745, abs=0.01)


def icc_2_1(traces):
    """Transcription of Shrout and Fleiss' ICC(2,1), `[annotators, frames]`."""
    y = np.asarray(traces).T
    n, k = y.shape
    frames, raters, grand = y.mean(1), y.mean(0), y.mean()
    bms = k * ((frames - grand) ** 2).sum() / (n - 1)
    jms = n * ((raters - grand) ** 2).sum() / (k - 1)
    ems = ((y - frames[:, None] - raters + grand) ** 2).sum() / ((n - 1) * (k - 1))
    return (bms - ems) / (bms + (k - 1) * ems + k * (jms - ems) / n)


def test_numbers_of_real_joystick_traces_are_those_of_transcriptions():
    folder = SHARED / "data" / "joystick_traces"
    if not folder.is_dir():
        pytest.skip(f"real traces are not part of the repository: {folder} is absent")
    samples = {}
    with open(folder / "V1.csv", newline="") as file:
        for row in csv.DictReader(file):
            samples.setdefault(row["annotator"], []).append(
                (float(row["seconds"]), float(row["x"]))
            )
    found = []
    for name, rows in list(samples.items())[:12]:  # all of them take ten seconds
        times, values = np.array(sorted(rows)).T
        found.append(Recording("V1.mp4", "1", name, "valence", times, values.clip(-1, 1)))
    result = comparison.compare(found)
    (sampled,) = result.traces.values()
    values = sampled.values[:, sampled.shared]
    assert len(found) == 12 and sampled.shared.sum() > 100
    row = result.tracks.iloc[0]
    assert row["icc"] == pytest.approx(icc_2_1(values), abs=1e-9)
    varied = values[np.ptp(values, axis=1) > 0]
    expected = np.corrcoef(varied)[np.triu_indices(len(varied), 1)]
    assert row["correlation"] == pytest.approx(expected.mean(), abs=1e-9)

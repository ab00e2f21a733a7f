"""How far the annotators of each video agree, and over all videos.

References: paper C §3.4.
"""

import itertools
import typing

import numpy as np

from kollias_affect import _checks
from kollias_affect.annotations import agreement, lags, reliability
from kollias_affect.annotations.recordings import tracks

RATE = 25.0  # frames per second of the grid on which traces are compared


class Comparison(typing.NamedTuple):
    """Result of `compare`.

    Attributes:
        tracks: DataFrame with a row for each video, person and dimension, and one for each
            dimension over all (`video` is `"all"`).
        pairs: DataFrame with a row for each pair of annotators of a track.
        traces: Dict from `(video, person, dimension)` to `Sampled`.
    """

    tracks: object
    pairs: object
    traces: dict


class Sampled(typing.NamedTuple):
    """Traces of one track on one time grid.

    Attributes:
        annotators: Names.
        times: Seconds, `[frames]`.
        values: `[annotators, frames]`, NaN in gaps and dropped stretches; lags are corrected.
        lags: Lags in seconds that were corrected, `[annotators]`.
    """

    annotators: list
    times: np.ndarray
    values: np.ndarray
    lags: np.ndarray

    @property
    def shared(self):
        """Booleans `[frames]`: whether every annotator has a value."""
        return np.isfinite(self.values).all(axis=0)


def sample(recordings, grid, lag=None, max_lag=4.0):
    """Puts the recordings of one track on one time grid.

    Args:
        recordings: List of `Recording` of one track.
        grid: Times in seconds, evenly spaced.
        lag: `None`, `"estimate"` (the delay of each annotator against the mean of all; a delay that
            all have in common cannot be seen), or seconds by which every annotator reacts late.
        max_lag: Largest lag that is estimated, in seconds.

    Returns:
        `Sampled`.
    """
    delays = _lags(recordings, grid, lag, max_lag)
    values = [r.at(grid + delay) for r, delay in zip(recordings, delays, strict=True)]
    values = np.array(values).reshape(len(recordings), len(grid))
    return Sampled([r.annotator for r in recordings], grid, values, delays)


def _lags(recordings, grid, lag, max_lag):
    if lag is None:
        return np.zeros(len(recordings))
    if lag != "estimate":
        return np.full(len(recordings), _checks.number_between("lag", lag, -60, 60))
    values = np.array([r.at(grid) for r in recordings]).reshape(len(recordings), len(grid))
    start, stop = _longest_run(np.isfinite(values).all(axis=0))
    rate = 1 / (grid[1] - grid[0]) if len(grid) > 1 else RATE
    max_lag = min(max_lag, (stop - start) / 2 / rate)
    if len(recordings) < 2 or max_lag * rate < 1:
        return np.zeros(len(recordings))
    found = np.nan_to_num(lags.lag(values[:, start:stop], max_lag=max_lag, rate=rate), nan=0.0)
    # `lag` compares each annotator with the mean of the others, who are on the other side of the
    # mean of all: of two annotators 1 s apart, each would be moved by 1 s.
    return found * (len(recordings) - 1) / len(recordings)


def _longest_run(flags):
    """Start and stop of the longest run of true values."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flags.astype(int), [0]])))
    runs = edges.reshape(-1, 2)
    return tuple(runs[np.argmax(runs[:, 1] - runs[:, 0])]) if len(runs) else (0, 0)


def grid_of(recordings, rate=RATE):
    """Evenly spaced times from the first to the last sample of recordings."""
    start = min(r.times[0] for r in recordings)
    stop = max(r.times[-1] for r in recordings)
    return start + np.arange(int((stop - start) * rate) + 1) / rate


def compare(recordings, form="ICC(2,1)", lag=None, keep=(2, 4)):
    """Measures the agreement of the annotators of each track, and over all tracks.

    Correlations, CCC and ICC are those of the frames in which every annotator has a value;
    Krippendorff's alpha counts all frames with at least two. Traces without bounds have no common
    scale: for them, CCC, ICC and alpha say little.

    Args:
        recordings: List of `Recording`. Of each annotator, the newest one of a track counts.
        form: Form of the ICC, one of `reliability.FORMS`.
        lag: See `sample`.
        keep: See `agreement.agree`.

    Returns:
        `Comparison`.

    Raises:
        ValueError: If an argument is unknown.
    """
    import pandas as pd

    _checks.one_of("form", form, reliability.FORMS)
    rows, pairs, traces = [], [], {}
    for track, found in tracks(recordings)[0].items():
        sampled = traces[track] = sample(found, grid_of(found), lag)
        head = dict(zip(("video", "person", "dimension"), track, strict=True))
        rows.append({**head, **_row(sampled, form, keep)})
        pairs += [{**head, **pair} for pair in _pairs(sampled)]
    for dimension in sorted({track[2] for track in traces}, reverse=True):
        of_dimension = [s for track, s in traces.items() if track[2] == dimension]
        head = {"video": "all", "person": "", "dimension": dimension}
        rows.append({**head, **_row(_joined(of_dimension), form, None)})
    return Comparison(pd.DataFrame(rows), pd.DataFrame(pairs), traces)


def _row(sampled, form, keep):
    shared = sampled.shared
    enough = len(sampled.annotators) >= 2 and shared.sum() >= 2
    values = sampled.values[:, shared] if enough else None
    row = {
        "annotators": len(sampled.annotators),
        "frames": len(sampled.times),
        "shared": round(float(shared.mean()), 4) if len(shared) else 0.0,
        "correlation": _mean_pair(agreement.correlation_matrix(values)) if enough else np.nan,
        "ccc": _mean_pair(reliability.concordance_matrix(values)) if enough else np.nan,
        "icc_form": form,
    }
    icc = reliability.icc(values, form) if enough else None
    row |= {
        "icc": icc.value if icc else np.nan,
        "icc_low": icc.low if icc else np.nan,
        "icc_high": icc.high if icc else np.nan,
        "alpha": reliability.alpha(sampled.values) if len(sampled.annotators) > 1 else np.nan,
    }
    kept = agreement.agree(values, keep=keep).kept if enough and keep else ()
    row["kept"] = " ".join(sampled.annotators[i] for i in kept)
    row["lags"] = " ".join(f"{lag:.2f}" for lag in sampled.lags)
    return row


def _mean_pair(matrix):
    above = matrix[np.triu_indices(len(matrix), 1)]
    return float(np.nanmean(above)) if np.isfinite(above).any() else np.nan


def _pairs(sampled):
    for i, j in itertools.combinations(range(len(sampled.annotators)), 2):
        both = sampled.values[[i, j]]
        both = both[:, np.isfinite(both).all(axis=0)]
        pair = {"first": sampled.annotators[i], "second": sampled.annotators[j],
                "frames": both.shape[1]}  # fmt: skip
        if both.shape[1] >= 2:
            pair["correlation"] = float(agreement.correlation_matrix(both)[0, 1])
            pair["ccc"] = float(reliability.concordance_matrix(both)[0, 1])
            pair |= _best_lag(sampled, i, j)
        yield pair


def _best_lag(sampled, i, j, max_lag=4.0):
    """The lag at which two traces correlate most over their longest common stretch."""
    both = sampled.values[[i, j]]
    start, stop = _longest_run(np.isfinite(both).all(axis=0))
    rate = 1 / (sampled.times[1] - sampled.times[0])
    max_lag = min(max_lag, (stop - start) / 2 / rate)
    if max_lag * rate < 1:
        return {}
    found = lags.cross_correlation(*both[:, start:stop], max_lag=max_lag, rate=rate)
    if not np.isfinite(found.correlations).any():
        return {}
    best = int(np.nanargmax(found.correlations))
    return {
        "lag": float(found.lags[best]),
        "correlation_at_lag": float(found.correlations[best]),
    }


def _joined(sampled):
    """The frames of several tracks one after the other; NaN where an annotator has none."""
    names = sorted({name for s in sampled for name in s.annotators})
    total = sum(len(s.times) for s in sampled)
    values = np.full((len(names), total), np.nan)
    start = 0
    for s in sampled:
        rows = [names.index(name) for name in s.annotators]
        values[rows, start : start + len(s.times)] = s.values
        start += len(s.times)
    return Sampled(names, np.arange(total) / RATE, values, np.zeros(len(names)))

"""Lag between annotators: people react after what they see, some later than others.

All traces lie on one time grid (see `matching.match`).

References: paper C §3.4, which computes cross-correlations of all annotators of a video.
"""

import typing

import numpy as np

from kollias_affect import _checks
from kollias_affect.annotations.agreement import DIGITS, check_traces

MAX_LAG = 5.0  # seconds; reactions to affect take 2 to 6 s, so that people differ by less


class CrossCorrelation(typing.NamedTuple):
    """Result of `cross_correlation`.

    Attributes:
        lags: Lags in seconds, ascending from `-max_lag` to `max_lag`, float64 `[lags]`.
        correlations: Pearson's correlation at each lag, float64 `[lags]`; NaN where one of the
            traces is constant in the overlap.
    """

    lags: np.ndarray
    correlations: np.ndarray


def cross_correlation(first, second, max_lag=MAX_LAG, rate=25):
    """Computes Pearson's correlation of two traces at each lag.

    Formula: at lag `d`, the correlation of `first(t + d)` with `second(t)` over the times `t` at
    which both exist. A maximum at a positive lag means that `first` is late. Moments are those of
    the overlap, and nothing is padded.

    Args:
        first, second: Traces `[frames]` on one time grid.
        max_lag: Largest lag in seconds, at most half of the length of the traces; shorter overlaps
            correlate by chance.
        rate: Frames per second.

    Returns:
        `CrossCorrelation`.

    Raises:
        ValueError: If lengths differ, a value is not finite, or `max_lag` or `rate` is out of
            range.

    Example:
        >>> early, late = [0, 1, 3, 2, 1, 0, 1, 0], [0, 1, 0, 1, 3, 2, 1, 0]
        >>> result = cross_correlation(late, early, max_lag=3, rate=1)
        >>> result.lags.tolist(), float(result.lags[result.correlations.argmax()])
        ([-3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0], 2.0)

    References: paper C §3.4.
    """
    traces = _trace("first", first), _trace("second", second)
    if len(traces[0]) != len(traces[1]):
        raise ValueError(
            "Two traces must lie on one time grid. Received: "
            f"{len(traces[0])} and {len(traces[1])} frames. Match both to the same times first "
            "(`match`)."
        )
    steps = _steps(len(traces[0]), max_lag, rate)
    correlations = _correlations(traces[0][None], traces[1][None], steps)[0]
    return CrossCorrelation(steps / rate, correlations)


def lag(traces, reference=None, max_lag=MAX_LAG, rate=25):
    """Returns the lag in seconds at which traces correlate most with a reference.

    A positive lag means that the trace is late, see `cross_correlation`. The resolution is one
    frame. Of equal correlations, the smallest lag counts. A lag of `max_lag` may mean that the
    maximum lies beyond.

    Args:
        traces: Trace `[frames]`, or traces of the annotators of one video, `[annotators, frames]`.
        reference: Trace `[frames]`. Default, for several annotators: the mean of the others.
        max_lag, rate: See `cross_correlation`.

    Returns:
        Float, or float64 `[annotators]`; NaN for a trace that is constant, or whose reference is.

    Raises:
        ValueError: As `cross_correlation` does, or if there is nothing to compare with.

    Example:
        >>> trace = [0, 0, 0, 1, 2, 1, 0, 0, 0, 0]
        >>> lag([trace, trace, trace[-1:] + trace[:-1]], max_lag=2, rate=2).tolist()
        [0.0, 0.0, 0.5]
    """
    single = np.ndim(traces) == 1
    traces = _trace("traces", traces)[None] if single else check_traces(traces)
    references = _references(traces, reference)
    steps = _steps(traces.shape[1], max_lag, rate)
    correlations = np.round(_correlations(traces, references, steps), DIGITS)
    by_size = np.argsort(np.abs(steps), kind="stable")  # the first maximum has the smallest lag
    ranked = np.where(np.isnan(correlations), -np.inf, correlations)[:, by_size]
    lags = steps[by_size][ranked.argmax(axis=1)] / rate
    lags[np.isneginf(ranked).all(axis=1)] = np.nan
    return float(lags[0]) if single else lags


def shift(traces, lags, rate=25):
    """Moves traces back by their lags, so that they describe what was seen at each time.

    Formula: `shifted(t) = trace(t + lag)`, linear between frames. Beyond the ends of a trace, its
    first or last value is repeated.

    Args:
        traces: Trace `[frames]`, or traces `[annotators, frames]`.
        lags: Lag in seconds, or one for each annotator, as `lag` returns them. A trace whose lag is
            NaN is not moved.
        rate: Frames per second.

    Returns:
        Float64 array of the shape of `traces`.

    Raises:
        ValueError: If a value is not finite, `rate` is not positive, or the number of lags differs
            from that of the traces.

    Example:
        >>> shift([0.0, 0.0, 0.2, 0.4], lags=0.04, rate=25).tolist()
        [0.0, 0.2, 0.4, 0.4]
    """
    single = np.ndim(traces) == 1
    traces = _trace("traces", traces)[None] if single else check_traces(traces)
    rate = _rate(rate)
    lags = np.asarray(lags, np.float64)
    if lags.shape not in ((), (len(traces),)) or np.isinf(lags).any():
        raise ValueError(
            f"`lags` must be one number of seconds, or one for each of {len(traces)} traces. "
            f"Received: {lags.tolist()}. Pass what `lag` returns."
        )
    frames = np.arange(traces.shape[1])
    moves = np.broadcast_to(np.nan_to_num(lags, nan=0.0) * rate, len(traces))
    # Seconds times the rate is inexact: a shift by whole frames must not interpolate.
    whole = np.round(moves)
    moves = np.where(np.abs(moves - whole) < 1e-6, whole, moves)
    shifted = [np.interp(frames + move, frames, t) for move, t in zip(moves, traces, strict=True)]
    return shifted[0] if single else np.array(shifted)


def _trace(name, trace):
    try:
        trace = np.asarray(trace, np.float64)
    except (TypeError, ValueError):
        trace = np.empty((0, 0))
    if trace.ndim != 1 or not trace.size or not np.isfinite(trace).all():
        raise ValueError(
            f"`{name}` must be finite numbers [frames], at least one. Received: shape "
            f"{trace.shape}, {int((~np.isfinite(trace)).sum())} not finite. Match the annotator to "
            "the frames first (`match`)."
        )
    return trace


def _references(traces, reference):
    """Returns the reference of each trace, `[annotators, frames]`."""
    if reference is None:
        if len(traces) < 2:
            raise ValueError(
                "The lag of one trace needs a trace to compare with. Received: reference=None. "
                "Pass `reference`, or the traces of several annotators."
            )
        return (traces.sum(axis=0) - traces) / (len(traces) - 1)
    reference = _trace("reference", reference)
    if len(reference) != traces.shape[1]:
        raise ValueError(
            "A trace and its reference must lie on one time grid. Received: "
            f"{traces.shape[1]} and {len(reference)} frames. Match both to the same times first "
            "(`match`)."
        )
    return np.broadcast_to(reference, traces.shape)


def _rate(rate):
    if isinstance(rate, bool) or not np.isscalar(rate) or not 0 < float(rate) < np.inf:
        raise ValueError(
            f"`rate` must be a positive number of frames per second. Received: rate={rate!r}. Use, "
            "for example, 25."
        )
    return float(rate)


def _steps(frames, max_lag, rate):
    """Returns the lags in frames, ascending integers."""
    rate = _rate(rate)
    _checks.number_between("max_lag", max_lag, 0, frames / 2 / rate)
    most = int(np.floor(max_lag * rate + 1e-6))
    return np.arange(-most, most + 1)


def _correlations(first, second, steps):
    """Correlations of the rows of two arrays at lags in frames, `[rows, lags]`."""
    frames = first.shape[1]
    first, second = _Rows(first), _Rows(second)
    columns = []
    for step in steps.tolist():
        one = slice(max(step, 0), frames + min(step, 0))
        other = slice(max(-step, 0), frames - max(step, 0))
        columns.append(_overlap_correlations(first, one, second, other))
    return np.stack(columns, axis=1)


def _overlap_correlations(first, one, second, other):
    """Pearson's correlation of each row of `first[one]` with that row of `second[other]`."""
    frames = one.stop - one.start
    means, others = first.sums(one) / frames, second.sums(other) / frames
    products = np.einsum("rf,rf->r", first.values[:, one], second.values[:, other])
    norms = first.squares(one), second.squares(other)
    variations = norms[0] - frames * means**2, norms[1] - frames * others**2
    constant = first.are_constant(one) | second.are_constant(other)
    with np.errstate(invalid="ignore", divide="ignore"):
        correlations = (products - frames * means * others) / np.sqrt(np.prod(variations, axis=0))
    # Differences of large sums are inexact where a row is almost constant in the overlap.
    inexact = (variations[0] < 1e-6 * norms[0]) | (variations[1] < 1e-6 * norms[1])
    for row in np.flatnonzero(inexact & ~constant):
        pair = first.rows[row, one], second.rows[row, other]
        correlations[row] = np.dot(*(_standardized(values) for values in pair))
    return np.where(constant, np.nan, np.clip(correlations, -1, 1))


class _Rows:
    """Rows of numbers, their standardized values, and running sums for sums over any frames."""

    def __init__(self, rows):
        self.rows = rows
        self.values = np.stack([_standardized(row) for row in rows])
        self._sums, self._squares = _running(self.values), _running(self.values**2)
        self._changes = _running(np.diff(rows, axis=1) != 0)

    def sums(self, frames):
        return self._sums[:, frames.stop] - self._sums[:, frames.start]

    def squares(self, frames):
        return self._squares[:, frames.stop] - self._squares[:, frames.start]

    def are_constant(self, frames):
        return self._changes[:, frames.stop - 1] == self._changes[:, frames.start]


def _running(rows):
    return np.pad(np.cumsum(rows, axis=1), ((0, 0), (1, 0)))


def _standardized(row):
    """Returns numbers with mean 0 and norm 1; zeros for a constant."""
    centred = row - row.mean()
    # The row is divided by its largest value first: squares of tiny numbers would vanish.
    largest = np.abs(centred).max()
    if np.ptp(row) == 0 or largest == 0:
        return np.zeros(len(row))
    centred = centred / largest
    return centred / np.linalg.norm(centred)

"""Reliability of annotators: intraclass correlation, Krippendorff's alpha, pairwise CCC.

Frames are the units that are rated. Neighbouring frames resemble each other, so that a trace holds
less information than the same number of separate ratings: intervals that count every frame as a
rating of its own are too narrow.
"""

import typing

import numpy as np

from kollias_affect import _checks
from kollias_affect.annotations.agreement import check_traces, mask_constant

# Shrout and Fleiss (1979): model (1 to 3), and a single annotator or the mean of all k.
FORMS = ("ICC(1,1)", "ICC(2,1)", "ICC(3,1)", "ICC(1,k)", "ICC(2,k)", "ICC(3,k)")
LEVELS = ("nominal", "ordinal", "interval", "ratio")
_CHUNK = 2**24  # pairs of values that are compared at a time


class ICC(typing.NamedTuple):
    """Result of `icc`; `float` converts it to `value`.

    Attributes:
        form: Form, one of `FORMS`.
        value: Intraclass correlation, at most 1. It may be negative.
        low, high: Limits of the confidence interval.
        confidence: Its confidence level.
        annotators, frames: Numbers of annotators and of frames.
    """

    form: str
    value: float
    low: float
    high: float
    confidence: float
    annotators: int
    frames: int

    def __float__(self):
        return self.value

    def __str__(self):
        return (
            f"{self.form} = {self.value:.3f}, {self.confidence:.0%} confidence interval "
            f"[{self.low:.3f}, {self.high:.3f}], {self.annotators} annotators, "
            f"{self.frames} frames"
        )


def icc(traces, form="ICC(2,1)", confidence=0.95):
    """Computes the intraclass correlation of annotators, with its confidence interval.

    With the mean squares of frames (BMS), within frames (WMS), of annotators (JMS) and of the rest
    (EMS), `n` frames and `k` annotators:

    - `ICC(1,1)`: `(BMS - WMS) / (BMS + (k - 1) WMS)`; every frame has other annotators.
    - `ICC(2,1)`: `(BMS - EMS) / (BMS + (k - 1) EMS + k (JMS - EMS) / n)`; the annotators are a
      sample of all, and their offsets count as disagreement.
    - `ICC(3,1)`: `(BMS - EMS) / (BMS + (k - 1) EMS)`; consistency of these annotators, offsets do
      not count.
    - `ICC(1,k)`, `ICC(2,k)`, `ICC(3,k)`: the same for the mean of the `k` annotators.

    McGraw and Wong (1996) call the second and third model ICC(A,·) and ICC(C,·).

    Args:
        traces: Traces `[annotators, frames]` of one dimension, at least two of each.
        form: One of `FORMS`.
        confidence: Level of the interval, in (0, 1). The interval takes frames for independent.

    Returns:
        `ICC`. Its numbers are NaN where all traces are one constant.

    Raises:
        ValueError: If a value is not finite, there are too few traces or frames, or an argument is
            unknown.

    Example:
        >>> print(icc([[1, 2, 3, 4], [1, 2, 4, 4], [2, 3, 4, 6]], form="ICC(3,1)"))
        ICC(3,1) = 0.915, 95% confidence interval [0.573, 0.994], 3 annotators, 4 frames

    References: Shrout and Fleiss (1979), Psychological Bulletin 86(2).
    """
    traces = check_traces(traces)
    _checks.one_of("form", form, FORMS)
    confidence = _checks.share("confidence", confidence)
    annotators, frames = traces.shape
    if annotators < 2 or frames < 2 or not 0 < confidence < 1:
        raise ValueError(
            "The intraclass correlation needs at least two annotators, two frames, and a "
            f"`confidence` between 0 and 1. Received: {annotators} annotators, {frames} frames, "
            f"confidence={confidence}. Pass more traces, or 0.95."
        )
    squares = _mean_squares(traces)
    compute = _agreement if form.startswith("ICC(2") else _ratio
    # The probability on each side of the interval.
    values = compute(squares, annotators, frames, form, (1 - confidence) / 2)
    if form.endswith("k)"):  # Spearman and Brown
        values = [_divide(annotators * v, 1 + (annotators - 1) * v) for v in values]
    return ICC(form, *values, confidence, annotators, frames)


def _mean_squares(traces):
    """Returns the mean squares of frames, within frames, of annotators, and of the rest."""
    k, n = traces.shape
    centred = traces - traces.mean()
    largest = np.abs(centred).max()
    # Squares of tiny numbers vanish; those of a constant are rounding errors.
    centred = centred / largest if np.ptp(traces) > 0 else np.zeros_like(traces)
    of_frames, of_annotators = centred.mean(axis=0), centred.mean(axis=1)
    within = centred - of_frames
    rest = within - (of_annotators - centred.mean())[:, None]
    sums = (
        k * (of_frames**2).sum() / (n - 1),
        (within**2).sum() / (n * (k - 1)),
        n * (of_annotators**2).sum() / (k - 1),
        (rest**2).sum() / ((n - 1) * (k - 1)),
    )
    # Rounding errors of equal numbers are no variance.
    return [0.0 if value < 1e-28 else float(value) for value in sums]


def _ratio(squares, k, n, form, tail):
    """Value and limits of ICC(1,1) and ICC(3,1), which follow from one F ratio."""
    from scipy import stats

    frames, within, _, rest = squares
    error, degrees = (within, n * (k - 1)) if "(1" in form else (rest, (n - 1) * (k - 1))
    value = _divide(frames - error, frames + (k - 1) * error)
    if error == 0:
        return value, value, value
    ratio = frames / error
    low = ratio / stats.f.isf(tail, n - 1, degrees)
    high = ratio * stats.f.isf(tail, degrees, n - 1)
    return value, *(float((f - 1) / (f + k - 1)) for f in (low, high))


def _agreement(squares, k, n, form, tail):
    """Value and limits of ICC(2,1); the degrees of freedom are Satterthwaite's."""
    from scipy import stats

    frames, _, judges, rest = squares
    value = _divide(frames - rest, frames + (k - 1) * rest + k * (judges - rest) / n)
    if rest == 0:
        return value, value, value
    ratio = judges / rest
    offset, spread = k * value * ratio, n * (1 + (k - 1) * value) - k * value
    degrees = (k - 1) * (n - 1) * (offset + spread) ** 2
    degrees /= (n - 1) * offset**2 + spread**2
    upper, lower = stats.f.isf(tail, n - 1, degrees), stats.f.isf(tail, degrees, n - 1)
    noise = k * judges + (k * n - k - n) * rest
    low = n * (frames - upper * rest) / (upper * noise + n * frames)
    high = n * (lower * frames - rest) / (noise + n * lower * frames)
    return value, float(low), float(high)


def _divide(number, other):
    return float(number / other) if other else float("nan")


def alpha(traces, level="interval"):
    """Computes Krippendorff's alpha: agreement of annotators beyond chance, with missing values.

    Formula: `1 - observed disagreement / expected disagreement`, over all pairs of values of one
    frame, and over all pairs of values. The disagreement of two values is 0 or 1 (nominal), the
    squared distance of their mid-ranks (ordinal), `(a - b)²` (interval), or
    `((a - b) / (a + b))²` (ratio).

    Args:
        traces: Traces `[annotators, frames]`; NaN marks a missing value. Frames with fewer than two
            values do not count.
        level: `"nominal"`, `"ordinal"`, `"interval"` or `"ratio"`. The time of `"ratio"` grows with
            the square of the number of different values.

    Returns:
        Float, at most 1; 0 is agreement by chance. NaN if no two values differ, or no frame has
        two.

    Raises:
        ValueError: If the shape is wrong, a value is infinite, the level is unknown, or a value is
            negative at level `"ratio"`.

    Example:
        >>> nan = float("nan")
        >>> round(alpha([[1, 2, 3, nan], [1, 2, 3, 1], [1, 3, 3, 1]], level="nominal"), 4)
        0.7368

    References: Krippendorff (2011), Computing Krippendorff's Alpha-Reliability.
    """
    traces = check_traces(traces, missing=True)
    _checks.one_of("level", level, LEVELS)
    if level == "ratio" and (traces < 0).any():
        raise ValueError(
            "A ratio scale has no negative values. Received: values down to "
            f"{np.nanmin(traces):g}. Use level='interval' for valence and arousal."
        )
    present = np.isfinite(traces)
    pairable = present.sum(axis=0) >= 2
    traces, present = traces[:, pairable], present[:, pairable]
    if not present.any():
        return float("nan")
    different, codes = np.unique(traces[present], return_inverse=True)
    counts = np.bincount(codes).astype(np.float64)
    if len(different) == 1:
        return float("nan")
    if level == "nominal":
        observed, expected = _nominal(traces, present, counts)
    elif level == "ratio":
        observed, expected = _ratios(traces, present, different, counts)
    else:
        values = traces.copy()
        if level == "ordinal":
            values[present] = (np.cumsum(counts) - counts / 2)[codes]
        observed, expected = _squares(values, present)
    total = counts.sum()
    return float(1 - (total - 1) * observed / expected)


def _per_frame(disagreements, present):
    """Sums the disagreements of frames, each divided by its number of values less one."""
    return float((disagreements / (present.sum(axis=0) - 1)).sum())


def _squares(values, present):
    """Squared differences over all ordered pairs, of one frame and of all."""
    values = np.where(present, values - values[present].mean(), 0)
    counts = present.sum(axis=0)
    # Deviations from the frame's mean: exactly 0 where all values of a frame are equal.
    means = values.sum(axis=0) / counts
    deviations = np.where(present, values - means, 0)
    deviations[:, np.ptp(np.where(present, values, means), axis=0) == 0] = 0
    observed = 2 * counts * (deviations**2).sum(axis=0)
    total = present.sum()
    return _per_frame(observed, present), float(2 * total * (values**2).sum())


def _nominal(traces, present, counts):
    """Numbers of ordered pairs of different values, of one frame and of all."""
    # NaN differs from everything, itself included: missing values are never equal.
    equal = sum((traces == other).sum(axis=0) for other in traces)
    different = present.sum(axis=0) ** 2 - equal
    return _per_frame(different, present), float(counts.sum() ** 2 - (counts**2).sum())


def _ratios(traces, present, different, counts):
    """Squared relative differences over all ordered pairs, of one frame and of all."""
    observed = sum(np.nansum(_relative(traces, other), axis=0) for other in traces)
    rows = max(1, _CHUNK // len(different))
    expected = sum(
        counts[i : i + rows] @ _relative(different[i : i + rows, None], different) @ counts
        for i in range(0, len(different), rows)
    )
    return _per_frame(observed, present), float(expected)


def _relative(first, second):
    """Returns `((a - b) / (a + b))²`; 0 where both are 0."""
    total = first + second
    return ((first - second) / np.where(total == 0, 1, total)) ** 2


def concordance_matrix(traces):
    """Computes the CCC of every pair of annotators of one video.

    Formula: `2 cov / (var_a + var_b + (mean_a - mean_b)**2)`, with population moments. Unlike
    correlation, it counts differences of scale and offset.

    Args:
        traces: Traces `[annotators, frames]`.

    Returns:
        Float64 array `[annotators, annotators]` in [-1, 1], symmetric; NaN for constant traces.

    Raises:
        ValueError: If there are no annotators or no frames, or if a value is not finite.

    Example:
        >>> concordance_matrix([[0.0, 0.5, 1.0], [0.5, 1.0, 1.5]]).round(3).tolist()
        [[1.0, 0.571], [0.571, 1.0]]

    References: paper C, eq. 1; Lin (1989).
    """
    traces = check_traces(traces)
    means = traces.mean(axis=1)
    centred = traces - means[:, None]
    covariances = centred @ centred.T / traces.shape[1]
    variances = np.diag(covariances)
    offsets = (means[:, None] - means) ** 2
    with np.errstate(invalid="ignore"):
        matrix = 2 * covariances / (variances[:, None] + variances + offsets)
    matrix = np.clip((matrix + matrix.T) / 2, -1, 1)
    np.fill_diagonal(matrix, 1.0)
    return mask_constant(matrix, traces)

"""Traces of 32 people with a joystick, at a variable rate, over three videos."""

import numpy as np
import pandas as pd
import pytest
import scipy.stats
from shared_values import SHARED

from kollias_affect import annotations

FOLDER = SHARED / "data" / "joystick_traces"
RATE = 25

pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason=f"{FOLDER} is absent")


@pytest.fixture(scope="module")
def traces():
    """Traces of valence of the first video at 25 Hz, `[annotators, frames]`."""
    table = pd.read_csv(FOLDER / "V1.csv")
    times = np.arange(0.2, 59.9, 1 / RATE)
    return np.stack(
        [
            annotations.match(times, person["seconds"], person["x"])
            for _, person in table.groupby("annotator")
        ]
    )


def test_correlations_and_concordance_are_those_of_scipy(traces):
    assert traces.shape == (32, 1493)
    matrix, concordance = (
        annotations.correlation_matrix(traces),
        annotations.concordance_matrix(traces),
    )
    for i, j in ((0, 1), (3, 17), (30, 31)):
        one, other = traces[i], traces[j]
        assert matrix[i, j] == pytest.approx(scipy.stats.pearsonr(one, other)[0])
        covariance = np.cov(one, other, ddof=0)
        offset = (one.mean() - other.mean()) ** 2
        expected = 2 * covariance[0, 1] / (np.trace(covariance) + offset)
        assert concordance[i, j] == pytest.approx(expected)


def test_lags_of_real_annotators_are_those_of_scipy(traces):
    lags = annotations.lag(traces, max_lag=5, rate=RATE)
    varied = np.ptp(traces, axis=1) > 0
    assert np.array_equal(np.isfinite(lags), varied)
    for i in np.flatnonzero(varied)[:4]:
        others = np.delete(traces, i, axis=0).mean(axis=0)
        steps, frames = range(-5 * RATE, 5 * RATE + 1), traces.shape[1]
        correlations = {}
        for s in steps:
            one = traces[i, max(s, 0) : frames + min(s, 0)]
            other = others[max(-s, 0) : frames - max(s, 0)]
            if np.ptp(one) > 0:
                correlations[s / RATE] = scipy.stats.pearsonr(one, other)[0]
        assert correlations[lags[i]] == pytest.approx(max(correlations.values()), abs=1e-8)
        near = [lag for lag in correlations if abs(lag) < abs(lags[i])]
        assert all(correlations[lag] < correlations[lags[i]] + 1e-8 for lag in near)


def test_shifted_annotators_agree_more(traces):
    lags = annotations.lag(traces, max_lag=5, rate=RATE)
    shifted = annotations.shift(traces, lags, RATE)
    before = annotations.icc(traces, "ICC(3,1)").value
    assert annotations.icc(shifted, "ICC(3,1)").value > before


def test_icc_of_real_annotators_is_that_of_an_analysis_of_variance(traces):
    k, n = traces.shape
    frames = k * traces.mean(axis=0).var(ddof=1)
    judges = n * traces.mean(axis=1).var(ddof=1)
    total = ((traces - traces.mean()) ** 2).sum()
    rest = (total - (n - 1) * frames - (k - 1) * judges) / ((n - 1) * (k - 1))
    single = (frames - rest) / (frames + (k - 1) * rest + k * (judges - rest) / n)
    result = annotations.icc(traces)
    assert result.value == pytest.approx(single) and result.low < single < result.high
    # Of equal lengths, the F ratio of frames within annotators is scipy's of one-way groups.
    ratio = scipy.stats.f_oneway(*traces.T).statistic
    expected = (ratio - 1) / (ratio + k - 1)
    assert annotations.icc(traces, "ICC(1,1)").value == pytest.approx(expected)


def test_alpha_of_real_annotators_is_one_minus_a_ratio_of_variances(traces):
    k, n = traces.shape
    observed = traces.var(axis=0, ddof=1).mean()
    expected = 1 - observed / traces.var(ddof=1)
    assert annotations.alpha(traces) == pytest.approx(expected)
    holes = traces.copy()
    holes[np.random.default_rng(0).random((k, n)) < 0.2] = np.nan
    assert annotations.alpha(holes) == pytest.approx(expected, abs=0.02)
    ranks = scipy.stats.rankdata(traces).reshape(k, n)  # mid-ranks
    ordinal = 1 - ranks.var(axis=0, ddof=1).mean() / ranks.var(ddof=1)
    assert annotations.alpha(traces, "ordinal") == pytest.approx(ordinal)

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kollias_affect import annotations
from kollias_affect.annotations.reliability import FORMS, LEVELS
from kollias_affect.evaluation import measures

# Shrout and Fleiss (1979), table 2: six targets, four judges.
JUDGES = np.array(
    [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]
).T
# Values: their table 4. Limits: the R package psych, example of its function ICC.
PUBLISHED = {
    "ICC(1,1)": (0.17, -0.133, 0.72),
    "ICC(2,1)": (0.29, 0.019, 0.76),
    "ICC(3,1)": (0.71, 0.342, 0.95),
    "ICC(1,k)": (0.44, -0.884, 0.91),
    "ICC(2,k)": (0.62, 0.071, 0.93),
    "ICC(3,k)": (0.91, 0.676, 0.99),
}
NAN = np.nan
# Krippendorff (2011), Computing Krippendorff's Alpha-Reliability, section D: four observers.
OBSERVERS = np.array(
    [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, NAN, NAN, NAN],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, NAN, 3],
        [NAN, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, NAN],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, NAN],
    ]
)


@pytest.mark.parametrize("form", FORMS)
def test_icc_gives_the_published_example(form):
    value, low, high = PUBLISHED[form]
    result = annotations.icc(JUDGES, form)
    assert result.form == form and float(result) == result.value
    assert result.value == pytest.approx(value, abs=0.0051)
    assert result.low == pytest.approx(low, abs=0.0006)
    assert result.high == pytest.approx(high, abs=0.0051)
    assert (result.annotators, result.frames) == (4, 6)


def test_icc_3k_is_cronbachs_alpha():
    traces = np.random.default_rng(0).normal(size=(5, 30)) + np.linspace(0, 3, 30)
    variances = traces.var(axis=1, ddof=1).sum() / traces.sum(axis=0).var(ddof=1)
    expected = 5 / 4 * (1 - variances)
    assert annotations.icc(traces, "ICC(3,k)").value == pytest.approx(expected, rel=1e-12)


def variance_components(traces):
    """Least-squares mean squares by sums over cells, from the definition of a two-way layout."""
    k, n = traces.shape
    grand = traces.mean()
    between = sum(k * (traces[:, j].mean() - grand) ** 2 for j in range(n)) / (n - 1)
    judges = sum(n * (traces[i].mean() - grand) ** 2 for i in range(k)) / (k - 1)
    total = sum((traces[i, j] - grand) ** 2 for i in range(k) for j in range(n))
    rest = (total - between * (n - 1) - judges * (k - 1)) / ((n - 1) * (k - 1))
    within = (total - between * (n - 1)) / (n * (k - 1))
    return between, within, judges, rest


@given(st.integers(2, 5), st.integers(3, 12), st.integers(0, 2**32 - 1))
def test_icc_equals_the_textbook_formulas(k, n, seed):
    random = np.random.default_rng(seed)
    traces = random.normal(size=n) + random.normal(size=(k, n)) + random.normal(size=(k, 1))
    b, w, j, e = variance_components(traces)
    expected = {
        "ICC(1,1)": (b - w) / (b + (k - 1) * w),
        "ICC(2,1)": (b - e) / (b + (k - 1) * e + k * (j - e) / n),
        "ICC(3,1)": (b - e) / (b + (k - 1) * e),
        "ICC(1,k)": (b - w) / b,
        "ICC(2,k)": (b - e) / (b + (j - e) / n),
        "ICC(3,k)": (b - e) / b,
    }
    for form, value in expected.items():
        assert annotations.icc(traces, form).value == pytest.approx(value, rel=1e-9, abs=1e-9)
        scaled = annotations.icc(1e-7 * traces + 3, form)
        assert scaled.value == pytest.approx(value, rel=1e-6, abs=1e-6)


def test_the_interval_covers_the_true_value_as_often_as_it_says():
    random = np.random.default_rng(0)
    inside = 0
    for _ in range(300):  # variance 1 of frames and 1 of errors: the true ICC(3,1) is 0.5
        traces = random.normal(size=12) + random.normal(size=(3, 12))
        result = annotations.icc(traces, "ICC(3,1)", confidence=0.8)
        inside += result.low <= 0.5 <= result.high
    assert 0.8 * 300 - 4 * 7 < inside < 0.8 * 300 + 4 * 7  # 7 is the standard deviation


def test_offsets_count_in_agreement_and_not_in_consistency():
    trace = np.linspace(-1, 1, 50)
    traces = [trace, trace + 1]
    assert annotations.icc(traces, "ICC(3,1)").value == pytest.approx(1)
    assert annotations.icc(traces, "ICC(2,1)").value < 0.6


@pytest.mark.parametrize("form", FORMS)
def test_equal_traces_have_an_icc_of_one_and_constants_none(form):
    trace = np.linspace(-1, 1, 7)
    assert annotations.icc([trace, trace], form)[1:4] == (1, 1, 1)
    assert np.isnan(annotations.icc(np.full((3, 5), 0.1), form)[1:4]).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([[1, 2]],), "at least two annotators"),
        (([[1], [2]],), "at least two annotators"),
        (([[1, NAN], [1, 2]],), "must be finite"),
        (([[1, 2], [1, 2]], "ICC(4,1)"), "form"),
        (([[1, 2], [1, 2]], "ICC(1,1)", 0), "confidence"),
        (([[1, 2], [1, 2]], "ICC(1,1)", 1), "confidence"),
    ],
)
def test_invalid_arguments_of_icc_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        annotations.icc(*arguments)


@pytest.mark.parametrize(
    ("level", "published"),
    [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849), ("ratio", 0.797)],
)
def test_alpha_gives_the_published_example(level, published):
    assert annotations.alpha(OBSERVERS, level) == pytest.approx(published, abs=0.0006)


def coincidence_alpha(traces, level):
    """Transcribes Krippendorff's definition by coincidences of pairs of values."""
    units = [column[np.isfinite(column)].tolist() for column in traces.T]
    units = [unit for unit in units if len(unit) > 1]
    values = sorted({value for unit in units for value in unit})
    table = np.zeros((len(values), len(values)))
    for unit in units:
        for i, one in enumerate(unit):
            for j, other in enumerate(unit):
                if i != j:
                    table[values.index(one), values.index(other)] += 1 / (len(unit) - 1)
    n_c = table.sum(axis=1)

    def distance(c, k):
        a, b = values[c], values[k]
        if level == "nominal":
            return float(a != b)
        if level == "interval":
            return (a - b) ** 2
        if level == "ratio":
            return 0 if a == b else ((a - b) / (a + b)) ** 2
        low, high = min(c, k), max(c, k)
        return (n_c[low : high + 1].sum() - (n_c[c] + n_c[k]) / 2) ** 2

    pairs = [(c, k) for c in range(len(values)) for k in range(len(values))]
    observed = sum(table[pair] * distance(*pair) for pair in pairs)
    expected = sum(n_c[c] * n_c[k] * distance(c, k) for c, k in pairs)
    return np.nan if not expected else 1 - (n_c.sum() - 1) * observed / expected


@given(st.integers(2, 5), st.integers(1, 8), st.integers(0, 2**32 - 1), st.sampled_from(LEVELS))
def test_alpha_equals_its_definition_by_coincidences(annotators, frames, seed, level):
    random = np.random.default_rng(seed)
    traces = random.integers(0, 4, (annotators, frames)).astype(float)
    traces[random.random(traces.shape) < 0.3] = np.nan
    expected = coincidence_alpha(traces, level)
    assert annotations.alpha(traces, level) == pytest.approx(expected, nan_ok=True, abs=1e-12)


@pytest.mark.parametrize("level", LEVELS)
def test_alpha_of_perfect_agreement_is_one_and_without_variation_undefined(level):
    trace = np.array([0.1, 0.2, 0.7, 0.2])
    assert annotations.alpha([trace, trace, [NAN] * 4], level) == 1
    assert np.isnan(annotations.alpha(np.full((3, 4), 0.5), level))
    assert np.isnan(annotations.alpha([[0.1, NAN], [NAN, 0.2]], level))  # no pair of values


def test_alpha_of_independent_annotators_is_zero():
    traces = np.random.default_rng(0).normal(size=(4, 20_000))
    for level in ("interval", "ordinal"):
        assert abs(annotations.alpha(traces, level)) < 0.02


def test_alpha_of_opposed_annotators_is_negative():
    assert annotations.alpha([[0, 1, 0, 1], [1, 0, 1, 0]]) < -0.5


def test_ratios_of_many_values_are_compared_in_pieces(monkeypatch):
    traces = np.random.default_rng(0).uniform(0, 1, (3, 20)).round(2)
    whole = annotations.alpha(traces, "ratio")
    monkeypatch.setattr("kollias_affect.annotations.reliability._CHUNK", 50)
    assert annotations.alpha(traces, "ratio") == pytest.approx(whole, rel=1e-12)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([[1, np.inf], [1, 2]],), "must be finite"),
        (([1, 2, 3],), "must be finite"),
        (([[1, 2], [1, 2]], "cardinal"), "level"),
        (([[-1, 2], [1, 2]], "ratio"), "no negative values"),
    ],
)
def test_invalid_arguments_of_alpha_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        annotations.alpha(*arguments)


def test_concordance_is_the_ccc_of_the_scores():
    traces = np.random.default_rng(0).normal(size=(4, 40)).cumsum(axis=1)
    traces[3] = 0.5
    matrix = annotations.concordance_matrix(traces)
    for i in range(3):
        for j in range(3):
            assert matrix[i, j] == pytest.approx(float(measures.ccc(traces[i], traces[j])))
    assert np.isnan(matrix[3]).all() and np.isnan(matrix[:, 3]).all()

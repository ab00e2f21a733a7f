"""Confidence intervals of scores and p-values of differences, by resampling videos.

Frames of one video resemble each other. Resampling single frames would treat them as independent
and overstate the evidence. Therefore complete videos are drawn, and complete videos exchange their
predictions.
"""

import functools
import inspect

import numpy as np
import pandas as pd

from kollias_affect import _checks
from kollias_affect.evaluation import measures
from kollias_affect.evaluation.scored_rows import scored_rows
from kollias_affect.tasks import label_field

_NUMBERS_PER_BATCH = 2 * 10**6  # limits the memory of a batch of resamples


def confidence_intervals(
    clips,
    predictions,
    measure="CCC",
    task="valence_arousal",
    confidence=0.95,
    resamples=2000,
    seed=0,
    video_of=None,
):
    """Computes a measure and its percentile bootstrap interval over videos.

    Args:
        clips, predictions, task: See `scores`.
        measure: `"CCC"`, `"Pearson"`, `"MSE"`, `"RMSE"` or `"SAGR"`; for expressions `"accuracy"`
            or `"F1"` (unweighted mean over the classes that occur as labels); for action units
            `"F1"`.
        confidence: Confidence level of the interval, in (0, 1).
        resamples: Number of bootstrap samples. Each draws as many videos as there are, with
            replacement.
        seed: Seed of the draws.
        video_of: Function from a clip to the name of the unit that is drawn. Default:
            `videos.video_of`; `lambda clip: clip.subject` draws persons.

    Returns:
        `pandas.DataFrame` with a column named after the measure, `low`, `high` and `videos` (the
        number of videos with a frame that counts). The rows are those of `scores`, or `all`.

    Raises:
        ValueError: If an argument is unknown, there are fewer than two videos, and as `scores`
            does.

    Example:

    >>> import numpy as np
    >>> from kollias_affect.clip import Clip
    >>> labels = np.linspace(-0.9, 0.9, 24).reshape(4, 3, 2)
    >>> clips = [Clip(k, ["1.png"] * 3, valence_arousal=v) for k, v in zip("abcd", labels)]
    >>> table = confidence_intervals(clips, {c.key: c.valence_arousal / 2 for c in clips})
    >>> list(table.columns)
    ['CCC', 'low', 'high', 'videos']
    >>> bool((table["low"] <= table["CCC"]).all() and (table["CCC"] <= table["high"]).all())
    True

    References: Efron and Tibshirani (1993), chapter 13; computed by `scipy.stats.bootstrap`.
    """
    from scipy import stats

    rows = scored_rows(clips, predictions, task, video_of)
    score = score_function(task, measure)
    resamples = _checks.positive_integer("resamples", resamples)
    confidence = _checks.share("confidence", confidence)
    sums = sums_of_videos(rows)
    _refuse_few(sums)
    values = score(sums.sum(axis=0))
    lines = {}
    for row, name in enumerate(row_names(rows)):
        result = stats.bootstrap(
            (np.arange(len(sums)),),
            functools.partial(_score_drawn, sums=sums, score=score, row=row),
            n_resamples=resamples,
            confidence_level=confidence,
            batch=_batch_size(sums),
            vectorized=True,
            method="percentile",
            **_seed_argument(stats.bootstrap, seed),
        )
        low, high = map(float, result.confidence_interval)
        lines[name] = {measure: values[row], "low": low, "high": high, "videos": len(sums)}
    return pd.DataFrame.from_dict(lines, orient="index")


def compare(
    clips,
    first,
    second,
    measure="CCC",
    task="valence_arousal",
    resamples=9999,
    seed=0,
    video_of=None,
):
    """Computes the difference of two models on the same clips and its two-sided paired p-value.

    Under the null hypothesis both models are equally likely to have made the predictions of a
    video. The p-value is the share of exchanges of complete videos with a difference at least as
    large. All exchanges are tried if there are at most `resamples` of them, otherwise random ones.

    Args:
        clips, task: See `scores`.
        first, second: Predictions of each model; see `scores`.
        measure, seed, video_of: See `confidence_intervals`.
        resamples: Number of exchanges. The smallest p-value is `2 / (resamples + 1)`.

    Returns:
        `pandas.DataFrame` with the columns `first`, `second`, `difference` (first - second),
        `p-value` and `videos`. The rows are those of `scores`, or `all`.

    Raises:
        ValueError: As `confidence_intervals` does, or if tables of `aggregate` have predictions for
            different rows, or different labels.

    Example:

    >>> import numpy as np
    >>> from kollias_affect.clip import Clip
    >>> labels = np.linspace(-0.9, 0.9, 24).reshape(4, 3, 2)
    >>> clips = [Clip(k, ["1.png"] * 3, valence_arousal=v) for k, v in zip("abcd", labels)]
    >>> predictions = {clip.key: clip.valence_arousal / 2 for clip in clips}
    >>> table = compare(clips, predictions, predictions)
    >>> table.loc["mean", ["difference", "p-value", "videos"]].tolist()
    [0.0, 1.0, 4.0]

    References: Ernst (2004); computed by `scipy.stats.permutation_test`.
    """
    from scipy import stats

    both = [scored_rows(clips, predictions, task, video_of) for predictions in (first, second)]
    _refuse_other_labels(*both)
    score = score_function(task, measure)
    resamples = _checks.positive_integer("resamples", resamples)
    # The sums of both models are added, so they need one centre.
    centre = np.mean([rows.predictions.mean(axis=0) for rows in both], axis=0)
    sums = [sums_of_videos(rows, centre) for rows in both]
    _refuse_few(sums[0])
    videos = np.arange(len(sums[0]))
    values = [score(model_sums.sum(axis=0)) for model_sums in sums]
    lines = {}
    for row, name in enumerate(row_names(both[0])):
        result = stats.permutation_test(
            (videos, videos + len(videos)),
            functools.partial(_score_exchanged, sums=sums, score=score, row=row),
            permutation_type="samples",
            n_resamples=resamples,
            batch=_batch_size(sums[0]),
            vectorized=True,
            **_seed_argument(stats.permutation_test, seed),
        )
        one, other = values[0][row], values[1][row]
        lines[name] = {"first": one, "second": other, "difference": one - other}
        lines[name] |= {"p-value": float(result.pvalue), "videos": len(videos)}
    return pd.DataFrame.from_dict(lines, orient="index")


def score_function(task, measure):
    """Returns a function from sums `[..., dims, terms]`, or class counts, to scores `[..., rows]`.

    The rows are those of `row_names`.
    """
    field = label_field(task)
    known = {
        "expression": measures.CLASS_MEASURES,
        "action_units": measures.UNIT_MEASURES,
        "valence_arousal": measures.MEASURES,
    }[field]
    function = known[_checks.one_of("measure", measure, known)]

    def score(total):
        values = function(total)
        if field == "expression":
            return values[..., None]
        if field == "action_units":
            mean = measures.mean_of_units(values, total)[..., None]
        elif values.shape[-1] == 1:
            return values
        else:
            mean = values.mean(axis=-1, keepdims=True)
        return np.concatenate([values, mean], axis=-1)

    return score


def row_names(rows):
    """Returns the names of the rows of a table of scores."""
    if rows.kind == "classes":
        return ["all"]
    return [*rows.names, "mean"] if len(rows.names) > 1 else list(rows.names)


def sums_of_videos(rows, centre=None):
    """Returns the sums, or class counts, of each video with a frame that counts."""
    count = len(rows.video_names)
    if rows.kind == "units":
        sums = measures.unit_counts(rows.labels, rows.predictions, rows.videos, count)
    elif rows.kind == "classes":
        sums = measures.confusion_counts(
            rows.labels, rows.predicted_classes, len(rows.names), rows.videos, count
        ).astype(np.float64)
    else:
        sums = measures.sums(rows.labels, rows.predictions, rows.videos, count, centre)
    return sums[np.bincount(rows.videos, minlength=count) > 0]


def _score_drawn(drawn, axis=-1, *, sums, score, row):
    """Returns the scores `[...]` of samples of videos, indices `[..., videos]`."""
    videos = len(sums)
    samples = drawn.reshape(-1, videos)
    cells = samples + videos * np.arange(len(samples))[:, None]
    times = np.bincount(cells.ravel(), minlength=samples.size).reshape(samples.shape)
    total = weighted(times, sums)
    return score(total)[..., row].reshape(drawn.shape[:-1])


def _score_exchanged(first, second, axis=-1, *, sums, score, row):
    """Returns the differences of two models after exchanges.

    `first` has indices `[..., videos]`; those from `videos` on stand for the second model. `second`
    has the other index of each pair, so `first` alone is enough.
    """
    videos = len(sums[0])
    exchanged = (first >= videos).reshape(-1, videos)
    # Exchanges of equal predictions change nothing this way, not even by rounding.
    moved = weighted(exchanged, sums[1] - sums[0])
    totals = sums[0].sum(axis=0) + moved, sums[1].sum(axis=0) - moved
    difference = score(totals[0])[..., row] - score(totals[1])[..., row]
    return difference.reshape(first.shape[:-1])


def weighted(weights, sums):
    """Returns weighted sums over videos, from `[samples, videos]` and `[videos, ...]`."""
    total = weights.astype(np.float64) @ sums.reshape(len(sums), -1)
    return total.reshape(len(weights), *sums.shape[1:])


def _batch_size(sums):
    return max(1, _NUMBERS_PER_BATCH // max(len(sums), sums[0].size))


def _seed_argument(function, seed):
    """Returns the seed under SciPy's name for it: `rng` from 1.15 on, `random_state` before."""
    name = "rng" if "rng" in inspect.signature(function).parameters else "random_state"
    return {name: np.random.default_rng(seed)}


def _refuse_few(sums):
    if len(sums) < 2:
        raise ValueError(
            "Resampling needs at least two videos with a frame that counts. Received: "
            f"{len(sums)}. Pass more clips, or define the unit that is resampled with `video_of`."
        )


def _refuse_other_labels(first, second):
    same = first.unit == second.unit and first.keys == second.keys
    if not same or not np.array_equal(first.labels, second.labels, equal_nan=True):
        raise ValueError(
            "Two models must be compared on the same rows with the same labels. Received: "
            f"{len(first.labels)} {first.unit} and {len(second.labels)} {second.unit}, which "
            "differ. Aggregate both in the same way, and predict the same frames."
        )

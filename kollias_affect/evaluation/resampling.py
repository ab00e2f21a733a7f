"""Confidence intervals, and p-values of the difference of two models, by resampling videos.

Frames of one video resemble each other: resampled one by one they would look like far more
evidence than they are. So whole videos are drawn, and whole videos swap their predictions.
"""

import functools
import inspect

import numpy as np
import pandas as pd
from scipy import stats

from kollias_affect import _checks
from kollias_affect.evaluation import measures
from kollias_affect.evaluation.counted import counted

_NUMBERS_AT_ONCE = 2 * 10**6  # per batch of resamples; bounds the memory


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
    """A measure with its percentile bootstrap interval, over videos drawn with replacement.

    Args:
        clips, predictions, task: see `scores`.
        measure: `"CCC"`, `"Pearson"`, `"MSE"`, `"RMSE"` or `"SAGR"`; for expressions `"accuracy"`
            or `"F1"` (unweighted mean over the classes that occur as labels).
        confidence: of the interval, in (0, 1).
        resamples: how many sets of videos are drawn, each as many as there are.
        seed: which.
        video_of: function from a clip to the name of what is drawn. Default: `videos.video_of`;
            `lambda clip: clip.subject` draws persons.

    Returns:
        `pandas.DataFrame` with the columns `measure` (by its name), `low`, `high` and `videos`
        (that have a frame that counts); the rows are those of `scores`, or `all`.

    Raises:
        ValueError: if an argument is unknown or there are fewer than two videos, and as `scores`
            does.

    References: Efron and Tibshirani (1993), chapter 13, by `scipy.stats.bootstrap`.
    """
    found = counted(clips, predictions, task, video_of)
    score = _score(task, measure)
    resamples = _checks.positive_integer("resamples", resamples)
    confidence = _checks.share("confidence", confidence)
    sums = _sums(found)
    _refuse_few(sums)
    values = score(sums.sum(axis=0))
    rows = {}
    for row, name in enumerate(_rows(found)):
        result = stats.bootstrap(
            (np.arange(len(sums)),),
            functools.partial(_of_drawn, sums=sums, score=score, row=row),
            n_resamples=resamples,
            confidence_level=confidence,
            batch=_batch(sums),
            vectorized=True,
            method="percentile",
            **_seeded(stats.bootstrap, seed),
        )
        low, high = map(float, result.confidence_interval)
        rows[name] = {measure: values[row], "low": low, "high": high, "videos": len(sums)}
    return pd.DataFrame.from_dict(rows, orient="index")


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
    """The difference of two models on the same clips, and its two-sided paired p-value.

    Were the models alike, any video might have got its predictions from either. The p-value is the
    share of such swaps, of whole videos, that make a difference at least as large; all swaps if
    there are no more than `resamples`, else random ones.

    Args:
        clips, task: see `scores`.
        first, second: predictions of either model, see `scores`.
        measure, seed, video_of: see `confidence_intervals`.
        resamples: how many swaps; a p-value is no smaller than `2 / (resamples + 1)`.

    Returns:
        `pandas.DataFrame` with the columns `first`, `second`, `difference` (first - second),
        `p-value` and `videos`; the rows are those of `scores`, or `all`.

    Raises:
        ValueError: as `confidence_intervals` does, or if tables of `aggregate` have predictions of
            different rows, or other labels.

    References: Ernst (2004), by `scipy.stats.permutation_test`.
    """
    found = [counted(clips, predictions, task, video_of) for predictions in (first, second)]
    _refuse_other_labels(*found)
    score = _score(task, measure)
    resamples = _checks.positive_integer("resamples", resamples)
    # Sums of both models are mixed: one centre for both.
    centre = np.mean([one.predictions.mean(axis=0) for one in found], axis=0)
    sums = [_sums(one, centre) for one in found]
    _refuse_few(sums[0])
    videos = np.arange(len(sums[0]))
    values = [score(one.sum(axis=0)) for one in sums]
    rows = {}
    for row, name in enumerate(_rows(found[0])):
        result = stats.permutation_test(
            (videos, videos + len(videos)),
            functools.partial(_of_swapped, sums=sums, score=score, row=row),
            permutation_type="samples",
            n_resamples=resamples,
            batch=_batch(sums[0]),
            vectorized=True,
            **_seeded(stats.permutation_test, seed),
        )
        one, other = values[0][row], values[1][row]
        rows[name] = {"first": one, "second": other, "difference": one - other}
        rows[name] |= {"p-value": float(result.pvalue), "videos": len(videos)}
    return pd.DataFrame.from_dict(rows, orient="index")


def _score(task, measure):
    """Function from sums over frames, `[..., dims, terms]`, or confusions to `[..., rows]`.

    The rows are those of `_rows`.
    """
    known = measures.CLASS_MEASURES if task == "expression" else measures.MEASURES
    function = known[_checks.one_of("measure", measure, known)]

    def score(total):
        values = function(total)
        if task == "expression":
            return values[..., None]
        if values.shape[-1] == 1:
            return values
        return np.concatenate([values, values.mean(axis=-1, keepdims=True)], axis=-1)

    return score


def _rows(found):
    if found.labels.ndim == 1:
        return ["all"]
    return [*found.names, "mean"] if len(found.names) > 1 else list(found.names)


def _sums(found, centre=None):
    """What the measures are made from, of each video that has a frame that counts."""
    count = len(found.video_names)
    if found.labels.ndim == 1:
        sums = measures.confusions(
            found.labels, found.chosen, len(found.names), found.videos, count
        ).astype(np.float64)
    else:
        sums = measures.sums(found.labels, found.predictions, found.videos, count, centre)
    return sums[np.bincount(found.videos, minlength=count) > 0]


def _of_drawn(drawn, axis=-1, *, sums, score, row):
    """The score of sets of videos, `[..., videos]` along the last axis, to `[...]`."""
    videos = len(sums)
    sets = drawn.reshape(-1, videos)
    cells = sets + videos * np.arange(len(sets))[:, None]
    times = np.bincount(cells.ravel(), minlength=sets.size).reshape(sets.shape)
    total = _weighted(times, sums)
    return score(total)[..., row].reshape(drawn.shape[:-1])


def _of_swapped(first, second, axis=-1, *, sums, score, row):
    """The difference of two models after swaps, `[..., videos]` numbers from `videos` on: second.

    The second set holds the others of each pair, so the first one says everything.
    """
    videos = len(sums[0])
    swapped = (first >= videos).reshape(-1, videos)
    # Swaps of equal predictions then change nothing at all, not even by rounding.
    moved = _weighted(swapped, sums[1] - sums[0])
    totals = sums[0].sum(axis=0) + moved, sums[1].sum(axis=0) - moved
    difference = score(totals[0])[..., row] - score(totals[1])[..., row]
    return difference.reshape(first.shape[:-1])


def _weighted(weights, sums):
    """Sums over videos, `[sets, videos]` and `[videos, ...]` to `[sets, ...]`."""
    total = weights.astype(np.float64) @ sums.reshape(len(sums), -1)
    return total.reshape(len(weights), *sums.shape[1:])


def _batch(sums):
    return max(1, _NUMBERS_AT_ONCE // max(len(sums), sums[0].size))


def _seeded(function, seed):
    """The seed under the name that this version of SciPy has for it (`rng` from 1.15 on)."""
    name = "rng" if "rng" in inspect.signature(function).parameters else "random_state"
    return {name: np.random.default_rng(seed)}


def _refuse_few(sums):
    if len(sums) < 2:
        raise ValueError(
            "Resampling needs at least two videos with a frame that counts. Received: "
            f"{len(sums)}. Give more clips, or say with `video_of` what is to be resampled."
        )


def _refuse_other_labels(first, second):
    same = first.unit == second.unit and first.keys == second.keys
    if not same or not np.array_equal(first.labels, second.labels):
        raise ValueError(
            "Two models are compared on the same rows with the same labels. Received: "
            f"{len(first.labels)} {first.unit} and {len(second.labels)} {second.unit}, which "
            "differ. Aggregate both in the same way, and predict the same frames."
        )

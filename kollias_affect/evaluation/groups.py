"""Scores of groups of people, with intervals and differences: a report on fairness.

Whole persons are resampled, because frames of one person resemble each other.
"""

import numpy as np
import pandas as pd

from kollias_affect import _checks
from kollias_affect.evaluation import resampling
from kollias_affect.evaluation.scored_rows import scored_rows
from kollias_affect.tasks import label_field

FEW = 5  # persons below which a group is called small
SUBJECT = "subject"  # column that names the persons
_MEASURE = {"valence_arousal": "CCC", "expression": "F1", "action_units": "F1"}
_SECOND = {"valence_arousal": "RMSE", "expression": "accuracy"}


def group_scores(
    clips, predictions, groups, task="valence_arousal", confidence=0.95, resamples=2000, seed=0
):
    """Scores each group of people alone and compares it with the others of its column.

    The interval of a score draws as many persons of the group as it has, with replacement. That of
    a difference draws the persons of the group and the others independently. Percentiles of the
    samples bound it. A group whose labels vary less has a lower CCC at equal errors, so look at the
    RMSE beside it. Of many groups, some differ by chance.

    Args:
        clips, predictions, task: See `scores`.
        groups: Dict from the key of a clip to a dict from column to group, see
            `datasets.groups.read`. The column `subject` names persons; otherwise they are the
            subjects of the clips.
        confidence, resamples, seed: See `confidence_intervals`.

    Returns:
        `pandas.DataFrame` with the index `column`, `group`, `output` (the rows of `scores`, of
        action units `mean` alone) and these columns: `CCC` or `F1` (unweighted mean over the
        classes that occur), `low`, `high`; `others`, the score of the others with a value in this
        column, and `difference`, `difference low`, `difference high`; `RMSE` or `accuracy`;
        `persons`, `frames`, and `small`, true for less than five persons, whose intervals mean
        little. Intervals are NaN for one person, and differences without others.

    Raises:
        ValueError: If no clip has a group, and as `scores` does.

    Example:

    >>> import numpy as np
    >>> from kollias_affect.clip import Clip
    >>> labels = np.linspace(-0.9, 0.9, 24).reshape(4, 3, 2)
    >>> clips = [Clip(k, ["1.png"] * 3, valence_arousal=v) for k, v in zip("abcd", labels)]
    >>> groups = {key: {"gender": "fm"[key > "b"]} for key in "abcd"}
    >>> table = group_scores(clips, {c.key: c.valence_arousal for c in clips}, groups)
    >>> table.loc[("gender", "f", "mean"), ["CCC", "difference", "persons"]].tolist()
    [1.0, 0.0, 2]

    References: Efron and Tibshirani (1993), chapter 13.
    """
    resamples = _checks.positive_integer("resamples", resamples)
    confidence = _checks.share("confidence", confidence)
    columns = dict.fromkeys(name for row in groups.values() for name in row)
    lines = []
    for column in columns:
        chosen = [clip for clip in clips if column in groups.get(clip.key, {})]
        if chosen:
            units = _Units(chosen, predictions, groups, column, task)
            random = np.random.default_rng(seed)
            lines += units.lines(column, confidence, resamples, random)
    if not lines:
        raise ValueError(
            f"`groups` must have a column with groups of the clips. Received: {groups!r:.200}. "
            "Name the clips by their keys."
        )
    return pd.DataFrame(lines).set_index(["column", "group", "output"])


class _Units:
    """Sums of the persons of each group of one column."""

    def __init__(self, clips, predictions, groups, column, task):
        self.task = task
        group_of = {clip.key: groups[clip.key][column] for clip in clips}
        person_of = {clip.key: groups[clip.key].get(SUBJECT, clip.subject) for clip in clips}
        # A person may be in several groups, such as two ages: each is a unit of its own.
        pairs = sorted({(group_of[clip.key], person_of[clip.key]) for clip in clips})
        number = {pair: f"{i:09d}" for i, pair in enumerate(pairs)}
        rows = scored_rows(
            clips,
            _of_clips(predictions, clips),
            task,
            video_of=lambda clip: number[group_of[clip.key], person_of[clip.key]],
        )
        self.frames = np.bincount(rows.videos, minlength=len(pairs))
        present = self.frames > 0
        self.frames = self.frames[present]
        self.sums = resampling.sums_of_videos(rows)
        self.groups = np.array([group for group, _ in pairs], object)[present]
        self.names = resampling.row_names(rows)

    def lines(self, column, confidence, resamples, random):
        """Returns a dict of the cells of each row of the table."""
        found = []
        for group in sorted(set(self.groups), key=_in_order):
            own = self.groups == group
            samples = [self._samples(part, resamples, random) for part in (own, ~own)]
            scores, second = self._scores(own), self._scores(own, _SECOND)
            others = self._scores(~own)
            shown = self.names[-1:] if label_field(self.task) == "action_units" else self.names
            for name in shown:
                row = self.names.index(name)
                line = {"column": column, "group": group, "output": name}
                line[_MEASURE[label_field(self.task)]] = scores[row]
                line["low"], line["high"] = _bounds(samples[0][:, row], confidence)
                line["others"] = others[row]
                line["difference"] = scores[row] - others[row]
                differences = (samples[0] - samples[1])[:, row]
                bounds = _bounds(differences, confidence)
                line["difference low"], line["difference high"] = bounds
                if label_field(self.task) in _SECOND:
                    line[_SECOND[label_field(self.task)]] = second[row]
                line |= {"persons": int(own.sum()), "frames": int(self.frames[own].sum())}
                found.append({**line, "small": bool(own.sum() < FEW)})
        return found

    def _scores(self, own, names=_MEASURE):
        """Returns the scores `[rows]` of some persons; NaN without any."""
        measure = names.get(label_field(self.task))
        if measure is None or not own.any():
            return np.full(len(self.names), np.nan)
        return resampling.score_function(self.task, measure)(self.sums[own].sum(axis=0))

    def _samples(self, own, resamples, random):
        """Returns the scores `[resamples, rows]` of bootstrap samples; NaN for one person."""
        count = int(own.sum())
        if count < 2:
            return np.full((resamples, len(self.names)), np.nan)
        times = random.multinomial(count, np.full(count, 1 / count), size=resamples)
        total = resampling.weighted(times, self.sums[own])
        score = resampling.score_function(self.task, _MEASURE[label_field(self.task)])
        return score(total)


def _of_clips(predictions, clips):
    """Returns the predictions of some clips; tables of `aggregate` have a row for each of them."""
    if isinstance(predictions, dict):
        return {clip.key: predictions[clip.key] for clip in clips}
    keys = predictions.get("clip", predictions.index.to_series())
    return predictions[keys.isin([clip.key for clip in clips])]


def _bounds(samples, confidence):
    if np.isnan(samples).any():
        return np.nan, np.nan
    tail = (1 - confidence) / 2
    return tuple(map(float, np.quantile(samples, [tail, 1 - tail])))


def _in_order(group):
    """Sorts ranges of numbers by their start, and texts by the alphabet."""
    start = group.split("-")[0]
    return (0, float(start), group) if start.replace(".", "", 1).isdigit() else (1, 0.0, group)


def warnings(table):
    """Returns texts about groups that are too small, and persons that stand out; maybe none.

    Args:
        table: `pandas.DataFrame` that `group_scores` returns.

    Returns:
        List of texts.
    """
    last = table.groupby(level=["column", "group"], sort=False).last().reset_index()
    last = last[last["column"] != SUBJECT]
    small = last[last["small"]]
    texts = []
    if len(small):
        names = [f"{r.column} {r.group} ({r.persons})" for r in small.itertuples()]
        texts.append(
            f"Groups of less than {FEW} persons, whose intervals mean little: {', '.join(names)}."
        )
    apart = last[(last["difference low"] > 0) | (last["difference high"] < 0)]
    if len(apart):
        names = [f"{r.column} {r.group} ({r.difference:+.3f})" for r in apart.itertuples()]
        texts.append(
            f"Of {len(last)} groups, these differ from the others by more than chance explains "
            f"for one group: {', '.join(names)}."
        )
    return texts

"""Steps after the model: a running median per clip, and smoothing from utterance to utterance.

`search` finds out on the validation set which steps help, and with which windows; what it
returns is saved, and applied unchanged to the test set (paper B §6.3).
"""

import dataclasses
import json
import numbers
from collections.abc import Mapping

import numpy as np
import pandas as pd

import kollias_affect
from kollias_affect import _checks, _files
from kollias_affect.clip import Clip
from kollias_affect._files import natural_key
from kollias_affect.evaluation.aggregation import aggregate
from kollias_affect.evaluation.counted import LABEL, counted
from kollias_affect.evaluation.measures import ccc
from kollias_affect.evaluation.predictions import from_table, paired
from kollias_affect.evaluation.videos import video_of
from kollias_affect.tasks import TASKS

_AFFECT = ("valence_arousal", "valence", "arousal")  # the tasks that have a CCC
_STEPS = ("none", "median_filter", "smooth")
WINDOWS = (1, 3, 5, 11, 21, 41, 81, 161)
# Pairs of a window and `few`: about a second of video, a training sequence, and all utterances.
SMOOTHING = tuple((window, few) for window in (3, 5, 9) for few in (25, 80, None))


def median_filter(predictions, windows=(81, 3)):
    """Running median of the predictions of each clip, with a window per dimension.

    A window holds `windows[i] // 2` frames on either side of a frame, as far as the clip has
    them: it is cut at the edges, and one that is longer than the clip holds what lies within it.
    NaN frames (no face) are left out of the windows of others, and stay NaN.

    Args:
        predictions: dict from clip key to `[frames, dims]` as `predict` returns it, a table of
            its rows (see `to_table`), or the `[frames, dims]` of one clip.
        windows: odd numbers of frames, one per dimension, or one for all; 1 leaves a dimension
            as it is. The default is the paper's, for valence and arousal.

    Returns:
        dict from clip key to float64 `[frames, dims]`, or the one array.

    Raises:
        ValueError: if a window is even or below 1, if there is not one per dimension, or if a
            prediction is infinite.

    References: paper B §6.3 and, for the windows, §7.1.
    """
    if hasattr(predictions, "columns"):
        predictions = from_table(predictions)
    if not isinstance(predictions, Mapping):
        return _filtered("predictions", predictions, windows)
    return {key: _filtered(key, values, windows) for key, values in predictions.items()}


def _filtered(key, values, windows):
    values = np.array(values, np.float64)
    if values.ndim != 2 or np.isinf(values).any():
        raise ValueError(
            "Predictions of a clip have the shape [frames, dims] and are numbers, or NaN where "
            f"there is no face. Received for {key!r}: shape {values.shape}, "
            f"{int(np.isinf(values).sum())} infinite. Give one row per frame."
        )
    for i, window in enumerate(_odd("windows", windows, values.shape[1])):
        if window > 1:
            column = pd.Series(values[:, i])
            medians = column.rolling(window, center=True, min_periods=1).median()
            values[:, i] = medians.where(column.notna())
    return values


def smooth(table, windows=3, few=None):
    """Means over neighbouring utterances of one video, for those of few frames or for all.

    An utterance becomes the mean of itself and of the `windows[i] // 2` utterances on either side
    of it in its video, as far as there are any, weighted by their numbers of frames: so those of
    few frames move most. Neighbours follow each other in the natural order of their names
    (`utterance_10` after `utterance_9`); means are taken of what came in, not of other means.
    Utterances that are NaN are left out of the means of others, and stay NaN.

    Args:
        table: as `aggregate(..., by="utterance")` returns it: one row per utterance under its
            key, the columns `valence`, `arousal` or both, and `frames`, the number of frames
            behind it. Which rows are of one video, `videos.video_of` says.
        windows: odd numbers of utterances, one per dimension, or one for all; 1 leaves a
            dimension as it is.
        few: only utterances of fewer frames are changed; `None` changes all. One per dimension,
            or one for all.

    Returns:
        a copy of the table in which valence and arousal are smoothed, its rows in the same order.

    Raises:
        ValueError: if a window is even or below 1, if `few` is no positive integer, if there is
            not one per dimension, if two rows have one key, or if a column is missing or wrong.

    References: paper B §6.3, which names the step but no formula: this one is ours.
    """
    names = _smoothable(table)
    windows, few = _odd("windows", windows, len(names)), _fews(few, len(names))
    table = table.astype(dict.fromkeys(names, np.float64))
    for rows in _videos(table):
        frames = table["frames"].to_numpy(np.float64)[rows]
        for name, window, limit in zip(names, windows, few, strict=True):
            values = table[name].to_numpy()[rows]
            changed = ~np.isnan(values) & (frames < (np.inf if limit is None else limit))
            means = _neighbour_means(values, frames, window)
            table.iloc[rows, table.columns.get_loc(name)] = np.where(changed, means, values)
    return table


def _smoothable(table):
    """The dimensions in a table; refuses tables that are not as they should be."""
    columns = getattr(table, "columns", ())
    names = [name for name in TASKS["valence_arousal"][0] if name in columns]
    if not names or "frames" not in columns or table.index.has_duplicates:
        raise ValueError(
            "Utterances are smoothed in a table with one row per key and the columns frames and "
            f"valence or arousal. Received: {type(table).__name__} with {list(columns)}. Make it "
            "with `aggregate`."
        )
    frames, values = table["frames"].to_numpy(np.float64), table[names].to_numpy(np.float64)
    has_values = ~np.isnan(values).all(axis=1)
    bad = ~(np.isfinite(frames) & (frames >= has_values)) | np.isinf(values).any(axis=1)
    if bad.any():
        raise ValueError(
            "An utterance has outputs that are numbers and at least one frame, or NaN. Received: "
            f"{table[bad].iloc[0].to_dict()} for {table.index[bad][0]!r} ({int(bad.sum())} such). "
            "Make the table with `aggregate`."
        )
    return names


def _videos(table):
    """The rows of each video, in the order of its utterances."""
    keys = [str(key) for key in table.index]
    videos = {}
    for row in sorted(range(len(keys)), key=lambda row: natural_key(keys[row])):
        videos.setdefault(video_of(Clip(keys[row], ())), []).append(row)
    return videos.values()


def _neighbour_means(values, frames, window):
    """Mean of what lies in each window, weighted by the frames; 0 where there is nothing."""
    weights = np.where(np.isnan(values), 0, frames)

    def sums(terms):
        padded = np.pad(terms, window // 2)
        return np.lib.stride_tricks.sliding_window_view(padded, window).sum(axis=-1)

    total, weighted = sums(weights), sums(weights * np.nan_to_num(values))
    return np.divide(weighted, total, out=np.zeros_like(total), where=total > 0)


@dataclasses.dataclass(frozen=True)
class PostProcessing:
    """The steps that `search` kept, and what they did to the validation CCC.

    Attributes:
        names: of the dimensions, `("valence", "arousal")` or one of them.
        windows: of `median_filter`, one per dimension; 1 where it is off.
        smoothing: windows of `smooth`, one per dimension; 1 where it is off.
        few: of `smooth`, one per dimension.
        by: `None` for outputs per frame, or `"utterance"`.
        statistic: of `aggregate`, `None` for outputs per frame.
        length: of `aggregate`, frames or `None`.
        validation: dict from step (`"none"`, `"median_filter"`, `"smooth"`) to the CCC of each
            dimension on the validation set once the search was through with the step.
        versions: dict from library to version.

    Raises:
        ValueError: if a value is not as said here.

    References: paper B §6.3.
    """

    names: tuple
    windows: tuple
    smoothing: tuple
    few: tuple
    by: str | None
    statistic: str | None
    length: int | None
    validation: dict
    versions: dict

    def __post_init__(self):
        names = _checks.one_of("names", tuple(self.names), [TASKS[task][0] for task in _AFFECT])
        dims = len(names)
        clean = {
            "names": names,
            "windows": _odd("windows", self.windows, dims),
            "smoothing": _odd("smoothing", self.smoothing, dims),
            "few": _fews(self.few, dims),
            "by": _checks.one_of("by", self.by, (None, "utterance")),
            "statistic": _checks.one_of("statistic", self.statistic, _statistics(self.by)),
            "length": _length(self.by, self.length),
            "validation": _validation(self.validation, dims),
            "versions": _versions(self.versions),
        }
        for name, value in clean.items():
            object.__setattr__(self, name, value)

    def __str__(self):
        """One line that people read."""
        of = {"median filter": self.windows, "smoothing": self.smoothing}
        kept = [
            f"{step} of {window} for {name}"
            for step, windows in of.items()
            for name, window in zip(self.names, windows, strict=True)
            if window > 1
        ]
        return f"{', '.join(kept) or 'no step'} improves the validation CCC"

    def apply(self, predictions, clips=None):
        """The predictions after the steps. Labels and `valid` of the clips are not looked at.

        Args:
            predictions: of every frame, see `paired`.
            clips: list of `Clip`, to check that the predictions are theirs. Needed with
                `by="utterance"`, where the frames that have an image count.

        Returns:
            dict from clip key to float64 `[frames, dims]`; with `by="utterance"` the table of
            `aggregate`, without labels.

        Raises:
            ValueError: if there are not as many outputs as dimensions, if clips are needed, and
                as `paired` and `median_filter` do.
        """
        if clips is not None:
            predictions = _by_key(predictions, clips)
            clips = [clip.labelled(valence_arousal=None, expression=None) for clip in clips]
        outputs = median_filter(predictions, self.windows)
        if self.by is None:
            return outputs
        if clips is None:
            raise ValueError(
                "Frames are aggregated by the clips that they are of. Received: no `clips`. Pass "
                "the clips that were predicted; they need no labels."
            )
        task = next(task for task in _AFFECT if TASKS[task][0] == self.names)
        table = aggregate(outputs, clips, self.by, self.statistic, length=self.length, task=task)
        return smooth(table, self.smoothing, self.few)

    def save(self, path):
        """Writes a JSON file, atomically."""
        _files.write_json(path, dataclasses.asdict(self))

    @classmethod
    def load(cls, path):
        """Reads what `save` wrote.

        Raises:
            FileNotFoundError, ValueError: if the file is missing, damaged, or something else.
        """
        path = _checks.existing_file("post-processing", path)
        try:
            return cls(**_fields(cls, json.loads(path.read_text(encoding="utf-8"))))
        except (ValueError, TypeError, RecursionError) as error:
            raise ValueError(
                "Post-processing is read from a file that `PostProcessing.save` wrote. Received: "
                f"{path}: {error}. Search and save anew."
            ) from error


def no_steps(task="valence_arousal", by=None, statistic="median", length=80):
    """`PostProcessing` that changes nothing, but for aggregating utterances; see `search`."""
    return PostProcessing(
        names=TASKS[task][0],
        windows=1,
        smoothing=1,
        few=None,
        by=by,
        statistic=None if by is None else statistic,
        length=None if by is None else length,
        validation={},
        versions={m.__name__: m.__version__ for m in (kollias_affect, np, pd)},
    )


def search(
    predictions,
    clips,
    windows=WINDOWS,
    smoothing=None,
    by=None,
    statistic="median",
    length=80,
    task="valence_arousal",
):
    """The steps that improve the CCC of a validation set, each with the window that does most.

    First the windows of `median_filter` are tried, then, for utterances, those of `smooth` on what
    the filter gave, each dimension for itself. A step is kept where the CCC is higher than without
    it; it stays off where it is only as high, and of equal windows the one tried first is taken.
    So no CCC of the validation set gets lower. Test clips take no part: give them to `apply`.

    Args:
        predictions: of every frame of the validation set, see `paired`.
        clips: list of `Clip` of the validation set, with labels.
        windows: odd numbers of frames to try.
        smoothing: pairs `(window, few)` of `smooth` to try, for utterances only. Default:
            `SMOOTHING`.
        by: `None` for the CCC over all valid frames, or `"utterance"` for that over utterances
            with a valid frame; their labels and predictions are those of `aggregate`.
        statistic: of `aggregate`, `"median"` or `"mean"`; for utterances only.
        length: of `aggregate`, for utterances only.
        task: `"valence_arousal"`, `"valence"` or `"arousal"`.

    Returns:
        `PostProcessing`.

    Raises:
        ValueError: if an argument is unknown or a window even, if there are no labels, if a valid
            frame has no finite prediction, and as `paired` does.

    References: paper B §6.3.
    """
    names, _ = TASKS[_checks.one_of("task", task, _AFFECT)]
    filters, smoothers = _candidates(windows, smoothing, by, len(names))
    predictions = _by_key(predictions, clips)
    steps = no_steps(task, by, statistic, length)
    score = _scorer(steps, predictions, clips, task)

    def measure(tried):
        return score(tried.apply(predictions, clips))

    ccc_after = {"none": measure(steps)}
    steps, ccc_after["median_filter"] = _kept(steps, ccc_after["none"], filters, measure)
    if by is not None:
        best = ccc_after["median_filter"]
        steps, ccc_after["smooth"] = _kept(steps, best, smoothers, measure)
    return dataclasses.replace(steps, validation=ccc_after)


def _candidates(windows, smoothing, by, dims):
    """Values of `PostProcessing` to try: for the median filter, and for smoothing."""
    if by is None and smoothing is not None:
        raise ValueError(
            f"Only utterances are smoothed. Received: smoothing={smoothing!r} with by=None. Leave "
            "it out, or pass by='utterance'."
        )
    filters = [{"windows": _odd("windows", w, dims)} for w in np.atleast_1d(windows).tolist()]
    pairs = SMOOTHING if smoothing is None else smoothing
    smoothers = [{"smoothing": _odd("smoothing", w, dims), "few": _fews(f, dims)} for w, f in pairs]
    return filters, smoothers


def _scorer(steps, predictions, clips, task):
    """Function from what `steps.apply` returns to the CCC of each dimension."""
    labels = counted(clips, predictions, task).labels
    if steps.by is None:
        return lambda outputs: ccc(labels, np.concatenate([outputs[c.key][c.valid] for c in clips]))
    table = aggregate(predictions, clips, steps.by, steps.statistic, length=steps.length, task=task)
    table = table[table["frames"] > 0]
    labels = table[[LABEL + name for name in steps.names]].to_numpy()
    return lambda outputs: ccc(labels, outputs.loc[table.index, list(steps.names)].to_numpy())


def _kept(steps, before, candidates, measure):
    """`steps` with the best of the candidates per dimension, where one is better than none."""
    best = before
    for candidate in candidates:
        tried = dataclasses.replace(steps, **candidate)
        found = measure(tried)
        better = found > best
        best = np.where(better, found, best)
        changed = {
            name: [
                new if b else old
                for new, old, b in zip(values, getattr(steps, name), better, strict=True)
            ]
            for name, values in candidate.items()
        }
        steps = dataclasses.replace(steps, **changed)
    return steps, best


def _by_key(predictions, clips):
    keys = [clip.key for clip in clips]
    return dict(zip(keys, paired(clips, predictions), strict=True))


def _per_dimension(name, values, dims):
    """A tuple of one value per dimension."""
    if values is None or isinstance(values, numbers.Number):
        values = (values,) * dims
    values = tuple(values)
    if len(values) != dims:
        raise ValueError(
            f"`{name}` must be one value, or one for each of the {dims} dimensions. Received: "
            f"{name}={values!r}. Give as many as there are outputs."
        )
    return values


def _odd(name, windows, dims):
    windows = [_checks.positive_integer(name, w) for w in _per_dimension(name, windows, dims)]
    if not all(window % 2 for window in windows):
        raise ValueError(
            f"`{name}` must be odd, so that a window has a middle; 1 leaves a dimension as it is. "
            f"Received: {windows}. Use one more or one less."
        )
    return tuple(windows)


def _fews(few, dims):
    given = _per_dimension("few", few, dims)
    return tuple(
        None if value is None else _checks.positive_integer("few", value) for value in given
    )


def _statistics(by):
    return (None,) if by is None else ("median", "mean")


def _length(by, length):
    if length is None:
        return None
    if by is None:
        return _checks.one_of("length", length, (None,))
    return _checks.positive_integer("length", length)


def _validation(validation, dims):
    """Dict from step to a tuple of CCC."""
    clean = {}
    for step, values in dict(validation).items():
        _checks.one_of("step", step, _STEPS)
        values = _per_dimension(step, values, dims)
        if not all(isinstance(v, numbers.Real) and abs(v) <= 1 for v in values):  # nor NaN
            raise ValueError(
                f"CCC are numbers in [-1, 1]. Received after {step}: {values}. Search anew."
            )
        clean[step] = tuple(float(value) for value in values)
    return clean


def _versions(versions):
    if not all(isinstance(text, str) for pair in dict(versions).items() for text in pair):
        raise ValueError(
            f"Versions are texts by the names of libraries. Received: {versions!r}. Search anew."
        )
    return dict(versions)


def _fields(cls, content):
    """`content` if it is a dict with just the attributes of a class."""
    names = {field.name for field in dataclasses.fields(cls)}
    given = set(content) if isinstance(content, dict) else set()
    if given != names:
        raise ValueError(
            f"it lacks {sorted(names - given)} and has {sorted(given - names)} besides"
        )
    return content

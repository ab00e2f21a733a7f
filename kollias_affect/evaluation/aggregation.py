"""Aggregation of frames to sequences, utterances and videos (paper B, sections 1 and 5.1)."""

import dataclasses

import numpy as np
import pandas as pd

from kollias_affect import _checks, tasks
from kollias_affect.evaluation.predictions import paired
from kollias_affect.evaluation.scored_rows import LABEL_PREFIX, UNITS, refuse_other_outputs
from kollias_affect.evaluation.sequences import LENGTH, count_sequences, sequence_numbers
from kollias_affect.evaluation.videos import video_of as default_video_of
from kollias_affect.tasks import TASKS


def aggregate(
    predictions, clips, by="sequence", statistic="median", length=LENGTH, task=None, video_of=None
):
    """Aggregates predictions of frames to one prediction per sequence, utterance or video.

    A clip is split into sequences of `length` consecutive frames; the last one may be shorter. The
    statistic is computed over the frames of a sequence that count: those that are `valid` and have
    a prediction. Utterances and videos are the average of their sequences, all with equal weight.

    Args:
        predictions: See `paired`.
        clips: List of `Clip`, with or without labels.
        by: `"sequence"`, `"utterance"` (a clip, as in OMG-Emotion) or `"video"`.
        statistic: `"median"` (best in paper B) or `"mean"` of each output; for expressions also
            `"vote"`, the share of frames in which a class is the most probable one.
        length: Frames of a sequence, 80 in paper B; `None` does not split clips.
        task: One of `tasks.TASKS`. Default: derived from the number of outputs.
        video_of: Function from a clip to the name of its video. Default: `videos.video_of`.

    Returns:
        `pandas.DataFrame`, which `scores`, `confusion`, `mse_by_region`, `confidence_intervals`
        and `compare` accept in place of predictions. The index, named after `by`, has the key of
        the clip, the video, or `<key>#<number>` from 1 for sequences, which also have a column
        `clip`. The columns are the outputs by name, `frames` (the number of frames that count)
        and, where clips have labels, `label valence` and `label arousal` (the same statistic), or
        `label expression` (the most frequent name, with equal weight for each sequence).

        Without a frame that counts, the outputs are NaN and `frames` is 0. The row remains; scores
        leave it out and count it. Its label is computed from all its frames with a known label.

    Raises:
        ValueError: If an argument is unknown, there is no clip, and as `paired` does.

    Example:

    >>> from kollias_affect.clip import Clip
    >>> clip = Clip("v/utterance_1", ["1.png", "2.png", "3.png"])
    >>> predictions = {clip.key: [[0.0, 0.2], [0.4, 0.4], [0.5, 0.3]]}
    >>> aggregate(predictions, [clip], by="utterance", length=2).round(2).to_dict("records")
    [{'valence': 0.35, 'arousal': 0.3, 'frames': 3}]

    References: Paper B, sections 1, 5.1 and 7.
    """
    _checks.one_of("by", by, UNITS)
    length = None if length is None else _checks.positive_integer("length", length)
    arrays = paired(clips, predictions)
    if not clips:
        raise ValueError("There must be at least one clip. Received: none. Check path and split.")
    task = _task_of(arrays) if task is None else _checks.one_of("task", task, TASKS)
    if task == "action_units":
        raise ValueError(
            "Valence, arousal and expressions have values for sequences, utterances and videos. "
            f"Received: by={by!r} and action units. Score their frames."
        )
    vote = ("vote",) if tasks.label_field(task) == "expression" else ()
    _checks.one_of("statistic", statistic, ("median", "mean", *vote))
    split = _Split.of(clips, by, length, video_of or default_video_of)
    for clip, values in zip(clips, arrays, strict=True):
        refuse_other_outputs(clip, values, task)
    values = np.concatenate(arrays)
    counted = np.concatenate([clip.valid for clip in clips]) & np.isfinite(values).all(axis=1)
    table = pd.DataFrame(split.average(values, counted, statistic), columns=list(TASKS[task][0]))
    table["frames"] = split.frames(counted)
    for name, labels in _labels(clips, task, counted, split, statistic).items():
        table[LABEL_PREFIX + name] = labels
    if by == "sequence":
        table.insert(0, "clip", split.clips)
    table.index = pd.Index(split.names, name=by)
    return table


def join_labels(table, predictions, clips, **options):
    """Adds labels to a table of utterances, such as `PostProcessing.apply` returns.

    Utterances without a frame that counts have no labels to be scored against. Their outputs
    become NaN, as in the tables of `aggregate`.

    Args:
        table: Table of `aggregate`.
        predictions: Predictions of the frames that the table was computed from; see `paired`.
        clips: List of `Clip` with labels.
        **options: Options of `aggregate` with which the table was computed.

    Returns:
        `pandas.DataFrame`, which `scores` accepts.

    Example:

    >>> from kollias_affect.clip import Clip
    >>> clip = Clip("v/utterance_1", ["1.png"], valence_arousal=[[0.5, 0.25]])
    >>> predictions = {clip.key: [[0.4, 0.3]]}
    >>> unlabelled = clip.labelled(valence_arousal=None)
    >>> table = aggregate(predictions, [unlabelled], by="utterance")
    >>> join_labels(table, predictions, [clip])["label arousal"].tolist()
    [0.25]
    """
    labelled = aggregate(predictions, clips, table.index.name, **options)
    joined = table.join(labelled.filter(like=LABEL_PREFIX))
    outputs = joined.columns[: joined.columns.get_loc("frames")]
    joined.loc[labelled["frames"] == 0, outputs] = np.nan
    return joined


@dataclasses.dataclass(frozen=True)
class _Split:
    """Assignment of frames to sequences, and of sequences to the units of the result.

    Attributes:
        sequences: Integers `[frames]`, the sequence of each frame.
        units: Integers `[sequences]`, the unit of each sequence.
        clips: List with the key of each sequence's clip.
        names: List with the name of each unit.
    """

    sequences: np.ndarray
    units: np.ndarray
    clips: list
    names: list

    @classmethod
    def of(cls, clips, by, length, video_of):
        """Splits clips; see `aggregate`."""
        frames = [len(clip) for clip in clips]
        counts = np.array([count_sequences(n, length) for n in frames])
        firsts = np.cumsum(counts) - counts
        clip_of_sequence = np.repeat(np.arange(len(clips)), counts)
        numbers_in_clip = np.concatenate([sequence_numbers(n, length) for n in frames])
        sequences = np.repeat(firsts, frames) + numbers_in_clip
        keys = [clips[i].key for i in clip_of_sequence]
        if by == "sequence":
            units = np.arange(len(keys))
            numbers = units - np.repeat(firsts, counts) + 1
            names = [f"{key}#{n}" for key, n in zip(keys, numbers, strict=True)]
        elif by == "utterance":
            units, names = clip_of_sequence, [clip.key for clip in clips]
        else:
            names, video_of_clip = np.unique([str(video_of(c)) for c in clips], return_inverse=True)
            units, names = video_of_clip[clip_of_sequence], names.tolist()
        return cls(sequences, units, keys, names)

    def frames(self, counted):
        """Returns the number of frames of each unit that count, integers `[units]`."""
        units = self.units[self.sequences]
        return np.bincount(units, counted, len(self.names)).astype(np.int64)

    def average(self, values, counted, statistic):
        """Averages a statistic of the frames that count over the sequences of each unit.

        Args:
            values: Numbers `[frames, outputs]`.
            counted: Booleans `[frames]`, the frames that count.
            statistic: `"mean"`, `"median"` or `"vote"`.

        Returns:
            Float64 `[units, outputs]`, NaN where no frame counts.
        """
        if statistic == "vote":
            values, statistic = np.eye(values.shape[1])[values.argmax(axis=1)], "mean"
        table = pd.DataFrame(values[counted])
        table = table.groupby(self.sequences[counted]).agg(statistic)
        table = table.reindex(range(len(self.units))).groupby(self.units).mean()
        return table.to_numpy(np.float64)


def _task_of(arrays):
    """Returns the task of predictions, derived from their number of outputs."""
    outputs = sorted({values.shape[1] for values in arrays})
    known = {(len(TASKS[name][0]),): name for name in ("valence_arousal", "expression")}
    if tuple(outputs) not in known:
        raise ValueError(
            "Predictions must have 2 outputs (valence, arousal) or 7 (expressions), the same for "
            f"every clip. Received: {outputs} outputs. Name the `task` of predictions with one "
            "output."
        )
    return known[tuple(outputs)]


def _labels(clips, task, counted, split, statistic):
    """Returns a dict from name to the labels of the units, empty if no clip has labels."""
    if all(getattr(clip, tasks.label_field(task)) is None for clip in clips):
        return {}
    values = np.concatenate([_finite_labels(clip, task) for clip in clips])
    predicted = split.frames(counted) > 0
    # A unit that cannot be predicted has a label nevertheless.
    counted = counted | ~predicted[split.units[split.sequences]]
    counted &= np.isfinite(values).all(axis=1)
    if tasks.label_field(task) != "expression":
        return dict(zip(TASKS[task][0], split.average(values, counted, statistic).T, strict=True))
    shares = split.average(values, counted, "mean")
    known = ~np.isnan(shares).any(axis=1)
    names = np.array(TASKS[task][0], object)[np.where(known[:, None], shares, 0).argmax(axis=1)]
    return {"expression": np.where(known, names, None)}


def _finite_labels(clip, task):
    """Returns the labels of all frames, one-hot for expressions; NaN where out of range.

    Unlike `tasks.known_labels` it includes frames that are not valid: a unit without a valid frame
    takes its label from them.
    """
    if tasks.label_field(task) == "expression":
        classes, count = clip.expression, len(TASKS[task][0])
        classes = np.full(len(clip), -1) if classes is None else classes
        labels = np.eye(count)[classes.clip(0, count - 1)]
        known = (classes >= 0) & (classes < count)
    else:
        labels = clip.valence_arousal
        labels = np.full((len(clip), 2), np.nan) if labels is None else labels
        labels = labels.astype(np.float64)[:, tasks.columns(TASKS[task][0])]
        known = (np.abs(labels) <= 1).all(axis=1)
    return np.where(known[:, None], labels, np.nan)

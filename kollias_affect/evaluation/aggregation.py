"""From frames to sequences, utterances and videos, as paper B does it."""

import dataclasses

import numpy as np
import pandas as pd

from kollias_affect import _checks, tasks
from kollias_affect.evaluation.counted import LABEL, UNITS, refuse_other_outputs
from kollias_affect.evaluation.predictions import paired
from kollias_affect.evaluation.videos import video_of as video_of_key
from kollias_affect.tasks import EXPRESSIONS, TASKS


def aggregate(
    predictions, clips, by="sequence", statistic="median", length=80, task=None, video_of=None
):
    """One prediction per sequence, utterance or video.

    A clip is split into sequences of `length` consecutive frames; a last one may be shorter. The
    statistic is taken over the frames of a sequence that count: those that are `valid` and have
    a prediction. Utterances and videos are the average of their sequences, in which each
    sequence counts alike, a short last one too.

    Args:
        predictions: see `paired`.
        clips: list of `Clip`, with or without labels.
        by: `"sequence"`, `"utterance"` (a clip, as in OMG-Emotion) or `"video"`.
        statistic: `"median"` (with which paper B's results are best) or `"mean"` of each output;
            for expressions also `"vote"`, the share of frames in which a class is likeliest.
        length: frames of a sequence, 80 in paper B; `None` does not split clips.
        task: one of `tasks.TASKS`. Default: by the number of outputs.
        video_of: function from a clip to the name of its video. Default: `videos.video_of`.

    Returns:
        `pandas.DataFrame`, which `scores`, `confusion`, `mse_by_region`, `confidence_intervals`
        and `compare` take in place of predictions. The index, named after `by`, has the clip's
        key, or the video, or `<key>#<number>` from 1 for sequences, which also have a column
        `clip`. The columns are the outputs by name, `frames` (how many counted) and, where clips
        have labels, `label valence` and `label arousal` (the same statistic of them), or `label
        expression` (the name that is most frequent, over sequences alike).

        Without a frame that counts, the outputs are NaN and `frames` is 0; the row stays, and
        scores leave it out and count it. Its label is that of all its frames with a known label.

    Raises:
        ValueError: if an argument is unknown or there is no clip, and as `paired` does.

    References: paper B §1, §5.1, §7.
    """
    _checks.one_of("by", by, UNITS)
    length = None if length is None else _checks.positive_integer("length", length)
    found = paired(clips, predictions)
    if not clips:
        raise ValueError("There must be at least one clip. Received: none. Check path and split.")
    task = _task(found) if task is None else _checks.one_of("task", task, TASKS)
    voted = ("vote",) if task == "expression" else ()
    _checks.one_of("statistic", statistic, ("median", "mean", *voted))
    split = _Split.of(clips, by, length, video_of or video_of_key)
    for clip, values in zip(clips, found, strict=True):
        refuse_other_outputs(clip, values, task)
    values = np.concatenate(found)
    counts = np.concatenate([clip.valid for clip in clips]) & np.isfinite(values).all(axis=1)
    table = pd.DataFrame(split.average(values, counts, statistic), columns=list(TASKS[task][0]))
    table["frames"] = split.frames(counts)
    for name, labels in _labels(clips, task, counts, split, statistic).items():
        table[LABEL + name] = labels
    if by == "sequence":
        table.insert(0, "clip", split.clips)
    table.index = pd.Index(split.names, name=by)
    return table


def join_labels(table, predictions, clips, **options):
    """A table of utterances without labels, such as `PostProcessing.apply` returns, with them.

    Utterances without a frame that counts have no labels to be scored against: their outputs
    become NaN, as `aggregate` has them.

    Args:
        table: of `aggregate`.
        predictions: the frames' predictions that it was made from, see `paired`.
        clips: list of `Clip` with labels.
        **options: of `aggregate`, as the table was made.

    Returns:
        `pandas.DataFrame`, which `scores` takes.
    """
    plain = aggregate(predictions, clips, table.index.name, **options)
    joined = table.join(plain.filter(like=LABEL))
    outputs = joined.columns[: joined.columns.get_loc("frames")]
    joined.loc[plain["frames"] == 0, outputs] = np.nan
    return joined


@dataclasses.dataclass(frozen=True)
class _Split:
    """How frames make up sequences, and these the units of the result.

    Attributes:
        sequences: integers `[frames]`, the sequence of each frame.
        units: integers `[sequences]`, the unit of each sequence.
        clips: list, the key of each sequence's clip.
        names: list, of the units.
    """

    sequences: np.ndarray
    units: np.ndarray
    clips: list
    names: list

    @classmethod
    def of(cls, clips, by, length, video_of):
        frames = np.array([len(clip) for clip in clips])
        length = length or max(1, frames.max())
        counts = np.maximum(1, -(-frames // length))
        firsts = np.cumsum(counts) - counts
        clip_of_sequence = np.repeat(np.arange(len(clips)), counts)
        positions = np.concatenate([np.arange(n) for n in frames])
        sequences = np.repeat(firsts, frames) + positions // length
        keys = [clips[i].key for i in clip_of_sequence]
        if by == "sequence":
            units = np.arange(len(keys))
            numbers = units - np.repeat(firsts, counts) + 1
            names = [f"{key}#{n}" for key, n in zip(keys, numbers, strict=True)]
        elif by == "utterance":
            units, names = clip_of_sequence, [clip.key for clip in clips]
        else:
            names, of_clip = np.unique([str(video_of(c)) for c in clips], return_inverse=True)
            units, names = of_clip[clip_of_sequence], names.tolist()
        return cls(sequences, units, keys, names)

    def frames(self, counts):
        """How many frames count in each unit, integers `[units]`."""
        return np.bincount(self.units[self.sequences], counts, len(self.names)).astype(np.int64)

    def average(self, values, counts, statistic):
        """The mean over the sequences of each unit of a statistic of their frames that count.

        Args:
            values: `[frames, outputs]`.
            counts: booleans `[frames]`.
            statistic: `"mean"`, `"median"` or `"vote"`.

        Returns:
            float64 `[units, outputs]`, NaN where no frame counts.
        """
        if statistic == "vote":
            values, statistic = np.eye(values.shape[1])[values.argmax(axis=1)], "mean"
        table = pd.DataFrame(values[counts])
        table = table.groupby(self.sequences[counts]).agg(statistic)
        table = table.reindex(range(len(self.units))).groupby(self.units).mean()
        return table.to_numpy(np.float64)


def _task(found):
    """The task of predictions, by their number of outputs."""
    outputs = sorted({values.shape[1] for values in found})
    known = {(len(TASKS[name][0]),): name for name in ("valence_arousal", "expression")}
    if tuple(outputs) not in known:
        raise ValueError(
            "Predictions have 2 outputs (valence, arousal) or 7 (expressions), the same for every "
            f"clip. Received: {outputs} outputs. Name the `task` of predictions with one output."
        )
    return known[tuple(outputs)]


def _labels(clips, task, counts, split, statistic):
    """Dict from name to the labels of the units, empty if no clip has any."""
    if all(getattr(clip, tasks.label_field(task)) is None for clip in clips):
        return {}
    values = np.concatenate([_known_labels(clip, task) for clip in clips])
    counted = split.frames(counts) > 0
    # A unit that cannot be predicted has a label all the same.
    counts = counts | ~counted[split.units[split.sequences]]
    counts &= np.isfinite(values).all(axis=1)
    if task != "expression":
        return dict(zip(TASKS[task][0], split.average(values, counts, statistic).T, strict=True))
    shares = split.average(values, counts, "mean")
    known = ~np.isnan(shares).any(axis=1)
    names = np.array(EXPRESSIONS, object)[np.where(known[:, None], shares, 0).argmax(axis=1)]
    return {"expression": np.where(known, names, None)}


def _known_labels(clip, task):
    """The labels of the frames, one-hot for expressions; NaN where they are no labels."""
    if task == "expression":
        given = clip.expression
        given = np.full(len(clip), -1) if given is None else given
        labels = np.eye(len(EXPRESSIONS))[given.clip(0, len(EXPRESSIONS) - 1)]
        known = (given >= 0) & (given < len(EXPRESSIONS))
    else:
        given = clip.valence_arousal
        given = np.full((len(clip), 2), np.nan) if given is None else given
        labels = given.astype(np.float64)
        labels = labels[:, tasks.columns(TASKS[task][0])]
        known = (np.abs(labels) <= 1).all(axis=1)
    return np.where(known[:, None], labels, np.nan)

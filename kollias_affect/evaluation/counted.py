"""What counts in a score: labels and predictions side by side, paired by key."""

import dataclasses

import numpy as np

from kollias_affect import _checks, tasks
from kollias_affect.evaluation.predictions import paired
from kollias_affect.evaluation.videos import video_of as video_of_key
from kollias_affect.tasks import TASKS

UNITS = ("sequence", "video", "utterance")  # of `aggregate`, and the names of its index
LABEL = "label "  # in front of the columns of labels


@dataclasses.dataclass(frozen=True)
class Counted:
    """Labels and predictions of the frames, or sequences, utterances or videos, that count.

    Attributes:
        names: of the outputs.
        labels: float64 `[rows, outputs]`, or integers `[rows]` of expressions.
        predictions: float64 `[rows, outputs]`, finite.
        videos: integers `[rows]`, index into `video_names`.
        video_names: of all clips, sorted; some may have no row.
        unit: what a row is: "frames", "sequences", "utterances" or "videos".
        keys: of the rows of a table of `aggregate`, sorted; empty for frames.
        left_out: rows of such a table that have no prediction.
    """

    names: tuple
    labels: np.ndarray
    predictions: np.ndarray
    videos: np.ndarray
    video_names: list
    unit: str = "frames"
    keys: tuple = ()
    left_out: int = 0

    @property
    def chosen(self):
        """The likeliest class of each row, integers `[rows]`."""
        return self.predictions.argmax(axis=1)

    def only(self, rows):
        """The labels and predictions of some rows, given as booleans or numbers."""
        parts = {n: getattr(self, n)[rows] for n in ("labels", "predictions", "videos")}
        return dataclasses.replace(self, **parts, keys=())


def counted(clips, predictions, task, video_of=None):
    """Pairs predictions with labels and leaves out what does not count.

    Args:
        clips: list of `Clip` with the labels of the task.
        predictions: see `paired`; or a table of `aggregate`, which holds labels too: then its rows
            count instead of frames, except those without a prediction.
        task: one of `tasks.TASKS`.
        video_of: function from a clip to the name of its video. Default: `videos.video_of`.

    Returns:
        `Counted`.

    Raises:
        ValueError: if there are no labels, nothing counts, a valid frame has no finite prediction,
            there are not as many outputs as the task has, or as `paired` does.
    """
    names, _ = TASKS[_checks.one_of("task", task, TASKS)]
    of = [str((video_of or video_of_key)(clip)) for clip in clips]
    read = _of_table if _is_aggregated(predictions) else _of_frames
    return read(clips, of, predictions, names, task)


def _is_aggregated(predictions):
    return getattr(getattr(predictions, "index", None), "name", None) in UNITS


def _of_frames(clips, of, predictions, names, task):
    predictions = paired(clips, predictions)
    field = tasks.label_field(task)
    without = [clip.key for clip in clips if getattr(clip, field) is None]
    if without:
        raise ValueError(
            f"Scores need labels of {task}. Received clips without: {without[:5]}. Load the clips "
            "with their labels."
        )
    for clip, values in zip(clips, predictions, strict=True):
        refuse_other_outputs(clip, values, task)
        _refuse_missing(clip, values)
    if not any(clip.valid.any() for clip in clips):
        raise ValueError(
            "Scores need at least one valid frame. Received: none. Check that faces were found and "
            "labels are marked as valid."
        )
    labels = np.concatenate([tasks.labels(clip, task)[clip.valid] for clip in clips])
    values = [v[clip.valid] for clip, v in zip(clips, predictions, strict=True)]
    if task != "expression":
        labels = labels.astype(np.float64)
    video_names, videos = np.unique(of, return_inverse=True)
    videos = np.repeat(videos, [len(v) for v in values])
    return Counted(names, labels, np.concatenate(values), videos, video_names.tolist())


def refuse_other_outputs(clip, values, task):
    """Raises `ValueError` if predictions of a clip have another number of outputs than the task."""
    names, _ = TASKS[task]
    if values.shape[1] != len(names):
        raise ValueError(
            f"The task {task!r} has the outputs {names}. Received: {values.shape[1]} columns for "
            f"{clip!r}. Name the task of the model, or pass the columns of this task."
        )


def _refuse_missing(clip, values):
    bad = np.flatnonzero(clip.valid & ~np.isfinite(values).all(axis=1))
    if len(bad):
        raise ValueError(
            "Every valid frame needs a finite prediction. Received: "
            f"{values[bad[0]].tolist()} at frame {bad[0] + 1} of clip {clip.key!r} ({len(bad)} "
            "such frames). Predict them, or mark them with `valid` false."
        )


def _of_table(clips, of, table, names, task):
    unit = table.index.name
    labels = [LABEL + name for name in (("expression",) if task == "expression" else names)]
    missing = [name for name in (*names, *labels) if name not in table]
    if missing:
        raise ValueError(
            f"A table of `aggregate` must have labels and outputs of {task}. Received: "
            f"{list(table.columns)}, without {missing}. Aggregate predictions of that task, of "
            "clips with labels."
        )
    _refuse_other_rows(clips, of, table)
    table = table.sort_index()
    rows = np.isfinite(table[list(names)].to_numpy(np.float64)).all(axis=1)
    left_out, table = int((~rows).sum()), table[rows]
    unlabelled = table.index[table[labels].isna().any(axis=1)].tolist()
    if table.empty or unlabelled:
        raise ValueError(
            f"Scores need at least one {unit} with a prediction, and a label of each such {unit}. "
            f"Received: {len(table)} with a prediction, without a label {unlabelled[:5]} "
            f"({len(unlabelled)}). Load the clips with their labels."
        )
    if task == "expression":
        given = table[labels[0]].map(names.index).to_numpy(np.int64)
    else:
        given = table[labels].to_numpy(np.float64)
    values = table[list(names)].to_numpy(np.float64)
    video_names, videos = _videos_of_rows(clips, of, table)
    keys = tuple(table.index)
    return Counted(names, given, values, videos, video_names, f"{unit}s", keys, left_out)


def _keys_of_rows(table):
    """The clip of each row of a table of `aggregate`, or its video."""
    return table["clip"] if table.index.name == "sequence" else table.index


def _refuse_other_rows(clips, of, table):
    unit = table.index.name
    expected = set(of) if unit == "video" else {clip.key for clip in clips}
    keys = set(_keys_of_rows(table))
    missing, others = sorted(expected - keys), sorted(map(str, keys - expected))
    twice = table.index[table.index.duplicated()].tolist()
    if missing or others or twice:
        raise ValueError(
            f"A table of `aggregate` has one row per {unit} of the same clips. Received: none for "
            f"{missing[:5]}, rows of others {others[:5]}, twice {twice[:5]}. Aggregate the clips "
            "that are evaluated, with the same `video_of`."
        )


def _videos_of_rows(clips, of, table):
    """The names of all videos, and the number of that of each row."""
    names, numbers = np.unique(of, return_inverse=True)
    number = dict(zip((clip.key for clip in clips), numbers, strict=True))
    if table.index.name == "video":
        number = {name: i for i, name in enumerate(names)}
    return names.tolist(), np.array([number[key] for key in _keys_of_rows(table)])

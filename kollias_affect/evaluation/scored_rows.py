"""Labels and predictions that are scored: frames, or rows of a table of `aggregate`."""

import dataclasses

import numpy as np

from kollias_affect import _checks, tasks
from kollias_affect.evaluation.predictions import paired
from kollias_affect.evaluation.videos import video_of as default_video_of
from kollias_affect.tasks import ACTION_UNITS, TASKS

UNITS = ("sequence", "video", "utterance")  # units of `aggregate`, names of its index
LABEL_PREFIX = "label "  # start of the names of columns with labels


@dataclasses.dataclass(frozen=True)
class ScoredRows:
    """Labels and predictions of the frames, sequences, utterances or videos that count.

    Attributes:
        names: Names of the outputs.
        labels: Float64 `[rows, outputs]`, or integers `[rows]` for expressions; NaN for unknown
            action units.
        predictions: Float64 `[rows, outputs]`, finite.
        videos: Integers `[rows]`, indices into `video_names`.
        video_names: Sorted names of the videos of all clips; some may have no row.
        unit: Unit of a row: `"frames"`, `"sequences"`, `"utterances"` or `"videos"`.
        keys: Sorted keys of the rows of a table of `aggregate`; empty for frames.
        left_out: Number of rows of such a table without a prediction.
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
    def kind(self):
        """`"classes"`, `"units"` (action units) or `"dimensions"`."""
        if self.labels.ndim == 1:
            return "classes"
        return "units" if self.names == ACTION_UNITS else "dimensions"

    @property
    def predicted_classes(self):
        """Most probable class of each row, integers `[rows]`."""
        return self.predictions.argmax(axis=1)

    def subset(self, rows):
        """Returns the rows with these indices, or where a boolean array is true."""
        arrays = {n: getattr(self, n)[rows] for n in ("labels", "predictions", "videos")}
        return dataclasses.replace(self, **arrays, keys=())


def scored_rows(clips, predictions, task, video_of=None):
    """Pairs predictions with labels and leaves out the rows that do not count.

    Args:
        clips: List of `Clip` with labels of the task.
        predictions: See `paired`; or a table of `aggregate`, which also holds the labels. The rows
            of a table count, except those without a prediction.
        task: One of `tasks.TASKS`.
        video_of: Function from a clip to the name of its video. Default: `videos.video_of`.

    Returns:
        `ScoredRows`.

    Raises:
        ValueError: If there are no labels, no row counts, a valid frame has no finite prediction,
            the number of outputs is not that of the task, or as `paired` does.
    """
    names, _ = TASKS[_checks.one_of("task", task, TASKS)]
    videos = [str((video_of or default_video_of)(clip)) for clip in clips]
    read = _rows_of_table if _is_aggregated(predictions) else _rows_of_frames
    return read(clips, videos, predictions, names, task)


def refuse_other_outputs(clip, values, task):
    """Raises `ValueError` if the number of outputs of a clip's predictions is not the task's."""
    names, _ = TASKS[task]
    if values.shape[1] != len(names):
        raise ValueError(
            f"The task {task!r} has the outputs {names}. Received: {values.shape[1]} columns for "
            f"{clip!r}. Name the task of the model, or pass the columns of this task."
        )


def _is_aggregated(predictions):
    return getattr(getattr(predictions, "index", None), "name", None) in UNITS


def _rows_of_frames(clips, videos, predictions, names, task):
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
    known = [tasks.known(clip, task) for clip in clips]
    for clip, values, counted in zip(clips, predictions, known, strict=True):
        _refuse_missing(clip, values, counted)
    if not any(counted.any() for counted in known):
        raise ValueError(
            "Scores need at least one valid frame. Received: none. Check that faces were detected "
            "and that frames are marked as valid."
        )
    labels = [tasks.labels(clip, task)[k] for clip, k in zip(clips, known, strict=True)]
    labels = np.concatenate(labels)
    values = [v[k] for v, k in zip(predictions, known, strict=True)]
    if field != "expression":
        labels = labels.astype(np.float64)
    video_names, indices = np.unique(videos, return_inverse=True)
    indices = np.repeat(indices, [len(v) for v in values])
    return ScoredRows(names, labels, np.concatenate(values), indices, video_names.tolist())


def _refuse_missing(clip, values, counted):
    bad = np.flatnonzero(counted & ~np.isfinite(values).all(axis=1))
    if len(bad):
        raise ValueError(
            "Every valid frame needs a finite prediction. Received: "
            f"{values[bad[0]].tolist()} at frame {bad[0] + 1} of clip {clip.key!r} ({len(bad)} "
            "such frames). Predict them, or set `valid` to false for them."
        )


def _rows_of_table(clips, videos, table, names, task):
    unit = table.index.name
    of_classes = tasks.label_field(task) == "expression"
    label_names = ("expression",) if of_classes else names
    label_columns = [LABEL_PREFIX + name for name in label_names]
    missing = [name for name in (*names, *label_columns) if name not in table]
    if missing:
        raise ValueError(
            f"A table of `aggregate` must have labels and outputs of {task}. Received: "
            f"{list(table.columns)}, without {missing}. Aggregate predictions of that task and "
            "clips with labels."
        )
    _refuse_other_rows(clips, videos, table)
    table = table.sort_index()
    predicted = np.isfinite(table[list(names)].to_numpy(np.float64)).all(axis=1)
    left_out, table = int((~predicted).sum()), table[predicted]
    unlabelled = table.index[table[label_columns].isna().any(axis=1)].tolist()
    if table.empty or unlabelled:
        raise ValueError(
            f"Scores need at least one {unit} with a prediction, and a label for each such {unit}. "
            f"Received: {len(table)} with a prediction, without a label {unlabelled[:5]} "
            f"({len(unlabelled)}). Load the clips with their labels."
        )
    if of_classes:
        labels = table[label_columns[0]].map(names.index).to_numpy(np.int64)
    else:
        labels = table[label_columns].to_numpy(np.float64)
    values = table[list(names)].to_numpy(np.float64)
    video_names, indices = _videos_of_rows(clips, videos, table)
    keys = tuple(table.index)
    return ScoredRows(names, labels, values, indices, video_names, f"{unit}s", keys, left_out)


def _clips_of_rows(table):
    """Returns the key of the clip of each row of a table of `aggregate`, or its video."""
    return table["clip"] if table.index.name == "sequence" else table.index


def _refuse_other_rows(clips, videos, table):
    unit = table.index.name
    expected = set(videos) if unit == "video" else {clip.key for clip in clips}
    keys = set(_clips_of_rows(table))
    missing, others = sorted(expected - keys), sorted(map(str, keys - expected))
    repeated = table.index[table.index.duplicated()].tolist()
    if missing or others or repeated:
        raise ValueError(
            f"A table of `aggregate` must have one row per {unit} of the same clips. Received: "
            f"none for {missing[:5]}, rows of others {others[:5]}, repeated {repeated[:5]}. "
            "Aggregate the clips that are evaluated, with the same `video_of`."
        )


def _videos_of_rows(clips, videos, table):
    """Returns the names of all videos, and for each row the index of its video."""
    names, indices = np.unique(videos, return_inverse=True)
    index = dict(zip((clip.key for clip in clips), indices, strict=True))
    if table.index.name == "video":
        index = {name: i for i, name in enumerate(names)}
    return names.tolist(), np.array([index[key] for key in _clips_of_rows(table)])

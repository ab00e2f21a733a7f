"""The tasks that a model can have, and the labels of a clip for each of them."""

import numpy as np

EXPRESSIONS = ("neutral", "anger", "disgust", "fear", "happiness", "sadness", "surprise")
DIMENSIONS = ("valence", "arousal")

# Names of the outputs of each task, and their range.
TASKS = {
    "valence_arousal": (DIMENSIONS, (-1, 1)),
    "valence": (("valence",), (-1, 1)),
    "arousal": (("arousal",), (-1, 1)),
    "expression": (EXPRESSIONS, (0, 1)),
}


def label_field(task):
    """Name of the attribute of `Clip` that holds the labels of a task.

    Args:
        task: one of `TASKS`.

    Returns:
        `"expression"` or `"valence_arousal"`.
    """
    return "expression" if task == "expression" else "valence_arousal"


def task_of_labels(clips):
    """The task that the labels of all clips allow, valence and arousal first.

    Args:
        clips: list of `Clip`.

    Returns:
        `"valence_arousal"`, `"expression"`, or `None` if clips lack labels.
    """
    for field in ("valence_arousal", "expression"):
        if all(getattr(clip, field) is not None for clip in clips):
            return field
    return None


def columns(names):
    """Columns of `Clip.valence_arousal` that hold the dimensions `names`.

    Args:
        names: sequence of `"valence"` and `"arousal"`.

    Returns:
        list of integers.
    """
    return [DIMENSIONS.index(name) for name in names]


def labels(clip, task):
    """Labels of the frames of a clip for a task.

    Args:
        clip: `Clip` with labels of the task.
        task: one of `TASKS`.

    Returns:
        integers `[frames]`, indices into `EXPRESSIONS`, for expressions; else float
        `[frames, outputs]`. Values of frames that are not valid are unspecified, see
        `known_labels`.

    Raises:
        ValueError: if the clip has no labels of the task.
    """
    field = label_field(task)
    values = getattr(clip, field)
    if values is None:
        raise ValueError(
            f"The task {task!r} needs `{field}` on every clip. Received: {clip!r}. Choose a task "
            "that the labels allow."
        )
    return values if field == "expression" else values[:, columns(TASKS[task][0])]


def known_labels(clip, task):
    """Labels as `labels` gives them, marked as unknown where a frame is not valid.

    Args:
        clip: `Clip` with labels of the task.
        task: one of `TASKS`.

    Returns:
        integers `[frames]`, -1 where unknown, for expressions; else float `[frames, outputs]`,
        NaN where unknown.
    """
    values = labels(clip, task)
    if task == "expression":
        return np.where(clip.valid, values, -1)
    return np.where(clip.valid[:, None], values, np.nan)

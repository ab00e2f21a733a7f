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
    """Returns the name of the attribute of `Clip` that holds the labels of a task.

    Args:
        task: Name of a task in `TASKS`.

    Returns:
        `"expression"` or `"valence_arousal"`.

    Example:

    >>> label_field("arousal")
    'valence_arousal'
    """
    return "expression" if task == "expression" else "valence_arousal"


def task_of_labels(clips):
    """Returns the task that the labels of all clips allow, `"valence_arousal"` first.

    Args:
        clips: List of `Clip`.

    Returns:
        `"valence_arousal"`, `"expression"`, or `None` if no kind of labels is on every clip.

    Example:

    >>> from kollias_affect.clip import Clip
    >>> task_of_labels([Clip("a", ["1.png"], expression=[4])])
    'expression'
    """
    for field in ("valence_arousal", "expression"):
        if all(getattr(clip, field) is not None for clip in clips):
            return field
    return None


def columns(names):
    """Returns the columns of `Clip.valence_arousal` that hold some dimensions.

    Args:
        names: Sequence of names in `DIMENSIONS`.

    Returns:
        List of integers, in the order of `names`.

    Raises:
        ValueError: If a name is not in `DIMENSIONS`.

    Example:

    >>> columns(["arousal"])
    [1]
    """
    return [DIMENSIONS.index(name) for name in names]


def labels(clip, task):
    """Returns the labels of the frames of a clip for a task.

    Args:
        clip: `Clip` with labels of the task.
        task: Name of a task in `TASKS`.

    Returns:
        For expressions, integers `[frames]`, indices into `EXPRESSIONS`. For the other tasks,
        float `[frames, outputs]` in [-1, 1]. Values of frames that are not valid are
        unspecified, see `known_labels`.

    Raises:
        ValueError: If the clip has no labels of the task.

    Example:

    >>> from kollias_affect.clip import Clip
    >>> clip = Clip("a", ["1.png", "2.png"], valence_arousal=[[0.5, -0.5], [0.25, 1]])
    >>> labels(clip, "arousal").tolist()
    [[-0.5], [1.0]]
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
    """Returns the labels of a clip for a task, marked as unknown in frames that are not valid.

    Args:
        clip: `Clip` with labels of the task.
        task: Name of a task in `TASKS`.

    Returns:
        For expressions, integers `[frames]`, -1 where unknown. For the other tasks, float
        `[frames, outputs]`, NaN where unknown.

    Raises:
        ValueError: If the clip has no labels of the task.

    Example:

    >>> from kollias_affect.clip import Clip
    >>> known_labels(Clip("a", ["1.png", ""], expression=[4, 0]), "expression").tolist()
    [4, -1]
    """
    values = labels(clip, task)
    if task == "expression":
        return np.where(clip.valid, values, -1)
    return np.where(clip.valid[:, None], values, np.nan)

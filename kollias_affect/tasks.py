"""The tasks that a model can have, and the labels of a clip for each of them."""

import numpy as np

from kollias_affect import _checks

EXPRESSIONS = ("neutral", "anger", "disgust", "fear", "happiness", "sadness", "surprise")
# The eight expressions of the ABAW competitions.
EXPRESSIONS_8 = (*EXPRESSIONS, "other")
DIMENSIONS = ("valence", "arousal")
# The twelve action units of Aff-Wild2.
ACTION_UNITS = tuple(f"AU{number}" for number in (1, 2, 4, 6, 7, 10, 12, 15, 23, 24, 25, 26))

# Names of the outputs of each task, and their range.
TASKS = {
    "valence_arousal": (DIMENSIONS, (-1, 1)),
    "valence": (("valence",), (-1, 1)),
    "arousal": (("arousal",), (-1, 1)),
    "expression": (EXPRESSIONS, (0, 1)),
    "expression_8": (EXPRESSIONS_8, (0, 1)),
    "action_units": (ACTION_UNITS, (0, 1)),
}
FIELDS = ("valence_arousal", "expression", "action_units")


def label_field(task):
    """Returns the name of the attribute of `Clip` that holds the labels of a task.

    Tasks with one field are scored in one way: dimensions by the CCC, expressions as classes,
    action units as independent classes.

    Args:
        task: Name of a task in `TASKS`.

    Returns:
        `"valence_arousal"`, `"expression"` or `"action_units"`.

    Example:

    >>> label_field("arousal"), label_field("expression_8")
    ('valence_arousal', 'expression')
    """
    if task in ("expression", "expression_8"):
        return "expression"
    return "action_units" if task == "action_units" else "valence_arousal"


def names_of(task):
    """Checks a task, or several, and returns their names.

    Args:
        task: Name of a task in `TASKS`, or a sequence of different ones, whose outputs have
            different names.

    Returns:
        Tuple of names.

    Raises:
        ValueError: If a task is unknown, or two tasks have outputs of one name.

    Example:

    >>> names_of("expression"), names_of(["expression", "valence_arousal"])
    (('expression',), ('expression', 'valence_arousal'))
    """
    names = (task,) if isinstance(task, str) else tuple(task)
    for name in names:
        _checks.one_of("task", name, TASKS)
    outputs = [output for name in names for output in TASKS[name][0]]
    if not names or len(set(outputs)) < len(outputs):
        raise ValueError(
            "`task` must be a task, or several whose outputs have different names. Received: "
            f"task={task!r}. Leave out one of those that share outputs."
        )
    return names


def tasks_of(card):
    """Returns the tasks of a model with the names and the range of their outputs.

    Args:
        card: Card of a model of one or several tasks, see `models.read_card`.

    Returns:
        Dict from each task to `(names, (low, high))`.

    Example:

    >>> tasks_of({"task": "valence", "outputs": ["valence"], "range": [-1, 1]})
    {'valence': (('valence',), (-1, 1))}
    """
    if isinstance(card["task"], str):
        return {card["task"]: (tuple(card["outputs"]), tuple(card["range"]))}
    return {
        task: (tuple(card["outputs"][task]), tuple(card["range"][task])) for task in card["task"]
    }


def task_of_labels(clips):
    """Returns the task that the labels of all clips allow, `"valence_arousal"` first.

    Args:
        clips: List of `Clip`.

    Returns:
        `"valence_arousal"`, `"expression"`, `"expression_8"` or `"action_units"`, or `None` if no
        kind of labels is on every clip.

    Example:

    >>> from kollias_affect.clip import Clip
    >>> task_of_labels([Clip("a", ["1.png"], expression=[4])])
    'expression'
    """
    for field in FIELDS:
        if all(getattr(clip, field) is not None for clip in clips):
            eight = field == "expression" and any(c.expressions == EXPRESSIONS_8 for c in clips)
            return "expression_8" if eight else field
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
        For expressions, integers `[frames]`, indices into the names of the task. For action units,
        float `[frames, 12]` in [0, 1], NaN where unknown. For the other tasks, float
        `[frames, outputs]` in [-1, 1]. Values of frames that are not `known` are unspecified, see
        `known_labels`.

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
    return values[:, columns(TASKS[task][0])] if field == "valence_arousal" else values


def known(clip, task):
    """Returns which frames of a clip are valid and have a label of a task.

    An expression that is not one of the task's, "other" for the seven of `EXPRESSIONS`, is no
    label of it.

    Args:
        clip: `Clip`.
        task: Name of a task in `TASKS`.

    Returns:
        Booleans `[frames]`, false everywhere if the clip has no labels of the task.

    Example:

    >>> from kollias_affect.clip import Clip
    >>> clip = Clip("a", ["1.png", "2.png"], None, None, [[0.5, 0], [0, 0]], expression=[4, -1])
    >>> known(clip, "expression").tolist(), known(clip, "action_units").tolist()
    ([True, False], [False, False])
    """
    if getattr(clip, label_field(task)) is None:
        return np.zeros(len(clip), bool)
    values = labels(clip, task)
    if label_field(task) == "expression":
        return clip.valid & (values >= 0) & (values < len(TASKS[task][0]))
    is_number = np.isfinite(values)
    return clip.valid & (is_number.any(axis=1) if task == "action_units" else is_number.all(axis=1))


def known_labels(clip, task):
    """Returns the labels of a clip for a task, marked as unknown in frames that are not `known`.

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
    if label_field(task) == "expression":
        return np.where(known(clip, task), values, -1)
    return np.where(known(clip, task)[:, None], values, np.nan)


def shares(clip, task):
    """Returns the labels of expressions as shares of the classes.

    Args:
        clip: `Clip` with `expression`.
        task: `"expression"` or `"expression_8"`.

    Returns:
        Float64 `[frames, classes]`: `Clip.expression_shares`, restricted to the classes of the
        task, where a frame has some; otherwise 1 for its class. 0 in frames without a label.

    Raises:
        ValueError: If the clip has no expressions.

    Example:

    >>> from kollias_affect.clip import Clip
    >>> clip = Clip("a", ["1.png"], expression=[0], expression_shares=[[0.5, 0, 0, 0, 0, 0.5, 0]])
    >>> shares(clip, "expression").tolist()
    [[0.5, 0.0, 0.0, 0.0, 0.0, 0.5, 0.0]]
    """
    classes = len(TASKS[task][0])
    values = labels(clip, task)
    hard = (values[:, None] == np.arange(classes)).astype(np.float64)
    if clip.expression_shares is None:
        return hard
    soft = np.zeros((len(clip), classes))
    count = min(classes, len(clip.expressions))
    soft[:, :count] = np.nan_to_num(clip.expression_shares[:, :count])
    total = soft.sum(axis=1, keepdims=True)
    return np.where(total > 0, soft / np.where(total > 0, total, 1), hard)

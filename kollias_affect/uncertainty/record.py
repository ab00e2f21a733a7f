"""What a calibrated model says besides its outputs; the record lies in the card of the model.

The record is JSON: `coverage`, `videos` and `frames` of the calibration; `tasks`, a dict from task
to `quantiles` (one for each output; one for the classes) and whether they are `scaled` by the
deviation that the model predicts; and `distance` with its `threshold`.
"""

import numpy as np

from kollias_affect.tasks import label_field

VARIANCE, DISTANCE = "{}_variance", "distance"  # outputs of a network, see `models.ensembles`
FLOOR = 0.01
"""Smallest deviation: members of an ensemble that agree by chance do not make an interval empty."""
UNFAMILIAR = "unfamiliar"


def extras(record):
    """Returns the outputs of the network that a record needs besides those of the tasks.

    Args:
        record: Entry `uncertainty` of a card, or `None`.

    Returns:
        Dict from the name of an output to its number of units; `None` stands for that of the task.
    """
    if not record:
        return {}
    found = {VARIANCE.format(task): None for task, of in record["tasks"].items() if of["scaled"]}
    return found | ({DISTANCE: 1} if record.get("distance") else {})


def deviation(variance):
    """Returns the deviation by which a quantile is scaled, from a variance `[rows, outputs]`."""
    return np.sqrt(np.maximum(variance, 0) + FLOOR**2)


def intervals(record, task, values, span, variance=None):
    """Returns the ends of the intervals of valence and arousal.

    Args:
        record: Entry `uncertainty` of a card.
        task: Task of numbers.
        values: Outputs `[rows, outputs]`.
        span: `(low, high)`, the range of the task, which intervals do not leave.
        variance: Variance `[rows, outputs]` that the network predicts, if the record is scaled.

    Returns:
        `(low, high)`, two arrays `[rows, outputs]`.
    """
    of_task = record["tasks"][task]
    width = np.array(of_task["quantiles"])
    if of_task["scaled"]:
        width = width * deviation(variance)
    return np.clip(values - width, *span), np.clip(values + width, *span)


def classes(record, task, probabilities):
    """Returns which expressions a set holds, bool `[rows, classes]`; never none.

    References: Sadinle, Lei and Wasserman (2019): the least ambiguous sets.
    """
    held = 1 - probabilities <= record["tasks"][task]["quantiles"][0]
    held[np.arange(len(held)), np.argmax(probabilities, axis=1)] = True
    return held


def columns(record, tasks, outputs):
    """Returns the columns that a record adds to a table.

    Args:
        record: Entry `uncertainty` of a card, or `None`.
        tasks: Dict from task to `(names, (low, high))`.
        outputs: Dict from the names of outputs to `[rows, units]`, NaN without a face.

    Returns:
        Dict from a tuple of names of columns to an array `[rows, columns]`: `valence_low`,
        `valence_high`, …; `expression_set`, names with `|`; `distance` and `unfamiliar` (1 or 0).

    Example:

    >>> record = {"tasks": {"valence": {"quantiles": [0.2], "scaled": False}}, "distance": None}
    >>> tasks = {"valence": (("valence",), (-1, 1))}
    >>> columns(record, tasks, {"valence": np.array([[0.9]])})
    {('valence_low', 'valence_high'): array([[0.7, 1. ]])}
    """
    if not record:
        return {}
    found = {}
    for task in record["tasks"]:
        names, span = tasks[task]
        values = outputs[task]
        if label_field(task) == "expression":
            found["expression_set",] = _texts(record, task, values, names)
            continue
        ends = intervals(record, task, values, span, outputs.get(VARIANCE.format(task)))
        for number, name in enumerate(names):
            found[f"{name}_low", f"{name}_high"] = np.stack([e[:, number] for e in ends], axis=1)
    if record.get("distance"):
        distance = outputs[DISTANCE]
        beyond = np.where(np.isnan(distance), np.nan, distance > record["distance"]["threshold"])
        found[DISTANCE, UNFAMILIAR] = np.concatenate([distance, beyond], axis=1)
    return found


def _texts(record, task, values, names):
    known = ~np.isnan(values).any(axis=1)
    texts = np.full((len(values), 1), None, object)
    held = classes(record, task, np.asarray(values[known]))
    texts[known, 0] = ["|".join(np.array(names)[row]) for row in held]
    return texts

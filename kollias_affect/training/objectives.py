"""What a training minimises for each task, and how several tasks share a network."""

import csv
import math
from pathlib import Path

import keras
import numpy as np
from keras import layers

from kollias_affect import _checks, _replicas, losses
from kollias_affect.datasets import sampling
from kollias_affect.layers import TaskUncertainty
from kollias_affect.tasks import ACTION_UNITS, TASKS, label_field, names_of

# Options of `train` beyond those of one task, with their defaults.
DEFAULTS = {
    "loss_weights": None,
    "focal": None,
    "label_smoothing": None,
    "soft_labels": False,
    "class_weights": None,
    "unit_weights": None,
    "balance_tasks": False,
    "matching": None,
}
UNCERTAINTY, PUBLISHED = "uncertainty", "published"
CLASS_WEIGHTS = ("balanced", "effective")
MATCHING = "matching"  # name of the output that `MatchingLoss` takes

# Du, Tao and Martinez, "Compound facial expressions of emotion" (PNAS 2014), table 1, as Kollias
# et al. (arXiv 2105.03790) use it: units that more than 70 % of the people show count 1, the
# others by the share of the people. Units that Aff-Wild2 does not annotate are left out.
_PUBLISHED = {
    "anger": {"AU4": 1, "AU7": 1, "AU24": 1, "AU10": 0.26, "AU23": 0.29},
    "disgust": {"AU10": 1, "AU4": 0.31, "AU24": 0.26},
    "fear": {"AU1": 1, "AU4": 1, "AU25": 1, "AU2": 0.57, "AU26": 0.33},
    "happiness": {"AU12": 1, "AU25": 1, "AU6": 0.51},
    "sadness": {"AU4": 1, "AU15": 1, "AU1": 0.60, "AU6": 0.50},
    "surprise": {"AU1": 1, "AU2": 1, "AU25": 1, "AU26": 1},
}


def chosen(task, options):
    """Checks options of `DEFAULTS` for a task or several, and returns those that are not defaults.

    Args:
        task: Task of the model, or several.
        options: Dict from names in `DEFAULTS` to values.

    Returns:
        Dict of JSON content.

    Raises:
        ValueError: If an option is unknown, out of range, or does not suit the tasks.

    Example:

    >>> chosen(("expression", "valence"), {"loss_weights": {"valence": 2}, "focal": None})
    {'loss_weights': {'valence': 2.0}}
    """
    names = names_of(task)
    for name in options:
        _checks.one_of("option", name, DEFAULTS)
    given = {name: value for name, value in options.items() if value != DEFAULTS[name]}
    checks = {
        "loss_weights": lambda value: _loss_weights(names, value),
        "focal": lambda value: _checks.number_between("focal", value, 0, 10),
        "label_smoothing": lambda value: _checks.share("label_smoothing", value),
        "soft_labels": bool,
        "class_weights": lambda v: _checks.one_of("class_weights", v, (None, *CLASS_WEIGHTS)),
        "unit_weights": lambda v: _checks.one_of("unit_weights", v, (None, "balanced")),
        "balance_tasks": bool,
        "matching": lambda value: _matching_table(names, value),
    }
    _refuse_unsuitable(names, given)
    return {name: checks[name](value) for name, value in given.items()}


def _refuse_unsuitable(names, given):
    """Raises `ValueError` if an option is for tasks that the model does not have."""
    fields = {label_field(name) for name in names}
    of_expressions = ("focal", "label_smoothing", "soft_labels", "class_weights")
    needs = {
        **dict.fromkeys(of_expressions, ("expressions", "expression" in fields)),
        "unit_weights": ("action units", "action_units" in fields),
        "matching": ("expressions and action units", {"expression", "action_units"} <= fields),
        **dict.fromkeys(("loss_weights", "balance_tasks"), ("several tasks", len(names) > 1)),
    }
    for name in given:
        what, suits = needs[name]
        if not suits:
            raise ValueError(
                f"`{name}` is for {what}. Received: {name}={given[name]!r} and a model of "
                f"{', '.join(names)}. Leave it out."
            )


def _loss_weights(names, value):
    if value == UNCERTAINTY:
        return value
    if not isinstance(value, dict) or not value or not set(value) <= {*names, MATCHING}:
        raise ValueError(
            "`loss_weights` must be 'uncertainty', or a number for each task, of "
            f"{(*names, MATCHING)}. Received: loss_weights={value!r}. Write expression=1, or leave "
            "it out for equal weights."
        )
    check = _checks.number_between
    return {name: check("loss weight", weight, 0, 1e6) for name, weight in value.items()}


def published_units(task="expression"):
    """Returns the published probabilities of action units given expressions.

    Args:
        task: `"expression"` or `"expression_8"`.

    Returns:
        Float64 `[expressions, 12]` in the order of the task and of `tasks.ACTION_UNITS`; NaN for
        neutral and other, of which the table says nothing.

    Example:

    >>> published_units()[4, [5, 6]].tolist()  # happiness: AU10, AU12
    [0.0, 1.0]

    References: Du, Tao and Martinez (PNAS 2014), table 1; Kollias et al. (arXiv 1910.11111 and
        2105.03790).
    """
    return np.array(
        [
            [_PUBLISHED[name].get(unit, 0) for unit in ACTION_UNITS]
            if name in _PUBLISHED
            else [math.nan] * len(ACTION_UNITS)
            for name in TASKS[task][0]
        ],
        np.float64,
    )


def read_units(path, task="expression"):
    """Reads probabilities of action units given expressions.

    Args:
        path: csv file with the header `expression,AU1,AU2,…` (any of `tasks.ACTION_UNITS`, others
            count 0), and a row for each expression; others have no probabilities.
        task: `"expression"` or `"expression_8"`.

    Returns:
        Float64 `[expressions, 12]`, see `published_units`.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is malformed.
    """
    with open(_checks.existing_file("matching", path), newline="", encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    names, table = TASKS[task][0], np.full((len(TASKS[task][0]), len(ACTION_UNITS)), np.nan)
    for row in rows:
        expression = row.pop("expression", None)
        try:
            values = {unit: float(value) for unit, value in row.items()}
        except (TypeError, ValueError):
            values = {None: 0}
        inside = all(0 <= value <= 1 for value in values.values())
        if expression not in names or not set(values) <= set(ACTION_UNITS) or not inside:
            raise ValueError(
                f"A table of matching must have the columns `expression` (one of {names}) and "
                f"action units of {ACTION_UNITS}, with numbers in [0, 1]. Received in {path}: "
                f"expression={expression!r}, {row}. Correct that row."
            )
        table[names.index(expression)] = [values.get(unit, 0) for unit in ACTION_UNITS]
    if np.isnan(table).all():
        raise ValueError(
            f"A table of matching needs a row for some expression. Received: {path} without rows. "
            "Add them."
        )
    return table


def _matching_table(names, value):
    """Returns the table as nested lists, `None` where it says nothing, which JSON can hold."""
    task = next(name for name in names if label_field(name) == "expression")
    if isinstance(value, (str, Path)):
        table = published_units(task) if value == PUBLISHED else read_units(value, task)
    else:
        table = np.asarray(value, np.float64)
    losses.MatchingLoss(table)
    return [[None if math.isnan(p) else p for p in row] for row in table.tolist()]


def table(rows):
    """Returns nested lists of `chosen(...)["matching"]` as an array, NaN where they have `None`."""
    return np.array(rows, np.float64)


def training_form(model, options):
    """Returns the form of a model that is trained: the same weights, and what only training needs.

    With learnt weights of the tasks, every output passes a `layers.TaskUncertainty`. For the
    matching of tasks there is another output, `"matching"`: probabilities of the expressions and
    of the action units, side by side. The form is a plain functional model; save the model itself.

    Args:
        model: `keras.Model` with several tasks.
        options: Dict that `chosen` returns.

    Returns:
        `keras.Model`; `model` itself if nothing is added.
    """
    learnt, matched = options.get("loss_weights") == UNCERTAINTY, "matching" in options
    if not learnt and not matched:
        return model
    outputs = dict(model.output)
    if matched:
        fields = {label_field(name): name for name in outputs if name in TASKS}
        pair = [outputs[fields["expression"]], outputs[fields["action_units"]]]
        outputs[MATCHING] = layers.Concatenate(name=MATCHING, dtype="float32")(pair)
    if learnt:
        for name in [name for name in outputs if name in TASKS]:
            layer = TaskUncertainty(name=f"{name}_uncertainty", dtype="float32")
            outputs[name] = layer(outputs[name])
    return keras.Model(model.input, outputs, name=model.name)


def expression_loss(options, several):
    """Returns the loss of expressions.

    Args:
        options: Dict that `chosen` returns.
        several: Whether the task is one of several. Frames without a label then do not make the
            loss smaller.

    Returns:
        Keras loss, or its name: cross entropy of class numbers, or, with `focal`,
        `label_smoothing` or `soft_labels`, of shares of the classes, see `takes_shares`.
    """
    reduction = {"reduction": "mean_with_sample_weight"} if several else {}
    smoothing = options.get("label_smoothing", 0.0)
    if "focal" in options:
        return keras.losses.CategoricalFocalCrossentropy(
            alpha=1.0, gamma=options["focal"], label_smoothing=smoothing, **reduction
        )
    if takes_shares(options):
        return keras.losses.CategoricalCrossentropy(label_smoothing=smoothing, **reduction)
    if several:
        return keras.losses.SparseCategoricalCrossentropy(**reduction)
    return "sparse_categorical_crossentropy"


def takes_shares(options):
    """Returns whether labels of expressions must be shares of the classes."""
    return bool({"focal", "label_smoothing", "soft_labels"} & set(options))


class UncertainLoss(keras.losses.Loss):
    """Loss of a task that is weighed by what its `layers.TaskUncertainty` has learnt.

    Formula: `exp(-s) loss + s / 2`, where s is the logarithm of the variance of the task; 0 for a
    batch without labels of the task.

    Args:
        loss: Keras loss.
        layer: `layers.TaskUncertainty`.

    References: Kendall, Gal and Cipolla (CVPR 2018), eq. 10.
    """

    def __init__(self, loss, layer):
        super().__init__(name=loss.name)
        self.loss, self.layer = loss, layer

    def __call__(self, y_true, y_pred, sample_weight=None):
        """Computes the loss of one batch."""
        value = self.loss(y_true, y_pred, sample_weight)
        s = self.layer.log_variance.value
        # Keras divides each loss by the number of replicas, and adds them up.
        value = keras.ops.exp(-s) * value + s / (2 * _replicas.count())
        if sample_weight is None:
            return value
        labelled = keras.ops.any(keras.ops.convert_to_tensor(sample_weight) > 0)
        return keras.ops.where(labelled, value, 0.0)


def with_matching(inputs, labels, weights):
    """Adds labels and weights of the output `"matching"`: frames with a label of any task count.

    Args:
        inputs, labels, weights: Batch of `windows.dataset` for several tasks.

    Returns:
        `(inputs, labels, weights)`.
    """
    ops = keras.ops
    counted = ops.max(ops.stack(list(weights.values())), axis=0)
    counted = ops.cast(counted > 0, "float32")
    labels = {**labels, MATCHING: ops.zeros_like(counted)}
    return inputs, labels, {**weights, MATCHING: counted}


def frame_weights(training, task, options):
    """Returns the arguments of `windows.dataset` for the training clips.

    Args:
        training: List of `Clip`.
        task: Task of the model, or several.
        options: Dict that `chosen` returns.

    Returns:
        Dict of `class_weights` and `balance_tasks`, as far as they are chosen.
    """
    result = {}
    if "class_weights" in options:
        name = next(name for name in names_of(task) if label_field(name) == "expression")
        effective = options["class_weights"] == "effective"
        result["class_weights"] = sampling.class_weights(training, name, effective=effective)
    if "balance_tasks" in options:
        result["balance_tasks"] = True
    return result

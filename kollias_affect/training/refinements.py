"""Options of a training that suit every task: schedule, clipping, averages, stopping, changes."""

import dataclasses
import math
import numbers

from kollias_affect import _checks, augmentation

DEFAULTS = {
    "schedule": None,
    "warm_up": None,
    "clip_norm": None,
    "ema": None,
    "patience": None,
    "augment": None,
}
SCHEDULES = ("cosine",)


def chosen(options, decay=None, features=None):
    """Checks options of `DEFAULTS`, and returns those that are not defaults.

    Args:
        options: Dict from names in `DEFAULTS` to values.
        decay, features: See `train`.

    Returns:
        Dict of JSON content.

    Raises:
        ValueError: If an option is unknown or out of range, or options exclude each other.

    Example:

    >>> chosen({"schedule": "cosine", "warm_up": 1, "ema": None})
    {'schedule': 'cosine', 'warm_up': 1.0}
    """
    for name in options:
        _checks.one_of("option", name, DEFAULTS)
    given = {name: value for name, value in options.items() if value is not None}
    if "warm_up" in given and "schedule" not in given:
        raise ValueError(
            "`warm_up` is the beginning of a schedule. Received: "
            f"warm_up={given['warm_up']!r} without `schedule`. Add schedule='cosine', or leave it "
            "out."
        )
    if "schedule" in given and decay is not None:
        raise ValueError(
            f"One schedule changes the learning rate. Received: schedule={given['schedule']!r} and "
            "`decay`. Leave one of them out."
        )
    if "augment" in given and features is not None:
        raise ValueError(
            "`augment` changes the images in every epoch. Received: it and `features`, which are "
            "computed once. Leave one of them out."
        )
    checks = {
        "schedule": lambda value: _checks.one_of("schedule", value, SCHEDULES),
        "warm_up": _warm_up,
        "clip_norm": lambda value: _checks.number_between("clip_norm", value, 0, 1e6),
        "ema": lambda value: _checks.share("ema", value),
        "patience": lambda value: _checks.positive_integer("patience", value),
        "augment": lambda value: dataclasses.asdict(augmentation.resolve(value)),
    }
    return {name: checks[name](value) for name, value in given.items()}


def _warm_up(epochs):
    if not isinstance(epochs, numbers.Real) or not 0 <= epochs < math.inf:
        raise ValueError(
            "`warm_up` must be a number of epochs of at least 0. Received: "
            f"warm_up={epochs!r}. Choose 1, for example."
        )
    return float(epochs)


def of_run(options, epochs):
    """Returns what else the result depends on: with a schedule, the number of epochs.

    Raises:
        ValueError: If the warm-up is as long as the training.
    """
    if "schedule" not in options:
        return {}
    if options.get("warm_up", 0) >= epochs:
        raise ValueError(
            "`warm_up` must be shorter than the training. Received: "
            f"warm_up={options['warm_up']:g} of epochs={epochs}. Choose fewer epochs of it."
        )
    return {"epochs": epochs}


def for_compiling(content, batches):
    """Returns the arguments of `compile_model` for a run.

    Args:
        content: Dict of the settings of the run.
        batches: Batches in an epoch.
    """
    options = {name: content[name] for name in ("clip_norm", "ema") if name in content}
    if "schedule" in content:
        steps = batches * content.get("epochs", 1)
        options["cosine"] = steps, round(content.get("warm_up", 0) * batches)
    return options

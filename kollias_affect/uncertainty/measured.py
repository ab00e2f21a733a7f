"""How often the intervals and sets of a calibrated model hold, and how wide they are."""

import inspect

import numpy as np
import pandas as pd

from kollias_affect import tasks
from kollias_affect.tasks import TASKS
from kollias_affect.uncertainty import network
from kollias_affect.uncertainty.calibration import name_of_unit
from kollias_affect.uncertainty.record import DISTANCE, VARIANCE, classes, extras, intervals


def coverage(model, record, clips, seed=0):
    """Measures the coverage on clips that neither trained nor calibrated the model.

    Args:
        model: `keras.Model` that `calibrate` returned.
        record: Its record.
        clips: List of `Clip` with labels.
        seed: Seed of the bootstrap.

    Returns:
        `pandas.DataFrame` with a row for each dimension, for the expressions, and for `unfamiliar`:
        `coverage`, the share of the frames whose label the interval or set holds, each video
        counting the same (for `unfamiliar`, the share of flagged frames); its 95 % bootstrap
        interval over videos, `low` and `high`; `target`; `size`, the mean width of the intervals,
        or mean number of expressions in a set; and the number of `videos` (or `persons`, if they
        calibrated it).

    Raises:
        ValueError: If the clips have no labels of a calibrated task.
    """
    found = network.predict(model, clips, [*record["tasks"], *extras(record)])
    group, rows = name_of_unit(record["unit"]), {}
    for task in record["tasks"]:
        parts = []
        for clip in clips:
            known = tasks.known(clip, task)
            if known.any():
                held, size = _held(record, task, clip, known, found[clip.key])
                parts.append((group(clip), held, size))
        if not parts:
            raise ValueError(
                f"Coverage is measured on labels. Received: {len(clips)} clips without labels of "
                f"{task!r}. Load clips that have them."
            )
        expression = tasks.label_field(task) == "expression"
        for column, name in enumerate(["expression"] if expression else TASKS[task][0]):
            of_column = [(unit, held[:, column], size[:, column]) for unit, held, size in parts]
            rows[name] = _row(of_column, record["coverage"], record["unit"], seed)
    if record.get("distance"):
        limit = record["distance"]["threshold"]
        parts = []
        for clip in clips:
            distance = found[clip.key][DISTANCE][:, 0]
            distance = distance[np.isfinite(distance)]
            if len(distance):
                parts.append((group(clip), distance > limit, np.full(len(distance), np.nan)))
        rows["unfamiliar"] = _row(parts, record["distance"]["share"], record["unit"], seed)
    return pd.DataFrame.from_dict(rows, orient="index")


def _held(record, task, clip, known, outputs):
    """Which labels are held, and the sizes, `[frames with a label, outputs]`."""
    values, labels = outputs[task][known], tasks.labels(clip, task)[known]
    if tasks.label_field(task) == "expression":
        sets = classes(record, task, values)
        return sets[np.arange(len(sets)), labels][:, None], sets.sum(axis=1, keepdims=True)
    span = TASKS[task][1]
    variance = outputs[VARIANCE.format(task)][known] if record["tasks"][task]["scaled"] else None
    low, high = intervals(record, task, np.clip(values, *span), span, variance)
    # Labels and outputs are float32 on disk: the ends belong to the interval.
    return (low - 1e-6 <= labels) & (labels <= high + 1e-6), high - low


def _row(parts, target, unit, seed):
    """Means over units (videos or people), of which each counts the same."""
    from scipy import stats

    names = sorted({unit for unit, *_ in parts})
    held, size = (
        np.array([_mean([p[column] for p in parts if p[0] == name]) for name in names])
        for column in (1, 2)
    )
    low = high = np.nan
    if len(names) > 1:
        key = "rng" if "rng" in inspect.signature(stats.bootstrap).parameters else "random_state"
        result = stats.bootstrap(
            (held,), np.mean, method="percentile", n_resamples=1999,
            **{key: np.random.default_rng(seed)},
        )  # fmt: skip
        low, high = map(float, result.confidence_interval)
    return {
        "coverage": held.mean(), "low": low, "high": high, "target": target,
        "size": np.nan if np.isnan(size).all() else size.mean(), f"{unit}s": len(names),
    }  # fmt: skip


def _mean(arrays):
    return float(np.concatenate(arrays).mean())

"""Calibration of a trained model on clips that it was not trained on."""

import numpy as np

from kollias_affect import _checks, evaluation, models, tasks
from kollias_affect.datasets import sampling
from kollias_affect.uncertainty import conformal, network
from kollias_affect.uncertainty.record import DISTANCE, VARIANCE, deviation

SCALES = ("constant", "variance")
UNITS = ("video", "person")


def calibrate(
    model, clips, fit=None, coverage=0.9, scale=None, unfamiliar=0.01, unit="video", seed=0
):
    """Gives a model intervals that hold for new videos, and a flag for what it never saw.

    Intervals of valence and arousal, and sets of expressions, are conformal: on a frame of a new
    video (like those of the clips) they hold the label with at least the probability `coverage`,
    whatever the model is worth. A poor model gets wide ones. Action units get none.

    Args:
        model: `keras.Model` of `kollias_affect.models`, an ensemble perhaps.
        clips: List of `Clip` with labels, of people that the model was not trained on, like those
            on which it will run.
        fit: List of `Clip` to which the distance and the variance are fitted. Default: half of the
            people in `clips`; the other half calibrates.
        coverage: Share of the frames that intervals and sets must hold, in (0, 1).
        scale: `"constant"` for intervals of one width; `"variance"` for intervals that are wider
            where the model is unsure: by the variance of an ensemble, or by one that is regressed
            on the errors in `fit`. Default: that of an ensemble, otherwise constant.
        unfamiliar: Share of the frames of the clips that is flagged, the most distant ones; `None`
            for no flag.
        unit: `"video"`, or `"person"` where people have several videos: what counts as new.
        seed: Seed of the division of the people.

    Returns:
        `(model, record)`: a `keras.Model` with the outputs that the record needs, and JSON content
        for the entry `uncertainty` of its card: `models.save(model, path, uncertainty=record)`.

    Raises:
        ValueError: If the clips have fewer videos than the coverage needs, or no labels, or an
            argument is out of range.

    References: See `conformal.quantile` and `network.with_distance`.
    """
    coverage = _checks.share("coverage", coverage)
    _checks.one_of("unit", unit, UNITS)
    model = models.for_unit_range(model)
    names = _calibrated_tasks(model, clips)
    numbers = [name for name in names if tasks.label_field(name) == "valence_arousal"]
    outputs = network.outputs_of(model)
    has_variance = all(VARIANCE.format(name) in outputs for name in numbers)
    if scale is None:
        scale = "variance" if numbers and has_variance else "constant"
    _checks.one_of("scale", scale, SCALES)
    missing = [n for n in numbers if VARIANCE.format(n) not in outputs and scale == "variance"]
    if unfamiliar is not None:
        unfamiliar = _checks.number_between("unfamiliar", unfamiliar, 0, 0.5)
    fitted = missing or (unfamiliar is not None and DISTANCE not in outputs)
    if fitted:
        fit, clips = _divided(fit, clips, seed)
    for name in names:
        labelled = [clip for clip in clips if tasks.known(clip, name).any()]
        conformal.check_count(len(set(map(name_of_unit(unit), labelled))), coverage)
    if fitted:
        model = network.with_distance(model, fit, missing)
    return model, _record(model, clips, names, coverage, scale, unfamiliar, unit)


def _divided(fit, clips, seed):
    if fit is not None:
        sampling.refuse_common_subjects(fit, clips, "fit and calibration")
        return fit, clips
    if len({clip.subject for clip in clips}) < 2:
        raise ValueError(
            "Half of the people fit the distance and the variance, the other half calibrates. "
            "Received: one person. Pass other clips as `fit`, or unfamiliar=None and "
            "scale='constant'."
        )
    return sampling.person_folds(clips, 2, seed)[0]


def _calibrated_tasks(model, clips):
    names = [n for n in models.tasks_of(models.describe(model)) if n != "action_units"]
    labelled = [n for n in names if any(tasks.known(clip, n).any() for clip in clips)]
    if not labelled:
        raise ValueError(
            "Calibration needs labels of valence, arousal or expressions. Received: "
            f"{len(clips)} clips without any for a model of "
            f"{', '.join(models.tasks_of(models.describe(model)))}. Load clips that have them."
        )
    return labelled


def name_of_unit(unit):
    """Returns the function from a clip to the name of its video or of its person."""
    return evaluation.video_of if unit == "video" else lambda clip: clip.subject


def _record(model, clips, names, coverage, scale, unfamiliar, unit):
    numbers = [name for name in names if tasks.label_field(name) == "valence_arousal"]
    variances = [VARIANCE.format(name) for name in numbers] if scale == "variance" else []
    wanted = [*names, *variances, *([DISTANCE] if unfamiliar is not None else [])]
    found, group = network.predict(model, clips, wanted), name_of_unit(unit)
    record = {"coverage": coverage, "unit": unit, "tasks": {}}
    frames = units = 0
    for name in names:
        scaled = VARIANCE.format(name) in variances
        parts = [(scores(clip, name, found[clip.key], scaled), group(clip)) for clip in clips]
        values = np.concatenate([each for each, _ in parts])
        groups = [unit_name for each, unit_name in parts for _ in each]
        frames = max(frames, len(values))
        quantiles = [conformal.quantile(column, groups, coverage) for column in values.T]
        record["tasks"][name] = {"quantiles": quantiles, "scaled": scaled}
        units = max(units, len(set(groups)))
    record |= {f"{unit}s": units, "frames": frames}
    record["distance"] = None
    if unfamiliar is not None:
        record["distance"] = _threshold(found, clips, group, unfamiliar)
    return record


def scores(clip, task, outputs, scaled):
    """Returns the conformal scores `[frames with a label, outputs]` of a clip.

    They are the absolute errors, divided by the predicted deviation if they are scaled; or 1 minus
    the probability of the right expression.
    """
    known = tasks.known(clip, task)
    values = np.asarray(outputs[task][known], np.float64)
    if not known.any():
        return np.zeros((0, 1 if tasks.label_field(task) == "expression" else values.shape[1]))
    labels = tasks.labels(clip, task)[known]
    if tasks.label_field(task) == "expression":
        return 1 - values[np.arange(len(values)), labels][:, None]
    low, high = tasks.TASKS[task][1]
    errors = np.abs(labels - np.clip(values, low, high))
    return errors / deviation(outputs[VARIANCE.format(task)][known]) if scaled else errors


def _threshold(found, clips, group, share):
    parts = []
    for clip in clips:
        values = found[clip.key][DISTANCE][:, 0]
        seen = np.isfinite(values)
        parts.append((values[seen], group(clip)))
    values = np.concatenate([each for each, _ in parts])
    weights = conformal.group_weights([name for each, name in parts for _ in each])
    return {"threshold": conformal.weighted_quantile(values, weights, 1 - share), "share": share}

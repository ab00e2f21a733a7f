"""Measures of agreement between labels and predictions, in double precision.

All measures follow from sums over frames. The sums of several videos add up to those of their
union, which makes resampling cheap (see `resampling`). Moments are population moments (ddof 0).
"""

import numpy as np

from kollias_affect.tasks import label_field

# Terms of `sums`, in the order of its last axis: sums over centred labels t and predictions p,
# over the errors p - t, and the number of frames with equal signs.
TERMS = ("frames", "t", "p", "t * t", "p * p", "t * p", "squared errors", "agreements")

# A variance below this share of the mean square is the rounding error of a constant.
_ROUNDING = 1e-10


def ccc(labels, predictions):
    """Computes the concordance correlation coefficient (CCC).

    Formula: `2 cov / (var_labels + var_predictions + (mean_labels - mean_predictions)**2)`.

    Args:
        labels: Finite numbers `[frames]` or `[frames, dims]`, in any unit.
        predictions: Finite numbers of the same shape.

    Returns:
        Float64, `[]` or `[dims]`, in [-1, 1]; 0 where labels or predictions are constant.

    Raises:
        ValueError: If the shapes differ, there is no frame, or a number is not finite.

    Example:

    >>> round(float(ccc([0.0, 0.5, 1.0], [0.5, 1.0, 1.5])), 3)
    0.571

    References: Paper B, eq. 2; paper C, eq. 1; Lin (1989).
    """
    return MEASURES["CCC"](sums(labels, predictions))


def pearson(labels, predictions):
    """Computes Pearson's correlation coefficient.

    Args:
        labels, predictions: See `ccc`.

    Returns:
        Float64, `[]` or `[dims]`, in [-1, 1]; 0 where labels or predictions are constant.

    Raises:
        ValueError: As `ccc` does.

    Example:

    >>> round(float(pearson([0.0, 0.5, 1.0], [0.5, 1.0, 1.5])), 3)
    1.0

    References: Paper C, eq. 5.
    """
    return MEASURES["Pearson"](sums(labels, predictions))


def mse(labels, predictions):
    """Computes the mean squared error.

    Args:
        labels, predictions: See `ccc`.

    Returns:
        Float64, `[]` or `[dims]`, at least 0, in the squared unit of the labels.

    Raises:
        ValueError: As `ccc` does.

    Example:

    >>> float(mse([0.0, 0.5], [0.5, 1.0]))
    0.25

    References: Paper C, eq. 2.
    """
    return MEASURES["MSE"](sums(labels, predictions))


def rmse(labels, predictions):
    """Computes the root of the mean squared error.

    Args:
        labels, predictions: See `ccc`.

    Returns:
        Float64, `[]` or `[dims]`, at least 0, in the unit of the labels.

    Raises:
        ValueError: As `ccc` does.

    Example:

    >>> float(rmse([0.0, 0.5], [0.5, 1.0]))
    0.5
    """
    return MEASURES["RMSE"](sums(labels, predictions))


def sagr(labels, predictions):
    """Computes the sign agreement: the share of frames with equal signs of label and prediction.

    Zero is a sign of its own (`numpy.sign`) and agrees with zero only. If zero counted as positive,
    the value would change when all signs are inverted.

    Args:
        labels, predictions: See `ccc`.

    Returns:
        Float64, `[]` or `[dims]`, in [0, 1].

    Raises:
        ValueError: As `ccc` does.

    Example:

    >>> float(sagr([0.5, -0.5, 0.0, 0.1], [0.2, 0.2, 0.0, 0.3]))
    0.75

    References: Nicolaou, Gunes and Pantic (2011).
    """
    return MEASURES["SAGR"](sums(labels, predictions))


def sums(labels, predictions, units=None, count=None, centre=None):
    """Computes the sums over frames from which all `MEASURES` follow.

    Labels and predictions are centred first, so that large offsets do not cost precision.

    Args:
        labels, predictions: See `ccc`.
        units: Integers `[frames]` from 0 to `count - 1`, for example the video of each frame; or
            `None` for one sum over all frames.
        count: Number of units.
        centre: Numbers `[]` or `[dims]` that are subtracted from the predictions. Default: their
            mean. Sums may be added only if they have the same centre.

    Returns:
        Float64 `[8]` or `[dims, 8]`, in the order of `TERMS`; with `units`, `[count, ...]`, which
        may be added over units.

    Example:

    >>> total = sums([0.0, 1.0, 0.5], [0.0, 0.5, 0.0], units=[0, 0, 1], count=2)
    >>> MEASURES["MSE"](total).tolist(), round(float(MEASURES["MSE"](total.sum(axis=0))), 3)
    ([0.125, 0.25], 0.167)
    """
    t, p = _checked(labels, predictions)
    centre = p.mean(axis=1) if centre is None else np.atleast_1d(centre)
    total = [_sums(*one, units, count) for one in zip(t, p, centre, strict=True)]
    total = np.stack(total, axis=-2)  # [..., dims, terms]
    return total if np.ndim(labels) == 2 else total[..., 0, :]


def confusion_counts(labels, predicted_classes, classes, units=None, count=None):
    """Counts how often each class is predicted for each label.

    Args:
        labels, predicted_classes: Integers `[frames]` from 0 to `classes - 1`.
        classes: Number of classes.
        units, count: See `sums`.

    Returns:
        Int64 `[classes, classes]`, rows labels, columns predictions; with `units`,
        `[count, classes, classes]`.

    Example:

    >>> import numpy as np
    >>> confusion_counts(np.array([0, 0, 1]), np.array([0, 1, 1]), 2).tolist()
    [[1, 1], [0, 1]]
    """
    offset = 0 if units is None else units * classes**2
    cells = np.bincount(
        offset + labels * classes + predicted_classes, minlength=(count or 1) * classes**2
    )
    return cells.reshape((classes, classes) if units is None else (count, classes, classes))


def unit_counts(labels, predictions, units=None, count=None):
    """Counts, for each action unit, the frames that the F1 is computed from.

    Args:
        labels: Numbers `[frames, action units]`: at least 0.5 where present, NaN where unknown.
        predictions: Probabilities of the same shape; at least 0.5 is predicted.
        units, count: See `sums`.

    Returns:
        Float64 `[action units, 4]`: frames that are predicted and labelled, labelled, predicted,
        and known; with `units`, `[count, action units, 4]`.

    Example:

    >>> unit_counts([[1.0], [0.0], [float("nan")]], [[0.9], [0.8], [0.7]]).tolist()
    [[1.0, 1.0, 2.0, 2.0]]
    """
    labels, predictions = np.asarray(labels, np.float64), np.asarray(predictions, np.float64)
    known, labelled = np.isfinite(labels), labels >= 0.5
    predicted = (predictions >= 0.5) & known
    terms = np.stack([labelled & predicted, labelled, predicted, known], axis=-1)
    if units is None:
        return terms.sum(axis=0).astype(np.float64)
    total = np.zeros((count, *terms.shape[1:]))
    np.add.at(total, units, terms)
    return total


def _checked(labels, predictions):
    """Returns both as float64 `[dims, frames]`."""
    labels, predictions = np.asarray(labels, np.float64), np.asarray(predictions, np.float64)
    same = labels.shape == predictions.shape and labels.ndim in (1, 2) and labels.size
    if not same or not (np.isfinite(labels).all() and np.isfinite(predictions).all()):
        raise ValueError(
            "Labels and predictions must be finite, of one shape [frames] or [frames, dims], with "
            f"at least one frame. Received: shapes {labels.shape} and {predictions.shape}, not "
            f"finite: {int((~np.isfinite(labels)).sum())} and "
            f"{int((~np.isfinite(predictions)).sum())}. Leave out frames that do not count."
        )
    frames = len(labels)
    return tuple(np.ascontiguousarray(v.reshape(frames, -1).T) for v in (labels, predictions))


def _sums(t, p, centre, units, count):
    """Returns the terms of one dimension: `[terms]`, or `[units, terms]`."""
    errors, agreements = p - t, np.sign(t) == np.sign(p)
    t, p = t - t.mean(), p - centre
    if units is None:
        return np.array(
            [len(t), t.sum(), p.sum(), t @ t, p @ p, t @ p, errors @ errors, agreements.sum()]
        )
    terms = (np.ones(len(t)), t, p, t * t, p * p, t * p, errors * errors, agreements)
    return np.stack([np.bincount(units, term, count) for term in terms], axis=-1)


def _moments(total):
    """Returns both variances and the covariance; all 0 where labels or predictions are constant."""
    t, p, tt, pp, tp = np.moveaxis(total[..., 1:6], -1, 0) / total[..., 0]
    var_t, var_p, cov = tt - t * t, pp - p * p, tp - t * p
    varied = (var_t > _ROUNDING * tt) & (var_p > _ROUNDING * pp)
    return np.where(varied, var_t, 0), np.where(varied, var_p, 0), np.where(varied, cov, 0)


def _mse(total):
    return total[..., TERMS.index("squared errors")] / total[..., 0]


def _ccc(total):
    _, _, cov = _moments(total)
    # The denominator is 2 cov + MSE: the mean squared error includes the distance of the means.
    return _ratio(2 * cov, 2 * cov + _mse(total))


def _pearson(total):
    var_t, var_p, cov = _moments(total)
    return _ratio(cov, np.sqrt(var_t) * np.sqrt(var_p))


def _sagr(total):
    return total[..., TERMS.index("agreements")] / total[..., 0]


def _ratio(numerator, denominator):
    """Returns the quotient clipped to [-1, 1], 0 where the numerator is 0."""
    nonzero = numerator != 0
    return np.clip(np.where(nonzero, numerator / np.where(nonzero, denominator, 1), 0), -1, 1)


def accuracy(counts):
    """Computes the share of correctly classified frames.

    Args:
        counts: Counts `[..., classes, classes]` of `confusion_counts`, rows labels.

    Returns:
        Float64 `[...]` in [0, 1].

    Example:

    >>> import numpy as np
    >>> float(accuracy(np.array([[3, 1], [0, 4]])))
    0.875
    """
    return np.trace(counts, axis1=-2, axis2=-1) / counts.sum(axis=(-2, -1))


def macro_f1(counts):
    """Computes the unweighted mean F1 over the classes that occur as labels.

    Args:
        counts: Counts `[..., classes, classes]` of `confusion_counts`, rows labels.

    Returns:
        Float64 `[...]` in [0, 1]. A class that occurs and is never predicted has an F1 of 0.

    Example:

    >>> import numpy as np
    >>> round(float(macro_f1(np.array([[3, 1], [0, 4]]))), 3)
    0.873
    """
    hits = np.diagonal(counts, axis1=-2, axis2=-1)
    label_counts, prediction_counts = counts.sum(axis=-1), counts.sum(axis=-2)
    f1 = 2 * hits / np.maximum(label_counts + prediction_counts, 1)
    occurs = label_counts > 0
    return (f1 * occurs).sum(axis=-1) / occurs.sum(axis=-1)


def unit_f1(counts):
    """Computes the F1 of each action unit.

    Args:
        counts: Counts `[..., action units, 4]` of `unit_counts`.

    Returns:
        Float64 `[..., action units]` in [0, 1]; 0 for a unit without a label.

    Example:

    >>> float(unit_f1(unit_counts([[1.0], [0.0]], [[0.9], [0.8]]))[0].round(3))
    0.667
    """
    hits, labelled, predicted = np.moveaxis(counts[..., :3], -1, 0)
    return 2 * hits / np.maximum(labelled + predicted, 1)


def mean_of_units(values, counts):
    """Computes the mean over the action units that occur as labels.

    Args:
        values: Numbers `[..., action units]`.
        counts: Counts `[..., action units, 4]` of `unit_counts`.

    Returns:
        Float64 `[...]`; 0 if no unit occurs.
    """
    occurs = counts[..., 1] > 0
    return (values * occurs).sum(axis=-1) / np.maximum(occurs.sum(axis=-1), 1)


# Measures by name: functions of `sums`, of `confusion_counts`, and of `unit_counts`.
MEASURES = {
    "CCC": _ccc,
    "Pearson": _pearson,
    "MSE": _mse,
    "RMSE": lambda total: np.sqrt(_mse(total)),
    "SAGR": _sagr,
}
CLASS_MEASURES = {"accuracy": accuracy, "F1": macro_f1}
UNIT_MEASURES = {"F1": unit_f1}


def main_measure(task):
    """Returns the measure that intervals and comparisons use for a task.

    Args:
        task: One of `tasks.TASKS`.

    Example:

    >>> main_measure("expression"), main_measure("valence"), main_measure("action_units")
    ('accuracy', 'CCC', 'F1')
    """
    if task == "expression":
        return "accuracy"
    return "CCC" if label_field(task) == "valence_arousal" else "F1"

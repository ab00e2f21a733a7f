"""The numbers that predictions are judged by, exact in double precision.

Everything follows from sums over frames, so that the numbers of any union of videos can be had
from the sums of each (see `resampling`). Moments are population moments (ddof 0).
"""

import numpy as np

# What `sums` adds up, along its last axis: of centred labels t and predictions p, of the errors
# p - t, and of the frames whose signs agree.
TERMS = ("frames", "t", "p", "t * t", "p * p", "t * p", "squared errors", "agreements")

# A variance below this share of the mean square is rounding noise of a constant.
_ROUNDING = 1e-10


def ccc(labels, predictions):
    """Concordance correlation coefficient.

    Formula: `2 cov / (var_labels + var_predictions + (mean_labels - mean_predictions)**2)`.

    Args:
        labels: `[frames]` or `[frames, dims]`, finite, in any unit.
        predictions: same shape.

    Returns:
        float64, `[]` or `[dims]`, in [-1, 1]; 0 where labels or predictions are constant.

    Raises:
        ValueError: if the shapes differ, there is no frame, or a number is not finite.

    References: paper B eq. 2; Lin (1989).
    """
    return MEASURES["CCC"](sums(labels, predictions))


def pearson(labels, predictions):
    """Pearson's correlation coefficient; arguments, errors and constants as for `ccc`."""
    return MEASURES["Pearson"](sums(labels, predictions))


def mse(labels, predictions):
    """Mean squared error, at least 0; arguments and errors as for `ccc`."""
    return MEASURES["MSE"](sums(labels, predictions))


def rmse(labels, predictions):
    """Root of the mean squared error, at least 0; arguments and errors as for `ccc`."""
    return MEASURES["RMSE"](sums(labels, predictions))


def sagr(labels, predictions):
    """Sign agreement: the share of frames whose label and prediction have the same sign.

    Zero is a sign of its own (`numpy.sign`): it agrees with zero only. So the number stays the
    same when all signs are turned, which it would not if zero counted as positive.

    Returns:
        float64, `[]` or `[dims]`, in [0, 1]; arguments and errors as for `ccc`.

    References: Nicolaou, Gunes and Pantic (2011).
    """
    return MEASURES["SAGR"](sums(labels, predictions))


def sums(labels, predictions, units=None, count=None, centre=None):
    """Sums over frames, from which all of `MEASURES` follow.

    Labels and predictions are centred first, so that large offsets cost no digits.

    Args:
        labels, predictions: see `ccc`.
        units: `None` for one sum over all frames, or integers `[frames]` from 0 to `count - 1`:
            the video of each.
        count: number of units.
        centre: what is subtracted from predictions, `[]` or `[dims]`. Default: their mean, as for
            labels. Sums can only be added up if their centres are the same.

    Returns:
        float64 `[8]` or `[dims, 8]`, in the order of `TERMS`; with `units` `[count, ...]` of it,
        which may be added up over units.
    """
    t, p = _checked(labels, predictions)
    centre = p.mean(axis=1) if centre is None else np.atleast_1d(centre)
    total = [_sums(*one, units, count) for one in zip(t, p, centre, strict=True)]
    total = np.stack(total, axis=-2)  # [..., dims, terms]
    return total if np.ndim(labels) == 2 else total[..., 0, :]


def confusions(labels, chosen, classes, units=None, count=None):
    """How often each class was chosen for each label.

    Args:
        labels, chosen: integers `[frames]` from 0 to `classes - 1`.
        classes: their number.
        units, count: see `sums`.

    Returns:
        int64 `[classes, classes]`, rows labels, columns predictions; with `units` `[count, ...]`
        of it.
    """
    first = 0 if units is None else units * classes**2
    cells = np.bincount(first + labels * classes + chosen, minlength=(count or 1) * classes**2)
    return cells.reshape((classes, classes) if units is None else (count, classes, classes))


def _checked(labels, predictions):
    """Both as float64 `[dims, frames]`."""
    labels, predictions = np.asarray(labels, np.float64), np.asarray(predictions, np.float64)
    same = labels.shape == predictions.shape and labels.ndim in (1, 2) and labels.size
    if not same or not (np.isfinite(labels).all() and np.isfinite(predictions).all()):
        raise ValueError(
            "Labels and predictions must be finite, of one shape [frames] or [frames, dims], with "
            f"at least one frame. Received: shapes {labels.shape} and {predictions.shape}, of "
            f"which not finite: {int((~np.isfinite(labels)).sum())} and "
            f"{int((~np.isfinite(predictions)).sum())}. Leave out frames that do not count."
        )
    frames = len(labels)
    return tuple(np.ascontiguousarray(v.reshape(frames, -1).T) for v in (labels, predictions))


def _sums(t, p, centre, units, count):
    """The terms of one dimension, `[frames]` to `[terms]` or `[units, terms]`."""
    errors, agreements = p - t, np.sign(t) == np.sign(p)
    t, p = t - t.mean(), p - centre
    if units is None:
        return np.array(
            [len(t), t.sum(), p.sum(), t @ t, p @ p, t @ p, errors @ errors, agreements.sum()]
        )
    terms = (np.ones(len(t)), t, p, t * t, p * p, t * p, errors * errors, agreements)
    return np.stack([np.bincount(units, term, count) for term in terms], axis=-1)


def _moments(total):
    """Variances of labels and predictions and their covariance; 0 where one is constant."""
    t, p, tt, pp, tp = np.moveaxis(total[..., 1:6], -1, 0) / total[..., 0]
    var_t, var_p, cov = tt - t * t, pp - p * p, tp - t * p
    varied = (var_t > _ROUNDING * tt) & (var_p > _ROUNDING * pp)
    return np.where(varied, var_t, 0), np.where(varied, var_p, 0), np.where(varied, cov, 0)


def _mse(total):
    return total[..., TERMS.index("squared errors")] / total[..., 0]


def _ccc(total):
    _, _, cov = _moments(total)
    # The denominator is 2 cov + MSE: the mean squared error holds the distance of the means.
    return _ratio(2 * cov, 2 * cov + _mse(total))


def _pearson(total):
    var_t, var_p, cov = _moments(total)
    return _ratio(cov, np.sqrt(var_t) * np.sqrt(var_p))


def _sagr(total):
    return total[..., TERMS.index("agreements")] / total[..., 0]


def _ratio(numerator, denominator):
    """Their ratio within [-1, 1], 0 where the numerator is 0."""
    some = numerator != 0
    return np.clip(np.where(some, numerator / np.where(some, denominator, 1), 0), -1, 1)


def accuracy(counts):
    """Share of the frames on the diagonal of confusions `[..., classes, classes]`, `[...]`."""
    return np.trace(counts, axis1=-2, axis2=-1) / counts.sum(axis=(-2, -1))


def macro_f1(counts):
    """Unweighted mean F1 over the classes that occur as labels.

    Args:
        counts: confusions `[..., classes, classes]`, rows labels.

    Returns:
        float64 `[...]` in [0, 1]; a class that occurs and is never chosen has an F1 of 0.
    """
    hits = np.diagonal(counts, axis1=-2, axis2=-1)
    of_label, of_choice = counts.sum(axis=-1), counts.sum(axis=-2)
    f1 = 2 * hits / np.maximum(of_label + of_choice, 1)
    occurs = of_label > 0
    return (f1 * occurs).sum(axis=-1) / occurs.sum(axis=-1)


# Functions of `sums` and of `confusions`.
MEASURES = {
    "CCC": _ccc,
    "Pearson": _pearson,
    "MSE": _mse,
    "RMSE": lambda total: np.sqrt(_mse(total)),
    "SAGR": _sagr,
}
CLASS_MEASURES = {"accuracy": accuracy, "F1": macro_f1}

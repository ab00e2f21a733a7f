"""Decision-level fusion: the mean of several models, weighted by their validation CCC."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from kollias_affect.evaluation.predictions import from_table
from kollias_affect.tasks import DIMENSIONS


def decision_fusion(predictions, validation_ccc):
    """Fuses models by the mean of their outputs, weighted by their validation CCC.

    Formula, per affect dimension: `sum_n t_n o_n / sum_n t_n`. `t_n` is the validation CCC of model
    n for that dimension, or 0 where it is negative.

    A frame that is NaN in some models is the weighted mean of the others. It stays NaN where no
    model with a weight above 0 has it.

    Args:
        predictions: One entry per model, in a list or in a dict by the names of the models. All
            entries have one type: dicts from clip key to `[frames, dims]` as `predict` returns
            them (or tables of their rows, see `to_table`), tables of `aggregate`, or arrays
            `[..., dims]` with the same rows.
        validation_ccc: CCC in [-1, 1], `[models, dims]` in the order of the list, or a dict from
            the same names to `[dims]`.

    Returns:
        The type of the entries, float64; a dict for tables of rows.

    Raises:
        ValueError: If no model has a CCC above 0 for a dimension, a CCC is not a number in
            [-1, 1], the models differ in clips, frames or outputs, or an output is infinite.

    Example:

    >>> import numpy as np
    >>> first, second = np.array([[0.2, 0.8]]), np.array([[0.6, 0.2]])
    >>> decision_fusion([first, second], [[0.5, 0.1], [0.25, 0.3]]).round(2).tolist()
    [[0.33, 0.35]]

    References: Paper B, section 5.4.2, eq. 1.
    """
    names, models, ccc = _models(predictions, validation_ccc)
    weights = _weights(names, ccc)
    models = [from_table(model) if _has_frames(model) else model for model in models]
    tables = [isinstance(model, pd.DataFrame) for model in models]
    mappings = [isinstance(model, Mapping) for model in models]
    if all(tables):
        return _fuse_tables(models, weights)
    if all(mappings):
        _refuse_differences("clips", [sorted(model) for model in models])
        return {key: _mean([m[key] for m in models], weights, f" of {key!r}") for key in models[0]}
    if any(tables) or any(mappings):
        raise ValueError(
            "The predictions of all models must have one type. Received: "
            f"{[type(model).__name__ for model in models]}. Convert them first."
        )
    return _mean(models, weights)


def _models(predictions, validation_ccc):
    """Returns names of the models, their predictions, and their CCC `[models, dims]`."""
    by_name = isinstance(predictions, Mapping)
    if by_name != isinstance(validation_ccc, Mapping):
        raise ValueError(
            "Models and their CCC are paired by name if both are dicts, and by position if neither "
            f"is. Received: {type(predictions).__name__} and {type(validation_ccc).__name__}. Pass "
            "two dicts or two lists."
        )
    if by_name:
        _refuse_differences("models", [sorted(predictions), sorted(validation_ccc)])
        names = list(predictions)
        validation_ccc = [validation_ccc[name] for name in names]
        models = list(predictions.values())
    else:
        models = [] if isinstance(predictions, pd.DataFrame) else list(predictions)
        names = [f"model {i}" for i in range(len(models))]
    if not models:
        raise ValueError(
            "`predictions` must have one entry per model. Received: "
            f"{type(predictions).__name__} without such entries. Pass a list, or a dict by name."
        )
    return names, models, _coefficients(validation_ccc, len(names))


def _coefficients(values, models):
    try:
        ccc = np.asarray(values, np.float64)
    except (TypeError, ValueError):  # rows of different lengths, or not numbers
        ccc = np.array(np.nan)
    if ccc.ndim != 2 or len(ccc) != models or not (np.abs(ccc) <= 1).all():  # false for NaN
        raise ValueError(
            "`validation_ccc` must have one CCC in [-1, 1] per model and dimension, shape "
            f"[{models}, dims]. Received: {values!r}. Pass those of the validation set."
        )
    return ccc


def _weights(names, ccc):
    """Returns the CCC with 0 for negative values; refuses dimensions without a positive one."""
    for i, column in enumerate(ccc.T):
        if (column <= 0).all():
            dimension = DIMENSIONS[i] if ccc.shape[1] == 2 else f"output {i}"
            values = dict(zip(names, column.tolist(), strict=True))
            raise ValueError(
                "At least one model must have a validation CCC above 0; otherwise all weights are "
                f"0. Received for {dimension}: {values}. Leave that dimension out, or train better "
                "models."
            )
    return np.maximum(ccc, 0)


def _has_frames(model):
    return isinstance(model, pd.DataFrame) and "frame" in model.columns


def _refuse_differences(what, sides):
    """Raises `ValueError` if lists of keys or names differ."""
    for side in sides[1:]:
        if side != sides[0]:
            differing = sorted(set(map(str, side)) ^ set(map(str, sides[0])))
            raise ValueError(
                f"The {what} must be the same everywhere. Received: {differing[:5]} in some places "
                f"only ({len(differing)}). Predict and score the same {what}."
            )


def _mean(models, weights, place=""):
    """Returns the mean over the models that are not NaN, with weights `[models, dims]`."""
    models = [np.asarray(model, np.float64) for model in models]
    shapes = {model.shape for model in models}
    fits = len(shapes) == 1 and models[0].ndim and models[0].shape[-1] == weights.shape[1]
    if not fits or any(np.isinf(model).any() for model in models):
        raise ValueError(
            f"The outputs{place} must have one shape [..., {weights.shape[1]}], with a column for "
            "each CCC of a model, and be finite or NaN. Received: shapes "
            f"{sorted(shapes)}, or infinity. Predict the same frames with each model."
        )
    values = np.stack(models)
    present = ~np.isnan(values)
    weights = weights.reshape(len(models), *[1] * (values.ndim - 2), -1) * present
    total = weights.sum(axis=0)
    summed = (weights * np.where(present, values, 0)).sum(axis=0)
    return np.divide(summed, total, out=np.full_like(summed, np.nan), where=total > 0)


def _fuse_tables(models, weights):
    """Fuses tables of `aggregate`; `frames` of a row is the largest of all models."""
    first = models[0]
    for table in models:
        _refuse_repeated(table)
    _refuse_differences("clips", [sorted(table.index) for table in models])
    _refuse_differences("columns", [sorted(table.columns) for table in models])
    models = [table.loc[first.index, first.columns] for table in models]
    names = [name for name in DIMENSIONS if name in first.columns]
    others = [table.drop(columns=[*names, "frames"], errors="ignore") for table in models]
    if not all(other.equals(others[0]) for other in others):
        raise ValueError(
            "The labels in the tables of all models must be the same. Received: different values "
            f"in {list(others[0].columns)}, because other frames have a face. Fuse the predictions "
            "per frame and aggregate the result."
        )
    fused = first.copy()
    fused[names] = _mean([table[names] for table in models], weights)
    if "frames" in fused:
        fused["frames"] = np.max([table["frames"] for table in models], axis=0)
    return fused


def _refuse_repeated(table):
    if table.index.has_duplicates:
        raise ValueError(
            "A table must have one row per clip. Received repeated keys: "
            f"{table.index[table.index.duplicated()].tolist()[:5]}. Create it with `aggregate`."
        )

"""Decision-level fusion: the outputs of several models, averaged by how well each validated."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from kollias_affect.evaluation.predictions import from_table
from kollias_affect.tasks import TASKS


def decision_fusion(predictions, validation_ccc):
    """Mean of the models' outputs per affect dimension, weighted by their validation CCC.

    Formula: `sum_n t_n o_n / sum_n t_n`, with `t_n` the validation CCC of model n for that
    dimension, or 0 where it is negative: such a model would only pull the mean the wrong way.

    A frame that is NaN in some models is the weighted mean of the others; it stays NaN where no
    model with a weight above 0 has it.

    Args:
        predictions: one entry per model, in a list or in a dict by the models' names. All entries
            are of one kind: dicts from clip key to `[frames, dims]` as `predict` returns them (or
            tables of their rows, see `to_table`), tables as `aggregate` returns them, or arrays
            `[..., dims]` whose rows are known to be the same.
        validation_ccc: CCC in [-1, 1], `[models, dims]` in the order of the list, or a dict from
            the same names to `[dims]`.

    Returns:
        the same kind as the entries, float64; a dict for tables of rows.

    Raises:
        ValueError: if no model has a CCC above 0 for a dimension, if a CCC is not a number in
            [-1, 1], if the models differ in clips, frames or outputs, or if an output is infinite.

    References: paper B §5.4.2, eq. 1.
    """
    names, models, ccc = _models(predictions, validation_ccc)
    weights = _weights(names, ccc)
    models = [from_table(model) if _has_rows(model) else model for model in models]
    tables = [isinstance(model, pd.DataFrame) for model in models]
    mappings = [isinstance(model, Mapping) for model in models]
    if all(tables):
        return _fuse_tables(models, weights)
    if all(mappings):
        _same("clips", [sorted(model) for model in models])
        return {key: _mean([m[key] for m in models], weights, f" of {key!r}") for key in models[0]}
    if any(tables) or any(mappings):
        raise ValueError(
            "The predictions of all models must be of one kind. Received: "
            f"{[type(model).__name__ for model in models]}. Bring them to one form first."
        )
    return _mean(models, weights)


def _models(predictions, validation_ccc):
    """Names (or numbers) of the models, their predictions, and their CCC `[models, dims]`."""
    named = isinstance(predictions, Mapping)
    if named != isinstance(validation_ccc, Mapping):
        raise ValueError(
            "Models and their CCC are paired by name if both are dicts, and by position if neither "
            f"is. Received: {type(predictions).__name__} and {type(validation_ccc).__name__}. Give "
            "both in the same way."
        )
    if named:
        _same("models", [sorted(predictions), sorted(validation_ccc)])
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
    except (TypeError, ValueError):  # rows of different lengths, or no numbers
        ccc = np.array(np.nan)
    if ccc.ndim != 2 or len(ccc) != models or not (np.abs(ccc) <= 1).all():  # False for NaN
        raise ValueError(
            "`validation_ccc` must have one CCC in [-1, 1] per model and dimension, shape "
            f"[{models}, dims]. Received: {values!r}. Take those of the validation set."
        )
    return ccc


def _weights(names, ccc):
    """`ccc` without its negative values; refuses dimensions on which no model is of use."""
    for i, column in enumerate(ccc.T):
        if (column <= 0).all():
            dimension = ("valence", "arousal")[i] if ccc.shape[1] == 2 else f"output {i}"
            values = dict(zip(names, column.tolist(), strict=True))
            raise ValueError(
                "One model at least must have a validation CCC above 0, or no weight is left. "
                f"Received for {dimension}: {values}. Leave that dimension out, or train better "
                "models."
            )
    return np.maximum(ccc, 0)


def _has_rows(model):
    return isinstance(model, pd.DataFrame) and "frame" in model.columns


def _same(what, sides):
    """Refuses models that differ in what they are about."""
    for side in sides[1:]:
        if side != sides[0]:
            differing = sorted(set(map(str, side)) ^ set(map(str, sides[0])))
            raise ValueError(
                f"The {what} must be the same everywhere. Received: {differing[:5]} in some places "
                f"only ({len(differing)} such). Predict and score the same things with each model."
            )


def _mean(models, weights, place=""):
    """Mean over the models, weighted per dimension `[models, dims]`, of those that are not NaN."""
    models = [np.asarray(model, np.float64) for model in models]
    shapes = {model.shape for model in models}
    fit = len(shapes) == 1 and models[0].ndim and models[0].shape[-1] == weights.shape[1]
    if not fit or any(np.isinf(model).any() for model in models):
        raise ValueError(
            f"The outputs{place} must have one shape [..., {weights.shape[1]}], as many columns as "
            "there are CCC per model, and be numbers or NaN. Received: shapes "
            f"{sorted(shapes)}, or infinity. Predict the same frames with each model."
        )
    values = np.stack(models)
    present = ~np.isnan(values)
    weights = weights.reshape(len(models), *[1] * (values.ndim - 2), -1) * present
    total = weights.sum(axis=0)
    summed = (weights * np.where(present, values, 0)).sum(axis=0)
    return np.divide(summed, total, out=np.full_like(summed, np.nan), where=total > 0)


def _fuse_tables(models, weights):
    """Tables as `aggregate` returns them; a row has as many frames as the model with most."""
    first = models[0]
    for table in models:
        _refuse_repeated(table)
    _same("clips", [sorted(table.index) for table in models])
    _same("columns", [sorted(table.columns) for table in models])
    models = [table.loc[first.index, first.columns] for table in models]
    names = [name for name in TASKS["valence_arousal"][0] if name in first.columns]
    others = [table.drop(columns=[*names, "frames"], errors="ignore") for table in models]
    if not all(other.equals(others[0]) for other in others):
        raise ValueError(
            "The labels in the tables of all models must be the same. Received: different ones in "
            f"{list(others[0].columns)}, because other frames have a face. Fuse the predictions "
            "per frame, and aggregate then."
        )
    fused = first.copy()
    fused[names] = _mean([table[names] for table in models], weights)
    if "frames" in fused:
        fused["frames"] = np.max([table["frames"] for table in models], axis=0)
    return fused


def _refuse_repeated(table):
    if table.index.has_duplicates:
        raise ValueError(
            "A table has one row per clip, under its key. Received twice: "
            f"{table.index[table.index.duplicated()].tolist()[:5]}. Make it with `aggregate`."
        )

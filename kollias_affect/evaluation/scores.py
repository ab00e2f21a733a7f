"""Tables of scores, over all frames of the evaluated set."""

import numpy as np
import pandas as pd
from sklearn.metrics import precision_recall_fscore_support

from kollias_affect import metrics
from kollias_affect.evaluation.predictions import paired
from kollias_affect.models import TASKS


def scores(clips, predictions, task="valence_arousal"):
    """How well predictions agree with labels.

    The frames of all clips count as one set, population moments (ddof 0); frames that are not
    valid are left out. Where labels or predictions are constant the correlations are 0.

    Args:
        clips: list of `Clip` with the labels of the task.
        predictions: see `paired`.
        task: one of `models.TASKS`.

    Returns:
        `pandas.DataFrame`. For affect dimensions the columns are `CCC`, `Pearson`, `MSE` and
        `frames`, the rows the dimensions and, for two of them, `mean`. For expressions the
        columns are `precision`, `recall`, `F1`, `accuracy` and `frames`, the rows the classes
        and `all` (unweighted means over the classes that occur, and the accuracy).

    Raises:
        ValueError: if a clip has no labels, and as `paired` does.
    """
    names, _ = TASKS[task]
    kind = "expression" if task == "expression" else "valence_arousal"
    predictions = paired(clips, predictions)
    without = [clip.key for clip in clips if getattr(clip, kind) is None]
    if without:
        raise ValueError(
            f"Scores need labels of {task}. Received clips without: {without[:5]}. Load the clips "
            "with their labels."
        )
    valid = np.concatenate([clip.valid for clip in clips])
    if not valid.any():
        raise ValueError(
            "Scores need at least one valid frame. Received: none. Check that faces were found and "
            "labels are marked as valid."
        )
    labels = np.concatenate([getattr(clip, kind) for clip in clips])[valid]
    values = np.concatenate(predictions)[valid]
    if task == "expression":
        return _of_classes(names, labels, values.argmax(axis=1))
    columns = [("valence", "arousal").index(name) for name in names]
    return _of_dimensions(names, labels[:, columns], values)


def _of_dimensions(names, labels, values):
    total, mean_true, mean_pred, var_true, var_pred, cov = map(
        np.asarray, metrics.moments(labels, values)
    )
    spread = np.sqrt(np.maximum(var_true * var_pred, 0))
    table = pd.DataFrame(
        {
            "CCC": np.asarray(metrics.ccc(labels, values)),
            "Pearson": np.divide(cov, spread, out=np.zeros_like(cov), where=spread > 1e-12),
            "MSE": var_true + var_pred - 2 * cov + (mean_true - mean_pred) ** 2,
            "frames": total.astype(int),
        },
        index=list(names),
    )
    if len(names) > 1:
        table.loc["mean"] = table.mean()
        table["frames"] = table["frames"].astype(int)
    return table


def _of_classes(names, labels, chosen):
    precision, recall, f1, frames = precision_recall_fscore_support(
        labels, chosen, labels=range(len(names)), zero_division=0
    )
    table = pd.DataFrame(
        {"precision": precision, "recall": recall, "F1": f1, "accuracy": np.nan, "frames": frames},
        index=list(names),
        dtype=float,
    )
    table.loc["all"] = table[table["frames"] > 0].mean()
    table.loc["all", ["accuracy", "frames"]] = (labels == chosen).mean(), len(labels)
    return table.astype({"frames": int})

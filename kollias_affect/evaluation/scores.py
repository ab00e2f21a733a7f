"""Tables of scores, over all frames of the evaluated set."""

import numpy as np
import pandas as pd

from kollias_affect import metrics
from kollias_affect.models import TASKS


def scores(clips, predictions, task="valence_arousal"):
    """CCC, Pearson correlation and mean squared error per dimension, and their means.

    The frames of all clips count as one set, population moments (ddof 0); frames that are not
    valid are left out. Where labels or predictions are constant the correlations are 0.

    Args:
        clips: list of `Clip` with `valence_arousal`.
        predictions: list of `[frames, dims]`, as `predict` returns them.
        task: `"valence_arousal"`, `"valence"` or `"arousal"`.

    Returns:
        `pandas.DataFrame` with the columns `CCC`, `Pearson`, `MSE`, `frames`; the rows are the
        dimensions and, for both of them, `mean`.

    Raises:
        ValueError: if a clip has no labels, or predictions of another length.
    """
    names, _ = TASKS[task]
    columns = [("valence", "arousal").index(name) for name in names]
    for clip, values in zip(clips, predictions, strict=True):
        if clip.valence_arousal is None or len(values) != len(clip):
            raise ValueError(
                "Scores need labels and one prediction per frame. Received: "
                f"{clip!r} and {len(values)} predictions. Load the clips with their labels."
            )
    valid = np.concatenate([clip.valid for clip in clips])
    labels = np.concatenate([clip.valence_arousal[:, columns] for clip in clips])[valid]
    values = np.concatenate(predictions)[valid].astype(np.float64)
    total, mean_true, mean_pred, var_true, var_pred, cov = np.asarray(
        metrics.moments(labels, values)
    )
    spread = np.sqrt(var_true * var_pred)
    table = pd.DataFrame(
        {
            "CCC": np.asarray(metrics.ccc(labels, values)),
            "Pearson": np.divide(cov, spread, out=np.zeros_like(cov), where=spread > 0),
            "MSE": (var_true + var_pred - 2 * cov) / np.maximum(total, 1)
            + (mean_true - mean_pred) ** 2,
            "frames": total.astype(int),
        },
        index=list(names),
    )
    if len(names) > 1:
        table.loc["mean"] = table.mean()
        table["frames"] = table["frames"].astype(int)
    return table

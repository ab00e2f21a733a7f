"""Tables of scores, over all frames of the evaluated set."""

import numpy as np
import pandas as pd
from sklearn.metrics import precision_recall_fscore_support

from kollias_affect.evaluation import measures
from kollias_affect.evaluation.counted import counted


def scores(clips, predictions, task="valence_arousal", per_video=False, video_of=None):
    """How well predictions agree with labels.

    The frames of all clips count as one set, population moments (ddof 0); frames that are not
    valid are left out. Where labels or predictions are constant the correlations are 0.

    Args:
        clips: list of `Clip` with the labels of the task.
        predictions: see `paired`; or a table of `aggregate`, to score its sequences, utterances
            or videos.
        task: one of `tasks.TASKS`.
        per_video: a table with one row per video instead, each scored on its own.
        video_of: function from a clip to the name of its video. Default: `videos.video_of`.

    Returns:
        `pandas.DataFrame`. For affect dimensions the columns are `CCC`, `Pearson`, `MSE`, `RMSE`,
        `SAGR` and `frames`, the rows the dimensions and, for two of them, `mean` (of the two
        rows, also of RMSE). For expressions the columns are `precision`, `recall` (which is the
        accuracy of a class), `F1`, `accuracy` and `frames`; the rows are the classes, `all`
        (unweighted means over the classes that occur as labels) and `all seven` (over all
        classes, one that does not occur counts 0); the accuracy is over all frames.

        Of a table of `aggregate`, `frames` bears the name of its unit, and `left out` counts
        those without a prediction.

        With `per_video` a row per video: for affect dimensions the columns are `CCC valence`,
        `CCC arousal`, `CCC mean` and so on; for expressions those of the row `all`. A video of
        which nothing counts keeps its row, with 0 frames and no scores (NaN).

    Raises:
        ValueError: if a clip has no labels, a valid frame no finite prediction, nothing counts,
            and as `paired` does.
    """
    found = counted(clips, predictions, task, video_of)
    if per_video:
        return _per_video(found)
    table = _table(found)
    if found.unit != "frames":
        table["left out"] = found.left_out
    return table


def confusion(clips, predictions):
    """How often each expression was predicted for each label.

    Args:
        clips: list of `Clip` with `expression`.
        predictions: see `scores`.

    Returns:
        `pandas.DataFrame` of integers, rows labels, columns predictions, both `EXPRESSIONS`.

    Raises:
        ValueError: as `scores` does.
    """
    found = counted(clips, predictions, "expression")
    counts = measures.confusions(found.labels, found.chosen, len(found.names))
    index = pd.Index(found.names, name="label")
    return pd.DataFrame(counts, index, pd.Index(found.names, name="prediction"))


def _table(found):
    return _of_classes(found) if found.labels.ndim == 1 else _of_dimensions(found)


def _of_dimensions(found):
    total = measures.sums(found.labels, found.predictions)
    columns = {name: measure(total) for name, measure in measures.MEASURES.items()}
    table = pd.DataFrame(columns, index=list(found.names))
    if len(found.names) > 1:
        table.loc["mean"] = table.mean()
    table[found.unit] = len(found.labels)
    return table


def _of_classes(found):
    names, chosen = list(found.names), found.chosen
    precision, recall, f1, support = precision_recall_fscore_support(
        found.labels, chosen, labels=range(len(names)), zero_division=0
    )
    table = pd.DataFrame({"precision": precision, "recall": recall, "F1": f1}, index=names)
    means = {"all": table[support > 0].mean(), "all seven": table.mean()}
    table = pd.concat([table, pd.DataFrame(means).T])
    table["accuracy"] = [np.nan] * len(names) + [(found.labels == chosen).mean()] * len(means)
    table[found.unit] = [*support, *[len(chosen)] * len(means)]
    return table


def _per_video(found):
    order = np.argsort(found.videos, kind="stable")
    counts = np.bincount(found.videos, minlength=len(found.video_names))
    parts = np.split(order, np.cumsum(counts)[:-1])
    rows = [_flat(_table(found.only(part)), found.unit) if len(part) else {} for part in parts]
    table = pd.DataFrame(rows, pd.Index(found.video_names, name="video"))
    table[found.unit] = counts
    return table


def _flat(table, unit):
    """A table of scores as one row, by column name."""
    if "all" in table.index:
        return table.loc["all"].to_dict()
    columns = table.columns.drop(unit)
    return {f"{column} {row}": table.at[row, column] for column in columns for row in table.index}

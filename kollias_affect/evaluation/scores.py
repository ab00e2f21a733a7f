"""Tables of scores over all frames of the evaluated set."""

import numpy as np
import pandas as pd

from kollias_affect.evaluation import measures
from kollias_affect.evaluation.scored_rows import scored_rows
from kollias_affect.tasks import label_field


def scores(
    clips,
    predictions,
    task="valence_arousal",
    per_video=False,
    video_of=None,
    significance=False,
):
    """Scores predictions against labels.

    All valid frames of all clips are one set, with population moments (ddof 0). Correlations are 0
    where labels or predictions are constant.

    Args:
        clips: List of `Clip` with labels of the task.
        predictions: See `paired`; or a table of `aggregate`, whose sequences, utterances or videos
            are scored instead of frames.
        task: One of `tasks.TASKS`.
        per_video: Whether every video is scored alone, in a row of its own.
        video_of: Function from a clip to the name of its video. Default: `videos.video_of`.
        significance: Whether to add `p-value`, for valence and arousal: the probability of a
            Pearson correlation at least as large if labels and predictions were independent and
            so were the rows. Frames of one video are not: their p-values are far too small. Those
            of utterances are nearly right; `confidence_intervals(measure="Pearson")` needs
            neither assumption within videos.

    Returns:
        `pandas.DataFrame`. For affect dimensions the columns are `CCC`, `Pearson`, `MSE`, `RMSE`,
        `SAGR` and `frames`; the rows are the dimensions and, for two of them, `mean` (the mean of
        both rows, also for RMSE). For expressions the columns are `precision`, `recall` (the
        accuracy of a class), `F1`, `accuracy` and `frames`; the rows are the classes, `all`
        (unweighted means over the classes that occur as labels) and `all seven` (over all classes;
        one that does not occur counts 0; `all eight` for eight classes). The accuracy is computed
        over all frames. For action units the columns are the same; the rows are the units and
        `mean` (over the units that occur as labels), and `frames` are those with a known label.

        For a table of `aggregate`, the column `frames` is named after the unit, and `left out`
        has the number of rows without a prediction.

        With `per_video` there is one row per video. For affect dimensions the columns are
        `CCC valence`, `CCC arousal`, `CCC mean` and so on; for expressions and action units they
        are those of the rows `all` and `mean`. A video without a frame that counts keeps its row,
        with 0 frames and NaN. A video with one frame or row has no correlation: `CCC` and `Pearson`
        are NaN.

    Raises:
        ValueError: If a clip has no labels, a valid frame has no finite prediction, nothing
            counts, `significance` is asked for expressions, and as `paired` does.

    Example:

    >>> from kollias_affect.clip import Clip
    >>> labels = [[0.1, 0.2], [0.5, 0.4], [0.9, 0.3]]
    >>> clip = Clip("a", ["1.png", "2.png", "3.png"], valence_arousal=labels)
    >>> scores([clip], {"a": clip.valence_arousal + 0.1})[["CCC", "MSE", "frames"]].round(2)
              CCC   MSE  frames
    valence  0.96  0.01       3
    arousal  0.57  0.01       3
    mean     0.76  0.01       3

    References: Paper B, eq. 2, and section 7.1 for p-values; paper C, eq. 1, 2 and 5.
    """
    if significance and label_field(task) != "valence_arousal":
        raise ValueError(
            "P-values are those of the correlation of valence or arousal. Received: "
            f"significance=True for {label_field(task).replace('_', ' ')}s. Leave it out."
        )
    rows = scored_rows(clips, predictions, task, video_of)
    if per_video:
        return _per_video(rows, significance)
    table = _table(rows, significance)
    if rows.unit != "frames":
        table["left out"] = rows.left_out
    return table


def confusion(clips, predictions, task="expression"):
    """Counts how often each expression is predicted for each label.

    Args:
        clips: List of `Clip` with `expression`.
        predictions: See `scores`.
        task: `"expression"` or `"expression_8"`.

    Returns:
        `pandas.DataFrame` of integers, rows labels, columns predictions, both the names of the
        task.

    Raises:
        ValueError: As `scores` does.

    Example:

    >>> import numpy as np
    >>> from kollias_affect.clip import Clip
    >>> clip = Clip("a", ["1.png", "2.png"], expression=[4, 4])
    >>> counts = confusion([clip], {"a": np.eye(7)[[4, 0]]})
    >>> counts.loc["happiness", ["neutral", "happiness"]].tolist()
    [1, 1]
    """
    rows = scored_rows(clips, predictions, task)
    counts = measures.confusion_counts(rows.labels, rows.predicted_classes, len(rows.names))
    index = pd.Index(rows.names, name="label")
    return pd.DataFrame(counts, index, pd.Index(rows.names, name="prediction"))


def _table(rows, significance):
    if rows.kind == "classes":
        return _class_scores(rows)
    if rows.kind == "units":
        return _unit_scores(rows)
    return _dimension_scores(rows, significance)


def _dimension_scores(rows, significance):
    total = measures.sums(rows.labels, rows.predictions)
    columns = {name: measure(total) for name, measure in measures.MEASURES.items()}
    table = pd.DataFrame(columns, index=list(rows.names))
    if len(rows.names) > 1:
        table.loc["mean"] = table.mean()
    if significance:
        p_values = dict(zip(rows.names, _p_values(rows), strict=True))
        table["p-value"] = [p_values.get(name, np.nan) for name in table.index]
    table[rows.unit] = len(rows.labels)
    return table


def _p_values(rows):
    """Returns the two-sided p-values of the correlations; NaN where there is no correlation."""
    from scipy import stats

    correlations = measures.pearson(rows.labels, rows.predictions)
    defined = (correlations != 0) & (len(rows.labels) > 2)
    columns = zip(rows.labels.T, rows.predictions.T, defined, strict=True)
    return [stats.pearsonr(t, p).pvalue if use else np.nan for t, p, use in columns]


def _class_scores(rows):
    from sklearn.metrics import precision_recall_fscore_support

    names, predicted = list(rows.names), rows.predicted_classes
    precision, recall, f1, support = precision_recall_fscore_support(
        rows.labels, predicted, labels=range(len(names)), zero_division=0
    )
    table = pd.DataFrame({"precision": precision, "recall": recall, "F1": f1}, index=names)
    every = {7: "all seven", 8: "all eight"}[len(names)]
    means = {"all": table[support > 0].mean(), every: table.mean()}
    table = pd.concat([table, pd.DataFrame(means).T])
    accuracy = (rows.labels == predicted).mean()
    table["accuracy"] = [np.nan] * len(names) + [accuracy] * len(means)
    table[rows.unit] = [*support, *[len(predicted)] * len(means)]
    return table


def _unit_scores(rows):
    counts = measures.unit_counts(rows.labels, rows.predictions)
    hits, labelled, predicted, known = counts.T
    errors = labelled + predicted - 2 * hits
    columns = {
        "precision": hits / np.maximum(predicted, 1),
        "recall": hits / np.maximum(labelled, 1),
        "F1": measures.unit_f1(counts),
        "accuracy": np.where(known > 0, 1 - errors / np.maximum(known, 1), np.nan),
    }
    table = pd.DataFrame(columns, index=list(rows.names))
    table.loc["mean"] = [measures.mean_of_units(v, counts) for v in columns.values()]
    table[rows.unit] = [*known.astype(int), len(rows.labels)]
    return table


def _per_video(rows, significance):
    order = np.argsort(rows.videos, kind="stable")
    counts = np.bincount(rows.videos, minlength=len(rows.video_names))
    parts = np.split(order, np.cumsum(counts)[:-1])
    lines = [
        one_row(_table(rows.subset(part), significance), rows.unit) if len(part) else {}
        for part in parts
    ]
    table = pd.DataFrame(lines, pd.Index(rows.video_names, name="video"))
    correlations = [name for name in table if name.startswith(("CCC ", "Pearson "))]
    table.loc[counts == 1, correlations] = np.nan
    table[rows.unit] = counts
    return table


def one_row(table, unit):
    """Returns a table of `scores` as a dict from column name to value, such as `CCC valence`.

    Args:
        table: `pandas.DataFrame`.
        unit: Name of its column of counts, which is left out for affect dimensions.
    """
    if "F1" in table:
        return table.loc["all" if "all" in table.index else "mean"].to_dict()
    columns = table.columns.drop(unit)
    line = {f"{column} {row}": table.at[row, column] for column in columns for row in table.index}
    line.pop("p-value mean", None)  # a mean of correlations has none
    return line


def count_single(per_video):
    """Returns the number of videos in a table of `scores` that have no correlation: one value.

    Args:
        per_video: Table of `scores` with `per_video`, of one task or several.

    Example:

    >>> count_single(pd.DataFrame({"CCC valence": [0.5, np.nan], "frames": [9, 1]}))
    1
    """
    units = ("frames", "sequences", "utterances", "videos")
    counts = per_video[[name for name in per_video if str(name).split(" ")[-1] in units]]
    correlations = per_video[[name for name in per_video if "CCC " in str(name)]]
    return int(((counts == 1).any(axis=1) & correlations.isna().any(axis=1)).sum())

"""The report over the stages of a fine-tuning: tables, confusion matrices, distributions."""

import numpy as np
import pandas as pd

from kollias_affect import _files
from kollias_affect.evaluation import plots
from kollias_affect.evaluation.costs import cost_sensitive_accuracy
from kollias_affect.evaluation.tables import write_table
from kollias_affect.tasks import EXPRESSIONS


def row(stage, best_epoch, confusions):
    """One row of the report.

    Args:
        stage: `Stage`.
        best_epoch: from 1.
        confusions: dict from `validation`, `target` and perhaps `test` to `[7, 7]` counts.

    Returns:
        dict.
    """
    found = {
        "stage": stage.name,
        "epochs": stage.epochs,
        "best epoch": best_epoch,
        "training frames": int(sum(clip.valid.sum() for clip in stage.training)),
        "accuracy": _accuracy(confusions["validation"]),
        "cost-sensitive accuracy": _cost_sensitive(confusions["validation"]),
        "target accuracy": _accuracy(confusions["target"]),
        "target cost-sensitive accuracy": _cost_sensitive(confusions["target"]),
    }
    if "test" in confusions:
        found["test accuracy"] = _accuracy(confusions["test"])
    return {**found, **dict(zip(EXPRESSIONS, _recalls(confusions["target"]), strict=True))}


def write(rows, published, out_dir):
    """Writes `out_dir/report.csv` and `.md`; the table, with the paper's accuracies at its end."""
    table = pd.DataFrame(rows).set_index("stage")
    for name, value in (published or {}).items():
        table[f"paper D {name} accuracy"] = np.nan
        table.loc[table.index[-1], f"paper D {name} accuracy"] = value
    write_table(table, out_dir / "report")
    return table


def confusion_files(counts, stem, title):
    """Writes counts as `<stem>.csv` and drawn, with shares of each label, as `<stem>.png`."""
    names = list(EXPRESSIONS)
    table = pd.DataFrame(counts, names, names)
    with _files.atomic(stem.with_name(f"{stem.name}.csv")) as temporary:
        table.to_csv(temporary, lineterminator="\n")
    figure = plots.confusion(counts, title=title)
    plots.save(figure, stem.with_name(f"{stem.name}.png"))


def distributions(sets, out_dir):
    """Writes the frames per class of every set as csv, markdown and bar chart (figure 6).

    Args:
        sets: dict from name to list of `Clip`.
        out_dir: folder of `distributions.csv`, `.md` and `.png`.
    """
    counts = {}
    for name, clips in sets.items():
        labels = np.concatenate([clip.expression[clip.valid] for clip in clips])
        counts[name] = np.bincount(labels, minlength=len(EXPRESSIONS))
    table = pd.DataFrame(counts, list(EXPRESSIONS)).T
    write_table(table, out_dir / "distributions")
    plots.save(plots.distribution(counts), out_dir / "distributions.png")


def _accuracy(counts):
    return float(np.trace(counts) / counts.sum())


def _recalls(counts):
    totals = counts.sum(axis=1)
    return np.where(totals > 0, np.diag(counts) / np.maximum(totals, 1), np.nan).tolist()


def _cost_sensitive(counts):
    labels, predictions = np.indices(counts.shape).reshape(2, -1)
    times = counts.reshape(-1)
    return cost_sensitive_accuracy(np.repeat(labels, times), np.repeat(predictions, times))

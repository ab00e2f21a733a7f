"""The report on the stages of a fine-tuning: scores, confusion matrices, distributions."""

import json

import numpy as np
import pandas as pd

from kollias_affect import _files, _runs, evaluation, training
from kollias_affect.evaluation import plots
from kollias_affect.evaluation.cost_sensitive import cost_sensitive_accuracy
from kollias_affect.evaluation.measures import accuracy
from kollias_affect.evaluation.tables import write_table
from kollias_affect.tasks import EXPRESSIONS, known
from kollias_affect.transfer.keeping import TASK

MONITOR = "val_accuracy"  # chooses the best epoch of a stage


def evaluate_stage(stage, folder, sets, score_form=None):
    """Computes the confusion matrices of a stage's best epoch and stores them in its folder.

    Args:
        stage: `Stage`.
        folder: Folder of the stage.
        sets: Dict from `validation`, `target` and `test` to a list of `Clip` or `None`.
        score_form: Function from the model to the form of it that is scored, or `None`.

    Returns:
        `(best epoch, confusions)`: an integer from 1, and a dict from the name of a set to its
        `confusion_counts`.
    """
    model, card = training.load_best(folder, MONITOR)
    path = folder / "evaluation.json"
    contents = {
        name: [_runs.describe_clip(clip) for clip in clips] for name, clips in sets.items() if clips
    }
    form = None if score_form is None else score_form.__name__
    made_of = json.loads(json.dumps({"epochs": stage.epochs, "sets": contents, "form": form}))
    stored = json.loads(path.read_text()) if path.exists() else {}
    if stored.get("made_of") != made_of:
        scored = evaluation.one_task(model, TASK)
        scored = scored if score_form is None else score_form(scored)
        stored = {"made_of": made_of, "confusions": _confusions(scored, sets)}
        _files.write_json(path, stored)
    confusions = {name: np.array(counts) for name, counts in stored["confusions"].items()}
    for name, counts in confusions.items():
        write_confusion(counts, folder / f"confusion-{name}", f"{folder.name}, {name}")
    return card["epoch"], confusions


def _confusions(model, sets):
    """Returns the counts of every set as lists; sets that are the same list are scored once."""
    confusions = {}
    for name, clips in sets.items():
        same = next((other for other in confusions if sets[other] is clips), None)
        if same is not None:
            confusions[name] = confusions[same]
        elif clips:
            confusions[name] = confusion_counts(model, clips).tolist()
    return confusions


def confusion_counts(model, clips):
    """Counts the valid frames by label (row) and prediction (column), integers `[7, 7]`.

    Args:
        model: `keras.Model` with the output `expression`.
        clips: List of `Clip` with expressions.
    """
    return evaluation.confusion(clips, evaluation.predict(model, clips)).to_numpy()


def report_row(stage, best_epoch, confusions):
    """Computes the row of a stage in the report.

    Args:
        stage: `Stage`.
        best_epoch: Number of the best epoch, from 1.
        confusions: Dict from `validation`, `target` and, if there is one, `test` to counts
            `[7, 7]`.

    Returns:
        Dict from the name of a column to its value.
    """
    row = {
        "stage": stage.name,
        "epochs": stage.epochs,
        "best epoch": best_epoch,
        "training frames": int(sum(clip.valid.sum() for clip in stage.training)),
        "validation frames": int(sum(clip.valid.sum() for clip in stage.validation)),
        "accuracy": accuracy(confusions["validation"]),
        "cost-sensitive accuracy": _cost_sensitive(confusions["validation"]),
        "target accuracy": accuracy(confusions["target"]),
        "target cost-sensitive accuracy": _cost_sensitive(confusions["target"]),
    }
    if "test" in confusions:
        row["test accuracy"] = accuracy(confusions["test"])
    return {**row, **dict(zip(EXPRESSIONS, _recalls(confusions["target"]), strict=True))}


def write_report(rows, published, out_dir, notes=()):
    """Writes the rows of all stages to `out_dir/report.csv` and `.md`.

    Args:
        rows: List of dicts, see `report_row`.
        published: Dict from the name of a set to the paper's accuracy, which is shown in the last
            row, or `None`.
        out_dir: Folder of the report.
        notes: Texts that follow the table in `report.md`.

    Returns:
        `pandas.DataFrame` with a row for each stage.
    """
    table = pd.DataFrame(rows).set_index("stage")
    for name, value in (published or {}).items():
        table[f"paper D {name} accuracy"] = np.nan
        table.loc[table.index[-1], f"paper D {name} accuracy"] = value
    write_table(table, out_dir / "report")
    if notes:
        path = out_dir / "report.md"
        lines = [path.read_text(encoding="utf-8").rstrip("\n"), "", *(f"- {n}" for n in notes)]
        with _files.atomic(path) as temporary:
            temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return table


def write_confusion(counts, stem, title):
    """Writes a confusion matrix as `<stem>.csv`, and draws it as `<stem>.png` (figures 4 and 5).

    Args:
        counts: Integers `[7, 7]`; rows are labels. The picture shows shares of each label.
        stem: Path without suffix.
        title: Title of the picture.
    """
    names = list(EXPRESSIONS)
    table = pd.DataFrame(counts, names, names)
    with _files.atomic(stem.with_name(f"{stem.name}.csv")) as temporary:
        table.to_csv(temporary, lineterminator="\n")
    figure = plots.draw_confusion(counts, title=title)
    plots.save(figure, stem.with_name(f"{stem.name}.png"))


def write_distributions(sets, out_dir):
    """Writes the number of frames of each class and set as csv, markdown and bar chart.

    Args:
        sets: Dict from the name of a set to a list of `Clip`.
        out_dir: Folder of `distributions.csv`, `.md` and `.png`.

    References: paper D, figure 6.
    """
    counts = {}
    for name, clips in sets.items():
        labels = np.concatenate([clip.expression[known(clip, "expression")] for clip in clips])
        counts[name] = np.bincount(labels, minlength=len(EXPRESSIONS))
    table = pd.DataFrame(counts, list(EXPRESSIONS)).T
    write_table(table, out_dir / "distributions")
    plots.save(plots.distribution(counts), out_dir / "distributions.png")


def _recalls(counts):
    totals = counts.sum(axis=1)
    return np.where(totals > 0, np.diag(counts) / np.maximum(totals, 1), np.nan).tolist()


def _cost_sensitive(counts):
    labels, predictions = np.indices(counts.shape).reshape(2, -1)
    times = counts.reshape(-1)
    return cost_sensitive_accuracy(np.repeat(labels, times), np.repeat(predictions, times))

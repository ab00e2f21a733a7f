"""Tables II to V and VII of paper A, and its report, from a finished `Experiment`."""

import numpy as np
import pandas as pd

from kollias_affect import _files
from kollias_affect.evaluation import measures
from kollias_affect.evaluation.tables import markdown, write_table
from kollias_affect.experiments.paper_a import decisions as decisions_module
from kollias_affect.experiments.paper_a import texts
from kollias_affect.experiments.paper_a.decisions import predictor_of
from kollias_affect.experiments.paper_a.experiment import cell_name
from kollias_affect.experiments.paper_a.figures import draw_centroids

# Paper A, table II: accuracy on its dataset B (EmotiW validation) and A (training), by λ.
PAPER_TABLE_2 = {
    0.0: (0.446, 0.69),
    0.25: (0.426, 0.67),
    0.5: (0.422, 0.622),
    0.75: (0.398, 0.611),
    1.0: (0.384, 0.606),
}
PREDICTORS = tuple(decisions_module.SCORES)


def write_report(experiment, data=()):
    """Writes all tables as csv and markdown, and the figures as PNG, to the folder of the run.

    Args:
        experiment: `Experiment` after `run`.
        data: Texts that describe the parts of the databases.

    Returns:
        Dict from the name of a table to `pandas.DataFrame`.
    """
    expressions = experiment.settings.task == "expression"
    tables = {"table2_accuracy": accuracies(experiment)}
    if expressions:
        tables["table3_categories_of_b"] = per_category(experiment, "b_test")
        tables["table4_categories_of_a"] = per_category(experiment, "a_test")
        tables["table5_confusion_of_b"] = confusion_table(experiment)
        tables["table7_distances"] = centroid_distances(experiment)
    else:  # hundreds of classes
        tables["valence_and_arousal"] = agreements(experiment)
        tables["table7_distances"] = centroid_distances(experiment).loc[["mean"]]
    for name, table in tables.items():
        write_table(table, experiment.out_dir / name, index=_has_index(name))
    lines = [*_introduction(experiment), *(f"\n{text}" for text in data)]
    for name, table in tables.items():
        lines += ["", f"## {name}", "", markdown(table, _has_index(name))]
    if expressions:
        net_b = experiment.centroids()
        clusters = pd.DataFrame(net_b.confusion, index=net_b.names, columns=net_b.names)
        lines += ["", "## NetB's clusters (rows) and labels (columns)", "", markdown(clusters), ""]
        lines += [f"![{path.stem}]({path.name})" for path in draw_centroids(experiment)]
    with _files.atomic(experiment.out_dir / "report.md") as temporary:
        temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return tables


def _has_index(name):
    """Whether the rows of a table have names."""
    return name not in ("table2_accuracy", "valence_and_arousal")


def _introduction(experiment):
    """Returns the lines of the report before the tables."""
    numbers = {part: _accuracy(experiment, "net_b", part) for part in ("b_train", "b_test")}
    numbers["a_test"] = _accuracy(experiment, "net_b", "a_test")
    same = experiment.settings.protocol == "paper"
    on_b = f"{numbers['b_train']:.3f} on its training clips of B"
    on_b += " (the paper: 0.99)" if same else f", {numbers['b_test']:.3f} on B's test part"
    on_a = f"{numbers['a_test']:.3f} on A{' (the paper: 0.334)' * same}"
    count = experiment.settings.seeds
    return [
        "# Training with knowledge of another dataset (paper A)",
        "",
        *(f"- {text}." for text in texts.lines(experiment)),
        f"- {texts.ours(experiment.settings)}.",
        f"- NetB: accuracy {on_b}, {on_a}; purity of its clusters "
        f"{experiment.centroids().purity:.3f}. One network, seed {count}.",
        _seeds(count),
    ]


def _seeds(count):
    if count == 1:
        return "- Seed of NetA: 0. One seed has no standard deviation, so `std` is empty."
    return (
        f"- Seeds of NetA: 0 to {count - 1}; numbers are means over the seeds, and `std` is their "
        "standard deviation."
    )


def agreements(experiment):
    """Computes the CCC of valence and arousal, decoded from the classes of frames.

    Args:
        experiment: Finished `Experiment` of valence and arousal.

    Returns:
        `pandas.DataFrame` with a row for each λ, by the predictor of `predictor_of`. Values are
        means over the seeds.
    """
    rows = []
    for lam in experiment.settings.lambdas:
        row = {"lambda": f"{lam:g}", "by": predictor_of(lam)}
        for part, title in (("a_test", "A"), ("b_test", "B")):
            values = [
                agreement(experiment, lam, seed, part) for seed in range(experiment.settings.seeds)
            ]
            for number, name in enumerate(("valence", "arousal")):
                row[f"CCC {name}, {title}"] = np.mean([value[number] for value in values])
        rows.append(row)
    return pd.DataFrame(rows)


def agreement(experiment, lam, seed, part):
    """Computes the CCC of valence and of arousal of one network, `[2]`."""
    name, clips = cell_name(lam, seed), experiment.parts[part].clips
    frames = experiment.outputs(name, part)
    _, predicted = decisions(experiment, name, part, predictor_of(lam))
    truth = np.concatenate([clip.valence_arousal for clip in clips])[frames["frames"]]
    estimates = experiment.classes.grid.centres[predicted]
    return measures.ccc(truth, estimates)


def accuracies(experiment):
    """Computes table II: the accuracy for each λ, test part and predictor.

    Args:
        experiment: Finished `Experiment`.

    Returns:
        `pandas.DataFrame` with the column `lambda`; for `A` and `B`, by `outputs` and by
        `centroids`, the mean over the seeds and its standard deviation (ddof 0); and the paper's
        numbers on its own datasets.
    """
    rows = []
    for lam in experiment.settings.lambdas:
        row = {"lambda": f"{lam:g}"}
        for part, title in (("a_test", "A"), ("b_test", "B")):
            for by in PREDICTORS:
                values = _accuracies(experiment, lam, part, by)
                row[f"{title} by {by}"] = np.mean(values)
                row[f"{title} by {by}, std"] = texts.spread(values)
        if experiment.settings.task == "expression":
            row["paper, B"], row["paper, A"] = PAPER_TABLE_2.get(lam, (np.nan, np.nan))
        rows.append(row)
    return pd.DataFrame(rows)


def per_category(experiment, part):
    """Computes table III or IV: the accuracy by category for the smallest and the largest λ.

    Args:
        experiment: Finished `Experiment`.
        part: `"b_test"` (table III) or `"a_test"` (table IV).

    Returns:
        `pandas.DataFrame` with a row for each λ and the columns of the categories and `total`.
        Values are means over the seeds; NaN for a category that does not occur in the part.
    """
    rows = {}
    for lam in experiment.settings.extreme_lambdas:
        by = predictor_of(lam)
        total = np.mean(_accuracies(experiment, lam, part, by))
        rows[f"lambda {lam:g}, by {by}"] = [*np.diag(_mean_shares(experiment, lam, part)), total]
    return pd.DataFrame.from_dict(rows, orient="index", columns=[*experiment.names, "total"])


def confusion_table(experiment):
    """Computes table V: the confusion matrix on B's test part for the smallest λ.

    Args:
        experiment: Finished `Experiment`.

    Returns:
        `pandas.DataFrame` with labels in rows and predictions in columns, as shares of each label.
    """
    shares = _mean_shares(experiment, experiment.settings.extreme_lambdas[0], "b_test")
    return pd.DataFrame(shares, index=experiment.names, columns=experiment.names)


def centroid_distances(experiment):
    """Computes table VII: distances of NetA's centroids to Z for the smallest and the largest λ.

    NetA's representations of its training part are clustered as NetB's are. The distance is
    Euclidean, divided by the square root of the number of units. The paper does not state its
    normalization; its numbers are 0.012 to 0.055 for λ = 0 and 0.058 to 0.077 for λ = 1.

    Args:
        experiment: Finished `Experiment`.

    Returns:
        `pandas.DataFrame` with a row for each category and `mean`, a column for each λ. Values
        are means over the seeds.
    """
    columns = {}
    for lam in experiment.settings.extreme_lambdas:
        seeds = range(experiment.settings.seeds)
        distances = [distances_of(experiment, lam, seed) for seed in seeds]
        columns[f"lambda {lam:g}"] = np.mean(distances, axis=0)
    table = pd.DataFrame(columns, index=experiment.names)
    table.loc["mean"] = table.mean()
    return table


def distances_of(experiment, lam, seed):
    """Computes the distances of one NetA's centroids to Z, `[classes]`."""
    z = experiment.centroids().values
    return np.sqrt(((experiment.net_a_centroids(lam, seed).values - z) ** 2).mean(axis=1))


def decisions(experiment, name, part, by="outputs"):
    """Returns the labels and predicted classes of a network, one for each clip or frame.

    Args:
        experiment: `Experiment`. Its setting `decision` is the rule that combines the frames of
            a clip.
        name: Name of the network, see `Experiment.outputs`.
        part: Part of the data, see `Experiment.outputs`.
        by: Predictor: `"outputs"` of the network or the nearest of the `"centroids"`.

    Returns:
        `(labels, predicted)`, int64 `[clips]` or `[frames]`. The label of a clip is the most
        frequent label of its frames.

    References: paper A §IV.C ("video classification based on frame aggregation").
    """
    frames = experiment.outputs(name, part)
    return decisions_module.decide(frames, by, experiment.settings.decision)


def _accuracy(experiment, name, part, by="outputs"):
    labels, predicted = decisions(experiment, name, part, by)
    return float((labels == predicted).mean())


def _accuracies(experiment, lam, part, by):
    """Returns the accuracy of NetA for each seed."""
    seeds = range(experiment.settings.seeds)
    return [_accuracy(experiment, cell_name(lam, seed), part, by) for seed in seeds]


def _mean_shares(experiment, lam, part):
    """Returns the share of each label's decisions by prediction; NaN rows without decisions."""
    from sklearn.metrics import confusion_matrix

    count = len(experiment.names)
    total = np.zeros((count, count))
    for seed in range(experiment.settings.seeds):
        by = predictor_of(lam)
        labels, predicted = decisions(experiment, cell_name(lam, seed), part, by)
        total += confusion_matrix(labels, predicted, labels=range(count))
    sums = total.sum(axis=1, keepdims=True)
    return np.divide(total, sums, out=np.full_like(total, np.nan), where=sums > 0)

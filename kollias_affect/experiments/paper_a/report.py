"""Tables II to V and VII and figures 5 to 9 of paper A, from a finished `Experiment`."""

import warnings

import numpy as np
import pandas as pd

from kollias_affect import _files
from kollias_affect.adaptation.centroids import Centroids
from kollias_affect.adaptation.decision import video_decision
from kollias_affect.experiments.paper_a.experiment import cell_name

# Paper A table II: accuracy on its dataset B (EmotiW validation) and A (training), by λ.
PAPER_TABLE_2 = {
    0.0: (0.446, 0.69),
    0.25: (0.426, 0.67),
    0.5: (0.422, 0.622),
    0.75: (0.398, 0.611),
    1.0: (0.384, 0.606),
}
WAYS = ("outputs", "centroids")
# Which way of predicting the tables per category use: λ = 0 trains no outputs, and λ = 1 knows
# no centroids.
WAY_OF = {0.0: "centroids", 1.0: "outputs"}
_PERPLEXITY = 8  # few points: less than a third of them


def write_report(experiment):
    """Writes every table as csv and markdown, and the figures as PNG, into the run's folder.

    Returns:
        dict from a table's name to `pandas.DataFrame`.
    """
    from kollias_affect.evaluation.tables import markdown, write_table

    tables = {
        "table2_accuracy": accuracies(experiment),
        "table3_categories_of_b": per_category(experiment, "b_test"),
        "table4_categories_of_a": per_category(experiment, "a_test"),
        "table5_confusion_of_b": confusion(experiment),
        "table7_distances": centroid_distances(experiment),
    }
    for name, table in tables.items():
        write_table(table, experiment.out_dir / name, index=not name.startswith("table2"))
    pictures = draw_centroids(experiment)
    net_b = experiment.centroids()
    lines = [
        "# Training with knowledge of another dataset (paper A)",
        "",
        f"Classes: {', '.join(experiment.names)}. Frames of other classes left out: "
        f"{experiment.left_out}. NetB: accuracy {_accuracy(experiment, 'net_b', 'b_train'):.3f} on "
        f"its training part, {_accuracy(experiment, 'net_b', 'b_test'):.3f} on its test part; "
        f"purity of its clusters {net_b.purity:.3f}.",
        "",
        f"Accuracies are means over the seeds of NetA; clips are decided by "
        f"{experiment.settings.decision}. Tables 3 to 5 predict by the nearest "
        "centroid where lambda is 0 and by the outputs where it is 1.",
    ]
    for name, table in tables.items():
        lines += ["", f"## {name}", "", markdown(table, not name.startswith("table2"))]
    lines += ["", "## NetB's clusters (rows) and labels (columns)", ""]
    clusters = pd.DataFrame(net_b.confusion, index=net_b.names, columns=net_b.names)
    lines += [markdown(clusters), ""]
    lines += [f"![{path.stem}]({path.name})" for path in pictures]
    with _files.atomic(experiment.out_dir / "report.md") as temporary:
        temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return tables


def accuracies(experiment):
    """Table II: per λ, accuracy on both test parts and both ways of predicting.

    Columns: `lambda`; for `A` and `B`, by `outputs` and by `centroids`, the mean over the seeds
    and its standard deviation (ddof 0); and the paper's numbers on its own datasets.
    """
    rows = []
    for lam in experiment.settings.lambdas:
        row = {"lambda": f"{lam:g}"}
        for part, title in (("a_test", "A"), ("b_test", "B")):
            for way in WAYS:
                values = [
                    _accuracy(experiment, cell_name(lam, seed), part, way)
                    for seed in range(experiment.settings.seeds)
                ]
                row[f"{title} by {way}"] = np.mean(values)
                row[f"{title} by {way}, std"] = np.std(values)
        row["paper, B"], row["paper, A"] = PAPER_TABLE_2.get(lam, (np.nan, np.nan))
        rows.append(row)
    return pd.DataFrame(rows)


def per_category(experiment, part):
    """Tables III and IV: accuracy per category for the least and the largest λ.

    Rows: λ; columns: the categories and `total`. Means over the seeds; NaN for a category that
    does not occur in the part.
    """
    rows = {}
    for lam in _ends(experiment):
        matrix = _mean_confusion(experiment, lam, part)
        rows[f"lambda {lam:g}, by {_way(lam)}"] = [*np.diag(matrix), _mean(experiment, lam, part)]
    return pd.DataFrame.from_dict(rows, orient="index", columns=[*experiment.names, "total"])


def confusion(experiment):
    """Table V: rows labels of B's test part, columns predictions for the least λ, shares."""
    matrix = _mean_confusion(experiment, _ends(experiment)[0], "b_test")
    return pd.DataFrame(matrix, index=experiment.names, columns=experiment.names)


def centroid_distances(experiment):
    """Table VII: distance of NetA's centroids to Z, for the least and the largest λ.

    NetA's representations of its training part are clustered as NetB's were. The distance is
    Euclidean, divided by the square root of the number of units; means over the seeds. (The
    paper does not say how it normalises; its own numbers are 0.012 to 0.055 and 0.058 to 0.077.)
    """
    z = experiment.centroids().values
    columns = {}
    for lam in _ends(experiment):
        distances = [
            np.sqrt(((_centroids_of(experiment, lam, seed) - z) ** 2).mean(axis=1))
            for seed in range(experiment.settings.seeds)
        ]
        columns[f"lambda {lam:g}"] = np.mean(distances, axis=0)
    table = pd.DataFrame(columns, index=experiment.names)
    table.loc["mean"] = table.mean()
    return table


def draw_centroids(experiment):
    """Figures 5 to 9: t-SNE of the centroids in 3-D, one picture per category.

    Dots are Z, stars NetA's centroids for the least λ, crosses for the largest; one star and one
    cross per seed.

    Returns:
        list of PNG paths.
    """
    from matplotlib.figure import Figure
    from sklearn.manifold import TSNE

    from kollias_affect.evaluation import plots

    low, high = _ends(experiment)
    seeds = range(experiment.settings.seeds)
    groups = [
        ("NetB (Z)", "o", [experiment.centroids().values]),
        (f"NetA, λ = {low:g}", "*", [_centroids_of(experiment, low, seed) for seed in seeds]),
        (f"NetA, λ = {high:g}", "x", [_centroids_of(experiment, high, seed) for seed in seeds]),
    ]
    points = np.concatenate([values for _, _, many in groups for values in many])
    # So few points are thrown far apart by scikit-learn's own step.
    perplexity = min(_PERPLEXITY, (len(points) - 1) / 3)
    places = TSNE(
        3, perplexity=perplexity, init="pca", method="exact", learning_rate=5.0, random_state=0
    ).fit_transform(points)
    places = places.reshape(-1, len(experiment.names), 3)
    colours = ("black", plots.style.BLUE, plots.style.VERMILLION)
    paths = []
    for number, name in enumerate(experiment.names):
        figure = Figure(figsize=(5, 4.5), layout="constrained")
        axes = figure.add_subplot(projection="3d")
        axes.computed_zorder = False  # the markers stay above the other categories' points
        axes.scatter(*places.reshape(-1, 3).T, s=6, color="0.75", depthshade=False, label="others")
        start = 0
        for (title, marker, many), colour in zip(groups, colours, strict=True):
            shown = places[start : start + len(many), number]
            start += len(many)
            axes.scatter(*shown.T, s=70, marker=marker, color=colour, label=title, depthshade=False)
        axes.set(title=f"Centroids of {name}", xlabel="t-SNE 1", ylabel="t-SNE 2", zlabel="t-SNE 3")
        axes.legend(loc="upper left", fontsize=8)
        path = experiment.out_dir / f"figure_{name}.png"
        plots.save(figure, path)
        paths.append(path)
    return paths


def _ends(experiment):
    return min(experiment.settings.lambdas), max(experiment.settings.lambdas)


def _way(lam):
    return WAY_OF.get(lam, "outputs")


def decisions(experiment, name, part, way="outputs"):
    """Labels and predicted classes of a network on a part: one per clip, or per frame.

    Args:
        experiment: `Experiment`; its setting `decision` says how frames are put together.
        name, part: see `Experiment.outputs`.
        way: `"outputs"`, or `"centroids"`: the nearest one.

    Returns:
        `(labels, predicted)`, int64 `[clips]` or `[frames]`. The label of a clip is the most
        frequent one of its frames.
    """
    found = experiment.outputs(name, part)
    votes = found["outputs"] if way == "outputs" else -found["distances"]
    if experiment.settings.decision == "frames" or len(np.unique(found["clips"])) == len(votes):
        return found["labels"], votes.argmax(axis=1)
    labels, predicted = [], []
    for clip in np.unique(found["clips"]):
        frames = found["clips"] == clip
        labels.append(np.bincount(found["labels"][frames]).argmax())
        predicted.append(video_decision(votes[frames], experiment.settings.decision))
    return np.array(labels), np.array(predicted)


def _accuracy(experiment, name, part, way="outputs"):
    labels, predicted = decisions(experiment, name, part, way)
    return float((labels == predicted).mean())


def _mean(experiment, lam, part):
    seeds = range(experiment.settings.seeds)
    return np.mean([_accuracy(experiment, cell_name(lam, s), part, _way(lam)) for s in seeds])


def _mean_confusion(experiment, lam, part):
    """Share of each label's clips by prediction, mean over the seeds; NaN rows without any."""
    from sklearn.metrics import confusion_matrix

    count = len(experiment.names)
    total = np.zeros((count, count))
    for seed in range(experiment.settings.seeds):
        labels, predicted = decisions(experiment, cell_name(lam, seed), part, _way(lam))
        total += confusion_matrix(labels, predicted, labels=range(count))
    sums = total.sum(axis=1, keepdims=True)
    return np.divide(total, sums, out=np.full_like(total, np.nan), where=sums > 0)


def _centroids_of(experiment, lam, seed):
    """NetA's own centroids, `[classes, units]`."""
    found = experiment.outputs(cell_name(lam, seed), "a_train")
    x, labels = found["representation"], found["labels"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of clusters shared by classes: as it is
        centroids = Centroids.fit(x, labels, 0, experiment.names, experiment.settings.method)
    return centroids.values

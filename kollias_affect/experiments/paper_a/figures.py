"""Figures 5 to 9 of paper A: the centroids of NetB and NetA in three dimensions."""

import numpy as np

_PERPLEXITY = 8
_LEARNING_RATE = 5.0  # the default of scikit-learn scatters so few points


def draw_centroids(experiment):
    """Draws a t-SNE of the centroids, one picture for each category.

    Args:
        experiment: Finished `Experiment` of expressions.

    Returns:
        List of paths of PNG files in the folder of the experiment.

    References: paper A §IV.C, figures 5 to 9.
    """
    points = embed(experiment)
    paths = [experiment.out_dir / f"figure_{name}.png" for name in experiment.names]
    for name, path in zip(experiment.names, paths, strict=True):
        draw_category(points, experiment.names, name, path)
    return paths


def embed(experiment):
    """Computes the t-SNE of all centroids in three dimensions.

    Args:
        experiment: Finished `Experiment`.

    Returns:
        List of `(label, marker, points)`, with points `[networks, classes, 3]`: NetB's centroids
        Z, and those of NetA for the smallest and the largest λ, one network for each seed.
    """
    groups = _groups(experiment)
    coordinates = _embed(np.stack([values for _, _, many in groups for values in many]))
    bounds = np.cumsum([len(many) for _, _, many in groups])[:-1]
    parts = np.split(coordinates, bounds)
    return [(label, marker, part) for (label, marker, _), part in zip(groups, parts, strict=True)]


def draw_category(points, names, name, path):
    """Draws the centroids of one category.

    Dots are NetB's centroids Z; stars are those of NetA for the smallest λ, crosses those for the
    largest λ. There is one star and one cross for each seed.

    Args:
        points: Result of `embed`.
        names: Names of the categories, in order.
        name: Category that is marked; the others are grey.
        path: Path of the PNG file.
    """
    from matplotlib.figure import Figure

    from kollias_affect.evaluation import plots

    figure = Figure(figsize=(5, 4.5), layout="constrained")
    axes = figure.add_subplot(projection="3d")
    axes.computed_zorder = False  # the markers stay above the points of other categories
    others = np.concatenate([part.reshape(-1, 3) for _, _, part in points])
    axes.scatter(*others.T, s=6, color="0.75", depthshade=False, label="others")
    colours = ("black", plots.style.BLUE, plots.style.VERMILLION)
    for (label, marker, part), colour in zip(points, colours, strict=True):
        marked = part[:, list(names).index(name)]
        axes.scatter(*marked.T, s=70, marker=marker, color=colour, label=label, depthshade=False)
    axes.set(title=f"Centroids of {name}", xlabel="t-SNE 1", ylabel="t-SNE 2", zlabel="t-SNE 3")
    axes.legend(loc="upper left", fontsize=8)
    plots.save(figure, path)


def _groups(experiment):
    """Returns `(label, marker, list of [classes, units])` of Z and of NetA for two λ."""
    seeds = range(experiment.settings.seeds)
    groups = [("NetB (Z)", "o", [experiment.centroids().values])]
    for lam, marker in zip(experiment.settings.extreme_lambdas, "*x", strict=True):
        many = [experiment.net_a_centroids(lam, seed).values for seed in seeds]
        groups.append((f"NetA, λ = {lam:g}", marker, many))
    return groups


def _embed(centroids):
    """Embeds `[sets, classes, units]` in three dimensions, `[sets, classes, 3]`."""
    from sklearn.manifold import TSNE

    points = centroids.reshape(-1, centroids.shape[-1])
    embedding = TSNE(
        3,
        perplexity=min(_PERPLEXITY, (len(points) - 1) / 3),  # less than a third of the points
        init="pca",
        method="exact",
        learning_rate=_LEARNING_RATE,
        random_state=0,
    )
    return embedding.fit_transform(points).reshape(*centroids.shape[:2], 3)

"""Figures 5 to 9 of paper A: the centroids of NetB and NetA in three dimensions."""

import numpy as np

_PERPLEXITY = 8
_LEARNING_RATE = 5.0  # the default of scikit-learn scatters so few points


def draw_centroids(experiment):
    """Draws a t-SNE of the centroids, one picture for each category.

    Dots are NetB's centroids Z; stars are those of NetA for the smallest λ, crosses those for the
    largest λ. There is one star and one cross for each seed.

    Args:
        experiment: Finished `Experiment`.

    Returns:
        List of paths of PNG files in the folder of the experiment.

    References: paper A §IV.C, figures 5 to 9.
    """
    from matplotlib.figure import Figure

    from kollias_affect.evaluation import plots

    groups = _groups(experiment)
    coordinates = _embed(np.stack([values for _, _, many in groups for values in many]))
    colours = ("black", plots.style.BLUE, plots.style.VERMILLION)
    paths = []
    for number, name in enumerate(experiment.names):
        figure = Figure(figsize=(5, 4.5), layout="constrained")
        axes = figure.add_subplot(projection="3d")
        axes.computed_zorder = False  # the markers stay above the points of other categories
        axes.scatter(
            *coordinates.reshape(-1, 3).T, s=6, color="0.75", depthshade=False, label="others"
        )
        start = 0
        for (label, marker, many), colour in zip(groups, colours, strict=True):
            points = coordinates[start : start + len(many), number]
            start += len(many)
            axes.scatter(
                *points.T, s=70, marker=marker, color=colour, label=label, depthshade=False
            )
        axes.set(title=f"Centroids of {name}", xlabel="t-SNE 1", ylabel="t-SNE 2", zlabel="t-SNE 3")
        axes.legend(loc="upper left", fontsize=8)
        path = experiment.out_dir / f"figure_{name}.png"
        plots.save(figure, path)
        paths.append(path)
    return paths


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

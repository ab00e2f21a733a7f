"""A map of representations: which frames a network holds for similar."""

import matplotlib.colors
import numpy as np

from kollias_affect import _checks
from kollias_affect.evaluation.plots import style
from kollias_affect.tasks import EXPRESSIONS

_KINDS = ("expression", "valence", "arousal")
_MARKERS = "os^vDPX"
_LEAST = 5  # points, below which there is nothing to map
_PERPLEXITY = 30  # scikit-learn's own


def embedding(
    representations, labels, kind="expression", seed=0, sample=2000, title=None, ranges=None
):
    """A t-SNE map of representations, coloured by label.

    Points that lie close together were neighbours among the representations. More than that
    t-SNE does not show: neither the distances between groups, nor their sizes and densities, nor
    the axes mean anything, and other seeds give other maps. Groups may also appear where there
    are none.

    Args:
        representations: `[frames, units]`; rows with NaN (no face) are left out.
        labels: `[frames]`: indices into `EXPRESSIONS` (negative where unknown), or numbers (NaN
            where unknown); such frames are left out.
        kind: what the labels are: `"expression"`, `"valence"` or `"arousal"`.
        seed: of the sample and of the map.
        sample: at most as many frames are drawn, chosen by chance.
        title: heading.
        ranges: see `traces_figure`.

    Returns:
        `matplotlib.figure.Figure`.

    Raises:
        ValueError: if shapes do not fit, fewer than 5 frames are left or all are equal, or a
            label is no known class.

    References: paper A, figures 5 to 9 (of centroids); van der Maaten and Hinton (2008).
    """
    _checks.one_of("kind", kind, _KINDS)
    representations = style.numbers("representations", representations, (None, None))
    labels = style.numbers("labels", labels, (len(representations),))
    points, labels = _chosen(representations, labels, kind, seed, sample)
    places = _map(points, seed)
    figure = style.new_figure(6.2, 5, title)
    axes = figure.subplots()
    if kind == "expression":
        _classes(axes, places, labels)
    else:
        _numbers(figure, axes, places, labels, kind, ranges)
    axes.set(xticks=[], yticks=[], xlabel="t-SNE 1 (no unit)", ylabel="t-SNE 2 (no unit)")
    axes.set_title(style.frames_text(len(points)), fontsize=10)
    return figure


def _chosen(representations, labels, kind, seed, sample):
    known = labels >= 0 if kind == "expression" else np.isfinite(labels)
    there = np.flatnonzero(known & np.isfinite(representations).all(axis=1))
    sample = _checks.positive_integer("sample", sample)
    if len(there) > sample:
        there = np.sort(np.random.default_rng(seed).choice(there, sample, replace=False))
    points, labels = representations[there], labels[there]
    if len(points) < _LEAST or not np.ptp(points, axis=0).any():
        raise ValueError(
            f"A map needs at least {_LEAST} labelled frames with a face, not all of them equal. "
            f"Received: {len(points)} of {len(representations)} frames. Give more."
        )
    if kind == "expression" and not np.isin(labels, range(len(EXPRESSIONS))).all():
        raise ValueError(
            f"Labels must be indices into {EXPRESSIONS}. Received: {np.unique(labels).tolist()}. "
            "Map them, or set `kind`."
        )
    return points, labels


def _map(points, seed):
    """Places, `[points, 2]`; on one thread, or sums in another order would change the map."""
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits

    perplexity = min(_PERPLEXITY, (len(points) - 1) / 3)
    with threadpool_limits(1):
        return TSNE(2, perplexity=perplexity, init="pca", random_state=seed).fit_transform(points)


def _classes(axes, places, labels):
    for i, name in enumerate(EXPRESSIONS):
        chosen = labels == i
        if chosen.any():
            axes.scatter(
                *places[chosen].T, s=14, marker=_MARKERS[i], color=style.CYCLE[i],
                edgecolor="0.25", linewidth=0.3, label=f"{name} ({chosen.sum():,})",
            )  # fmt: skip
    look = {"fontsize": 9, "frameon": False, "markerscale": 1.6}
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1), **look)


def _numbers(figure, axes, places, labels, kind, ranges):
    scale = matplotlib.colors.Normalize(*style.range_of(kind, ranges))
    shown = axes.scatter(
        *places.T, c=labels, s=14, cmap="cividis", norm=scale, edgecolor="0.25", linewidth=0.3
    )
    figure.colorbar(shown, ax=axes, label=style.with_range(kind, ranges))

"""Picture of representations: a t-SNE map of frames."""

import matplotlib.colors
import numpy as np

from kollias_affect import _checks
from kollias_affect.evaluation.plots import style
from kollias_affect.tasks import DIMENSIONS, EXPRESSIONS

_KINDS = ("expression", *DIMENSIONS)
_MARKERS = "os^vDPX"
_MIN_FRAMES = 5
_PERPLEXITY = 30  # default of scikit-learn


def embedding(
    representations, labels, kind="expression", seed=0, sample=2000, title=None, ranges=None
):
    """Draws a t-SNE map of representations, coloured by label.

    Points that are close together were neighbours among the representations. Distances between
    groups, their sizes and densities, and the axes have no meaning. Another seed gives another map,
    and groups may appear where there are none.

    Args:
        representations: Numbers `[frames, units]`; rows with NaN (no face) are left out.
        labels: Indices `[frames]` into `EXPRESSIONS` (negative where unknown), or numbers
            `[frames]` (NaN where unknown); frames with an unknown label are left out.
        kind: Kind of the labels: `"expression"`, `"valence"` or `"arousal"`.
        seed: Seed of the sample and of the map.
        sample: Largest number of frames, drawn at random.
        title: Title of the figure.
        ranges: See `traces_figure`.

    Returns:
        `matplotlib.figure.Figure`.

    Raises:
        ValueError: If a shape is wrong, fewer than 5 frames are left or all are equal, or a label
            is not a known class.

    Example:

    >>> import numpy as np
    >>> representations = np.random.default_rng(0).normal(size=(8, 3))
    >>> figure = embedding(representations, np.arange(8) % 2)
    >>> figure.axes[0].get_title()
    '8 frames'

    References: Paper A, figures 5 to 9 (of centroids); van der Maaten and Hinton (2008).
    """
    _checks.one_of("kind", kind, _KINDS)
    representations = style.checked_array("representations", representations, (None, None))
    labels = style.checked_array("labels", labels, (len(representations),))
    points, labels = _sample(representations, labels, kind, seed, sample)
    positions = _map(points, seed)
    figure = style.new_figure(6.2, 5, title)
    axes = figure.subplots()
    if kind == "expression":
        _draw_classes(axes, positions, labels)
    else:
        _draw_numbers(figure, axes, positions, labels, kind, ranges)
    axes.set(xticks=[], yticks=[], xlabel="t-SNE 1 (no unit)", ylabel="t-SNE 2 (no unit)")
    axes.set_title(style.format_frames(len(points)), fontsize=10)
    return figure


def _sample(representations, labels, kind, seed, sample):
    """Returns representations and labels of a random sample of the known frames."""
    known = labels >= 0 if kind == "expression" else np.isfinite(labels)
    frames = np.flatnonzero(known & np.isfinite(representations).all(axis=1))
    sample = _checks.positive_integer("sample", sample)
    if len(frames) > sample:
        frames = np.sort(np.random.default_rng(seed).choice(frames, sample, replace=False))
    points, labels = representations[frames], labels[frames]
    if len(points) < _MIN_FRAMES or not np.ptp(points, axis=0).any():
        raise ValueError(
            f"A map needs at least {_MIN_FRAMES} labelled frames with a face, not all of them "
            f"equal. Received: {len(points)} of {len(representations)} frames. Pass more frames."
        )
    if kind == "expression" and not np.isin(labels, range(len(EXPRESSIONS))).all():
        raise ValueError(
            f"Labels must be indices into {EXPRESSIONS}. Received: {np.unique(labels).tolist()}. "
            "Convert them, or set `kind`."
        )
    return points, labels


def _map(points, seed):
    """Returns the positions `[frames, 2]` of a t-SNE map."""
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits

    perplexity = min(_PERPLEXITY, (len(points) - 1) / 3)
    with threadpool_limits(1):  # with more threads the order of sums, and so the map, varies
        return TSNE(2, perplexity=perplexity, init="pca", random_state=seed).fit_transform(points)


def _draw_classes(axes, positions, labels):
    for i, name in enumerate(EXPRESSIONS):
        frames = labels == i
        if frames.any():
            axes.scatter(
                *positions[frames].T,
                s=14,
                marker=_MARKERS[i],
                color=style.COLOUR_CYCLE[i],
                edgecolor="0.25",
                linewidth=0.3,
                label=f"{name} ({frames.sum():,})",
            )
    options = {"fontsize": 9, "frameon": False, "markerscale": 1.6}
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1), **options)


def _draw_numbers(figure, axes, positions, labels, kind, ranges):
    scale = matplotlib.colors.Normalize(*style.output_range(kind, ranges))
    points = axes.scatter(
        *positions.T, c=labels, s=14, cmap="cividis", norm=scale, edgecolor="0.25", linewidth=0.3
    )
    figure.colorbar(points, ax=axes, label=style.label_with_range(kind, ranges))

"""The plane of valence and arousal: how often each part occurs, and the way through it."""

import matplotlib.collections
import matplotlib.colors
import matplotlib.patches
import matplotlib.ticker
import numpy as np

from kollias_affect import _checks
from kollias_affect.evaluation.plots import style

_NAMES = ("valence", "arousal")


def histogram(values, labels=None, title=None, ranges=None, bins=20):
    """How many frames lie in each square of the valence-arousal plane.

    Labels, if given, are drawn beside the predictions with the same squares, axes and colours
    (logarithmic; white where there is no frame). Frames of which a number is NaN or infinite are
    left out of both; how many remain stands above. Predictions beyond the range count in the
    outermost squares.

    Args:
        values: `[frames, 2]`, valence then arousal; predictions, or labels if they stand alone.
        labels: `[frames, 2]` of the same frames, or `None`.
        title: heading.
        ranges: see `traces_figure`.
        bins: squares per axis.

    Returns:
        `matplotlib.figure.Figure`.

    Raises:
        ValueError: if there is no frame, shapes do not fit, or labels are out of range.

    References: paper C, figures 6 and 15.
    """
    sets = _paired(values, labels, ranges)
    bins = _checks.positive_integer("bins", bins)
    edges = [np.linspace(*style.range_of(name, ranges), bins + 1) for name in _NAMES]
    counts = {name: _counts(points, edges) for name, points in sets.items()}
    scale = matplotlib.colors.LogNorm(1, max(10, max(count.max() for count in counts.values())))
    figure, panels = _panels(len(counts), title, ranges)
    for panel, (name, count) in zip(panels, counts.items(), strict=True):
        image = panel.pcolormesh(
            *edges, np.ma.masked_equal(count.T, 0), cmap=style.COUNTS, norm=scale, rasterized=True
        )
        frames = style.frames_text(count.sum())
        panel.set_title(f"{name}: {frames}" if name else frames, fontsize=10)
        _axes(panel, ranges)
    bar = figure.colorbar(image, ax=panels, label="frames per square", shrink=0.85)
    subs = (1, 2, 5) if scale.vmax <= 1000 else (1,)
    bar.ax.yaxis.set_major_locator(matplotlib.ticker.LogLocator(subs=subs))
    bar.ax.yaxis.set_major_formatter(matplotlib.ticker.StrMethodFormatter("{x:,.0f}"))
    bar.ax.yaxis.set_minor_formatter(matplotlib.ticker.NullFormatter())
    return figure


def trajectory(times, values, labels=None, title=None, ranges=None):
    """The way through the circumplex, coloured by time; it breaks where there is no face.

    Args:
        times: seconds, `[frames]`, or `None`: frame numbers are shown instead.
        values: `[frames, 2]`, valence then arousal, NaN where there is no face. Values beyond
            the range are drawn at its edge.
        labels: `[frames, 2]`, drawn beside it with the same colours, or `None`.
        title: heading.
        ranges: see `traces_figure`.

    Returns:
        `matplotlib.figure.Figure`.

    Raises:
        ValueError: if there is no frame, shapes do not fit, or time runs backwards.
    """
    sets = {"" if labels is None else "predictions": style.numbers("values", values, (None, 2))}
    if labels is not None:
        sets = {"labels": style.numbers("labels", labels, (len(values), 2)), **sets}
    known, times = times is not None, style.seconds(times, len(values))
    last = times[-1] if times[-1] > times[0] else times[0] + 1
    scale = matplotlib.colors.Normalize(times[0], last)
    figure, panels = _panels(len(sets), title, ranges)
    for panel, (name, points) in zip(panels, sets.items(), strict=True):
        _axes(panel, ranges, margin=0.04)
        panel.add_patch(matplotlib.patches.Circle((0, 0), 1, fill=False, color="0.6", lw=0.8))
        lows, highs = zip(*(style.range_of(n, ranges) for n in _NAMES), strict=True)
        path = _way(panel, times, np.clip(points, lows, highs), scale)
        panel.set_title(name, fontsize=10)
    bar = figure.colorbar(path, ax=panels, shrink=0.85)
    bar.set_label(style.time_axis(bar.ax.yaxis, times, known))
    return figure


def _way(panel, times, points, scale):
    """Segments between neighbouring frames, dots for frames between gaps; the ends are marked."""
    there = np.isfinite(points).all(axis=1)
    both = there[1:] & there[:-1]
    look = {"cmap": style.TIME, "norm": scale, "rasterized": len(points) > style.LONG}
    path = matplotlib.collections.LineCollection(
        np.stack([points[:-1], points[1:]], axis=1)[both], array=times[:-1][both], **look,
        linewidths=1.4, capstyle="round",
    )  # fmt: skip
    panel.add_collection(path)
    alone = style.alone(there)
    if alone.any():
        panel.scatter(*points[alone].T, c=times[alone], s=6, **look)
    if there.any():
        found = np.flatnonzero(there)
        for i, marker, name in ((found[0], "o", "start"), (found[-1], "s", "end")):
            look = {"color": style.TIME(scale(times[i])), "edgecolor": "black", "zorder": 3}
            panel.scatter(*points[i], marker=marker, s=60, label=name, **look)
        panel.legend(loc="lower left", fontsize=8, framealpha=0.8)
    return path


def _paired(values, labels, ranges):
    """Points by the name of their panel, of the frames that are known in all of them."""
    values = style.numbers("values", values, (None, 2))
    if labels is None:
        return {"": values[np.isfinite(values).all(axis=1)]}
    labels = style.numbers("labels", labels, (len(values), 2))
    there = np.isfinite(np.hstack([values, labels])).all(axis=1)
    for name, column in zip(_NAMES, labels[there].T, strict=True):
        low, high = style.range_of(name, ranges)
        if len(column) and not low <= column.min() <= column.max() <= high:
            raise ValueError(
                f"Labels of {name} must lie in [{low}, {high}]. Received: {column.min():g} to "
                f"{column.max():g}. Leave out the frames that are not valid, or give `ranges`."
            )
    return {"labels": labels[there], "predictions": values[there]}


def _counts(points, edges):
    lows, highs = zip(*((edge[0], edge[-1]) for edge in edges), strict=True)
    return np.histogram2d(*np.clip(points, lows, highs).T, bins=edges)[0]


def _panels(count, title, ranges):
    (left, right), (low, high) = (style.range_of(name, ranges) for name in _NAMES)
    height = 1 + 3.4 * (high - low) / (right - left)
    figure = style.new_figure(1.2 + 4.3 * count, height, title)
    figure.set_layout_engine("compressed")  # which knows axes of a fixed aspect
    return figure, figure.subplots(1, count, squeeze=False)[0]


def _axes(panel, ranges, margin=0):
    """Square axes of valence and arousal, with lines between the quadrants."""
    panel.set_aspect("equal")
    limits = [style.range_of(name, ranges) for name in _NAMES]
    panel.set_xlim(limits[0][0] - margin, limits[0][1] + margin)
    panel.set_ylim(limits[1][0] - margin, limits[1][1] + margin)
    panel.xaxis.set_major_locator(matplotlib.ticker.MultipleLocator(0.5))
    panel.yaxis.set_major_locator(matplotlib.ticker.MultipleLocator(0.5))
    panel.axhline(0, color="0.4", linewidth=0.8)
    panel.axvline(0, color="0.4", linewidth=0.8)
    panel.set_xlabel(style.with_range("valence", ranges))
    panel.set_ylabel(style.with_range("arousal", ranges))

"""Pictures of the valence-arousal plane: the histogram of frames and the trajectory of a clip."""

import matplotlib.collections
import matplotlib.colors
import matplotlib.patches
import matplotlib.ticker
import numpy as np

from kollias_affect import _checks
from kollias_affect.evaluation.plots import style
from kollias_affect.evaluation.plots.cells import cell_edges, count_cells
from kollias_affect.tasks import DIMENSIONS


def histogram(values, labels=None, title=None, ranges=None, bins=None, unit="frames"):
    """Draws the number of frames in each cell of the valence-arousal plane.

    Labels are drawn beside the predictions with the same cells, axes and colours (logarithmic;
    white where there is no frame). Discrete labels, such as the 21 levels of AFEW-VA, have a cell
    around each level. Frames with NaN or infinity are left out of both; the title of a panel has
    the number of remaining frames. Predictions beyond the range count in the outermost cells.

    Args:
        values: Numbers `[frames, 2]`, valence then arousal: predictions, or labels alone.
        labels: Labels `[frames, 2]` of the same frames, or `None`.
        title: Title of the figure.
        ranges: See `traces_figure`.
        bins: Number of cells per axis. Default: one for each level where labels are discrete (see
            `cells.find_levels`), otherwise cells of 0.1.
        unit: What is counted, in the plural.

    Returns:
        `matplotlib.figure.Figure`.

    Raises:
        ValueError: If there is no frame, a shape is wrong, or labels are out of range.

    Example:

    >>> figure = histogram([[0.5, 0.1], [0.4, 0.0]], labels=[[0.6, 0.2], [0.3, 0.1]])
    >>> [axes.get_title() for axes in figure.axes[:2]]
    ['labels: 2 frames', 'predictions: 2 frames']

    References: Paper C, figures 6, 10, 15, 16 and 19.
    """
    sets = _points_of_panels(values, labels, ranges)
    figure, panels = new_panels(len(sets), title, ranges)
    draw_histograms(figure, panels, sets, ranges, bins, unit)
    return figure


def draw_histograms(figure, panels, sets, ranges=None, bins=None, unit="frames"):
    """Draws one histogram of the plane per panel, with the same cells and colours.

    Args:
        figure: Figure or subfigure, which gets the bar of colours.
        panels: Sequence of axes.
        sets: Dict from the title of a panel to its points, finite numbers `[frames, 2]`. The
            first set determines the cells.
        ranges, bins, unit: See `histogram`.
    """
    if bins is not None:
        bins = _checks.positive_integer("bins", bins)
    first = next(iter(sets.values()))
    edges = [
        cell_edges(column, *style.output_range(name, ranges), bins)
        for name, column in zip(DIMENSIONS, first.T, strict=True)
    ]
    counts = {name: count_cells(points, edges) for name, points in sets.items()}
    scale = matplotlib.colors.LogNorm(1, max(10, max(count.max() for count in counts.values())))
    options = {"cmap": style.COUNT_COLOURMAP, "norm": scale, "rasterized": True}
    for panel, (name, count) in zip(panels, counts.items(), strict=True):
        image = panel.pcolormesh(*edges, np.ma.masked_equal(count.T, 0), **options)
        frames = style.format_frames(count.sum(), unit)
        panel.set_title(f"{name}: {frames}" if name else frames, fontsize=10)
        set_up_axes(panel, ranges)
        panel.set_xlim(edges[0][0], edges[0][-1])
        panel.set_ylim(edges[1][0], edges[1][-1])
    bar = figure.colorbar(image, ax=panels, label=f"{unit} per cell", shrink=0.85)
    subs = (1, 2, 5) if scale.vmax <= 1000 else (1,)
    bar.ax.yaxis.set_major_locator(matplotlib.ticker.LogLocator(subs=subs))
    bar.ax.yaxis.set_major_formatter(matplotlib.ticker.StrMethodFormatter("{x:,.0f}"))
    bar.ax.yaxis.set_minor_formatter(matplotlib.ticker.NullFormatter())


def trajectory(times, values, labels=None, title=None, ranges=None):
    """Draws the path of a clip through the circumplex, coloured by time.

    The path is interrupted where there is no face.

    Args:
        times: Seconds `[frames]`, or `None` for frame numbers.
        values: Numbers `[frames, 2]`, valence then arousal, NaN where there is no face. Values
            beyond the range are drawn at its edge.
        labels: Labels `[frames, 2]`, drawn beside the path with the same colours, or `None`.
        title: Title of the figure.
        ranges: See `traces_figure`.

    Returns:
        `matplotlib.figure.Figure`.

    Raises:
        ValueError: If there is no frame, a shape is wrong, or times decrease.

    Example:

    >>> figure = trajectory([0, 0.04, 0.08], [[0.5, 0.1], [0.4, 0.0], [0.2, 0.0]])
    >>> figure.axes[0].get_xlabel()
    'valence (−1 … 1)'
    """
    values = style.checked_array("values", values, (None, 2))
    paths = {"" if labels is None else "predictions": values}
    if labels is not None:
        paths = {"labels": style.checked_array("labels", labels, (len(values), 2)), **paths}
    known_times, times = times is not None, style.checked_times(times, len(values))
    last = times[-1] if times[-1] > times[0] else times[0] + 1
    scale = matplotlib.colors.Normalize(times[0], last)
    figure, panels = new_panels(len(paths), title, ranges)
    lows, highs = zip(*(style.output_range(name, ranges) for name in DIMENSIONS), strict=True)
    for panel, (name, points) in zip(panels, paths.items(), strict=True):
        set_up_axes(panel, ranges, margin=0.04)
        panel.add_patch(matplotlib.patches.Circle((0, 0), 1, fill=False, color="0.6", lw=0.8))
        path = _draw_path(panel, times, np.clip(points, lows, highs), scale)
        panel.set_title(name, fontsize=10)
    bar = figure.colorbar(path, ax=panels, shrink=0.85)
    bar.set_label(style.set_time_ticks(bar.ax.yaxis, times, known_times))
    return figure


def _draw_path(panel, times, points, scale):
    """Draws segments between neighbouring frames, dots for isolated frames, and both ends."""
    present = np.isfinite(points).all(axis=1)
    connected = present[1:] & present[:-1]
    options = {
        "cmap": style.TIME_COLOURMAP,
        "norm": scale,
        "rasterized": len(points) > style.MAX_VECTOR_FRAMES,
    }
    segments = np.stack([points[:-1], points[1:]], axis=1)[connected]
    path = matplotlib.collections.LineCollection(
        segments, array=times[:-1][connected], linewidths=1.4, capstyle="round", **options
    )
    panel.add_collection(path)
    isolated = style.isolated_frames(present)
    if isolated.any():
        panel.scatter(*points[isolated].T, c=times[isolated], s=6, **options)
    if present.any():
        frames = np.flatnonzero(present)
        for i, marker, name in ((frames[0], "o", "start"), (frames[-1], "s", "end")):
            colour = style.TIME_COLOURMAP(scale(times[i]))
            options = {"color": colour, "edgecolor": "black", "zorder": 3}
            panel.scatter(*points[i], marker=marker, s=60, label=name, **options)
        panel.legend(loc="lower left", fontsize=8, framealpha=0.8)
    return path


def _points_of_panels(values, labels, ranges):
    """Returns points by the title of their panel, for the frames that are known in all of them."""
    values = style.checked_array("values", values, (None, 2))
    if labels is None:
        return {"": values[np.isfinite(values).all(axis=1)]}
    labels = style.checked_array("labels", labels, (len(values), 2))
    known = np.isfinite(np.hstack([values, labels])).all(axis=1)
    for name, column in zip(DIMENSIONS, labels[known].T, strict=True):
        low, high = style.output_range(name, ranges)
        if len(column) and not low <= column.min() <= column.max() <= high:
            raise ValueError(
                f"Labels of {name} must lie in [{low}, {high}]. Received: {column.min():g} to "
                f"{column.max():g}. Leave out the frames that are not valid, or pass `ranges`."
            )
    return {"labels": labels[known], "predictions": values[known]}


def new_panels(count, title, ranges):
    """Returns a figure and its panels side by side, with the proportions of the plane.

    Args:
        count: Number of panels.
        title, ranges: See `traces_figure`.
    """
    (left, right), (low, high) = (style.output_range(name, ranges) for name in DIMENSIONS)
    height = 1 + 3.4 * (high - low) / (right - left)
    figure = style.new_figure(1.2 + 4.3 * count, height, title)
    # Supports axes of a fixed aspect. Matplotlib 3.10 cuts labels off with its default padding.
    figure.set_layout_engine("compressed", h_pad=0.06)
    return figure, figure.subplots(1, count, squeeze=False)[0]


def set_up_axes(panel, ranges, margin=0):
    """Sets square axes of valence and arousal, with lines between the quadrants.

    Args:
        panel: Axes.
        ranges: See `traces_figure`.
        margin: Distance between the ranges and the frame.
    """
    panel.set_aspect("equal")
    limits = [style.output_range(name, ranges) for name in DIMENSIONS]
    panel.set_xlim(limits[0][0] - margin, limits[0][1] + margin)
    panel.set_ylim(limits[1][0] - margin, limits[1][1] + margin)
    panel.xaxis.set_major_locator(matplotlib.ticker.MultipleLocator(0.5))
    panel.yaxis.set_major_locator(matplotlib.ticker.MultipleLocator(0.5))
    panel.axhline(0, color="0.4", linewidth=0.8)
    panel.axvline(0, color="0.4", linewidth=0.8)
    panel.set_xlabel(style.label_with_range("valence", ranges))
    panel.set_ylabel(style.label_with_range("arousal", ranges))

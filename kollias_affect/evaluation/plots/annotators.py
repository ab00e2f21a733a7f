"""Pictures of annotators' traces of one video."""

import numpy as np

from kollias_affect import _checks
from kollias_affect.evaluation.plots import style

_OTHERS_COLOUR = "0.8"


def draw_annotators(
    path, times, traces, kept, names=None, dimension="valence", title=None, ranges=None
):
    """Draws the annotators of a stretch of one video: the most correlated ones and their mean.

    Kept annotators are coloured lines, their mean is black and dashed as labels are, and the others
    are grey. The pairwise correlations of the kept ones over the stretch are above the panel.

    Args:
        path: PNG or SVG file, written atomically.
        times: Seconds `[frames]`, or `None` for frame numbers.
        traces: Traces `[annotators, frames]`; cut them to the stretch that is drawn (paper C shows
            2000 frames).
        kept: Indices of the annotators that are averaged, as `annotations.agree` returns them.
        names: Names of the annotators. Default: numbers from 1.
        dimension: Name of the dimension, for the axis.
        title: Title of the figure.
        ranges: Dict from the dimension to `(low, high)`, such as `{"arousal": (0, 1)}`. Default:
            [-1, 1].

    Raises:
        ValueError: If a shape is wrong, times decrease, or `kept` names no annotator.

    Example:

    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "annotators.png"
    >>> draw_annotators(path, [0, 1, 2], [[0, 1, 2], [0, 1, 1], [2, 0, 1]], kept=(0, 1))
    >>> path.exists()
    True

    References: paper C §3.4, figure 9.
    """
    traces = style.checked_array("traces", traces, (None, None))
    times = style.checked_times(times, traces.shape[1]), times is not None
    kept = [_checks.integer_between("kept", index, 0, len(traces) - 1) for index in kept]
    if not kept or len(set(kept)) < len(kept):
        raise ValueError(
            f"`kept` must name different annotators, at least one. Received: {kept}. Pass "
            "`annotations.agree(traces).kept`."
        )
    names = [str(i + 1) for i in range(len(traces))] if names is None else list(names)
    if len(names) != len(traces):
        raise ValueError(
            f"Every annotator must have a name. Received: {len(names)} names of {len(traces)} "
            "traces. Leave `names` out, or pass one for each."
        )
    figure = style.new_figure(9, 3.6, title)
    _draw(figure.subplots(), times, traces, kept, names, dimension, ranges)
    style.save(figure, path)


def _draw(panel, times, traces, kept, names, dimension, ranges):
    times, are_seconds = times
    options = {"rasterized": len(times) > style.MAX_VECTOR_FRAMES}
    others = [i for i in range(len(traces)) if i not in kept]
    for i in others:
        label = f"others ({len(others)})" if i == others[0] else None
        panel.plot(times, traces[i], color=_OTHERS_COLOUR, linewidth=0.6, label=label, **options)
    for position, i in enumerate(kept):
        colour = style.COLOUR_CYCLE[position % len(style.COLOUR_CYCLE)]
        panel.plot(times, traces[i], color=colour, linewidth=1.2, label=names[i], **options)
    mean = traces[kept].mean(axis=0)
    style_of_labels = {"color": "black", "linestyle": (0, (4, 2)), "linewidth": 1.6}
    panel.plot(times, mean, label="mean of the coloured", **style_of_labels, **options)
    low, high = style.output_range(dimension, ranges)
    margin = 0.05 * (high - low)
    panel.set_ylim(low - margin, high + margin)
    panel.set_yticks(np.linspace(low, high, 5))
    panel.set_xlim(times[0], times[-1] if times[-1] > times[0] else times[0] + 1)
    panel.set_ylabel(style.label_with_range(dimension, ranges))
    panel.axhline(0, color="0.6", linewidth=0.8, zorder=0.5)
    panel.set_xlabel(style.set_time_ticks(panel.xaxis, times, are_seconds))
    panel.set_title(_correlation_text(traces[kept]), fontsize=9, loc="right")
    panel.legend(frameon=False, fontsize=9, loc="center left", bbox_to_anchor=(1, 0.5))


def _correlation_text(traces):
    """Says how far the kept annotators correlate in what is drawn."""
    varied = traces[np.ptp(traces, axis=1) > 0]
    if len(varied) < 2:
        return ""
    pairs = np.corrcoef(varied)[np.triu_indices(len(varied), 1)]
    low, high = (f"{value:.2f}".replace("-", "−") for value in (pairs.min(), pairs.max()))
    return f"correlation {low}" if low == high else f"correlations {low} to {high}"

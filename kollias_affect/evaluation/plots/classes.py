"""Pictures of classes: the confusion matrix and the distribution of frames."""

import numpy as np

from kollias_affect.evaluation.plots import style
from kollias_affect.tasks import EXPRESSIONS

# One less than there are colours, so that no two of up to 42 sets have the same look.
_HATCHES = ("", "//", "..", "xx", "\\\\", "--")
_DARK = 0.5  # luminance below which text is white


def draw_confusion(counts, names=EXPRESSIONS, title=None):
    """Draws a confusion matrix: shares of each label's samples by prediction, and counts.

    Args:
        counts: Numbers `[classes, classes]`, rows labels, columns predictions.
        names: Names of the classes.
        title: Title of the figure.

    Returns:
        `matplotlib.figure.Figure`. Rows of labels without samples show `–`.

    Raises:
        ValueError: If the shape is wrong, or counts are negative or not finite.

    Example:

    >>> figure = draw_confusion([[6, 2], [1, 3]], names=("neutral", "happiness"))
    >>> [label.get_text() for label in figure.axes[0].get_yticklabels()]
    ['neutral (8)', 'happiness (4)']
    """
    names = tuple(names)
    counts = _checked_counts(style.checked_array("counts", counts, (len(names), len(names))))
    totals = counts.sum(axis=1, keepdims=True)
    shares = np.divide(100 * counts, totals, out=np.full_like(counts, np.nan), where=totals > 0)
    side = 1.8 + 0.66 * max(len(names), 4)
    figure = style.new_figure(side + 0.9, side - 0.2, title)
    axes = figure.subplots()
    # Zero is white: empty rows and pairs that never occur stand out.
    positive = np.ma.masked_where(~(shares > 0), shares)
    image = axes.imshow(positive, cmap=style.COUNT_COLOURMAP, vmin=0, vmax=100)
    for row, column in np.ndindex(counts.shape):
        _draw_cell(axes, row, column, shares[row, column], counts[row, column], image)
    axes.set_xticks(range(len(names)), names, rotation=45, ha="right", rotation_mode="anchor")
    rows = [f"{name} ({_format(n)})" for name, n in zip(names, totals[:, 0], strict=True)]
    axes.set_yticks(range(len(names)), rows)
    axes.set(xlabel="prediction", ylabel="label (samples)")
    figure.colorbar(image, ax=axes, label="share of the label's samples (%)", shrink=0.9)
    return figure


def distribution(counts, names=EXPRESSIONS, title=None):
    """Draws the share of each class in one or several sets, with the numbers of frames.

    Bars are shares: counts of a small set would be invisible beside those of a large one.

    Args:
        counts: Dict from the name of a set to its frames per class, `[classes]`.
        names: Names of the classes.
        title: Title of the figure.

    Returns:
        `matplotlib.figure.Figure`.

    Raises:
        ValueError: If there is no set, a shape is wrong, or counts are negative or not finite.

    Example:

    >>> figure = distribution({"train": [30, 10]}, names=("neutral", "happiness"))
    >>> [float(bar.get_height()) for bar in figure.axes[0].patches]
    [75.0, 25.0]

    References: Paper D, figure 6.
    """
    names = tuple(names)
    if not counts:
        raise ValueError(
            "`counts` must hold at least one set. Received: none. Pass {name: frames per class}."
        )
    sets = {
        name: _checked_counts(style.checked_array(f"counts of {name}", values, (len(names),)))
        for name, values in counts.items()
    }
    figure_width = max(7, 2 + 0.26 * len(sets) * len(names))
    figure = style.new_figure(figure_width, 4, title)
    axes = figure.subplots()
    positions, bar_width = np.arange(len(names)), 0.84 / len(sets)
    for i, (name, values) in enumerate(sets.items()):
        bars = axes.bar(
            positions + (i - (len(sets) - 1) / 2) * bar_width,
            100 * values / max(values.sum(), 1),
            bar_width,
            color=style.COLOUR_CYCLE[i % len(style.COLOUR_CYCLE)],
            hatch=_HATCHES[i % len(_HATCHES)],
            edgecolor="white",
            label=f"{name} ({_format(values.sum())} frames)",
        )
        texts = [_format(value) for value in values]
        axes.bar_label(bars, texts, fontsize=8, padding=2, rotation=90 if len(sets) > 2 else 0)
    axes.set_xticks(positions, names)
    axes.set(xlabel="class", ylabel="share of the set's frames (%)")
    axes.margins(y=0.15)
    _add_legend(figure, axes, figure_width, len(sets))
    return figure


def _add_legend(figure, axes, width, count):
    """Adds a legend above the axes with as many columns as fit into the width in inches."""
    longest = max(len(bars.get_label()) for bars in axes.containers)
    columns = int((width - 0.5) / (0.7 + 0.085 * longest))
    options = {"fontsize": 9, "frameon": False}
    figure.legend(loc="outside upper left", ncols=min(max(columns, 1), count), **options)


def _draw_cell(axes, row, column, share, count, image):
    if np.isnan(share):
        axes.text(column, row, "–", ha="center", va="center", color="black")
        return
    background = image.cmap(image.norm(share)) if share > 0 else (1, 1, 1, 1)
    dark = np.dot(background[:3], (0.299, 0.587, 0.114)) < _DARK
    options = {"ha": "center", "va": "center", "color": "white" if dark else "black"}
    axes.text(column, row - 0.14, f"{share:.1f}", **options)
    axes.text(column, row + 0.22, _format(count), fontsize=7.5, **options)


def _checked_counts(counts):
    if not (np.isfinite(counts) & (counts >= 0)).all():
        raise ValueError(
            f"Counts must be finite and at least 0. Received: {counts.tolist()}. Count frames."
        )
    return counts


def _format(value):
    return f"{value:,.0f}" if value == round(value) else f"{value:,.1f}"

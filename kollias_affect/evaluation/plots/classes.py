"""Pictures of classes: which are taken for which, and how many frames each has."""

import numpy as np

from kollias_affect.evaluation.plots import style
from kollias_affect.tasks import EXPRESSIONS

_HATCHES = ("", "//", "..", "xx", "\\\\", "--")  # one less than colours: no two sets look alike
_DARK = 0.5  # luminance below which letters are white


def confusion(counts, names=EXPRESSIONS, title=None):
    """A confusion matrix: the share of each label's samples by prediction, and their number.

    Args:
        counts: `[classes, classes]`, rows labels, columns predictions.
        names: of the classes.
        title: heading.

    Returns:
        `matplotlib.figure.Figure`. Rows of labels without samples show `–`.

    Raises:
        ValueError: if the shape does not fit, or counts are negative or not finite.
    """
    names = tuple(names)
    counts = _checked(style.numbers("counts", counts, (len(names), len(names))))
    totals = counts.sum(axis=1, keepdims=True)
    shares = np.divide(100 * counts, totals, out=np.full_like(counts, np.nan), where=totals > 0)
    side = 1.8 + 0.66 * max(len(names), 4)
    figure = style.new_figure(side + 0.9, side - 0.2, title)
    axes = figure.subplots()
    # None is white: an empty row, and what never happens, stand out.
    shown = np.ma.masked_where(~(shares > 0), shares)
    image = axes.imshow(shown, cmap=style.COUNTS, vmin=0, vmax=100)
    for row, column in np.ndindex(counts.shape):
        _cell(axes, row, column, shares[row, column], counts[row, column], image)
    axes.set_xticks(range(len(names)), names, rotation=45, ha="right", rotation_mode="anchor")
    rows = [f"{name} ({_number(n)})" for name, n in zip(names, totals[:, 0], strict=True)]
    axes.set_yticks(range(len(names)), rows)
    axes.set(xlabel="prediction", ylabel="label (samples)")
    figure.colorbar(image, ax=axes, label="share of the label's samples (%)", shrink=0.9)
    return figure


def distribution(counts, names=EXPRESSIONS, title=None):
    """The share of each class in one or several sets, with the number of frames on each bar.

    Shares, because sets differ in size: counts of a small set would not show beside a large one.

    Args:
        counts: dict from the name of a set to its frames per class, `[classes]`.
        names: of the classes.
        title: heading.

    Returns:
        `matplotlib.figure.Figure`.

    Raises:
        ValueError: if there is no set, a shape does not fit, or counts are negative or not finite.

    References: paper D, figure 6.
    """
    names = tuple(names)
    if not counts:
        raise ValueError(
            "`counts` must hold at least one set. Received: none. Give {name: frames per class}."
        )
    sets = {
        name: _checked(style.numbers(f"counts of {name}", values, (len(names),)))
        for name, values in counts.items()
    }
    width = max(7, 2 + 0.26 * len(sets) * len(names))
    figure = style.new_figure(width, 4, title)
    axes = figure.subplots()
    place, wide = np.arange(len(names)), 0.84 / len(sets)
    for i, (name, values) in enumerate(sets.items()):
        bars = axes.bar(
            place + (i - (len(sets) - 1) / 2) * wide, 100 * values / max(values.sum(), 1), wide,
            color=style.CYCLE[i % len(style.CYCLE)], hatch=_HATCHES[i % len(_HATCHES)],
            edgecolor="white", label=f"{name} ({_number(values.sum())} frames)",
        )  # fmt: skip
        texts = [_number(value) for value in values]
        axes.bar_label(bars, texts, fontsize=8, padding=2, rotation=90 if len(sets) > 2 else 0)
    axes.set_xticks(place, names)
    axes.set(xlabel="class", ylabel="share of the set's frames (%)")
    axes.margins(y=0.15)
    longest = max(len(bars.get_label()) for bars in axes.containers)
    columns = int((width - 0.5) / (0.7 + 0.085 * longest))  # inches per entry
    look = {"fontsize": 9, "frameon": False}
    figure.legend(loc="outside upper left", ncols=min(max(columns, 1), len(sets)), **look)
    return figure


def _cell(axes, row, column, share, count, image):
    if np.isnan(share):
        axes.text(column, row, "–", ha="center", va="center", color="black")
        return
    colour = image.cmap(image.norm(share)) if share > 0 else (1, 1, 1, 1)
    ink = "white" if np.dot(colour[:3], (0.299, 0.587, 0.114)) < _DARK else "black"
    axes.text(column, row - 0.14, f"{share:.1f}", ha="center", va="center", color=ink)
    axes.text(column, row + 0.22, _number(count), ha="center", va="center", color=ink, fontsize=7.5)


def _checked(counts):
    if not (np.isfinite(counts) & (counts >= 0)).all():
        raise ValueError(
            f"Counts must be finite and at least 0. Received: {counts.tolist()}. Count frames."
        )
    return counts


def _number(value):
    return f"{value:,.0f}" if value == round(value) else f"{value:,.1f}"

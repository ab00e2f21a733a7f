"""Several confusion matrices beside each other, in percent of each label."""

import math

import numpy as np

from kollias_affect.evaluation.plots import style
from kollias_affect.tasks import EXPRESSIONS

_WIDTH, _HEIGHT = 3.0, 3.6  # inches; titles and names of classes take height


def confusion_panels(matrices, names=EXPRESSIONS, columns=4, title=None):
    """Draws confusion matrices as panels with one colour scale.

    Args:
        matrices: Dict from the title of a panel to numbers `[classes, classes]`; rows are labels.
        names: Names of the classes.
        columns: Panels per row.
        title: Title of the figure.

    Returns:
        `matplotlib.figure.Figure`. The fields show percent of each label; rows of labels without
        samples are empty.

    Raises:
        ValueError: If there is no matrix, or a shape is wrong.

    Example:

    >>> figure = confusion_panels({"a": [[3, 1], [0, 2]]}, ("no", "yes"))
    >>> [text.get_text() for text in figure.axes[0].texts]
    ['75', '25', '0', '100']

    References: paper D, figures 4 and 5.
    """
    if not matrices:
        raise ValueError("There must be a matrix. Received: none. Pass {title: counts}.")
    size = len(names)
    counts = {
        key: style.checked_array(f"counts of {key}", values, (size, size))
        for key, values in matrices.items()
    }
    columns = min(columns, len(counts))
    rows = math.ceil(len(counts) / columns)
    figure = style.new_figure(0.9 + _WIDTH * columns, 0.6 + _HEIGHT * rows, title)
    panels = figure.subplots(rows, columns, squeeze=False)
    for axes in panels.flat[len(counts) :]:
        axes.axis("off")
    image = None
    for i, (axes, (key, values)) in enumerate(zip(panels.flat, counts.items(), strict=False)):
        image = _draw(axes, values)
        axes.set_title(key, fontsize=9)
        axes.set_xticks(range(size), names, rotation=45, ha="right", rotation_mode="anchor")
        axes.set_yticks(range(size), names if i % columns == 0 else [])
        axes.tick_params(labelsize=7)
    figure.supxlabel("prediction", fontsize=9)
    figure.supylabel("label", fontsize=9)
    figure.colorbar(image, ax=panels, label="share of the label's samples (%)", shrink=0.8)
    return figure


def _draw(axes, counts):
    totals = counts.sum(axis=1, keepdims=True)
    shares = np.divide(100 * counts, totals, out=np.full_like(counts, np.nan), where=totals > 0)
    positive = np.ma.masked_where(~(shares > 0), shares)
    image = axes.imshow(positive, cmap=style.COUNT_COLOURMAP, vmin=0, vmax=100)
    for row, column in np.ndindex(counts.shape):
        if totals[row, 0] > 0:
            colour = "white" if shares[row, column] > 50 else "black"
            text = f"{shares[row, column]:.0f}"
            axes.text(column, row, text, ha="center", va="center", fontsize=7, color=colour)
    return image

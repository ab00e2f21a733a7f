"""Rows of pictures beside each other: examples of databases, or several crops of one picture."""

from pathlib import Path

import matplotlib.image
import numpy as np

from kollias_affect import shards
from kollias_affect.evaluation.plots import style

_CELL = 1.5  # inches


def picture_grid(rows, columns=None, title=None, true_size=False):
    """Draws rows of pictures with a name for each row and column.

    Args:
        rows: Dict from the name of a row to its list of pictures: uint8 `[height, width]` or
            `[height, width, 3]`, image files, or `None` for an empty place.
        columns: Names of the columns, or `None`.
        title: Title of the figure.
        true_size: Whether all pictures have the same scale, so that small pictures look small.
            Otherwise each one fills its place.

    Returns:
        `matplotlib.figure.Figure`.

    Raises:
        ValueError: If there is no picture, or rows differ in length.

    Example:

    >>> import numpy as np
    >>> black = np.zeros((48, 48), np.uint8)
    >>> figure = picture_grid({"small": [black, None], "large": [black, black]}, ("a", "b"))
    >>> len(figure.axes)
    4

    References: paper D, figures 1 and 2.
    """
    rows = {name: [_picture(picture) for picture in row] for name, row in rows.items()}
    lengths = {len(row) for row in rows.values()}
    if len(lengths) != 1 or (columns is not None and lengths != {len(columns)}):
        raise ValueError(
            "Every row must have a place for each column. Received: rows of "
            f"{[len(row) for row in rows.values()]} for {columns}. Pass `None` for empty places."
        )
    pictures = [picture for row in rows.values() for picture in row if picture is not None]
    if not pictures:
        raise ValueError("There must be a picture. Received: none. Pass at least one.")
    largest = max(max(picture.shape[:2]) for picture in pictures)
    count = lengths.pop()
    figure = style.new_figure(1.6 + _CELL * count, 0.5 + _CELL * len(rows), title)
    axes = figure.subplots(len(rows), count, squeeze=False)
    for i, (name, row) in enumerate(rows.items()):
        axes[i, 0].set_ylabel(name, rotation=0, ha="right", va="center", fontsize=9)
        for j, picture in enumerate(row):
            _draw(axes[i, j], picture, largest if true_size else None)
    for j, name in enumerate(columns or ()):
        axes[0, j].set_title(name, fontsize=9)
    return figure


def _picture(value):
    """Returns an array `[height, width, 3]` of a picture or an image file; `None` stays."""
    if value is None:
        return None
    if not isinstance(value, np.ndarray):
        with shards.opened(value) as file:
            value = matplotlib.image.imread(file, Path(value).suffix[1:])
        value = value if value.dtype == np.uint8 else np.round(255 * value).astype(np.uint8)
    value = value[..., None] if value.ndim == 2 else value
    return np.repeat(value, 3, axis=2) if value.shape[2] == 1 else value[..., :3]


def _draw(axes, picture, side):
    """Draws a picture into the middle of a square of `side` pixels, or as large as possible."""
    axes.set(xticks=[], yticks=[])
    for spine in axes.spines.values():
        spine.set_visible(False)
    if picture is None:
        return
    height, width = picture.shape[:2]
    axes.imshow(picture, interpolation="nearest")
    if side is not None:
        axes.set_xlim((width - side) / 2 - 0.5, (width + side) / 2 - 0.5)
        axes.set_ylim((height + side) / 2 - 0.5, (height - side) / 2 - 0.5)

"""Draws the papers' figures that belong to a table, beside its page."""

import numpy as np

from kollias_affect.evaluation.plots import figures
from kollias_affect.experiments.declaration import Empty
from kollias_affect.experiments.scoring import refuse_missing
from kollias_affect.experiments.trainings import TEST


def draw(table, laboratory, out_dir):
    """Draws the figures of a table from the first seed.

    Args:
        table: `Table`.
        laboratory: `Laboratory`.
        out_dir: `Path` of the folder of the tables. The pictures are `<table>-figure-<name>.png`.

    Returns:
        List of `(file name, caption)`; the name is `None` and the text gives the reason if the data
        do not allow a figure.
    """
    return [_drawn(table, figure, laboratory, out_dir) for figure in table.figures]


def _drawn(table, figure, laboratory, out_dir):
    path = out_dir / f"{table.name}-figure-{figure.name}.png"
    try:
        if figure.draw_with is not None:
            figure.draw_with(laboratory, path)
        else:
            figures.draw(figure.name, path, *_data(figure, laboratory))
    except Empty as reason:
        return None, f"{figure.title}: not drawn, {reason}"
    return path.name, figure.title


def _data(figure, laboratory):
    """Clips of a figure, and their predictions or `None`."""
    parts = laboratory.parts()
    if figure.setting is None:
        clips = parts.lists if figure.part == "parts" else getattr(parts, figure.part)
        shown = parts.everything if figure.part == "parts" else clips
        if not any(clip.valence_arousal is not None for clip in shown):
            raise Empty("there is no clip with labels")
        return clips, None
    refuse_missing(laboratory, figure.setting)
    clips, predictions = laboratory.predictions(figure.setting)[TEST]
    if not any(np.isfinite(predictions[clip.key]).any() for clip in clips):
        raise Empty("no frame of the test part counts")
    return clips, predictions

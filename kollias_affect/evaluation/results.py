"""Predictions, scores and pictures of one model on one set of clips, in one folder."""

import re
from pathlib import Path

import numpy as np

from kollias_affect import _files
from kollias_affect.evaluation import plots
from kollias_affect.evaluation.label_ranges import ranges_of
from kollias_affect.evaluation.measures import main_measure
from kollias_affect.evaluation.predictions import paired, to_table
from kollias_affect.evaluation.resampling import confidence_intervals
from kollias_affect.evaluation.scores import confusion, scores
from kollias_affect.evaluation.tables import write_table
from kollias_affect.tasks import TASKS, known, known_labels, label_field

CLIPS_DRAWN = 4


def write_results(
    clips,
    predictions,
    out_dir,
    task="valence_arousal",
    scored=None,
    ranges=None,
    significance=False,
    excel_safe=False,
):
    """Writes predictions, scores and pictures.

    The files are `predictions.csv` (see `to_table`) and, as csv and markdown, `scores`, `per_video`
    and, with two videos or more, `intervals` (95 %, of the CCC or the accuracy). For valence and
    arousal there are also `histogram.png`, and `traces-<number>-<clip>.png` and
    `trajectory-<number>-<clip>.png` of the first clips; for one dimension the traces; for
    expressions `confusion` (csv, markdown, png), `distribution.png` and the traces; for action
    units the traces. Single images have no `per_video` and no traces.

    Args:
        clips: List of `Clip` with labels.
        predictions: Predictions of every frame; see `paired`.
        out_dir: Folder, created if it does not exist.
        task: One of `tasks.TASKS`.
        scored: Table of `aggregate` whose rows are scored instead of frames.
        ranges: Ranges of valence and arousal in the pictures, see `plots.traces_figure`. Default:
            those of the database, see `label_ranges.ranges_of`.
        significance: Whether scores have p-values, see `scores`.
        excel_safe: Whether no text of a csv is a formula for a spreadsheet.

    Returns:
        `pandas.DataFrame` of `scores`.

    Raises:
        ValueError: As `scores` does.
    """
    out_dir = Path(out_dir)
    values = paired(clips, predictions)
    predictions = {clip.key: v for clip, v in zip(clips, values, strict=True)}
    scored = predictions if scored is None else scored
    ranges = ranges_of(clips) if ranges is None else ranges
    table = scores(clips, scored, task, significance=significance)
    per_video = scores(clips, scored, task, per_video=True, significance=significance)
    names, _ = TASKS[task]
    safe = {"excel_safe": excel_safe}
    _files.write_csv(to_table(predictions, names), out_dir / "predictions.csv", index=False, **safe)
    write_table(table, out_dir / "scores", **safe)
    videos = [clip for clip in clips if len(clip) > 1][:CLIPS_DRAWN]  # to draw
    if videos:
        write_table(per_video, out_dir / "per_video", **safe)
    if (per_video.iloc[:, -1] > 0).sum() > 1:  # videos with a row that counts
        intervals = confidence_intervals(clips, scored, main_measure(task), task)
        write_table(intervals, out_dir / "intervals", **safe)
    if label_field(task) == "expression":
        _draw_classes(clips, scored, out_dir, task)
    elif task == "valence_arousal":
        _draw_plane(clips, videos, predictions, ranges, out_dir)
    for number, clip in enumerate(videos, start=1):
        labels = known_labels(clip, task)
        figure = plots.traces_figure(
            clip.times, predictions[clip.key], names, labels, title=clip.key, ranges=ranges
        )
        plots.save(figure, out_dir / f"traces-{number}-{_file_name(clip)}.png")
    return table


def _draw_plane(clips, videos, predictions, ranges, out_dir):
    known_of = {clip.key: known(clip, "valence_arousal") for clip in clips}
    labels = [clip.valence_arousal[known_of[clip.key]] for clip in clips]
    values = [predictions[clip.key][known_of[clip.key]] for clip in clips]
    figure = plots.histogram(np.concatenate(values), np.concatenate(labels), ranges=ranges)
    plots.save(figure, out_dir / "histogram.png")
    for number, clip in enumerate(videos, start=1):
        labels = known_labels(clip, "valence_arousal")
        values = predictions[clip.key]
        figure = plots.trajectory(clip.times, values, labels, title=clip.key, ranges=ranges)
        plots.save(figure, out_dir / f"trajectory-{number}-{_file_name(clip)}.png")


def _draw_classes(clips, scored, out_dir, task):
    counts, names = confusion(clips, scored, task), TASKS[task][0]
    write_table(counts, out_dir / "confusion")
    plots.save(plots.draw_confusion(counts.to_numpy(), names), out_dir / "confusion.png")
    sets = {"labels": counts.sum(axis=1), "predictions": counts.sum(axis=0)}
    figure = plots.distribution({name: values.to_numpy() for name, values in sets.items()}, names)
    plots.save(figure, out_dir / "distribution.png")


def _file_name(clip):
    return re.sub(r"[^\w.+-]", "_", clip.key)

"""Figures of papers B and C, each drawn from clips and predictions in one call."""

import dataclasses
from collections.abc import Callable, Mapping

import numpy as np

from kollias_affect import _checks, tasks
from kollias_affect.evaluation.label_ranges import ranges_of
from kollias_affect.evaluation.plots import plane, style
from kollias_affect.evaluation.plots.over_time import traces_figure
from kollias_affect.evaluation.predictions import paired
from kollias_affect.tasks import DIMENSIONS

PART = 6000  # consecutive frames in figure 14 of paper C
# Colours of the sets in figure 3 of paper B: training, validation, test.
_SET_COLOURS = (style.GREEN, style.VERMILLION, style.BLUE, *style.COLOUR_CYCLE)


@dataclasses.dataclass(frozen=True)
class PaperFigure:
    """A figure of a paper.

    Attributes:
        caption: What it shows, in one sentence.
        source: Place in the paper.
        draw: Function from sets of clips, predictions, title and ranges to a
            `matplotlib.figure.Figure`.
        predicted: Whether it shows predictions beside labels.
    """

    caption: str
    source: str
    draw: Callable
    predicted: bool = False


def draw(name, path, clips, predictions=None, title=None, ranges=None):
    """Draws a figure of a paper and writes it.

    Only frames that are valid count. For figures of annotations alone, the labels of clips without
    a valid frame count too, because a label does not need a face.

    Args:
        name: Key of `FIGURES`, such as `"C14"`: the letter of the paper and the number of the
            figure.
        path: PNG or SVG file, written atomically.
        clips: List of `Clip` with valence and arousal; for `"B3"` also a dict from the name of a
            set to its clips, such as `{"training": ..., "validation": ..., "test": ...}`.
        predictions: Predictions of every frame, see `paired`; required by the figures that show
            them.
        title: Title of the figure.
        ranges: See `traces_figure`. Default: those of the database, see `ranges_of`.

    Raises:
        ValueError: If the name is unknown, labels or predictions are missing, no frame counts, or
            the file has another suffix.

    Example:

    >>> import pathlib, tempfile
    >>> import numpy as np
    >>> from kollias_affect.clip import Clip
    >>> labels = np.random.default_rng(0).uniform(-1, 1, (50, 2))
    >>> clips = [Clip("a", ["1.png"] * 50, valence_arousal=labels)]
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "figure.svg"
    >>> draw("C15", path, clips, {"a": 0.8 * labels})
    >>> path.exists()
    True

    References: Paper B, figure 3; paper C, figures 6, 10 and 14 to 19.
    """
    figure = FIGURES[_checks.one_of("name", name, FIGURES)]
    sets = dict(clips) if isinstance(clips, Mapping) else {"": list(clips)}
    _check_sets(name, sets)
    if figure.predicted and predictions is None:
        raise ValueError(
            f"Figure {name} shows predictions beside labels. Received: no predictions. Pass what "
            "`predict` returns for the clips."
        )
    if ranges is None:
        ranges = ranges_of([clip for members in sets.values() for clip in members])
    style.save(figure.draw(sets, predictions, title, ranges), path)


def _check_sets(name, sets):
    without = [c.key for clips in sets.values() for c in clips if c.valence_arousal is None]
    if without or not any(sets.values()):
        raise ValueError(
            "Figures need clips with valence and arousal. Received: "
            f"{sum(map(len, sets.values()))} clips, without labels: {without[:5]}. Load the clips "
            "with their labels."
        )
    if len(sets) > 1 and name != "B3":
        raise ValueError(
            f"Figure {name} shows one set of clips. Received: {list(sets)}. Pass a list of clips."
        )


def _clips(sets):
    return next(iter(sets.values()))


def _part_over_time(sets, predictions, title, ranges):
    return _over_time(sets, predictions, title, ranges, PART)


def _video_over_time(sets, predictions, title, ranges):
    return _over_time(sets, predictions, title, ranges, None)


def _over_time(sets, predictions, title, ranges, frames):
    """Draws labels and predictions of the longest video, or of a part of so many frames of it."""
    clips = _clips(sets)
    values = dict(zip((clip.key for clip in clips), paired(clips, predictions), strict=True))
    clip = max(clips, key=lambda clip: int(clip.valid.sum()))  # of equally long ones, the first
    start, stop = _best_part(clip.valid, frames)
    part = clip.part(start, stop, clip.key)
    if title is None:
        title = f"{clip.key}, frames {start + 1:,} to {stop:,}"
    labels = tasks.known_labels(part, "valence_arousal")
    return traces_figure(
        part.times, values[clip.key][start:stop], DIMENSIONS, labels, title, ranges
    )


def _best_part(valid, frames):
    """Returns start and end of the consecutive frames with most valid ones, the first if equal."""
    if frames is None or len(valid) <= frames:
        return 0, len(valid)
    totals = np.concatenate([[0], np.cumsum(valid)])
    start = int(np.argmax(totals[frames:] - totals[:-frames]))
    return start, start + frames


def _both_histograms(sets, predictions, title, ranges):
    clips = _clips(sets)
    known = [tasks.known(clip, "valence_arousal") for clip in clips]
    values = [v[k] for v, k in zip(paired(clips, predictions), known, strict=True)]
    labels = [clip.valence_arousal[k] for clip, k in zip(clips, known, strict=True)]
    labels = np.concatenate(labels)
    _refuse_none(labels)
    return plane.histogram(np.concatenate(values), labels, title, ranges)


def _annotations(sets, predictions, title, ranges):
    return plane.histogram(_annotated(_clips(sets)), None, title, ranges)


def _discrete_values(sets, predictions, title, ranges):
    """Draws each pair of values that occurs as a point, with an area by its number of frames."""
    values = np.round(_annotated(_clips(sets)).astype(np.float64), 6)
    pairs, counts = np.unique(values, axis=0, return_counts=True)
    figure, (panel,) = plane.new_panels(1, title, ranges)
    plane.set_up_axes(panel, ranges, margin=0.08)
    largest = counts.max()
    points = panel.scatter(
        *pairs.T, s=_areas(counts, largest), color=style.BLUE, linewidth=0, zorder=3,
        rasterized=len(pairs) > style.MAX_VECTOR_FRAMES,
    )  # fmt: skip
    points.set_label("values")
    levels = " × ".join(f"{len(np.unique(column)):,}" for column in pairs.T)
    panel.set_title(
        f"{len(pairs):,} pairs of {levels} values, {style.format_frames(len(values))}", fontsize=10
    )
    for count in dict.fromkeys((1, round(np.sqrt(largest)), largest)):
        options = {"color": style.BLUE, "linewidth": 0, "label": style.format_frames(count)}
        panel.scatter([], [], s=_areas(count, largest), **options)
    handles, texts = panel.get_legend_handles_labels()
    options = {"loc": "upper left", "bbox_to_anchor": (1.02, 1), "frameon": False, "fontsize": 9}
    panel.legend(handles[1:], texts[1:], **options)
    return figure


def _areas(counts, largest):
    """Returns areas of points in square points, by the logarithm, so that rare pairs are seen."""
    return 6 + 44 * np.log1p(counts - 1) / max(np.log(largest), 1e-9)


def _sets_of_utterances(sets, predictions, title, ranges):
    """Draws one column per set: the histogram of its utterances above, each utterance below."""
    utterances = {name or "annotations": _utterances(clips) for name, clips in sets.items()}
    (left, right), (low, high) = (style.output_range(name, ranges) for name in DIMENSIONS)
    height = (0.1 if title is None else 0.4) + 2 * (0.75 + 3 * (high - low) / (right - left))
    figure = style.new_figure(1.2 + 3.7 * len(utterances), height, title)
    figure.set_layout_engine("compressed", h_pad=0.06)
    top, bottom = figure.subplots(2, len(utterances), squeeze=False)
    plane.draw_histograms(figure, top, utterances, ranges, unit="utterances")
    for panel, (name, points), colour in zip(
        bottom, utterances.items(), _SET_COLOURS, strict=False
    ):
        plane.set_up_axes(panel, ranges)
        panel.scatter(*points.T, s=9, color=colour, alpha=0.55, linewidth=0, clip_on=False)
        panel.set_title(name, fontsize=10, color=colour)
    return figure


def _utterances(clips):
    """Returns the mean label `[utterances, 2]` of each clip that has one."""
    values = [labels.mean(axis=0) for labels in _labels_of_clips(clips) if len(labels)]
    _refuse_none(values)
    return np.array(values)


def _annotated(clips):
    """Returns the labels `[frames, 2]` of all clips; see `_labels_of_clips`."""
    values = np.concatenate([np.empty((0, 2)), *_labels_of_clips(clips)])
    _refuse_none(values)
    return values


def _labels_of_clips(clips):
    """Yields the labels `[frames, 2]` of valid frames, or all known ones of a clip without any."""
    for clip in clips:
        labels = clip.valence_arousal.astype(np.float64)
        known = (np.abs(np.nan_to_num(labels, nan=np.inf)) <= 1).all(axis=1)
        yield labels[clip.valid if clip.valid.any() else known]


def _refuse_none(labels):
    if not len(labels):
        raise ValueError(
            "A figure needs at least one labelled frame. Received: none. Check that faces were "
            "detected and that frames are marked as valid."
        )


# Figures by the letter of the paper and the number of the figure.
FIGURES = {
    "B3": PaperFigure(
        "Annotations of the utterances of OMG-Emotion in the plane of valence and arousal: "
        "histograms (top) and each utterance as a point (bottom), one column per set.",
        "Paper B, figure 3",
        _sets_of_utterances,
    ),
    "C6": PaperFigure(
        "Histogram of the annotations of Aff-Wild in the plane of valence and arousal.",
        "Paper C, figure 6",
        _annotations,
    ),
    "C10": PaperFigure(
        "Histogram of the annotations of the challenge's training set in the plane of valence and "
        "arousal.",
        "Paper C, figure 10",
        _annotations,
    ),
    "C14": PaperFigure(
        "Predictions and labels of valence and arousal over a part of a video of Aff-Wild.",
        "Paper C, figure 14",
        _part_over_time,
        predicted=True,
    ),
    "C15": PaperFigure(
        "Histograms of the annotations and of the predictions of AffWildNet for the test set of "
        "Aff-Wild.",
        "Paper C, figure 15",
        _both_histograms,
        predicted=True,
    ),
    "C16": PaperFigure(
        "Histograms of the annotations and of the predictions for the test set of RECOLA.",
        "Paper C, figure 16",
        _both_histograms,
        predicted=True,
    ),
    "C17": PaperFigure(
        "Predictions and labels of valence and arousal over one test video of RECOLA.",
        "Paper C, figure 17",
        _video_over_time,
        predicted=True,
    ),
    "C18": PaperFigure(
        "Discrete values of the annotations of AFEW-VA: each pair of values that occurs is a "
        "point, larger for more frames.",
        "Paper C, figure 18",
        _discrete_values,
    ),
    "C19": PaperFigure(
        "Histogram of the annotations of AFEW-VA in the plane of valence and arousal, one cell "
        "per level.",
        "Paper C, figure 19",
        _annotations,
    ),
}

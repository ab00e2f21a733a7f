"""Pictures of outputs and labels over time."""

from pathlib import Path

import matplotlib.image
import numpy as np

from kollias_affect import shards, tasks
from kollias_affect.evaluation import measures
from kollias_affect.evaluation.label_ranges import ranges_of
from kollias_affect.evaluation.plots import style
from kollias_affect.tasks import DIMENSIONS

_GAP_COLOUR, _LABEL_COLOUR, _DASHES = "0.88", "black", (0, (4, 2))
_DIMENSION_HEIGHT, _PROBABILITY_HEIGHT = 1.8, 0.75  # inches per panel


def traces_figure(times, predictions, names, labels=None, title=None, ranges=None):
    """Draws one panel per output over time. Frames without a face are shaded gaps.

    For valence and arousal, the prediction is a coloured line and the label a dashed black one.
    Their CCC (over these frames only, population moments) is above the panel. Probabilities have
    narrow panels from 0 to 1, with a black bar at the top where the label is that class.
    Predictions beyond the range are drawn at its edge.

    Args:
        times: Seconds `[frames]`, or `None` for frame numbers.
        predictions: Numbers `[frames, outputs]`, NaN where there is no face.
        names: Names of the outputs.
        labels: For valence and arousal, numbers `[frames, outputs]`, NaN where unknown; for
            probabilities, class indices `[frames]`, negative where unknown, or shares
            `[frames, outputs]`, NaN where unknown; or `None`.
        title: Title of the figure.
        ranges: Dict from an output to `(low, high)`, such as `{"arousal": (0, 1)}` for OMG.
            Default: [-1, 1] for valence and arousal, [0, 1] for other outputs.

    Returns:
        `matplotlib.figure.Figure`.

    Raises:
        ValueError: If there is no frame, a shape is wrong, or times decrease.

    Example:

    >>> import numpy as np
    >>> labels = np.array([[0.1, 0.2], [0.5, 0.4], [0.9, 0.3]])
    >>> figure = traces_figure([0, 0.04, 0.08], labels, ("valence", "arousal"), labels)
    >>> [panel.get_ylabel() for panel in figure.axes]
    ['valence (−1 … 1)', 'arousal (−1 … 1)']

    References: Paper C, figure 14.
    """
    drawing = _Traces(times, predictions, names, labels, ranges)
    figure = style.new_figure(9, 1 + drawing.height, title)
    drawing.draw(figure)
    return figure


def traces(times, predictions, names, path, labels=None, title=None, ranges=None):
    """Writes `traces_figure` to a file.

    Args:
        times, predictions, names, labels, title, ranges: See `traces_figure`.
        path: PNG or SVG file, written atomically.

    Example:

    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "traces.png"
    >>> traces([0, 0.04], [[0.1], [0.2]], ["valence"], path)
    >>> path.exists()
    True
    """
    style.save(traces_figure(times, predictions, names, labels, title, ranges), path)


def clip_picture(clip, predictions, names, path, title=None, faces=8, ranges=None):
    """Writes crops of a clip above the traces of its labels and predictions.

    Labels are drawn where frames are valid.

    Args:
        clip: `Clip`, with or without labels.
        predictions: Numbers `[frames, outputs]`, NaN where there is no face.
        names: Names of the outputs.
        path: PNG or SVG file, written atomically.
        title: Title of the figure.
        faces: Largest number of crops, at equal distances among the frames with a face.
        ranges: See `traces_figure`. Default: those of the clip's database, see
            `label_ranges.ranges_of`.

    Example:

    >>> import pathlib, tempfile
    >>> import numpy as np
    >>> from kollias_affect.clip import Clip
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "clip.png"
    >>> clip_picture(Clip("a", ["", ""]), np.full((2, 1), np.nan), ["valence"], path)
    >>> path.exists()
    True
    """
    ranges = ranges_of([clip]) if ranges is None else ranges
    drawing = _Traces(clip.times, predictions, names, _labels(clip, names), ranges)
    figure = style.new_figure(9, 2 + drawing.height, title)
    top, bottom = figure.subfigures(2, height_ratios=(1.2, 0.6 + drawing.height))
    _draw_crops(top, clip, faces)
    drawing.draw(bottom)
    style.save(figure, path)


def _draw_crops(figure, clip, faces):
    visible = np.flatnonzero(clip.has_image)
    count = min(faces, len(visible))
    frames = visible[np.linspace(0, len(visible) - 1, count).round().astype(int)]
    panels = figure.subplots(1, faces, squeeze=False)[0]
    for axes in panels:
        axes.axis("off")
    for axes, i in zip(panels[:count], frames, strict=True):
        text = f"frame {i + 1}" if clip.times is None else f"{clip.times[i]:.1f} s"
        axes.set_title(text, fontsize=8)
        path = clip.paths[i]
        with shards.opened(path) as file:
            axes.imshow(matplotlib.image.imread(file, Path(path).suffix[1:]))


def _labels(clip, names):
    """Returns the labels of a clip for these outputs, unknown where frames are not valid."""
    names = tuple(names)
    if set(names) <= set(DIMENSIONS):
        if clip.valence_arousal is None:
            return None
        return tasks.known_labels(clip, "valence_arousal")[:, tasks.columns(names)]
    for task in ("expression", "expression_8", "action_units"):
        if names == tasks.TASKS[task][0] and getattr(clip, tasks.label_field(task)) is not None:
            return tasks.known_labels(clip, task)
    return None


class _Traces:
    """Panels of outputs over time, drawn on a figure or subfigure.

    Args: See `traces_figure`.
    """

    def __init__(self, times, predictions, names, labels=None, ranges=None):
        shape = (None, len(tuple(names)))
        self.predictions = style.checked_array("predictions", predictions, shape)
        frames = len(self.predictions)
        self.names, self.ranges, self.known_times = tuple(names), ranges, times is not None
        self.times = style.checked_times(times, frames)
        self.edges, self.rasterized = _edges(self.times), frames > style.MAX_VECTOR_FRAMES
        self.probabilities = not set(self.names) & style.DIMENSION_COLOURS.keys()
        if labels is not None:
            of_classes = self.probabilities and np.ndim(labels) == 1
            shape = (frames,) if of_classes else (frames, len(self.names))
            labels = style.checked_array("labels", labels, shape)
        self.labels = labels
        height = _PROBABILITY_HEIGHT if self.probabilities else _DIMENSION_HEIGHT
        self.height = len(self.names) * height

    def draw(self, figure):
        """Draws all panels, the first output at the top."""
        panels = figure.subplots(len(self.names), sharex=True, squeeze=False)[:, 0]
        missing = np.isnan(self.predictions).any(axis=1)
        for i, panel in enumerate(panels):
            self._shade_gaps(panel, missing)
            if self.probabilities:
                self._draw_probability(panel, i)
            else:
                self._draw_dimension(panel, i)
        if self.labels is not None:
            position = {"loc": "lower left", "bbox_to_anchor": (0, 1)}
            panels[0].legend(ncols=2, frameon=False, fontsize=9, **position)
        panels[-1].set_xlim(self.edges[0], self.edges[-1])
        text = style.set_time_ticks(panels[-1].xaxis, self.times, self.known_times)
        panels[-1].set_xlabel(text + ("; shaded: no face found" if missing.any() else ""))
        if self.probabilities:
            figure.supylabel("probability (0 … 1)", fontsize=10)

    def _draw_dimension(self, panel, i):
        name, values = self.names[i], self.predictions[:, i]
        low, high = style.output_range(name, self.ranges)
        colour = style.DIMENSION_COLOURS.get(name, style.GREEN)
        options = {"color": colour, "label": "prediction"}
        width = 0.6 if self.rasterized else 1.4
        self._draw_line(panel, np.clip(values, low, high), linewidth=width, **options)
        if self.labels is not None:
            label = self.labels[:, i]
            options = {"color": _LABEL_COLOUR, "linestyle": _DASHES, "label": "label"}
            self._draw_line(panel, label, linewidth=0.4 if self.rasterized else 1, **options)
            panel.set_title(_ccc_text(label, values), fontsize=9, loc="right")
        margin = 0.05 * (high - low)
        panel.set_ylim(low - margin, high + margin)
        panel.set_yticks(np.linspace(low, high, 5))
        panel.set_ylabel(style.label_with_range(name, self.ranges))
        panel.axhline(0, color="0.6", linewidth=0.8, zorder=0.5)

    def _draw_probability(self, panel, i):
        values = np.clip(self.predictions[:, i], 0, 1)
        self._draw_line(panel, values, color=style.BLUE, linewidth=1, label="prediction")
        options = {"color": style.BLUE, "alpha": 0.3, "linewidth": 0}
        panel.fill_between(self.times, values, rasterized=self.rasterized, **options)
        panel.set_ylim(0, 1.02 if self.labels is None else 1.25)
        panel.set_yticks([0, 0.5, 1], ["0", "", "1"], fontsize=8)
        panel.set_ylabel(self.names[i], rotation=0, ha="right", va="center")
        if self.labels is not None:
            present = self.labels == i if self.labels.ndim == 1 else self.labels[:, i] >= 0.5
            self._draw_spans(panel, present, 1.08, 0.14, _LABEL_COLOUR, label="label")

    def _draw_line(self, panel, values, **options):
        """Draws a line, and a point for each value between gaps, which a line would not show."""
        panel.plot(self.times, values, rasterized=self.rasterized, **options)
        isolated = style.isolated_frames(np.isfinite(values))
        if isolated.any():
            options = {"color": options["color"], "rasterized": self.rasterized}
            panel.plot(self.times[isolated], values[isolated], ".", markersize=4, **options)

    def _shade_gaps(self, panel, missing):
        full_height = {"transform": panel.get_xaxis_transform(), "zorder": 0}
        self._draw_spans(panel, missing, 0, 1, _GAP_COLOUR, **full_height)

    def _draw_spans(self, panel, mask, bottom, height, colour, **options):
        """Draws a bar over each run of true frames; frames end half-way to their neighbours."""
        bars = [
            (self.edges[start], self.edges[end + 1] - self.edges[start])
            for start, end in _runs(mask)
        ]
        options = {"color": colour, "linewidth": 0, "rasterized": self.rasterized, **options}
        panel.broken_barh(bars, (bottom, height), **options)


def _edges(times):
    """Returns the starts and ends of frames, `[frames + 1]`: half-way between time stamps."""
    if len(times) == 1:
        return np.array([times[0] - 0.5, times[0] + 0.5])
    middles = (times[1:] + times[:-1]) / 2
    edges = np.concatenate([[2 * times[0] - middles[0]], middles, [2 * times[-1] - middles[-1]]])
    return edges if edges[-1] > edges[0] else edges[0] + np.linspace(-0.5, 0.5, len(edges))


def _ccc_text(labels, values):
    known = np.isfinite(labels) & np.isfinite(values)
    if not known.any():
        return "no labelled frame with a face"
    return f"CCC {measures.ccc(labels[known], values[known]):.2f}".replace("-", "−")


def _runs(mask):
    """Returns the first and last frame of each run of true values."""
    steps = np.diff(np.concatenate([[0], mask.astype(int), [0]]))
    return list(zip(np.flatnonzero(steps == 1), np.flatnonzero(steps == -1) - 1, strict=True))

"""Traces: outputs and labels over time."""

import matplotlib.image
import numpy as np

from kollias_affect import metrics, tasks
from kollias_affect.evaluation.plots import style
from kollias_affect.tasks import TASKS

_SHADE, _LABEL, _DASHES = "0.88", "black", (0, (4, 2))
_TALL, _THIN = 1.8, 0.75  # inches per panel of valence or arousal, and of a probability


def traces_figure(times, predictions, names, labels=None, title=None, ranges=None):
    """One panel per output over time; frames without a face are gaps, shaded.

    Valence and arousal: the prediction is a coloured line, the label a dashed black one, and
    their CCC (of these frames alone, population moments) stands above the panel. Probabilities:
    thin panels, each from 0 to 1; a black bar on top where the label is that class. Predictions
    beyond the range are drawn at its edge.

    Args:
        times: seconds, `[frames]`, or `None`: frame numbers are shown instead.
        predictions: `[frames, outputs]`, NaN where there is no face.
        names: of the outputs.
        labels: `[frames, outputs]` for valence and arousal, NaN where unknown; class indices
            `[frames]` for probabilities, negative where unknown; or `None`.
        title: heading.
        ranges: dict from an output to `(least, largest)` where that is not [-1, 1] for valence
            and arousal and [0, 1] for others, such as `{"arousal": (0, 1)}` for OMG.

    Returns:
        `matplotlib.figure.Figure`.

    Raises:
        ValueError: if there is no frame, shapes do not fit, or time runs backwards.

    References: paper C, figure 14.
    """
    drawing = _Traces(times, predictions, names, labels, ranges)
    figure = style.new_figure(9, 1 + drawing.height, title)
    drawing.draw(figure)
    return figure


def traces(times, predictions, names, path, labels=None, title=None):
    """Writes `traces_figure` to a file.

    Args:
        times, predictions, names, labels, title: see `traces_figure`.
        path: PNG or SVG file, written atomically.
    """
    style.save(traces_figure(times, predictions, names, labels, title), path)


def clip_picture(clip, predictions, names, path, title=None, faces=8):
    """Writes crops of a clip above the traces of its labels and predictions.

    Labels are drawn where frames are valid.

    Args:
        clip: `Clip`, with or without labels.
        predictions: `[frames, outputs]`, NaN where there is no face.
        names: of the outputs.
        path: PNG or SVG file, written atomically.
        title: heading.
        faces: how many crops, at equal distances in time.
    """
    drawing = _Traces(clip.times, predictions, names, _labels(clip, names))
    figure = style.new_figure(9, 2 + drawing.height, title)
    top, bottom = figure.subfigures(2, height_ratios=(1.2, 0.6 + drawing.height))
    found = np.flatnonzero(clip.has_image)
    chosen = found[np.linspace(0, len(found) - 1, min(faces, len(found))).round().astype(int)]
    panels = top.subplots(1, faces, squeeze=False)[0]
    for axes in panels:
        axes.axis("off")
    for axes, i in zip(panels[: len(chosen)], chosen, strict=True):
        when = f"frame {i + 1}" if clip.times is None else f"{clip.times[i]:.1f} s"
        axes.set_title(when, fontsize=8)
        axes.imshow(matplotlib.image.imread(clip.paths[i]))
    drawing.draw(bottom)
    style.save(figure, path)


def _labels(clip, names):
    """The labels of a clip that belong to these outputs, unknown where frames are not valid."""
    task = next((task for task, (outputs, _) in TASKS.items() if outputs == tuple(names)), None)
    if task is None or getattr(clip, tasks.label_field(task)) is None:
        return None
    return tasks.known_labels(clip, task)


class _Traces:
    """Checked numbers, and how they are drawn on a figure or a part of one."""

    def __init__(self, times, predictions, names, labels=None, ranges=None):
        self.predictions = style.numbers("predictions", predictions, (None, len(tuple(names))))
        frames = len(self.predictions)
        self.names, self.ranges, self.known = tuple(names), ranges, times is not None
        self.times = style.seconds(times, frames)
        self.edges, self.long = _edges(self.times), frames > style.LONG
        self.probabilities = not set(self.names) & style.COLOURS.keys()
        if labels is not None:
            shape = (frames,) if self.probabilities else (frames, len(self.names))
            labels = style.numbers("labels", labels, shape)
        self.labels = labels
        self.height = len(self.names) * (_THIN if self.probabilities else _TALL)

    def draw(self, figure):
        """Draws all panels, the first output on top."""
        panels = figure.subplots(len(self.names), sharex=True, squeeze=False)[:, 0]
        missing = np.isnan(self.predictions).any(axis=1)
        for i, panel in enumerate(panels):
            self._shade(panel, missing)
            if self.probabilities:
                self._probability(panel, i)
            else:
                self._dimension(panel, i)
        if self.labels is not None:
            above = {"loc": "lower left", "bbox_to_anchor": (0, 1)}
            panels[0].legend(ncols=2, frameon=False, fontsize=9, **above)
        panels[-1].set_xlim(self.edges[0], self.edges[-1])
        text = style.time_axis(panels[-1].xaxis, self.times, self.known)
        panels[-1].set_xlabel(text + ("; shaded: no face found" if missing.any() else ""))
        if self.probabilities:
            figure.supylabel("probability (0 … 1)", fontsize=10)

    def _dimension(self, panel, i):
        name, values = self.names[i], self.predictions[:, i]
        low, high = style.range_of(name, self.ranges)
        look = {"color": style.COLOURS.get(name, style.GREEN), "label": "prediction"}
        self._line(panel, np.clip(values, low, high), linewidth=0.6 if self.long else 1.4, **look)
        if self.labels is not None:
            label = self.labels[:, i]
            look = {"color": _LABEL, "linestyle": _DASHES, "label": "label"}
            self._line(panel, label, linewidth=0.4 if self.long else 1, **look)
            panel.set_title(_ccc(label, values), fontsize=9, loc="right")
        margin = 0.05 * (high - low)
        panel.set_ylim(low - margin, high + margin)
        panel.set_yticks(np.linspace(low, high, 5))
        panel.set_ylabel(style.with_range(name, self.ranges))
        panel.axhline(0, color="0.6", linewidth=0.8, zorder=0.5)

    def _probability(self, panel, i):
        values = np.clip(self.predictions[:, i], 0, 1)
        self._line(panel, values, color=style.BLUE, linewidth=1, label="prediction")
        look = {"color": style.BLUE, "alpha": 0.3, "linewidth": 0, "rasterized": self.long}
        panel.fill_between(self.times, values, **look)
        panel.set_ylim(0, 1.02 if self.labels is None else 1.25)
        panel.set_yticks([0, 0.5, 1], ["0", "", "1"], fontsize=8)
        panel.set_ylabel(self.names[i], rotation=0, ha="right", va="center")
        if self.labels is not None:
            self._spans(panel, self.labels == i, 1.08, 0.14, _LABEL, label="label")

    def _line(self, panel, values, **look):
        """A line, and a point for each value between gaps, which a line would not show."""
        panel.plot(self.times, values, rasterized=self.long, **look)
        alone, look = (
            style.alone(np.isfinite(values)),
            {"color": look["color"], "rasterized": self.long},
        )
        if alone.any():
            panel.plot(self.times[alone], values[alone], ".", markersize=4, **look)

    def _shade(self, panel, missing):
        whole = {"transform": panel.get_xaxis_transform(), "zorder": 0}
        self._spans(panel, missing, 0, 1, _SHADE, **whole)

    def _spans(self, panel, where, bottom, height, colour, **options):
        """A bar over each run of frames in which `where` is true, from half-way to half-way."""
        bars = [
            (self.edges[start], self.edges[end + 1] - self.edges[start])
            for start, end in _runs(where)
        ]
        look = {"color": colour, "linewidth": 0, "rasterized": self.long, **options}
        panel.broken_barh(bars, (bottom, height), **look)


def _edges(times):
    """Where frames begin and end, `[frames + 1]`: half-way between their time stamps."""
    if len(times) == 1:
        return np.array([times[0] - 0.5, times[0] + 0.5])
    middles = (times[1:] + times[:-1]) / 2
    edges = np.concatenate([[2 * times[0] - middles[0]], middles, [2 * times[-1] - middles[-1]]])
    return edges if edges[-1] > edges[0] else edges[0] + np.linspace(-0.5, 0.5, len(edges))


def _ccc(labels, values):
    both = np.isfinite(labels) & np.isfinite(values)
    if not both.any():
        return "no labelled frame with a face"
    value = float(np.asarray(metrics.ccc(labels[both, None], values[both, None]))[0])
    return f"CCC {value:.2f}".replace("-", "−")


def _runs(where):
    """First and last frame of each run of true."""
    steps = np.diff(np.concatenate([[0], where.astype(int), [0]]))
    return list(zip(np.flatnonzero(steps == 1), np.flatnonzero(steps == -1) - 1, strict=True))

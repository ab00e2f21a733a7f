"""Pictures of predictions over time."""

import matplotlib.figure
import matplotlib.image
import numpy as np

from kollias_affect import _files

_COLOURS = {"valence": "tab:blue", "arousal": "tab:orange"}


def traces(times, predictions, names, path, labels=None, title=None):
    """Draws one panel per output over time; frames without a face leave gaps.

    Args:
        times: seconds, `[frames]`.
        predictions: `[frames, outputs]`, NaN where there is no face.
        names: of the outputs.
        path: PNG file, written atomically.
        labels: `[frames, outputs]`, drawn in grey, or `None`.
        title: heading.
    """
    figure = matplotlib.figure.Figure(figsize=(9, 1 + 1.8 * len(names)), layout="constrained")
    panels = figure.subplots(len(names), sharex=True, squeeze=False)[:, 0]
    _draw(panels, times, predictions, names, labels)
    _save(figure, path, title)


def clip_picture(clip, predictions, names, path, title=None, faces=8):
    """Draws crops of a clip above the traces of its labels and predictions.

    Args:
        clip: `Clip` with times and `valence_arousal`.
        predictions: `[frames, outputs]`, NaN where there is no face.
        names: of the outputs.
        path: PNG file, written atomically.
        title: heading.
        faces: how many crops, at equal distances in time.
    """
    figure = matplotlib.figure.Figure(figsize=(9, 2 + 1.8 * len(names)), layout="constrained")
    top, bottom = figure.subfigures(2, height_ratios=(1.2, 1.8 * len(names)))
    found = np.flatnonzero(clip.has_image)
    chosen = found[np.linspace(0, len(found) - 1, min(faces, len(found))).round().astype(int)]
    for axes, i in zip(top.subplots(1, faces)[: len(chosen)], chosen, strict=True):
        axes.axis("off")
        axes.set_title(f"{clip.times[i]:.1f} s", fontsize=8)
        axes.imshow(matplotlib.image.imread(clip.paths[i]))
    panels = bottom.subplots(len(names), sharex=True, squeeze=False)[:, 0]
    _draw(panels, clip.times, predictions, names, clip.valence_arousal)
    _save(figure, path, title)


def _draw(panels, times, predictions, names, labels):
    for i, (panel, name) in enumerate(zip(panels, names, strict=True)):
        if labels is not None:
            panel.plot(times, labels[:, i], color="0.6", linewidth=2, label="label")
        panel.plot(times, predictions[:, i], color=_COLOURS.get(name, "tab:green"), label="model")
        alone = _alone(predictions[:, i])
        panel.plot(times[alone], predictions[alone, i], ".", color=_COLOURS.get(name, "tab:green"))
        panel.set_ylabel(name)
        panel.axhline(0, color="0.85", linewidth=0.8, zorder=0)
        if name in _COLOURS:
            panel.set_ylim(-1.15, 1.15)
        for start, end in _gaps(predictions[:, i]):
            panel.axvspan(times[start], times[end], color="0.92", zorder=0)
    if labels is not None:
        panels[0].legend(loc="upper right", ncols=2, frameon=False)
    panels[-1].set_xlabel("time (s); shaded: no face found")


def _save(figure, path, title):
    if title:
        figure.suptitle(title)
    with _files.atomic(path) as temporary:
        figure.savefig(temporary, dpi=120, metadata={"Software": None})


def _alone(values):
    """Frames with a value between frames without, which a line would not show."""
    there = np.concatenate([[False], ~np.isnan(values), [False]])
    return there[1:-1] & ~there[:-2] & ~there[2:]


def _gaps(values):
    """First and last frame of each run of NaN."""
    missing = np.concatenate([[0], np.isnan(values).astype(int), [0]])
    edges = np.diff(missing)
    return list(zip(np.flatnonzero(edges == 1), np.flatnonzero(edges == -1) - 1, strict=True))

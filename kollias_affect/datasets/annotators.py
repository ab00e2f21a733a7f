"""Clips with the labels of one annotator, for databases that keep the traces of several.

Paper C trains on the mean of the annotators of a video and on "one annotator (the one with the
highest correlation to the landmarks)". Aff-Wild itself publishes the mean alone.

References: paper C §4.2.2.1, table 11.
"""

import dataclasses

import numpy as np

from kollias_affect import _checks, annotations
from kollias_affect.clip import Clips


def most_correlated(clips, traces):
    """Finds the annotator whose traces correlate most with the landmarks of the clips.

    One annotator is chosen for all clips, by the mean correlation over clips, valence and arousal,
    see `annotations.most_correlated`. Frames that are not valid do not count.

    Args:
        clips: List of `Clip` with landmarks; others do not count.
        traces: Dict from the key of a clip to the traces of its annotators, float
            `[annotators, frames, 2]`, valence then arousal, with the same annotators in the same
            order. NaN marks frames or annotators without a trace.

    Returns:
        `annotations.LandmarkCorrelation`.

    Raises:
        ValueError: If a clip has no traces, shapes differ, or no clip has enough frames with
            landmarks.
    """
    with_landmarks = [clip for clip in clips if clip.landmarks is not None]
    if not with_landmarks:
        raise ValueError(
            "The annotator who follows the landmarks most needs clips with landmarks. Received: "
            f"{len(clips)} clips without any. Extract the faces of the videos first, or name an "
            "annotator."
        )
    return annotations.most_correlated(
        [_of_clip(clip, traces) for clip in with_landmarks],
        [np.where(clip.valid[:, None, None], clip.landmarks, np.nan) for clip in with_landmarks],
    )


def label(clips, traces, annotator=None):
    """Gives clips the labels of one annotator.

    With the result as `annotator` role, table C11 compares it with the mean, see
    `experiments.roles.relabel`.

    Args:
        clips, traces: See `most_correlated`.
        annotator: Index of the annotator. Default: the one that `most_correlated` finds.

    Returns:
        `(clips, annotator)`: `Clips` in the order of `clips`, and the index. Frames that the
        annotator did not rate are not valid.

    Raises:
        ValueError: As `most_correlated` does, or if there is no such annotator.

    Example:
        >>> from kollias_affect.clip import Clip
        >>> clip = Clip("a", ["1.jpg", "2.jpg"])
        >>> clips, _ = label([clip], {"a": [[[0.5, 0.1]] * 2, [[0.2, 0.0]] * 2]}, annotator=1)
        >>> clips[0].valence_arousal.astype(float).round(3).tolist()
        [[0.2, 0.0], [0.2, 0.0]]
    """
    if annotator is None:
        annotator = most_correlated(clips, traces).annotator
    labelled = Clips()
    for clip in clips:
        values = _of_clip(clip, traces)
        values = values[_checks.integer_between("annotator", annotator, 0, len(values) - 1)]
        valid = clip.valid & np.isfinite(values).all(axis=1)
        labelled.append(dataclasses.replace(clip, valence_arousal=values, valid=valid))
    return labelled, annotator


def _of_clip(clip, traces):
    """Returns the traces of a clip, `[annotators, frames, 2]`."""
    values = np.asarray(traces[clip.key] if clip.key in traces else np.empty(0), np.float64)
    if values.ndim != 3 or values.shape[1:] != (len(clip), 2) or not len(values):
        found = f"shape {values.shape}" if clip.key in traces else "no traces"
        raise ValueError(
            "Every clip must have traces [annotators, frames, 2]. Received: "
            f"{found} for {clip!r}. Match every annotator to the frames first "
            "(`annotations.match`)."
        )
    return values

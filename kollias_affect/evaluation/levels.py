"""Scores of one prediction at the levels of frames, sequences and utterances."""

import pandas as pd

from kollias_affect.evaluation.aggregation import aggregate, join_labels
from kollias_affect.evaluation.predictions import paired
from kollias_affect.evaluation.scores import one_row, scores
from kollias_affect.evaluation.sequences import LENGTH

LEVELS = ("frame", "sequence", "utterance")


def level_scores(
    clips, predictions, steps=None, task="valence_arousal", length=LENGTH, significance=False
):
    """Scores one prediction at three levels, for databases with one label per utterance.

    - `frame`: all valid frames of all clips are one set.
    - `sequence`: one value per sequence, the mean of its frames. The authors' published code for
      OMG-Emotion averages each sequence and takes the CCC over sequences, as
      `losses.CCCLoss(level="sequence")` does.
    - `utterance`: one value per utterance, the mean over its sequences of the medians of their
      frames (paper B). This is the score of the OMG-Emotion challenge, which counts every utterance
      once.

    Args:
        clips: List of `Clip` with labels; each clip is an utterance.
        predictions: Predictions of every frame; see `paired`.
        steps: `PostProcessing`, or `None`. Its median filter is applied before all levels. If it
            was searched on utterances, its statistic and its smoothing count at that level.
        task: One of `tasks.TASKS`.
        length: Frames of a sequence; that of `steps` takes precedence.
        significance: See `scores`.

    Returns:
        `pandas.DataFrame` with one row per level, in this order. The columns are those of
        `scores(..., per_video=True)`, such as `CCC valence`, then `rows` (the number of frames,
        sequences or utterances that count) and `left out` (those without a prediction).

    Raises:
        ValueError: As `scores` and `aggregate` do.

    Example:

    >>> from kollias_affect.clip import Clip
    >>> labels = {"v/1": [0.1, 0.2], "v/2": [0.5, 0.4], "v/3": [0.9, 0.3]}
    >>> clips = [Clip(k, ["1.png"] * 3, valence_arousal=[v] * 3) for k, v in labels.items()]
    >>> predictions = {clip.key: clip.valence_arousal + 0.1 for clip in clips}
    >>> level_scores(clips, predictions, length=2)[["CCC valence", "rows"]].round(2)
               CCC valence  rows
    level
    frame             0.96     9
    sequence          0.96     6
    utterance         0.96     3

    References: Paper B, sections 5.1 (means and medians of sequences), 6.3 and 7.
    """
    length = length if steps is None else steps.length
    predictions = dict(zip((c.key for c in clips), paired(clips, predictions), strict=True))
    frames = predictions if steps is None else steps.filter(predictions)
    options = {"length": length, "task": task}
    sequences = aggregate(frames, clips, "sequence", "mean", **options)
    if steps is None or steps.by is None:
        utterances = aggregate(frames, clips, "utterance", "median", **options)
    else:
        table = steps.apply(predictions, clips)
        options["statistic"] = steps.statistic
        utterances = join_labels(table, predictions, clips, **options)
    scored = dict(zip(LEVELS, (frames, sequences, utterances), strict=True))
    lines = {level: _line(clips, scored[level], task, significance) for level in LEVELS}
    return pd.DataFrame(lines.values(), pd.Index(lines, name="level"))


def _line(clips, scored, task, significance):
    table = scores(clips, scored, task, significance=significance)
    unit = next(name for name in table if name in ("frames", "sequences", "utterances"))
    left_out = int(table["left out"].iloc[0]) if "left out" in table else 0
    line = one_row(table.drop(columns="left out", errors="ignore"), unit)
    line.pop(unit, None)
    return {**line, "rows": int(table[unit].iloc[-1]), "left out": left_out}

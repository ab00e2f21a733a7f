"""Which score on the validation clips chooses the best epoch."""

import keras
import numpy as np

from kollias_affect import _checks, evaluation
from kollias_affect.evaluation import levels, predictions
from kollias_affect.tasks import TASKS

CHOICES = levels.LEVELS


def monitor_of(task, choose_by="frame"):
    """Returns the name in the logs of the score that chooses the best epoch.

    Args:
        task: One of `tasks.TASKS`.
        choose_by: One of `CHOICES`: the CCC of frames (for expressions: the accuracy), of
            sequences or of utterances.

    Raises:
        ValueError: If `choose_by` is unknown.

    Example:

    >>> monitor_of("valence_arousal"), monitor_of("valence_arousal", "utterance")
    ('val_ccc', 'val_utterance_ccc')
    """
    measure = "accuracy" if task == "expression" else "ccc"
    if _checks.one_of("choose_by", choose_by, CHOICES) == "frame":
        return f"val_{measure}"
    return f"val_{choose_by}_{measure}"


def score(clips, frames, task, by):
    """Scores predictions of frames at one level of `evaluation.level_scores`.

    Args:
        clips: List of `Clip` with labels.
        frames: Predictions of frames, see `evaluation.paired`.
        task: One of `tasks.TASKS`.
        by: One of `CHOICES`.

    Returns:
        Dict from the name in the logs to the score; `monitor_of` is among them.

    Raises:
        ValueError: As `evaluation.level_scores` does.
    """
    row, name = evaluation.level_scores(clips, frames, task=task).loc[by], monitor_of(task, by)
    if task == "expression":
        return {name: float(row["accuracy"])}
    outputs = list(TASKS[task][0])
    if len(outputs) == 1:
        return {name: float(row[f"CCC {outputs[0]}"])}
    others = {f"{name}_{output}": float(row[f"CCC {output}"]) for output in outputs}
    return {name: float(row["CCC mean"]), **others}


def check(clips, task, by):
    """Raises `ValueError` if validation clips cannot be scored so, before a training begins."""
    outputs = len(TASKS[task][0])
    score(clips, {clip.key: np.zeros((len(clip), outputs)) for clip in clips}, task, by)


class AggregateScores(keras.callbacks.Callback):
    """Adds the scores of sequences or utterances to the logs at the end of each epoch.

    It comes before the callbacks that read them. The model that is trained predicts, so that
    cached features and kept images are used again.

    Args:
        clips: List of `Clip`, the validation clips.
        data: `windows.dataset` of these clips, without overlap and shuffling.
        task: One of `tasks.TASKS`.
        by: `"sequence"` or `"utterance"`, a level of `evaluation.level_scores`.
        length: Frames per window.
    """

    def __init__(self, clips, data, task, by, length):
        super().__init__()
        self.clips, self.data = clips, data
        self.task, self.by, self.length = task, by, length

    def on_epoch_end(self, epoch, logs=None):
        """Predicts and scores."""
        # `predict` would replace the history of the training.
        batches = [self.model.predict_on_batch(inputs) for inputs, *_ in self.data]
        outputs = [predictions.task_output(batch) for batch in batches]
        frames = predictions.of_clips(np.concatenate(outputs), self.clips, self.length)
        logs.update(score(self.clips, frames, self.task, self.by))

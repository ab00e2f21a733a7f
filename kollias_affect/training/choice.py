"""Which score on the validation clips chooses the best epoch."""

import keras
import numpy as np

from kollias_affect import _checks, evaluation
from kollias_affect.evaluation import levels, predictions
from kollias_affect.tasks import TASKS, label_field, names_of

CHOICES = levels.LEVELS


# The measure of a task in the logs that enters the score of several tasks.
_MEASURES = {"valence_arousal": "ccc", "expression": "macro_f1", "action_units": "f1"}


def monitor_of(task, choose_by="frame"):
    """Returns the name in the logs of the score that chooses the best epoch.

    Args:
        task: One of `tasks.TASKS`, or several.
        choose_by: One of `CHOICES`: the score of frames, of sequences or of utterances. It is the
            CCC, for the seven expressions the accuracy, for the eight of ABAW the macro F1, for
            action units the mean F1. Several tasks are chosen by frames only, see `CombinedScore`.

    Raises:
        ValueError: If `choose_by` is unknown, or does not suit the task.

    Example:

    >>> monitor_of("valence_arousal"), monitor_of("valence_arousal", "utterance")
    ('val_ccc', 'val_utterance_ccc')
    >>> monitor_of(("expression", "valence"))
    'val_score'
    """
    names = names_of(task)
    _checks.one_of("choose_by", choose_by, CHOICES)
    if choose_by != "frame" and (len(names) > 1 or names[0] in ("expression_8", "action_units")):
        raise ValueError(
            "`choose_by` is frame for several tasks, for action units and for eight expressions. "
            f"Received: choose_by={choose_by!r} and {', '.join(names)}. Leave it out."
        )
    if len(names) > 1:
        return "val_score"
    measure = "accuracy" if names[0] == "expression" else _MEASURES[label_field(names[0])]
    return f"val_{measure}" if choose_by == "frame" else f"val_{choose_by}_{measure}"


class CombinedScore(keras.callbacks.Callback):
    """Adds the score of several tasks, `val_score`, to the logs at the end of each epoch.

    Formula: the sum of the mean CCC of valence and arousal, the macro F1 of the expressions, and
    the mean F1 of the action units, as far as the model has these tasks. This is the measure of
    the multi-task challenge of ABAW. It comes before the callbacks that read it.

    Args:
        names: Tasks of the model.

    References: Kollias (2022), the ABAW competition (CVPR workshops), section 4.
    """

    def __init__(self, names):
        super().__init__()
        self.names = names_of(names)

    def on_epoch_end(self, epoch, logs=None):
        """Adds the scores of the tasks."""
        parts = [f"val_{name}_{_MEASURES[label_field(name)]}" for name in self.names]
        if logs is not None and all(part in logs for part in parts):
            logs["val_score"] = sum(float(logs[part]) for part in parts)


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

    It comes before the callbacks that read them. The data may be cached features.

    Args:
        clips: List of `Clip`, the validation clips.
        data: `windows.dataset` of these clips, without overlap and shuffling.
        task: One of `tasks.TASKS`.
        by: `"sequence"` or `"utterance"`, a level of `evaluation.level_scores`.
        length: Frames per window.
        predicts: Model that predicts the batches, with the weights of the one that is trained.
            Default: the model that is trained.
    """

    def __init__(self, clips, data, task, by, length, predicts=None):
        super().__init__()
        self.predicts = predicts
        self.clips, self.data = clips, data
        self.task, self.by, self.length = task, by, length

    def on_epoch_end(self, epoch, logs=None):
        """Predicts and scores."""
        # `predict` would replace the history of the training.
        predicts = self.predicts or self.model
        batches = [predicts.predict_on_batch(inputs) for inputs, *_ in self.data]
        outputs = [predictions.task_output(batch) for batch in batches]
        frames = predictions.of_clips(np.concatenate(outputs), self.clips, self.length)
        logs.update(score(self.clips, frames, self.task, self.by))

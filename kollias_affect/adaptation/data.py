"""Targets of both outputs of paper A's networks, and their representations."""

import keras
import numpy as np

from kollias_affect import _checks, tasks
from kollias_affect.adaptation.adapted import REPRESENTATION, task_of


def targets(dataset, classes, task="expression"):
    """Converts class numbers to the targets of a model of `compile_adapted`.

    Args:
        dataset: `tf.data.Dataset` of `(inputs, labels, weights)` with class numbers as labels,
            as `windows.dataset(..., task="expression")` yields them.
        classes: Number of classes. A label that is not a class becomes a row of zeros.
        task: Name of the model's task output.

    Returns:
        `tf.data.Dataset` of `(inputs, {task: d, "representation": d}, {...: weights})`, where the
        desired outputs d are one-hot, float32 `[batch, length, classes]`.

    References: paper A §III, d in eq. 5 and 8.
    """
    import tensorflow as tf

    _checks.positive_integer("classes", classes)

    def both(inputs, labels, weights):
        desired = tf.one_hot(labels, classes)
        return (
            inputs,
            {task: desired, REPRESENTATION: desired},
            {task: weights, REPRESENTATION: weights},
        )

    return dataset.map(both)


def representations(model, data, task="expression", batch_size=4):
    """Computes the representations of the frames that count, and returns their labels too.

    Args:
        model: `keras.Model` with a task's output and `"representation"`, `[..., units]`.
        data: List of `Clip`, or a `tf.data.Dataset` as `windows.dataset` yields it. Windows that
            overlap give a frame more than once.
        task: Task of the labels of clips, `"expression"` or `"valence_arousal"`.
        batch_size: Windows per batch, for clips.

    Returns:
        `(X, labels)`: float32 `[frames, units]`, and int64 `[frames]` for expressions or float32
        `[frames, 2]` for valence and arousal.

    Raises:
        ValueError: If a clip has no labels of the task, or if no frame counts.

    References: paper A §III, U in eq. 1 and X in eq. 4.
    """
    task_of(model)
    extractor = keras.Model(model.input, model.output[REPRESENTATION])
    if isinstance(data, (list, tuple)):
        pairs = _from_clips(extractor, data, task, batch_size)
    else:
        pairs = _from_batches(extractor, data)
    pairs = list(pairs)
    if not any(len(x) for x, _ in pairs):
        raise ValueError(
            "At least one frame must count. Received none, in "
            f"{len(pairs)} clips or batches. Check labels and `valid` of the clips."
        )
    return tuple(np.concatenate(parts) for parts in zip(*pairs, strict=True))


def _from_clips(extractor, clips, task, batch_size):
    from kollias_affect import evaluation

    _checks.one_of("task", task, ("expression", "valence_arousal"))
    unlabelled = [clip.key for clip in clips if getattr(clip, task) is None]
    if unlabelled:
        raise ValueError(
            f"Every clip must have the label `{task}`. Received clips without it: "
            f"{unlabelled[:5]}. Add it with `Clip.labelled`."
        )
    predictions = evaluation.predict(extractor, clips, batch_size)
    for clip in clips:
        known = tasks.known(clip, task)
        yield predictions[clip.key][known], getattr(clip, task)[known]


def _from_batches(extractor, dataset):
    for inputs, labels, weights in dataset:
        x = np.asarray(extractor.predict_on_batch(inputs))
        counts = np.asarray(weights) > 0
        yield x[counts], np.asarray(labels)[counts]

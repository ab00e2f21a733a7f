"""Data for and from paper A's networks: targets of both outputs, and representations."""

import keras
import numpy as np

from kollias_affect import _checks
from kollias_affect.adaptation.adapted import REPRESENTATION, task_of


def targets(dataset, classes, task="expression"):
    """Batches for a model of `compile_adapted`.

    Args:
        dataset: `tf.data.Dataset` of `(inputs, labels, weights)` with class numbers as labels,
            as `windows.dataset(..., task="expression")` yields them.
        classes: number of classes. A label outside of them becomes a row of zeros.
        task: name of the model's other output.

    Returns:
        `tf.data.Dataset` of `(inputs, {task: d, "representation": d}, {...: weights})` with d
        one-hot, float32 `[batch, length, classes]`.
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
    """The model's representations of the frames that count, and their labels.

    Args:
        model: with a `"representation"` output.
        data: list of `Clip`, or a `tf.data.Dataset` as `windows.dataset` yields it (windows that
            overlap give a frame more than once).
        task: of which the labels are, `"expression"` or `"valence_arousal"`; for clips.
        batch_size: windows per batch; for clips.

    Returns:
        `(X, labels)`: float32 `[frames, units]`, and int64 `[frames]` for expressions or float32
        `[frames, 2]`.

    Raises:
        ValueError: if a clip lacks the labels, or no frame counts.

    References: paper A eq. 1 and 4.
    """
    task_of(model)
    extractor = keras.Model(model.input, model.output[REPRESENTATION])
    if isinstance(data, (list, tuple)):
        pairs = _of_clips(extractor, data, task, batch_size)
    else:
        pairs = _of_batches(extractor, data)
    pairs = list(pairs)
    if not any(len(x) for x, _ in pairs):
        raise ValueError(
            "At least one frame must count. Received none, in "
            f"{len(pairs)} clips or batches. Check labels and `valid` of the clips."
        )
    return tuple(np.concatenate(parts) for parts in zip(*pairs, strict=True))


def _of_clips(extractor, clips, task, batch_size):
    from kollias_affect import evaluation

    _checks.one_of("task", task, ("expression", "valence_arousal"))
    without = [clip.key for clip in clips if getattr(clip, task) is None]
    if without:
        raise ValueError(
            f"Every clip must have the label `{task}`. Received clips without: {without[:5]}. Add "
            "it with `Clip.labelled`."
        )
    found = evaluation.predict(extractor, clips, batch_size)
    for clip in clips:
        yield found[clip.key][clip.valid], getattr(clip, task)[clip.valid]


def _of_batches(extractor, dataset):
    for inputs, labels, weights in dataset:
        x = np.asarray(extractor.predict_on_batch(inputs))
        counts = np.asarray(weights) > 0
        yield x[counts], np.asarray(labels)[counts]

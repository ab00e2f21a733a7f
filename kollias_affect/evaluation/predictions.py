"""Outputs of a model for every frame of clips, under the keys of the clips."""

import collections
from collections.abc import Mapping

import numpy as np

from kollias_affect.tasks import TASKS

_CHUNK = 80  # frames per step of a clip that is one sequence


def predict(model, clips, batch_size=4, verbose=0, stream=False):
    """Predicts clips frame by frame.

    Windows do not overlap. The last window of a clip is padded, and the outputs of the padding are
    dropped. Models of single frames receive single frames.

    Args:
        model: Keras model of `kollias_affect.models`.
        clips: List of `Clip`, with or without labels.
        batch_size: Number of windows per batch.
        verbose: `verbose` of `keras.Model.predict`.
        stream: Whether each clip is one sequence, from its first frame with a face to its last, as
            in `models.Stream`: the recurrent state is reset once per clip instead of once per
            window. `batch_size` and `verbose` are then ignored. For a model of single frames the
            outputs are the same.

    Returns:
        Dict from the key of each clip to float32 `[frames, outputs]`; NaN where there is no face.
        For a model with several tasks, a dict of such dicts by task.

    Raises:
        ValueError: If a file is no image, two clips have one key, or `stream` is used with a
            bidirectional RNN.

    Example:

    >>> import keras
    >>> from kollias_affect.clip import Clip
    >>> images = keras.Input((8, 8, 3), name="images")
    >>> features = keras.layers.GlobalAveragePooling2D()(images)
    >>> outputs = keras.layers.Dense(2, name="valence_arousal")(features)
    >>> model = keras.Model({"images": images}, outputs)
    >>> predict(model, [Clip("a", ["", ""])])  # two frames without a face
    {'a': array([[nan, nan],
           [nan, nan]], dtype=float32)}
    """
    from kollias_affect import models, windows

    _refuse_same_keys(clips)
    model = models.for_unit_range(model)
    shapes = {tensor.name: tensor.shape for tensor in model.inputs}
    single = len(shapes["images"]) == 4  # frames instead of windows
    if stream and not single:
        return _predict_sequences(model, clips, shapes)
    length = 1 if single else shapes["images"][1]
    data = windows.dataset(
        clips,
        length=length,
        batch_size=batch_size * 16 if single else batch_size,
        landmarks="landmarks" in shapes,
        size=shapes["images"][-2],
        labels=False,
    )
    if single:
        data = data.map(lambda inputs: {name: value[:, 0] for name, value in inputs.items()})
    with windows.naming_bad_images(clips):
        outputs = models.fast(model).predict(data, verbose=verbose)
    return _each_task(lambda values, _: of_clips(values, clips, length), outputs)


def of_clips(outputs, clips, length):
    """Divides the outputs of consecutive windows among the clips.

    Args:
        outputs: Array `[windows, length, outputs]`, or `[frames, outputs]` for windows of one
            frame, of `windows.dataset` without overlap.
        clips: List of `Clip` that the windows were made of.
        length: Frames per window.

    Returns:
        Dict from the key of each clip to float32 `[frames, outputs]`, without padding; NaN where
        there is no face.

    Example:

    >>> from kollias_affect.clip import Clip
    >>> windows = np.arange(8.0).reshape(2, 4, 1)
    >>> of_clips(windows, [Clip("a", ["1.png", ""]), Clip("b", ["1.png"])], 4)["a"].tolist()
    [[0.0], [nan]]
    """
    outputs = outputs.reshape(-1, outputs.shape[-1])
    predictions, start = {}, 0
    for clip in clips:
        values = outputs[start : start + len(clip)].astype(np.float32)
        values[~clip.has_image] = np.nan
        predictions[clip.key] = values
        start += -(-len(clip) // length) * length  # complete windows
    return predictions


def _predict_sequences(model, clips, shapes):
    """Predicts clips in chunks; each chunk continues the recurrent state of the one before."""
    length = min(_CHUNK, max((len(clip) for clip in clips), default=1))
    from kollias_affect import windows
    from kollias_affect.models.streaming import SequenceRunner

    runner = SequenceRunner(model, length)
    visible = [_from_first_face(clip) for clip in clips if clip.has_image.any()]
    outputs = {}
    if visible or not clips:
        data = windows.dataset(
            visible,
            length=length,
            batch_size=1,
            landmarks="landmarks" in shapes,
            size=shapes["images"][-2],
            labels=False,
        )
        with windows.naming_bad_images(visible):
            outputs = _run_sequences(runner, visible, data.as_numpy_iterator(), length)

    def of_task(symbol, task):
        count, found = symbol.shape[-1], outputs.get(task, {})
        return {clip.key: _on_all_frames(clip, found.get(clip.key), count) for clip in clips}

    return _each_task(of_task, model.output)


def _run_sequences(runner, clips, chunks, length):
    """Returns, by task and by key of the clip, the outputs from the first frame with a face on."""
    outputs = {}
    for clip in clips:
        runner.reset()
        parts = [_by_task(runner(next(chunks))) for _ in range(0, len(clip), length)]
        for task in parts[0]:
            values = np.concatenate([part[task][0] for part in parts])
            # Without the padding of the last chunk.
            outputs.setdefault(task, {})[clip.key] = values[: len(clip)]
    return outputs


def _on_all_frames(clip, values, count):
    """Returns outputs of the last frames of a clip for all its frames, NaN without a face."""
    complete = np.full((len(clip), count), np.nan, np.float32)
    if values is not None:
        complete[-len(values) :] = values
        complete[~clip.has_image] = np.nan
    return complete


def _from_first_face(clip):
    """Returns the clip from its first frame with a face; a stream starts there."""
    return clip.part(int(np.argmax(clip.has_image)), len(clip), clip.key)


def _by_task(outputs):
    """Returns the outputs of a model by task; an array is that of the only task, `None`."""
    if not isinstance(outputs, dict):
        return {None: outputs}
    return {name: value for name, value in outputs.items() if name in TASKS}


def _each_task(function, outputs):
    """Returns `function(values, task)` for the only task, or a dict of such results by task."""
    results = {task: function(values, task) for task, values in _by_task(outputs).items()}
    return results if len(results) > 1 else next(iter(results.values()))


def task_output(outputs):
    """Returns the outputs of a model of one task that belong to its task, of an array or a dict."""
    return _each_task(lambda values, _: values, outputs)


def paired(clips, predictions):
    """Returns the predictions in the order of the clips, matched by key.

    Args:
        clips: List of `Clip`.
        predictions: Dict from the key of every clip to `[frames, outputs]`, as `predict` returns
            it, in any order; or a table with the columns `clip`, `frame` (from 1) and one per
            output, as `to_table` returns it, with rows in any order.

    Returns:
        List of float64 `[frames, outputs]`.

    Raises:
        ValueError: If two clips have one key, a clip or frame has no prediction or two, there are
            predictions of other clips, or predictions have no keys. Predictions are never paired by
            position, because a wrong order would not be noticed.

    Example:

    >>> from kollias_affect.clip import Clip
    >>> clips = [Clip("a", ["1.png"]), Clip("b", ["1.png"])]
    >>> paired(clips, {"b": [[0.3, 0.4]], "a": [[0.1, 0.2]]})
    [array([[0.1, 0.2]]), array([[0.3, 0.4]])]
    """
    _refuse_same_keys(clips)
    if hasattr(predictions, "columns"):
        predictions = from_table(predictions)
    if not isinstance(predictions, Mapping):
        raise ValueError(
            "Predictions are paired with clips by key, never by position. Received: "
            f"{type(predictions).__name__}. Pass what `predict` returns, or "
            "{clip.key: values} with one entry per clip."
        )
    keys = {clip.key for clip in clips}
    missing, others = sorted(keys - set(predictions)), sorted(set(predictions) - keys)
    if missing or others:
        raise ValueError(
            f"Predictions must be those of the same {len(clips)} clips. Received: none for "
            f"{missing[:5]} ({len(missing)} clips), and some for other clips {others[:5]} "
            f"({len(others)}). Predict the clips that are evaluated."
        )
    result = [np.asarray(predictions[clip.key], np.float64) for clip in clips]
    for clip, values in zip(clips, result, strict=True):
        if values.ndim != 2 or len(values) != len(clip):
            raise ValueError(
                "Predictions need one row per frame. Received: shape "
                f"{values.shape} for {clip!r}. Keep frames without a face as rows of NaN."
            )
    return result


def to_table(predictions, names):
    """Converts predictions to one table, which may be written and shuffled; see `from_table`.

    Args:
        predictions: Dict of `predict`.
        names: Names of the outputs.

    Returns:
        `pandas.DataFrame` with the columns `clip`, `frame` (from 1), and one per output.

    Example:

    >>> to_table({"a": [[0.1, 0.2], [0.3, 0.4]]}, ["valence", "arousal"])
      clip  frame  valence  arousal
    0    a      1      0.1      0.2
    1    a      2      0.3      0.4
    """
    import pandas as pd

    parts = [pd.DataFrame(values, columns=list(names)) for values in predictions.values()]
    for part, key in zip(parts, predictions, strict=True):
        part.insert(0, "clip", key)
        part.insert(1, "frame", np.arange(1, len(part) + 1))
    return pd.concat(parts, ignore_index=True)


def from_table(table):
    """Converts a table of predictions, with rows in any order, to a dict.

    Args:
        table: `pandas.DataFrame` as `to_table` returns it.

    Returns:
        Dict from the key of each clip to float64 `[frames, outputs]`.

    Raises:
        ValueError: If `clip` or `frame` is missing, or the frames of a clip are not 1, 2, ...

    Example:

    >>> import pandas as pd
    >>> from_table(pd.DataFrame({"clip": ["a", "a"], "frame": [2, 1], "valence": [0.3, 0.1]}))
    {'a': array([[0.1],
           [0.3]])}
    """
    missing = sorted({"clip", "frame"} - set(table.columns))
    if missing:
        raise ValueError(
            f"A table of predictions must have the columns clip and frame. Received: "
            f"{list(table.columns)}. Add {missing}, so that rows can be matched in any order."
        )
    predictions = {}
    for key, rows in table.groupby("clip", dropna=False):
        rows = rows.sort_values("frame")
        if rows["frame"].tolist() != list(range(1, len(rows) + 1)):
            raise ValueError(
                "The frames of a clip must be numbered 1, 2, ... without gaps. Received for clip "
                f"{key!r}: {len(rows)} rows, frames {rows['frame'].tolist()[:8]}. Keep one row per "
                "frame, empty where there is no face."
            )
        predictions[str(key)] = rows.drop(columns=["clip", "frame"]).to_numpy(np.float64)
    return predictions


def _refuse_same_keys(clips):
    repeated = [key for key, n in collections.Counter(c.key for c in clips).items() if n > 1]
    if repeated:
        raise ValueError(
            f"The keys of clips must differ. Received repeated keys: {repeated[:5]}. Load each "
            "clip once."
        )

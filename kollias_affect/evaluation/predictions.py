"""Outputs for every frame of clips, each under its clip's key, and their way back to the clips."""

import collections
from collections.abc import Mapping

import numpy as np

from kollias_affect import models, windows
from kollias_affect.models.streaming import SequenceRunner

_PIECE = 80  # frames at a time of a clip that is one sequence


def predict(model, clips, batch_size=4, verbose=0, stream=False):
    """The model's outputs, frame by frame.

    Windows do not overlap; the last one of a clip is padded, and the padding is dropped. Models
    of single frames are given frames.

    Args:
        model: Keras model of `kollias_affect.models`.
        clips: list of `Clip`, with or without labels.
        batch_size: windows per batch.
        verbose: of `keras.Model.predict`.
        stream: take each clip as one sequence, from its first frame with a face to its last, as
            `models.Stream` does, whose outputs these are: the recurrent state starts once per clip
            instead of once per window. `batch_size` and `verbose` do not matter then. To a model
            of single frames it makes no difference.

    Returns:
        dict from the key of each clip to float32 `[frames, outputs]`; NaN where there is no face.

    Raises:
        ValueError: if a frame is no image, two clips have one key, or `stream` is asked of a model
            with a bidirectional RNN.
    """
    _refuse_same_keys(clips)
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
    outputs = _of_the_task(outputs)
    outputs = outputs.reshape(-1, outputs.shape[-1])
    predictions, start = {}, 0
    for clip in clips:
        values = outputs[start : start + len(clip)].astype(np.float32)
        values[~clip.has_image] = np.nan
        predictions[clip.key] = values
        start += -(-len(clip) // length) * length  # whole windows
    return predictions


def _predict_sequences(model, clips, shapes):
    """Outputs of clips in pieces, each with the recurrent state that the piece before left."""
    length = min(_PIECE, max((len(clip) for clip in clips), default=1))
    carried = SequenceRunner(model, length)
    outputs = _of_the_task(model.output).shape[-1]
    predictions = {clip.key: np.full((len(clip), outputs), np.nan, np.float32) for clip in clips}
    seen = [_from_first_face(clip) for clip in clips if clip.has_image.any()]
    if clips and not seen:
        return predictions
    data = windows.dataset(
        seen,
        length=length,
        batch_size=1,
        landmarks="landmarks" in shapes,
        size=shapes["images"][-2],
        labels=False,
    )
    pieces = data.as_numpy_iterator()
    with windows.naming_bad_images(seen):
        for clip in seen:
            carried.reset()
            found = [_of_the_task(carried(next(pieces)))[0] for _ in range(0, len(clip), length)]
            values = np.concatenate(found)[: len(clip)]  # less the padding of the last piece
            values[~clip.has_image] = np.nan
            predictions[clip.key][-len(clip) :] = values
    return predictions


def _from_first_face(clip):
    """The clip without what a camera would not have shown to the network yet."""
    return clip.part(int(np.argmax(clip.has_image)), len(clip), clip.key)


def _of_the_task(outputs):
    if isinstance(outputs, dict):
        return next(value for name, value in outputs.items() if name in windows.TASKS)
    return outputs


def paired(clips, predictions):
    """The predictions of clips, in the order of the clips, found by their keys.

    Args:
        clips: list of `Clip`.
        predictions: dict from the key of every clip to `[frames, outputs]`, as `predict` returns
            it, in any order; or a table with the columns `clip`, `frame` (from 1) and one per
            output, as `to_table` returns it, its rows in any order.

    Returns:
        list of float64 `[frames, outputs]`.

    Raises:
        ValueError: if two clips have one key, if a clip or a frame has no prediction or two, if
            there are predictions of other clips, or if predictions have no keys at all: by
            position alone, a wrong order would pass unseen.
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
    found = [np.asarray(predictions[clip.key], np.float64) for clip in clips]
    for clip, values in zip(clips, found, strict=True):
        if values.ndim != 2 or len(values) != len(clip):
            raise ValueError(
                "Predictions need one row per frame. Received: shape "
                f"{values.shape} for {clip!r}. Keep frames without a face as rows of NaN."
            )
    return found


def to_table(predictions, names):
    """Predictions as one table that can be written and shuffled, see `from_table`.

    Args:
        predictions: as `predict` returns them.
        names: of the outputs.

    Returns:
        `pandas.DataFrame` with the columns `clip`, `frame` (from 1), and one per output.
    """
    import pandas as pd

    parts = [pd.DataFrame(values, columns=list(names)) for values in predictions.values()]
    for part, key in zip(parts, predictions, strict=True):
        part.insert(0, "clip", key)
        part.insert(1, "frame", np.arange(1, len(part) + 1))
    return pd.concat(parts, ignore_index=True)


def from_table(table):
    """The predictions in a table, whose rows may be in any order.

    Args:
        table: `pandas.DataFrame` as `to_table` returns it.

    Returns:
        dict from the key of each clip to float64 `[frames, outputs]`.

    Raises:
        ValueError: if `clip` or `frame` is missing, or the frames of a clip are not 1, 2, ...
    """
    missing = sorted({"clip", "frame"} - set(table.columns))
    if missing:
        raise ValueError(
            f"A table of predictions must have the columns clip and frame. Received: "
            f"{list(table.columns)}. Add {missing}, so that rows are found whatever their order."
        )
    predictions = {}
    for key, rows in table.groupby("clip", dropna=False):
        rows = rows.sort_values("frame")
        if rows["frame"].tolist() != list(range(1, len(rows) + 1)):
            raise ValueError(
                "The frames of a clip are numbered 1, 2, ... without gaps. Received for clip "
                f"{key!r}: {len(rows)} rows, frames {rows['frame'].tolist()[:8]}. Keep one row per "
                "frame, empty where there is no face."
            )
        predictions[str(key)] = rows.drop(columns=["clip", "frame"]).to_numpy(np.float64)
    return predictions


def _refuse_same_keys(clips):
    twice = [key for key, count in collections.Counter(c.key for c in clips).items() if count > 1]
    if twice:
        raise ValueError(
            f"Clips are known by their keys, which must differ. Received twice: {twice[:5]}. "
            "Load each clip once."
        )

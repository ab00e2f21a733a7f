"""Outputs of ONNX models for every frame of a clip."""

import cv2
import numpy as np

from kollias_affect.clip import shown_frames

BATCH = 64  # frames


def predict_clip(model, clip):
    """Predicts the frames of a clip.

    Windows follow each other, and the last one is padded with the last frame; a model that was
    exported with `stream` sees one sequence instead, from the first face on. Frames without a face
    show the last face before, as in `windows.dataset`.

    Args:
        model: `OnnxModel`.
        clip: `Clip` whose crops have the size of the model.

    Returns:
        float32 `[frames, outputs]`, or a dict of such arrays by output if the model has several;
        NaN where there is no face.

    Raises:
        ValueError: If a crop cannot be read, or the model needs landmarks that the clip lacks.
    """
    positions = shown_frames(clip.has_image)
    if model.states:
        first = int(np.argmax(clip.has_image))
        values = _sequence(model, clip, positions[first:])
    elif model.card["length"] is None:
        values = _batches(model, clip, positions, None)
    else:
        values = _batches(model, clip, positions, model.length or model.card["length"])

    def of_frames(array):
        array = np.array(array[-len(clip) :], np.float32)
        start = np.full((len(clip) - len(array), array.shape[-1]), np.nan, np.float32)
        array = np.concatenate([start, array])
        array[~clip.has_image] = np.nan
        return array

    return map_outputs(of_frames, values)


def map_outputs(function, outputs):
    """Applies a function to an array, or to all arrays of a dict."""
    if isinstance(outputs, dict):
        return {name: function(values) for name, values in outputs.items()}
    return function(outputs)


def _batches(model, clip, positions, length):
    """Returns the outputs of single frames (`length` is `None`) or of consecutive windows."""
    frames = len(positions)
    per_call = model.batch or max(1, BATCH // (length or 1))
    step = per_call * (length or 1)
    parts = []
    for start in range(0, frames, step):
        needed = min(step, frames - start)
        count = step if model.batch else -(-needed // (length or 1)) * (length or 1)
        chosen = positions[np.minimum(np.arange(start, start + count), frames - 1)]
        inputs = _inputs(model, clip, chosen)
        if length is not None:
            inputs = {k: v.reshape(-1, length, *v.shape[1:]) for k, v in inputs.items()}
        flat = map_outputs(lambda v: v.reshape(-1, v.shape[-1])[:needed], model(inputs))  # noqa: B023
        parts.append(flat)
    return _joined(parts)


def _sequence(model, clip, positions):
    """Returns the outputs of one sequence, whose states continue from call to call."""
    length, parts, states = model.length or BATCH, [], model.zero_states(model.batch or 1)
    for start in range(0, len(positions), length):
        chosen = positions[start : start + length]
        needed = len(chosen)
        if model.length:  # The last call is padded; its states are not used again.
            chosen = np.pad(chosen, (0, length - needed), mode="edge")
        inputs = {k: v[None] for k, v in _inputs(model, clip, chosen).items()}
        if model.batch:
            inputs = {k: np.repeat(v, model.batch, axis=0) for k, v in inputs.items()}
        outputs, states = model.step(inputs, states)
        parts.append(map_outputs(lambda v: v[0, :needed], outputs))  # noqa: B023
    return _joined(parts)


def _joined(parts):
    if isinstance(parts[0], dict):
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    return np.concatenate(parts)


def _inputs(model, clip, positions):
    size = model.card["image"]["size"]
    crops = [_crop(clip.paths[position], size) for position in positions]
    inputs = {"images": unit_range(np.stack(crops))}
    if "landmarks" in model.inputs:
        if clip.landmarks is None:
            raise ValueError(
                f"This model takes landmarks with every face. Received: {clip!r} without. Extract "
                "the clip from its video."
            )
        chosen = np.nan_to_num(clip.landmarks[positions].reshape(-1, 136))
        inputs["landmarks"] = chosen.astype(np.float32)
    return inputs


def _crop(path, size):
    image = cv2.imread(path, cv2.IMREAD_COLOR)
    if image is None or image.shape[:2] != (size, size):
        shape = "which is missing or cannot be decoded" if image is None else image.shape
        raise ValueError(
            f"Every crop must be an image of {size} x {size} pixels. Received: {path}, {shape}. "
            "Extract the video again."
        )
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def unit_range(images):
    """Returns uint8 images as float32 in [-1, 1]."""
    return images.astype(np.float32) / np.float32(127.5) - 1

"""Outputs for every frame of clips."""

import numpy as np

from kollias_affect import windows


def predict(model, clips, batch_size=4, verbose=0):
    """The model's outputs, frame by frame.

    Windows do not overlap; the last one of a clip is padded, and the padding is dropped. Models
    of single frames are given frames.

    Args:
        model: Keras model of `kollias_affect.models`.
        clips: list of `Clip`, with or without labels.
        batch_size: windows per batch.
        verbose: of `keras.Model.predict`.

    Returns:
        list of float32 `[frames, outputs]`, one per clip; NaN where there is no face.

    Raises:
        ValueError: if a frame is no image.
    """
    shapes = {tensor.name: tensor.shape for tensor in model.inputs}
    single = len(shapes["images"]) == 4  # frames instead of windows
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
        outputs = model.predict(data, verbose=verbose)
    if isinstance(outputs, dict):
        outputs = next(value for name, value in outputs.items() if name in windows.TASKS)
    outputs = outputs.reshape(-1, outputs.shape[-1])
    predictions, start = [], 0
    for clip in clips:
        values = outputs[start : start + len(clip)].astype(np.float32)
        values[~clip.has_image] = np.nan
        predictions.append(values)
        start += -(-len(clip) // length) * length  # whole windows
    return predictions

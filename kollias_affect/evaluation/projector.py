"""Files with which TensorBoard's projector shows a model's representation of frames."""

import keras
import numpy as np

from kollias_affect import _files, models
from kollias_affect.evaluation.predictions import predict

VECTORS_FILE, METADATA_FILE = "representation.tsv", "metadata.tsv"
CONFIG_FILE = "projector_config.pbtxt"


def representation_model(model):
    """Returns a model of a model's representation, with the same inputs and layers.

    The representation is the output `representation`, or otherwise the input of the output layer.

    Args:
        model: Functional `keras.Model` with an output named after its task.

    Returns:
        `keras.Model` with outputs `[batch, (length,) units]`.
    """
    if isinstance(model.output, dict) and "representation" in model.output:
        return keras.Model(model.input, model.output["representation"])
    card = models.describe(model)
    return keras.Model(model.input, model.get_layer(next(iter(models.tasks_of(card)))).input)


def write_projector(folder, model, clips, labels, points=1000):
    """Writes the representation of frames, their labels, and the projector's configuration.

    Each file is written atomically, the configuration last: if it exists, the others exist.

    Args:
        folder: Folder of a run, where TensorBoard looks for `projector_config.pbtxt`.
        model: See `representation_model`.
        clips: List of `Clip`.
        labels: Dict from the name of a column to its values for all frames of the clips,
            `[frames]`.
        points: Largest number of valid frames, at equal distances.

    Returns:
        Number of frames written.
    """
    valid = np.flatnonzero(np.concatenate([clip.valid for clip in clips]))
    positions = np.linspace(0, len(valid) - 1, min(points, len(valid))).round().astype(int)
    frames = valid[positions]
    representations = predict(representation_model(model), clips)
    vectors = np.concatenate([representations[clip.key] for clip in clips])[frames]
    with _files.atomic(folder / VECTORS_FILE) as temporary:
        np.savetxt(temporary, vectors, fmt="%.6g", delimiter="\t")
    columns = {**_origins(clips), **labels}
    rows = zip(*(np.asarray(values)[frames] for values in columns.values()), strict=True)
    lines = ["\t".join(map(_cell, row)) for row in (tuple(columns), *rows)]
    with _files.atomic(folder / METADATA_FILE) as temporary:
        temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")
    with _files.atomic(folder / CONFIG_FILE) as temporary:
        temporary.write_text(_config(vectors.shape))
    return len(frames)


def _origins(clips):
    """Returns the clip and the frame, from 1, of all frames in the order of the clips."""
    keys = np.repeat(np.array([clip.key for clip in clips], object), [len(c) for c in clips])
    return {"clip": keys, "frame": np.concatenate([np.arange(1, len(c) + 1) for c in clips])}


def _cell(value):
    """Returns a value as text without tabs and line breaks."""
    text = f"{value:.3f}" if isinstance(value, (float, np.floating)) else str(value)
    return " ".join(text.split())


def _config(shape):
    from google.protobuf import text_format
    from tensorboard.plugins import projector

    config = projector.ProjectorConfig()
    config.embeddings.add(
        tensor_name="representation",
        tensor_shape=shape,
        tensor_path=VECTORS_FILE,
        metadata_path=METADATA_FILE,
    )
    return text_format.MessageToString(config)

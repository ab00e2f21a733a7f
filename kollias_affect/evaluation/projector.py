"""Files from which TensorBoard's projector shows a model's representation of frames."""

import keras
import numpy as np

from kollias_affect import _files, models
from kollias_affect.evaluation.predictions import predict

TENSORS, METADATA, CONFIG = "representation.tsv", "metadata.tsv", "projector_config.pbtxt"


def representation_model(model):
    """The model that gives a model's representation, with the same inputs and layers.

    That is its output `representation`, or else what its output layer takes.

    Args:
        model: functional `keras.Model` with an output named after its task.

    Returns:
        `keras.Model`, `[batch, (length,) units]`.
    """
    if isinstance(model.output, dict) and "representation" in model.output:
        return keras.Model(model.input, model.output["representation"])
    return keras.Model(model.input, model.get_layer(models.describe(model)["task"]).input)


def write(folder, model, clips, labels, points=1000):
    """Writes the representation of frames, their labels, and the configuration that joins them.

    Each file is written atomically, the configuration last: whoever finds it finds the others.

    Args:
        folder: of a run, in which TensorBoard looks for `projector_config.pbtxt`.
        model: see `representation_model`.
        clips: list of `Clip`.
        labels: dict from a column's name to its values in every frame of the clips, `[frames]`.
        points: at most so many valid frames, at equal distances.

    Returns:
        number of frames written.
    """
    valid = np.flatnonzero(np.concatenate([clip.valid for clip in clips]))
    places = np.linspace(0, len(valid) - 1, min(points, len(valid))).round().astype(int)
    chosen = valid[places]
    found = predict(representation_model(model), clips)
    vectors = np.concatenate([found[clip.key] for clip in clips])[chosen]
    with _files.atomic(folder / TENSORS) as temporary:
        np.savetxt(temporary, vectors, fmt="%.6g", delimiter="\t")
    columns = {**_origins(clips), **labels}
    rows = zip(*(np.asarray(values)[chosen] for values in columns.values()), strict=True)
    lines = ["\t".join(map(_cell, row)) for row in (tuple(columns), *rows)]
    with _files.atomic(folder / METADATA) as temporary:
        temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")
    with _files.atomic(folder / CONFIG) as temporary:
        temporary.write_text(_config(vectors.shape))
    return len(chosen)


def _origins(clips):
    """Clip and frame, from 1, of all frames laid end to end."""
    keys = np.repeat(np.array([clip.key for clip in clips], object), [len(c) for c in clips])
    return {"clip": keys, "frame": np.concatenate([np.arange(1, len(c) + 1) for c in clips])}


def _cell(value):
    """A value as text that cannot be taken for two cells."""
    text = f"{value:.3f}" if isinstance(value, (float, np.floating)) else str(value)
    return " ".join(text.split())


def _config(shape):
    from google.protobuf import text_format
    from tensorboard.plugins import projector

    config = projector.ProjectorConfig()
    config.embeddings.add(
        tensor_name="representation",
        tensor_shape=shape,
        tensor_path=TENSORS,
        metadata_path=METADATA,
    )
    return text_format.MessageToString(config)

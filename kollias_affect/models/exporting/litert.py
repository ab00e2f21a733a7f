"""LiteRT files (TensorFlow Lite), for phones and small machines."""

import json
import tempfile
import zipfile

import keras
import numpy as np
from keras import ops

from kollias_affect import _files
from kollias_affect.models.exporting import saved_model
from kollias_affect.models.exporting.layers import interpolation
from kollias_affect.models.exporting.request import missing
from kollias_affect.runtime.cards import CARD


def write(request, path):
    """Writes the LiteRT file of a `Request`; returns what was measured, see `export`."""
    import tensorflow as tf

    network = _with_plain_resizing(saved_model.served(request))
    with _files.atomic(path) as temporary:
        with tempfile.TemporaryDirectory() as folder:
            saved_model.write_folder(network, folder, request.batch or 1)
            converter = tf.lite.TFLiteConverter.from_saved_model(folder)
            if request.weights == "float16":
                converter.optimizations = [tf.lite.Optimize.DEFAULT]
                converter.target_spec.supported_types = [tf.float16]
            temporary.write_bytes(_converted(converter))
        difference = request.difference(_outputs(temporary, request, network), "LiteRT")
        card = request.card_of("litert", difference)
        # Readers of the format stop before what is appended; tools for metadata read a zip there.
        with zipfile.ZipFile(temporary, "a") as archive:
            archive.writestr(CARD, json.dumps(card, indent=1))
    return {"difference": difference, "bytes": path.stat().st_size}


def _converted(converter):
    """Returns the bytes of the file, or raises the converter's first line as a `ValueError`."""
    try:
        return converter.convert()
    except Exception as error:  # The converter's errors have no common class.
        raise ValueError(
            "LiteRT must know every operation of a model. Received: one with others "
            f"({str(error).strip().splitlines()[-1]}). Export it as ONNX or SavedModel."
        ) from error


class _Resizing(keras.layers.Layer):
    """`Resizing` by matrices: LiteRT has no operation that smooths when it shrinks."""

    def __init__(self, layer, input_shape, output_shape):
        super().__init__(name=layer.name)
        self.rows, self.columns = (
            interpolation(layer, input_shape[axis], output_shape[axis]) for axis in (1, 2)
        )

    def call(self, images):
        images = ops.einsum("oi,bijc->bojc", self.rows, images)
        return ops.einsum("oj,bijc->bioc", self.columns, images)


def _with_plain_resizing(model):
    """Returns the model, and the models in it, with `_Resizing` for its layers `Resizing`."""

    def clone(layer):
        if isinstance(layer, keras.Model):
            return _with_plain_resizing(layer)
        if isinstance(layer, keras.layers.Resizing):
            return _Resizing(layer, layer.input.shape, layer.output.shape)
        return layer

    parts = [layer for layer in model._flatten_layers() if layer is not model]
    if not any(isinstance(layer, keras.layers.Resizing) for layer in parts):
        return model
    return keras.models.clone_model(model, clone_function=clone)


def _outputs(path, request, network):
    """Runs the file on the example, one frame or window at a time."""
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError as error:
        raise missing("ai-edge-litert", "litert") from error

    interpreter = Interpreter(str(path))
    run = interpreter.get_signature_runner()
    batch = request.batch or 1
    parts = []
    for start in range(0, len(request.example["images"]), batch):
        inputs = {name: value[start : start + batch] for name, value in request.example.items()}
        parts.append(run(**inputs, **saved_model.states_of(network)))
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

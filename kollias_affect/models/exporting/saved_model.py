"""SavedModels: folders of TensorFlow, for its server and its C++ library."""

import json

import keras
import numpy as np

from kollias_affect import _files
from kollias_affect.models.exporting.request import missing
from kollias_affect.models.stateful import stateful
from kollias_affect.runtime.cards import CARD


def write(request, path):
    """Writes the SavedModel of a `Request`; returns what was measured, see `export`."""
    if request.weights != "float32":
        raise ValueError(
            "A SavedModel has float32 weights. Received: "
            f"weights={request.weights!r}. Use the format onnx or litert."
        )
    with _files.atomic_folder(path) as temporary:
        network = served(request)
        write_folder(network, temporary)
        difference = request.difference(_outputs(temporary, request, network), "SavedModel")
        card = request.card_of("saved_model", difference)
        extra = temporary / "assets.extra"
        extra.mkdir(exist_ok=True)
        (extra / CARD).write_text(json.dumps(card, indent=1), encoding="utf-8")
    size = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    return {"difference": difference, "bytes": size}


def served(request):
    """Returns the Keras model that is exported: with states for a stream, and fixed axes."""
    model = stateful(request.model, request.length) if request.stream else request.model
    if request.stream and request.batch not in (None, 1):
        raise ValueError(
            "In this format a stream has one sequence per call. Received: "
            f"batch={request.batch}. Leave it out, or use ONNX."
        )
    return model


def write_folder(model, folder, batch=None):
    """Writes the folder of a SavedModel by Keras' own export; `batch` fixes the first axis."""
    if keras.backend.backend() != "tensorflow":
        raise missing("tensorflow as the backend of Keras (KERAS_BACKEND)", "saved_model")
    import tensorflow as tf

    signature = {
        x.name: tf.TensorSpec((x.shape[0] or batch, *x.shape[1:]), x.dtype, x.name)
        for x in model.inputs
    }

    @tf.function(input_signature=[signature])
    def serve(inputs):
        outputs = model(inputs, training=False)
        return _flat(outputs, model)

    archive = keras.export.ExportArchive()
    archive.track(model)
    archive.add_endpoint("serve", serve)
    archive.write_out(str(folder), verbose=False)


def _flat(outputs, model):
    """Returns outputs, and the states of a stream, as one dict by name."""
    if isinstance(outputs, list) and len(outputs) == 2 and isinstance(outputs[1], dict):
        outputs, states = outputs
        new = {f"new_{name}": value for name, value in states.items()}
        named = outputs if isinstance(outputs, dict) else {model.output_names[0]: outputs}
        return {**named, **new}
    return outputs if isinstance(outputs, dict) else {model.output_names[0]: outputs}


def states_of(model):
    """Returns the zero states of a model that `stateful` built, by name."""
    return {
        x.name: np.zeros(x.shape, np.float32) for x in model.inputs if x.name.startswith("state")
    }


def _outputs(folder, request, network):
    import tensorflow as tf

    loaded = tf.saved_model.load(str(folder))
    inputs = {**request.example, **states_of(network)}
    return {name: value.numpy() for name, value in loaded.serve(inputs).items()}

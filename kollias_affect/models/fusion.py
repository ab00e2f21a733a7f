"""Model-level fusion: an RNN or a layer on the hidden outputs of several models."""

import keras
from keras import layers

from kollias_affect import _checks, initializers
from kollias_affect.models import parts
from kollias_affect.models.outputs import output_layers
from kollias_affect.tasks import TASKS


def fuse(models, mode="rnn", units=128, frozen=True, initializer=None, name="fusion"):
    """Builds a model on the concatenated last hidden outputs of trained models.

    Args:
        models: Two or more models of `cnn_rnn` or `multi_rnn`, of the same tasks and window length.
        mode: `"rnn"` for a GRU (the better one in paper B, table 3), `"fc"` for a fully connected
            layer (ReLU).
        units: Units of that layer.
        frozen: Whether to freeze the members' weights; `False` trains all end to end. The weights
            are those of the given models, not copies.
        initializer: Initial weights of the fully connected layers, see `cnn_rnn`.
        name: Name of the model.

    Returns:
        `keras.Model` with the union of the members' inputs and their output.

    Raises:
        ValueError: If there are fewer than two models, or they differ in task or window.

    References: Paper B §5.4.1.
    """
    _checks.one_of("mode", mode, ("rnn", "fc"))
    initializer = initializers.resolve(initializer)
    tasks = _common([tuple(n for n in m.output_names if n in TASKS) for m in models], "tasks")
    _common([model.input["images"].shape[1:] for model in models], "shapes of windows")
    inputs = {}
    for model in models:
        for key, tensor in model.input.items():
            inputs.setdefault(key, keras.Input(tensor.shape[1:], name=key))
    hidden = []
    for i, model in enumerate(models, start=1):
        member = keras.Model(model.input, model.get_layer(tasks[0]).input, name=f"member{i}")
        member.trainable = not frozen
        hidden.append(member({key: inputs[key] for key in model.input}))
    x = layers.Concatenate(name="members")(hidden)
    if mode == "rnn":
        x = parts.rnn_stack(x, "gru", units, 1, 0.0, "fusion_")
    else:
        x = layers.Dense(units, "relu", name="fusion_fc", **initializer)(x)
    outputs = output_layers(tasks, initializer=initializer)(x)
    return keras.Model(inputs, outputs, name=name)


def _common(values, what):
    """Returns the value that all of two or more `values` have, else raises `ValueError`."""
    if len(values) < 2 or len(set(values)) > 1:
        raise ValueError(
            f"Fusion needs at least two models with common {what}. Received: {values}. Choose "
            "models that were built alike."
        )
    return values[0]

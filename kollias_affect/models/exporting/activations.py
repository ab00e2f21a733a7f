"""Activations as nodes of an ONNX graph."""

import math

import numpy as np


def _operator(operator, **attributes):
    return lambda graph, x, name: graph.add(operator, [x], name, **attributes)


def _softmax(graph, x, name):
    return graph.add("Softmax", [x], name, axis=-1)


def _clip(low, high):
    def apply(graph, x, name):
        bounds = [graph.weight(f"{name}_bound", np.float32(bound)) for bound in (low, high)]
        return graph.add("Clip", [x, *bounds], name)

    return apply


def _silu(graph, x, name):
    return graph.add("Mul", [x, graph.add("Sigmoid", [x], f"{name}_sigmoid")], name)


def _gelu(graph, x, name):
    """Formula: `x (1 + erf(x / sqrt 2)) / 2`."""
    root, one, half = (
        graph.weight(f"{name}_{label}", np.float32(value))
        for label, value in (("root", math.sqrt(0.5)), ("one", 1), ("half", 0.5))
    )
    error = graph.add("Erf", [graph.add("Mul", [x, root], f"{name}_scaled")], f"{name}_erf")
    share = graph.add("Mul", [graph.add("Add", [error, one], f"{name}_sum"), half], f"{name}_share")
    return graph.add("Mul", [x, share], name)


# By the names of Keras.
ACTIVATIONS = {
    "linear": lambda graph, x, name: x,
    "relu": _operator("Relu"),
    "relu6": _clip(0, 6),
    "sigmoid": _operator("Sigmoid"),
    "hard_sigmoid": _operator("HardSigmoid", alpha=1 / 6, beta=0.5),
    "tanh": _operator("Tanh"),
    "hard_tanh": _clip(-1, 1),
    "softmax": _softmax,
    "softplus": _operator("Softplus"),
    "softsign": _operator("Softsign"),
    "elu": _operator("Elu", alpha=1.0),
    "selu": _operator("Selu"),
    "leaky_relu": _operator("LeakyRelu", alpha=0.2),
    "exponential": _operator("Exp"),
    "silu": _silu,
    "swish": _silu,
    "gelu": _gelu,
}
# Activations of recurrent layers are attributes: name, alpha, beta.
RECURRENT = {
    "sigmoid": ("Sigmoid", 0.0, 0.0),
    "tanh": ("Tanh", 0.0, 0.0),
    "relu": ("Relu", 0.0, 0.0),
    "hard_sigmoid": ("HardSigmoid", 1 / 6, 0.5),
    "softsign": ("Softsign", 0.0, 0.0),
    "softplus": ("Softplus", 0.0, 0.0),
}


def name_of(function, known, layer):
    """Returns the name of an activation in `known`.

    Raises:
        ValueError: If it is another one.
    """
    name = getattr(function, "__name__", repr(function))
    if name not in known:
        raise ValueError(
            f"The activations of ONNX files are {', '.join(sorted(known))}. Received: {name} in "
            f"the layer {layer.name!r}. Build the model with one of these, or use another format."
        )
    return name

"""TensorFlow 1 checkpoints of the published networks (`models.reference`)."""

import dataclasses
import re
from pathlib import Path

import numpy as np

from kollias_affect import _checks
from kollias_affect.models import REFERENCES

# Scope of the RNNs and their prefix in our model, and the output layer, in the authors' code.
_CELL = "{scope}/rnn/multi_rnn_cell/cell_{layer}/gru_cell/{part}/{leaf}"
_SCOPES = {
    "affwildnet_vggface_gru": ({"": "rnn_1"}, "rnn_1/{}_rnn"),
    "affwildnet_resnet_gru": ({"": "rnn"}, "rnn/{}_output"),
    "vggface_4096x4096x2": ({}, "linear3_1/{}"),
    "vggface_4096x2000x2": ({}, "linear3_1/{}"),
    "omg_cnn_gru_1rnn": ({"": "rnn_out_fc_max_pool_1"}, "rnn_out_fc_max_pool_1/{}"),
    "omg_cnn_gru_3rnn": (
        {"fc1_": "rnn_fc_1", "conv5_3_": "rnn_last_conv_1", "pool5_": "rnn_max_pool_1"},
        "rnn_max_pool_1/{}",
    ),
}
# What training leaves in a checkpoint beside the network: optimizers' slots and counters; and the
# parts of slim's ResNet that the network does not have.
_IGNORED = re.compile(
    r"(^|/)(global_step|beta[12]_power|mean_rgb)$"
    r"|/(Adam(_\d+)?|Momentum|RMSProp(_\d+)?|Adagrad|Adadelta(_\d+)?|ExponentialMovingAverage)$"
    r"|^resnet_v1_50/logits/"
)


@dataclasses.dataclass(frozen=True)
class _Target:
    """Variables of a checkpoint, their shapes, and how they become the weights of one layer."""

    layer: object
    shapes: dict
    weights: object  # from a function of a name to a list of arrays, in the layer's own order


def load_tf1_checkpoint(model, path):
    """Fills a reference network with the weights of a TensorFlow 1 checkpoint.

    Args:
        model: of `models.reference`.
        path: what TensorFlow calls the checkpoint: the common part of `<path>.index` and
            `<path>.data-*`, or a file of the older single-file form.

    Returns:
        `model`.

    Raises:
        FileNotFoundError: if there is no checkpoint.
        ValueError: if the model is no reference network, or if variables are missing, left over
            or of another shape; all of them are named, and nothing is loaded. Optimizers' slots
            and `global_step` are passed over.
    """
    _checks.one_of("model.name", model.name, REFERENCES)
    reader = _reader(path)
    there = {
        name: tuple(shape)
        for name, shape in reader.get_variable_to_shape_map().items()
        if not _IGNORED.search(name)
    }
    targets = list(_targets(model))
    expected = {name: shape for target in targets for name, shape in target.shapes.items()}
    _compare(expected, there, path)
    for target in targets:
        target.layer.set_weights(target.weights(reader.get_tensor))
    return model


def variable_shapes(model):
    """Names and shapes of the variables that a checkpoint of a reference network has."""
    return {name: shape for target in _targets(model) for name, shape in target.shapes.items()}


def _reader(path):
    import tensorflow as tf

    path = str(path).removesuffix(".index")
    if not (Path(path).is_file() or Path(f"{path}.index").is_file()):
        raise FileNotFoundError(
            f"`path` must be a checkpoint: {path}.index with {path}.data-*, or one older file. "
            "Received a path where neither is. Leave out the endings, and unpack archives first."
        )
    try:
        return tf.train.load_checkpoint(path)
    except (tf.errors.OpError, ValueError, RuntimeError) as error:
        raise ValueError(
            f"`path` must be a TensorFlow checkpoint. Received: {path} "
            f"({str(error).splitlines()[0]}). Fetch it again."
        ) from error


def _compare(expected, there, path):
    missing = sorted(set(expected) - set(there))
    unused = sorted(set(there) - set(expected))
    shapes = [
        f"{name} {there[name]}, expected {shape}"
        for name, shape in expected.items()
        if name in there and there[name] != shape
    ]
    problems = [("missing", missing), ("not in the network", unused), ("of another shape", shapes)]
    found = "; ".join(f"{what}: {', '.join(names)}" for what, names in problems if names)
    if found:
        raise ValueError(
            f"The variables of a checkpoint must be those of the network. Received: {path} with "
            f"variables {found}. Choose the reference network that the checkpoint belongs to."
        )


def _targets(model):
    """A `_Target` for every layer with weights."""
    scopes, output = _SCOPES[model.name]
    convolutions = 0
    for layer in _leaves(model):
        name = layer.name
        if not layer.weights:
            continue
        if match := re.fullmatch(r"(.*)rnn([12])", name):
            yield _gru(layer, scopes[match[1]], int(match[2]) - 1)
        elif name == "valence_arousal":
            yield _plain(layer, output.format("weights"), output.format("biases"))
        elif match := re.fullmatch(r"fc([12])", name):
            scope = "linear_1" if match[1] == "1" else "linear2_1"
            yield _plain(layer, f"{scope}/weights", f"{scope}/biases")
        elif "resnet" in model.name:
            yield _slim(layer)
        else:
            convolutions += 1
            yield _plain(layer, f"conv_{convolutions}/weights", f"conv_{convolutions}/biases")


def _leaves(model):
    for layer in model.layers:
        yield from _leaves(layer) if hasattr(layer, "layers") else [layer]


def _plain(layer, *names):
    """Variables that are the layer's weights as they are; kernels are HWIO in both."""
    shapes = {name: tuple(w.shape) for name, w in zip(names, layer.weights, strict=True)}
    return _Target(layer, shapes, lambda read: [read(name) for name in names])


def _slim(layer):
    """Layers of slim's ResNet: `block1_unit_2_conv3_bn` is `…/conv3/BatchNorm` there."""
    name, is_norm = re.subn(r"_bn$", "", layer.name)
    name = re.sub(r"^(block\d)_(unit_\d)_", r"\1/\2/bottleneck_v1/", name)
    scope = f"resnet_v1_50/{name}"
    if not is_norm:
        return _plain(layer, f"{scope}/weights")
    leaves = ("gamma", "beta", "moving_mean", "moving_variance")
    return _plain(layer, *(f"{scope}/BatchNorm/{leaf}" for leaf in leaves))


def _gru(layer, scope, number):
    """TF1's GRUCell: one kernel on [input, state] for the gates [r, u], one for the candidate.

    Keras' u is called z and comes first: [z, r, h].
    """
    units = layer.units
    inputs = layer.cell.kernel.shape[0]

    def name(part, leaf):
        return _CELL.format(scope=scope, layer=number, part=part, leaf=leaf)

    shapes = {
        name("gates", "kernel"): (inputs + units, 2 * units),
        name("gates", "bias"): (2 * units,),
        name("candidate", "kernel"): (inputs + units, units),
        name("candidate", "bias"): (units,),
    }

    def weights(read):
        def both(leaf):
            reset, update = np.split(read(name("gates", leaf)), 2, axis=-1)
            return np.concatenate([update, reset, read(name("candidate", leaf))], axis=-1)

        kernel = both("kernel")
        return [kernel[:inputs], kernel[inputs:], both("bias")]

    return _Target(layer, shapes, weights)

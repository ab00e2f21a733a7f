"""TensorFlow 1 checkpoints of the published networks (`models.reference`)."""

import contextlib
import dataclasses
import glob
import math
import re
from pathlib import Path

import numpy as np

from kollias_affect import _checks, _untrusted
from kollias_affect.models import REFERENCES
from kollias_affect.models.parts import leaves
from kollias_affect.models.unit_range import remember_scaling
from kollias_affect.weights import table_blocks

# Name of a GRU's variables in the authors' code; and, by network, the scopes of the RNNs by the
# prefix of our layers, and the name of the output layer's variables.
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
# The authors' code feeds `(pixels - 128) / 128`.
_OFFSET, _SCALE = 128, 128
# Variables that do not belong to the network: counters and slots of optimizers, and the logits of
# slim's ResNet.
_IGNORED = re.compile(
    r"(^|/)(global_step|beta[12]_power|mean_rgb)$"
    r"|/(Adam(_\d+)?|Momentum|RMSProp(_\d+)?|Adagrad|Adadelta(_\d+)?|ExponentialMovingAverage)$"
    r"|^resnet_v1_50/logits/"
)


@dataclasses.dataclass(frozen=True)
class _Target:
    """Variables of a checkpoint that hold the weights of one layer.

    Attributes:
        layer: Layer of the model.
        shapes: Dict from the variables' names to their shapes.
        weights: Function that takes a function from a name to an array, and returns the layer's
            list of weights.
    """

    layer: object
    shapes: dict
    weights: object


def load_tf1_checkpoint(model, path):
    """Loads a TensorFlow 1 checkpoint into a reference network.

    The network sees images as in the authors' code: `(pixels - 128) / 128` for RGB pixels in 0–255.
    Called directly, the model expects such images. All other functions of this package feed images
    in [-1, 1], `pixels / 127.5 - 1`. Therefore `evaluation.predict`, `models.Stream` and
    `models.save` use the form `models.for_unit_range(model)`, which converts them exactly. Train
    and export that form, too.

    Args:
        model: `keras.Model` of `models.reference`.
        path: Prefix of the checkpoint: the common part of `<path>.index` and `<path>.data-*`, or
            a file of the older single-file form.

    Returns:
        `model`.

    Raises:
        FileNotFoundError: If the checkpoint does not exist.
        ValueError: If the model is not a reference network, or variables are missing, unknown or
            of another shape. The message names all of them, and no weights are assigned. Slots of
            optimizers and `global_step` are ignored.

    References: The checkpoints of https://github.com/dkollias/Aff-Wild-models; paper C, tables 7
    and 8; paper B §5.3.
    """
    _checks.one_of("model.name", model.name, REFERENCES)
    with open_checkpoint(path) as checkpoint:
        shapes = {n: s for n, s in checkpoint.shapes.items() if not _IGNORED.search(n)}
        targets = list(_targets(model))
        expected = {name: shape for target in targets for name, shape in target.shapes.items()}
        _compare(expected, shapes, path)
        values = [target.weights(checkpoint.read) for target in targets]
    for target, weights in zip(targets, values, strict=True):
        target.layer.set_weights(weights)
    remember_scaling(model, _OFFSET, _SCALE)
    return model


def variable_shapes(model):
    """Returns the shapes of a checkpoint's variables by name.

    Args:
        model: `keras.Model` of `models.reference`.
    """
    return {name: shape for target in _targets(model) for name, shape in target.shapes.items()}


@dataclasses.dataclass(frozen=True)
class Checkpoint:
    """Variables of a checkpoint.

    Attributes:
        shapes: Dict from name to shape.
        read: Function from a name to its array.
    """

    shapes: dict
    read: object


@contextlib.contextmanager
def open_checkpoint(path):
    """Yields the `Checkpoint` in files of TensorFlow.

    Args:
        path: See `load_tf1_checkpoint`.

    Raises:
        FileNotFoundError: If it does not exist.
        ValueError: If it is damaged, here or where a variable is read.
    """
    import tensorflow as tf

    path = str(path).removesuffix(".index")
    if not (Path(path).is_file() or Path(f"{path}.index").is_file()):
        raise FileNotFoundError(
            f"`path` must be the prefix of a checkpoint, {path}.index with {path}.data-*, or an "
            f"older single file. Received: {path}, where neither exists. Remove the ending from "
            "the path, and unpack archives first."
        )
    files = [Path(path), *Path(path).parent.glob(f"{glob.escape(Path(path).name)}.data-*")]
    available = sum(file.stat().st_size for file in files if file.is_file())
    with _untrusted.reading("`path` must be a TensorFlow checkpoint", path, "Download it again."):
        index = Path(f"{path}.index")
        table_blocks.check(index if index.is_file() else path)
        reader = tf.train.load_checkpoint(path)
        types = reader.get_variable_to_dtype_map()
        shapes = {n: tuple(s) for n, s in reader.get_variable_to_shape_map().items()}
        for name, shape in shapes.items():
            _untrusted.check_claim(math.prod(shape) * types[name].size, available, name)
        yield Checkpoint(shapes, reader.get_tensor)


def _compare(expected, shapes, path):
    """Raises `ValueError` if the shapes in a checkpoint are not those of the network."""
    problems = {
        "missing": sorted(set(expected) - set(shapes)),
        "not in the network": sorted(set(shapes) - set(expected)),
        "of another shape": [
            f"{name} {shapes[name]}, expected {shape}"
            for name, shape in expected.items()
            if name in shapes and shapes[name] != shape
        ],
    }
    text = "; ".join(f"{kind}: {', '.join(names)}" for kind, names in problems.items() if names)
    if text:
        raise ValueError(
            f"The variables of a checkpoint must be those of the network. Received: {path} with "
            f"variables {text}. Choose the reference network that the checkpoint belongs to."
        )


def _targets(model):
    """Yields a `_Target` for every layer with weights."""
    scopes, output = _SCOPES[model.name]
    convolutions = 0
    for layer in leaves(model):
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


def _plain(layer, *names):
    """Builds the target of a layer whose weights are the variables; kernels are HWIO in both."""
    shapes = {name: tuple(w.shape) for name, w in zip(names, layer.weights, strict=True)}
    return _Target(layer, shapes, lambda read: [read(name) for name in names])


def _slim(layer):
    """Builds the target of a layer of slim's ResNet.

    `block1_unit_2_conv3_bn` is `block1/unit_2/bottleneck_v1/conv3/BatchNorm` there.
    """
    name, is_norm = re.subn(r"_bn$", "", layer.name)
    name = re.sub(r"^(block\d)_(unit_\d)_", r"\1/\2/bottleneck_v1/", name)
    scope = f"resnet_v1_50/{name}"
    if not is_norm:
        return _plain(layer, f"{scope}/weights")
    names = ("gamma", "beta", "moving_mean", "moving_variance")
    return _plain(layer, *(f"{scope}/BatchNorm/{name}" for name in names))


def _gru(layer, scope, number):
    """Builds the target of a GRU from the variables of a GRUCell of TensorFlow 1.

    A GRUCell has one kernel on [input, state] for the gates [r, u], and one for the candidate.
    Keras calls u z and orders the gates [z, r, h].
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
        def reordered(leaf):
            reset, update = np.split(read(name("gates", leaf)), 2, axis=-1)
            return np.concatenate([update, reset, read(name("candidate", leaf))], axis=-1)

        kernel = reordered("kernel")
        return [kernel[:inputs], kernel[inputs:], reordered("bias")]

    return _Target(layer, shapes, weights)

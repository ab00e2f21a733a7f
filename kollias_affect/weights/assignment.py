"""Assigns named arrays to the layers of a model: all of them or, after one error, none."""

import dataclasses

import keras
import numpy as np

from kollias_affect.weights import conventions

# Fully connected layers of the networks with published weights.
FULLY_CONNECTED = ("fc6", "fc7", "fc8")


@dataclasses.dataclass(frozen=True)
class ImportReport:
    """Result of an importer.

    Attributes:
        filled: Names of the model's layers that received weights.
        unfilled: Names of fully connected layers that keep their weights, since the file lacks
            them or has them in another shape.
        unused: Names of entries of the file that no layer uses.
        convention: `InputConvention` of the weights in the file.
        folded: Whether the first convolution was rewritten, see `model_takes`.
        neutral: Names of batch normalisations that the file lacks, and that do nothing now.
    """

    filled: tuple
    unfilled: tuple
    unused: tuple
    convention: conventions.InputConvention
    folded: bool
    neutral: tuple = ()

    @property
    def model_takes(self):
        """`InputConvention` of the images that the model takes now."""
        return conventions.OURS if self.folded else self.convention


def assign_weights(
    model, entries, required, optional, convention, fold, path, unused=(), neutral=()
):
    """Assigns `entries` to the layers of a model; folds the first required layer on request.

    Args:
        model: `keras.Model`; layers of models within it count, too.
        entries: Dict from a layer's name to its arrays, in the order of the layer's `weights`.
            `None` stands for an array that the file lacks. Kernels of fully connected layers are
            `[inputs, outputs]` or `[height, width, channels, outputs]`, whatever the layer has.
        required: Names of layers that model and file must have.
        optional: Names of layers that are assigned if model and file have the same shape.
        convention: `InputConvention` of the weights.
        fold: Whether to rewrite the first required layer so that the model takes RGB in [-1, 1].
            If that layer has no bias, the second one is its batch normalisation, whose moving mean
            takes the shift.
        path: Path of the file, for messages.
        unused: Names of further contents of the file, for the report.
        neutral: Names of layers in `entries` that the file lacks, for the report.

    Returns:
        `ImportReport`.

    Raises:
        ValueError: If layers or arrays are missing or have other shapes. The message names all
            of them, and no weights are assigned.
    """
    layers = _layers_by_name(model, (*required, *optional))
    _check_layers(model, layers, required)
    values, problems = _match_required(layers, entries, required)
    if problems:
        raise ValueError(
            f"The file must hold the weights of {model.name!r}. Received: {path} with entries "
            f"{problems}. Nothing was loaded. Choose the file of this network, and its full width."
        )
    values |= _match_optional(layers, entries, optional)
    if fold:
        _fold(values, *required[:2], convention)
    for name, arrays in values.items():
        layers[name].set_weights(arrays)
    return ImportReport(
        filled=tuple(name for name in values if name not in neutral),
        unfilled=tuple(name for name in optional if name in layers and name not in values),
        unused=(*(name for name in entries if name not in values), *unused),
        convention=convention,
        folded=bool(fold),
        neutral=tuple(neutral),
    )


def _fold(values, first, following, convention):
    """Rewrites the arrays of the first layer; see `conventions.fold`."""
    kernel, *bias = values[first]
    kernel, shift = conventions.fold(kernel, *(bias or [None]), convention)
    values[first] = [kernel, shift] if bias else [kernel]
    if not bias:
        gamma, beta, mean, variance = values[following]
        values[following] = [gamma, beta, mean - shift, variance]


def _layers_by_name(model, names):
    """Returns the layers with these names, also those of models and wrappers in the model.

    Raises:
        ValueError: If two layers have the same name.
    """
    layers = {}
    for layer in _leaves(model):
        if layer.name in names and layers.setdefault(layer.name, layer) is not layer:
            raise ValueError(
                f"The model must have one layer of each name. Received: {model.name!r} with "
                f"several layers {layer.name!r}. Pass the part of it that the weights belong to."
            )
    return layers


def _leaves(layer):
    """Yields the layers of a model, and of the models and wrappers in it."""
    if isinstance(layer, keras.Model):
        for inner in layer.layers:
            yield from _leaves(inner)
    elif isinstance(layer, keras.layers.Wrapper):
        yield from _leaves(layer.layer)
    else:
        yield layer


def _check_layers(model, layers, required):
    missing = [name for name in required if name not in layers]
    if missing:
        raise ValueError(
            f"The model must have the layers {', '.join(required)}. Received: {model.name!r} "
            f"without {', '.join(missing)}. Pass the network that these weights belong to."
        )


def _match_required(layers, entries, required):
    """Returns the arrays of each required layer, and a description of all problems."""
    values, problems = {}, {"missing": [], "misshaped": [], "not finite numbers": []}
    for name in required:
        values[name], layer_problems = _match(layers[name], entries.get(name))
        for kind, description in layer_problems:
            problems[kind].append(description)
    return values, "; ".join(f"{kind}: {', '.join(p)}" for kind, p in problems.items() if p)


def _match_optional(layers, entries, optional):
    """Returns the arrays of the optional layers that fit."""
    values = {}
    for name in optional:
        if name in layers and name in entries:
            arrays, problems = _match(layers[name], entries[name])
            if not problems:
                values[name] = arrays
    return values


def _match(layer, arrays):
    """Returns arrays in the shapes of the layer's weights, and pairs (kind of problem, text)."""
    if arrays is None:
        return [], [("missing", layer.name)]
    if len(arrays) != len(layer.weights):
        names = [variable.name for variable in layer.weights]
        return [], [("misshaped", f"{layer.name} of {len(arrays)} arrays, expected {names}")]
    matched, problems = [], []
    for variable, array in zip(layer.weights, arrays, strict=True):
        name, shape = f"{layer.name} {variable.name}", tuple(variable.shape)
        if array is None:
            problems.append(("missing", name))
        elif not _fits(array.shape, shape):
            problems.append(("misshaped", f"{name} {array.shape}, expected {shape}"))
        elif array.dtype.kind not in "fiu" or not np.isfinite(array).all():
            problems.append(("not finite numbers", name))
        else:
            matched.append(array.reshape(shape))
    return matched, problems


def _fits(actual, expected):
    """Returns whether shapes are equal, or those of a dense kernel flattened on one side only."""
    if {len(actual), len(expected)} == {2, 4}:
        return actual[-1] == expected[-1] and np.prod(actual[:-1]) == np.prod(expected[:-1])
    return actual == expected

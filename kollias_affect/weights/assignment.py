"""Puts named arrays into the layers of a model: all of them, or, after one error, none."""

import dataclasses

import keras
import numpy as np

from kollias_affect.weights import conventions


@dataclasses.dataclass(frozen=True)
class Report:
    """What an importer did.

    Attributes:
        filled: names of the model's layers that were filled.
        unfilled: layers that the importer knows (fully connected ones) and the model has, but
            that were left as they are: the file lacks them, or has them in another shape.
        unused: entries of the file that went nowhere.
        convention: `InputConvention` that the file's weights expect.
        folded: whether the first convolution was rewritten, see `model_takes`.
    """

    filled: tuple
    unfilled: tuple
    unused: tuple
    convention: conventions.InputConvention
    folded: bool

    @property
    def model_takes(self):
        """`InputConvention` of the images that the model takes now."""
        return conventions.OURS if self.folded else self.convention


def fill(model, entries, required, optional, convention, fold, path, unused=()):
    """Fills the layers of a model from `entries`, the first of `required` folded if asked.

    Args:
        model: `keras.Model`; layers of models within it are found too.
        entries: dict from a layer's name to its arrays, in the order of the layer's `weights`;
            `None` stands for an array that the file lacks. Kernels of fully connected layers are
            `[inputs, outputs]` or `[height, width, channels, outputs]`, whichever the layer has.
        required: names of layers that model and file must have.
        optional: names of layers that are filled where model and file have the same shape.
        convention: `InputConvention` of the weights.
        fold: rewrite the first required layer so that the model takes RGB in [-1, 1].
        path: of the file, for messages.
        unused: names of further things in the file, for the report.

    Returns:
        `Report`.

    Raises:
        ValueError: if layers or arrays are missing or misshaped; names them all, loads nothing.
    """
    layers = _layers_by_name(model, (*required, *optional))
    absent = [name for name in required if name not in layers]
    if absent:
        raise ValueError(
            f"The model must have the layers {', '.join(required)}. Received: {model.name!r} "
            f"without {', '.join(absent)}. Pass the network that these weights belong to."
        )
    values, problems = {}, {"missing": [], "misshaped": [], "not finite numbers": []}
    for name in required:
        values[name] = _matched(layers[name], entries.get(name), problems)
    for name in optional:
        if name in layers and name in entries:
            value = _matched(layers[name], entries[name], {key: [] for key in problems})
            values.update({name: value} if value else {})
    found = "; ".join(f"{what}: {', '.join(names)}" for what, names in problems.items() if names)
    if found:
        raise ValueError(
            f"The file must hold the weights of {model.name!r}. Received: {path} with entries "
            f"{found}. Nothing was loaded. Choose the file of this network, and its full width."
        )
    if fold:
        first = required[0]
        values[first] = [*conventions.fold(*values[first], convention)]
    for name, value in values.items():
        layers[name].set_weights(value)
    return Report(
        filled=tuple(values),
        unfilled=tuple(name for name in optional if name in layers and name not in values),
        unused=(*(name for name in entries if name not in values), *unused),
        convention=convention,
        folded=bool(fold),
    )


def _layers_by_name(model, names):
    """Layers of `model` and of models and wrappers within it; a name twice is an error."""
    found = {}
    for layer in _leaves(model):
        if layer.name in names and found.setdefault(layer.name, layer) is not layer:
            raise ValueError(
                f"The model must have one layer of each name. Received: {model.name!r} with "
                f"several layers {layer.name!r}. Pass the part of it that the weights are for."
            )
    return found


def _leaves(layer):
    if isinstance(layer, keras.Model):
        for inner in layer.layers:
            yield from _leaves(inner)
    elif isinstance(layer, keras.layers.Wrapper):
        yield from _leaves(layer.layer)
    else:
        yield layer


def _matched(layer, arrays, problems):
    """Arrays in the shapes of the layer's weights, or `None` with lines added to `problems`."""
    if arrays is None:
        problems["missing"].append(layer.name)
        return None
    if len(arrays) != len(layer.weights):
        problems["misshaped"].append(
            f"{layer.name} of {len(arrays)} arrays, expected {[v.name for v in layer.weights]}"
        )
        return None
    matched = []
    for variable, array in zip(layer.weights, arrays, strict=True):
        name = f"{layer.name} {variable.name}"
        if array is None:
            problems["missing"].append(name)
        elif not _fits(array.shape, tuple(variable.shape)):
            problems["misshaped"].append(f"{name} {array.shape}, expected {tuple(variable.shape)}")
        elif array.dtype.kind not in "fiu" or not np.isfinite(array).all():
            problems["not finite numbers"].append(name)
        else:
            matched.append(array.reshape(variable.shape))
    return matched if len(matched) == len(layer.weights) else None


def _fits(given, wanted):
    """Equal shapes, or a fully connected kernel with its inputs flattened on one side only."""
    if {len(given), len(wanted)} == {2, 4}:
        return given[-1] == wanted[-1] and np.prod(given[:-1]) == np.prod(wanted[:-1])
    return given == wanted

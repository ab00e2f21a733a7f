"""Ensembles of trained models: the average of their outputs, or of their weights."""

import keras
import numpy as np
from keras import layers

from kollias_affect import _files
from kollias_affect.models.files import describe, load
from kollias_affect.models.unit_range import for_unit_range
from kollias_affect.tasks import tasks_of

VARIANCE = "{}_variance"
"""Name of the output with the variance of the outputs of a task."""
DISTANCE = "distance"
"""Name of the output that says how far a frame is from what a model has seen."""
BY = ("outputs", "weights")
_SAME = ("task", "image", "landmarks", "length", "crop")  # entries of the cards of all members


def ensemble(models, variance=True, name="ensemble"):
    """Builds a model whose outputs are the mean of those of several models.

    Args:
        models: Two or more models of `kollias_affect.models` of the same tasks, sizes and windows.
            They share their weights with the ensemble.
        variance: Whether the model also has, for each task, the variance of the members' outputs
            (divided by their number, not by one less), `"valence_arousal_variance"`.
        name: Name of the model.

    Returns:
        `keras.Model` of layers of Keras, with the inputs of the members.

    Raises:
        ValueError: If there are fewer than two models, or they differ in tasks or inputs.

    Example:

    >>> from kollias_affect import backbones, models
    >>> build = lambda: models.cnn(backbones.cnn_m((32, 32, 3), width=0.02), "valence")
    >>> sorted(ensemble([build(), build()]).output)
    ['valence', 'valence_variance']

    References: Lakshminarayanan, Pritzel and Blundell (NeurIPS 2017).
    """
    models = [for_unit_range(model) for model in models]
    _check_members([describe(model) for model in models])
    inputs = {x.name: keras.Input(x.shape[1:], name=x.name) for x in models[0].inputs}
    found = []
    for number, model in enumerate(models, start=1):
        member = keras.Model(model.input, _by_name(model), name=f"member{number}")
        found.append(member(inputs))
    outputs = {}
    for task in tasks_of(describe(models[0])):
        values = [each[task] for each in found]
        outputs[task] = layers.Average(name=task, dtype="float32")(values)
        if variance:
            outputs[VARIANCE.format(task)] = _variance(task, values, outputs[task])
    if all(DISTANCE in each for each in found):
        values = [each[DISTANCE] for each in found]
        outputs[DISTANCE] = layers.Average(name=DISTANCE, dtype="float32")(values)
    outputs = outputs if len(outputs) > 1 else next(iter(outputs.values()))
    return keras.Model(inputs, outputs, name=name)


def members_of(model):
    """Returns the members of an ensemble; an empty list for any other model."""
    names = (f"member{number}" for number in range(1, len(model.layers) + 1))
    layers_by_name = {layer.name: layer for layer in model.layers}
    found = [layers_by_name[name] for name in names if name in layers_by_name]
    return [layer for layer in found if isinstance(layer, keras.Model)] if len(found) > 1 else []


def _by_name(model):
    """Returns the outputs of a model by their names."""
    if isinstance(model.output, dict):
        return model.output
    return dict(zip(model.output_names, keras.tree.flatten(model.output), strict=True))


def _variance(task, values, mean):
    """Mean of the squared differences from the mean: never negative, unlike E[x²] − E[x]²."""
    squares = []
    for number, value in enumerate(values, start=1):
        name = f"{task}_from_mean{number}"
        difference = layers.Subtract(name=name, dtype="float32")([value, mean])
        name = f"{task}_square{number}"
        squares.append(layers.Multiply(name=name, dtype="float32")([difference, difference]))
    return layers.Average(name=VARIANCE.format(task), dtype="float32")(squares)


def average_weights(models):
    """Returns a model whose weights are the mean of those of several models.

    It costs as much as one model. The models must be trainings that began alike: epochs of one
    run, or trainings with other settings that started from the same trained network. The mean of
    trainings from different random weights is no use.

    Args:
        models: Two or more models of one architecture.

    Returns:
        `keras.Model`, a copy.

    Raises:
        ValueError: If there are fewer than two models, or their weights have other shapes.

    References: Izmailov et al. (UAI 2018); Wortsman et al. (ICML 2022).
    """
    models = [for_unit_range(model) for model in models]
    _check_members([describe(model) for model in models])
    weights = [model.get_weights() for model in models]
    shapes = {tuple(w.shape for w in of_model) for of_model in weights}
    if len(shapes) > 1:
        raise ValueError(
            "Weights are averaged over models of one architecture. Received: models whose weights "
            "have different shapes. Average their outputs instead."
        )
    result = keras.models.clone_model(models[0])
    result.set_weights([np.mean(of_all, axis=0) for of_all in zip(*weights, strict=True)])
    return result


def join(paths, by="outputs"):
    """Builds an ensemble of model files.

    Args:
        paths: `Path`s of two or more `.keras` files.
        by: `"outputs"` for `ensemble`, `"weights"` for `average_weights`.

    Returns:
        `(model, metadata)`; pass both to `models.save`. The metadata name the members, and what
        they were trained on.

    Raises:
        FileNotFoundError, ValueError: As `load`, `ensemble` and `average_weights` do.
    """
    loaded = [load(path) for path in paths]
    _check_members([card for _, card in loaded])
    build = {"outputs": ensemble, "weights": average_weights}[by]
    model = build([model for model, _ in loaded])
    cards = [card for _, card in loaded]
    seen = sorted({part for card in cards for part in card.get("trained_on", ())})
    metadata = {
        "crop": cards[0]["crop"],
        "averaged": by,
        "members": [f"{path.name}, sha256 {_files.sha256(path)}" for path in paths],
        "trained_on": seen,
    }
    synthetic = [card["synthetic"] for card in cards if card.get("synthetic")]
    if synthetic:
        metadata["synthetic"] = synthetic[0]
    return model, metadata


def _check_members(cards):
    if len(cards) < 2:
        raise ValueError(
            f"An ensemble needs at least two models. Received: {len(cards)}. Train another one "
            "with another seed."
        )
    for name in _SAME:
        values = [card[name] for card in cards]
        if any(value != values[0] for value in values):
            raise ValueError(
                f"The members of an ensemble must have the same {name}. Received: {values}. Choose "
                "models that were built alike."
            )

"""What a training starts from: a new network of a registry, or a trained model."""

from pathlib import Path

import keras

from kollias_affect import _checks, _files, initializers, models, presets, tasks, transfer, weights
from kollias_affect.experiments import builders, seen
from kollias_affect.experiments.declaration import Scale
from kollias_affect.experiments.kinds import ARGUMENTS, NETWORKS
from kollias_affect.models import parts

PRECISIONS = ("auto", "float32", "mixed_bfloat16")
_COMMON = ("network", "backbone", "width", "size", "weights", "precision")
_OWN = (name for kind in NETWORKS.values() for name in kind.options)
NEW = tuple(dict.fromkeys((*_COMMON, *_OWN)))
"""Names of the options that describe a new network."""


def new_network(
    network="affwildnet",
    task="valence_arousal",
    settings=None,
    backbone="vgg_face",
    width=1.0,
    size=96,
    weights=None,
    precision="auto",
    frozen=False,
    seed=0,
    **options,
):
    """Builds a new network.

    Args:
        network: Name in `NETWORKS`.
        task: One of `tasks.TASKS`, or several, see `models.cnn`.
        settings: Name of the preset with the defaults of dropout, initial weights and length, one
            of `presets.PRESETS`. Default: that of the paper that the network is from.
        backbone: See `builders.build_backbone`.
        width: Factor on the backbone's channels and on the default of `hidden_units`.
        size: Side of the images in pixels.
        weights: Text `NAME=FILE`: the backbone, and the file of its published weights.
        precision: `"float32"`, `"mixed_bfloat16"`, or `"auto"`: the second if the machine
            supports it.
        frozen: Whether to freeze the backbone.
        seed: Seed of the initial weights.
        **options: Options of the network, `NETWORKS[network].options`; `taps` are the `features`
            of `models.multi_rnn`. `initializer` is a name in `initializers.INITIALIZERS`.

    Returns:
        `(model, record)`: `keras.Model`, and JSON content with the network and its start.

    Raises:
        FileNotFoundError: If the file of weights does not exist.
        ValueError: If an option is unknown, does not belong to the network, or is out of range.

    Example:

    >>> tiny = {"backbone": "cnn_m", "size": 32, "width": 0.02, "rnn_units": 4, "length": 5}
    >>> model, record = new_network("cnn_rnn", "expression", **tiny)
    >>> model.output_shape, record["start"]
    ((None, 5, 7), 'random weights, seed 0')
    """
    kind = NETWORKS[_checks.one_of("network", network, NETWORKS)]
    settings = kind.settings if settings is None else settings
    preset = presets.preset(settings)
    _refuse_others(network, kind, options)
    _checks.one_of("precision", precision, PRECISIONS)
    seed = _checks.integer_between("seed", seed, 0, 2**32 - 1)
    options = {**_defaults(kind, preset), **options}
    initializer = options.get("initializer", "keras")
    _checks.one_of("initializer", initializer, initializers.INITIALIZERS)
    files = {} if weights is None else parse_weights(weights, backbone)
    scale = Scale(width=width, size=size, seed=seed)
    previous = keras.config.dtype_policy()
    precision = models.native_precision() if precision == "auto" else precision
    keras.config.set_dtype_policy(precision)
    try:
        cnn = builders.build_backbone(backbone, scale, files)
        arguments = {ARGUMENTS.get(name, name): value for name, value in options.items()}
        if "initializer" in kind.options:
            arguments["initializer"] = initializers.resolve(initializer, seed)
        if "hidden_units" in kind.options:
            arguments["hidden_units"] = _hidden_units(
                cnn, network, width, options.get("hidden_units")
            )
        model = kind.build(cnn, task, frozen=frozen, **arguments)
    finally:
        keras.config.set_dtype_policy(previous)
    start = f"random weights, seed {seed}"
    if builders.is_foreign(backbone):
        start = f"{start}; {_foreign_start(backbone)}"
    if files:
        start = f"{start}; {backbone} from {_named(files[backbone])}"
    record = {"network": network, "preset": settings, "initializer": initializer, "start": start}
    return model, {**record, "precision": precision}


def _refuse_others(network, kind, options):
    """Raises `ValueError` if an option does not belong to the network."""
    for name, value in options.items():
        if name not in kind.options:
            having = [other for other in NETWORKS if name in NETWORKS[other].options]
            remedy = f"choose the network from {having}" if having else f"use {kind.options}"
            raise ValueError(
                f"The network {network!r} has no option `{name}`. Received: {name}={value!r}. "
                f"Leave it out, or {remedy}."
            )


def _defaults(kind, preset):
    """The options that a preset gives a network."""
    defaults = {
        "dropout": preset.dropout,
        "rnn_dropout": preset.rnn_dropout,
        "initializer": preset.initializer,
        "length": kind.length or preset.length,
    }
    return {name: value for name, value in defaults.items() if name in kind.options}


def _hidden_units(backbone, network, width, given):
    """Units of the fully connected layers; `multi_rnn` has one such layer."""
    if given is None:
        given = [max(1, round(units * width)) for units in parts.hidden_units_of(backbone)]
        given = given[:1] if network == "multi_rnn" else given
    given = (given,) if isinstance(given, int) else tuple(given)
    if network != "multi_rnn":
        return given
    if len(given) != 1:
        raise ValueError(
            "The network 'multi_rnn' has one fully connected layer. Received: "
            f"hidden_units={given}. Give one number."
        )
    return given[0]


def parse_weights(text, backbone):
    """Parses `NAME=FILE`, the published weights of a backbone.

    Returns:
        Dict from the name to the path.

    Raises:
        FileNotFoundError: If the file does not exist.
        ValueError: If there is no importer for the name, or it is not the backbone.
    """
    name, equals, path = str(text).partition("=")
    if not equals or not path:
        raise ValueError(
            f"`weights` must be NAME=FILE. Received: {text}. Write, for example, {backbone}=FILE."
        )
    _checks.one_of("weights", name, builders.IMPORTERS)
    if name != backbone:
        raise ValueError(
            f"`weights` must be those of the backbone. Received: weights of {name} for the "
            f"backbone {backbone}. Choose the same for both."
        )
    return {name: _checks.existing_file("weights", path)}


def continued(model, task=None, frozen=False, seed=0):
    """Loads a trained model to train it further, on another database or for another task.

    Args:
        model: `.keras` file, or a name in `weights.list_pretrained`.
        task: One of `tasks.TASKS`, or several. Tasks that the model does not have get a new output
            layer, see `transfer.swap_head`; those of its tasks that are not named lose theirs.
            Default: the tasks of the model.
        frozen: Whether to freeze the CNN; otherwise all layers are trained.
        seed: Seed of a new output layer.

    Returns:
        `(model, record)`, see `new_network`. Its `trained_on` is what the card says
        that the model has seen.

    Raises:
        FileNotFoundError: If there is no such model.
        ValueError: If it is no model of faces, or the task is unknown.
    """
    path = weights.model_file(model)
    network, card = models.load(path)
    start = _named(path)
    old = set(models.tasks_of(card))
    names = old if task is None else tasks.names_of(task)
    if set(names) != old:
        kept = [name for name in names if name in old]
        network = transfer.swap_head(network, names, seed=seed, keep=kept)
        added = ", ".join(name for name in names if name not in old)
        start = f"{start}; new output layer for {added}, seed {seed}" if added else start
    transfer.unfreeze(network)
    if frozen:
        transfer.freeze(network, cnn=True)
    return network, {"start": start, "trained_on": seen.trained_on(path)}


def _foreign_start(backbone):
    file = backbone.endswith(".keras")
    return f"backbone from {_named(Path(backbone)) if file else f'KerasHub, {backbone}'}"


def _named(path):
    return f"{path.name}, sha256 {_files.sha256(path)}"

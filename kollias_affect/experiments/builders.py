"""From a declared `Network` to a Keras model of a given scale."""

import keras

from kollias_affect import backbones, initializers, models, weights
from kollias_affect.experiments.kinds import NETWORKS
from kollias_affect.models import parts

# Backbones with published weights: importer, and the form of the backbone that they fit.
IMPORTERS = {
    "vgg_face": (weights.load_vgg_face, {}),
    "vgg16": (weights.load_vgg16, {}),
    "resnet50": (weights.load_resnet50, {"form": "keras"}),
    "densenet121": (weights.load_densenet121, {}),
    "cnn_m": (weights.load_cnn_m, {}),
}
_UNITS = ("hidden_units", "rnn_units", "landmark_units", "fc_units")


def build(network, task, scale, weight_files=None, landmarks=None):
    """Builds the model of a `Network` with the initial weights of the scale's seed.

    Args:
        network: `Network`.
        task: Name in `tasks.TASKS`.
        scale: `Scale`.
        weight_files: Dict from a backbone's name to the file of its published weights.
        landmarks: `False` for clips without landmarks; `None` for what the network declares.

    Returns:
        `keras.Model` of windows of `scale.length` frames.

    Raises:
        ValueError: If the weights do not fit.
    """
    backbone = build_backbone(network.backbone, scale, weight_files)
    options = {name: _scaled(name, value, scale) for name, value in network.options.items()}
    if "initializer" in options:
        options["initializer"] = initializers.resolve(options["initializer"], scale.seed)
    if "hidden_units" not in options:
        units = parts.hidden_units_of(backbone)
        # A network on several features has one fully connected layer.
        units = units[0] if network.build == "multi_rnn" else units
        options["hidden_units"] = _scaled("hidden_units", units, scale)
    if network.build != "cnn":
        options.setdefault("rnn_units", _scaled("rnn_units", 128, scale))
    if landmarks is False:
        options["landmarks"] = False
    options.setdefault("length", scale.length)
    return NETWORKS[network.build].build(backbone, task, **options)


def build_backbone(name, scale, weight_files=None):
    """Builds a backbone, and loads its published weights if their file is given.

    Args:
        name: Name in `backbones.BACKBONES`; `hub:` and a preset of KerasHub; or a `.keras` file of
            a model of images in [-1, 1], see `backbones.adapt`. The latter two have one width.
        scale, weight_files: See `build`.

    Returns:
        `keras.Model`.
    """
    keras.utils.set_random_seed(scale.seed)
    file = (weight_files or {}).get(name)
    load, form = IMPORTERS[name] if file is not None else (None, {})
    shape = (scale.size, scale.size, 3)
    if is_foreign(name):
        return _foreign(name, shape, scale.width)
    backbone = backbones.build(name, input_shape=shape, width=scale.width, **form)
    if load is not None:
        load(backbone, file)
    return backbone


def is_foreign(name):
    """Returns whether the name of a backbone is a preset of KerasHub or a file."""
    return str(name).startswith(backbones.HUB) or str(name).endswith(".keras")


def _foreign(name, shape, width):
    if width != 1:
        raise ValueError(
            f"`width` is for the networks {list(backbones.BACKBONES)}. Received: width={width} and "
            f"the backbone {name}. Leave it out, or choose a smaller preset."
        )
    if name.startswith(backbones.HUB):
        return backbones.build(name, input_shape=shape)
    return backbones.adapt(models.load_any(name), shape)


def _scaled(name, value, scale):
    if name not in _UNITS:
        return value
    if isinstance(value, (tuple, list)):
        return tuple(_scaled(name, item, scale) for item in value)
    return max(2, round(value * scale.units))

"""Selection of the layers that are trained: those after the CNN, the last ones, or by name."""

import keras

from kollias_affect import _checks
from kollias_affect.models.parts import leaves


def freeze(model, cnn=False, last=None, names=None):
    """Freezes the weights of a part of a model. Compile the model afterwards.

    Exactly one of `cnn`, `last` and `names` selects the part. Layers of nested models, such as a
    backbone, count like all other layers. The state of the other layers does not change; see
    `unfreeze`.

    Args:
        model: `keras.Model`.
        cnn: Whether to freeze the CNN: all layers up to the last convolution, and the nested
            models that contain convolutions.
        last: Number of last layers with weights that are not frozen; all others are.
        names: Name or names of the layers or nested models to freeze.

    Returns:
        `model`.

    Raises:
        ValueError: If not exactly one part is selected, or if the model has no such part.

    References: paper B §5.4; paper C §4.1.1 and §4.2 (CNN frozen, or trained end to end).

    Example:
        >>> import keras
        >>> layers = [keras.layers.Dense(4, name="fc1"), keras.layers.Dense(2, name="out")]
        >>> model = freeze(keras.Sequential([keras.Input((3,)), *layers]), last=1)
        >>> [layer.trainable for layer in model.layers]
        [False, True]
    """
    if (cnn is not False) + (last is not None) + (names is not None) != 1:
        raise ValueError(
            "Exactly one of `cnn=True`, `last=` and `names=` selects what to freeze. Received: "
            f"cnn={cnn!r}, last={last!r}, names={names!r}. Pass one of them."
        )
    if last is not None:
        frozen = _all_but_last(model, last)
    elif names is not None:
        frozen = _layers_by_name(model, [names] if isinstance(names, str) else list(names))
    else:
        frozen = _cnn(model)
    for layer in frozen:
        layer.trainable = False
    return model


def unfreeze(model):
    """Makes all layers trainable, including those of nested models.

    `model.trainable = True` is not enough: Keras does not pass it on to the layers that were
    frozen inside nested functional models.

    Args:
        model: `keras.Model`.

    Returns:
        `model`.
    """
    model.trainable = True
    for layer in (*_nested(model), *leaves(model)):
        layer.trainable = True
    return model


def _cnn(model):
    layers = list(leaves(model))
    last = max((i for i, layer in enumerate(layers) if _is_convolution(layer)), default=None)
    if last is None:
        raise ValueError(
            f"`cnn=True` needs a model with convolutions. Received: {model.name!r} without any. "
            "Use `last=` or `names=`."
        )
    nested = [m for m in model.layers if isinstance(m, keras.Model) and _has_convolution(m)]
    return layers[: last + 1] + nested


def _is_convolution(layer):
    kinds = (keras.layers.Conv2D, keras.layers.DepthwiseConv2D, keras.layers.SeparableConv2D)
    return isinstance(layer, kinds)


def _has_convolution(model):
    return any(_is_convolution(layer) for layer in leaves(model))


def _all_but_last(model, last):
    layers = [layer for layer in leaves(model) if layer.weights]
    maximum = len(layers) - 1
    if maximum < 1:
        raise ValueError(
            "`last=` needs a model with at least two layers that have weights. Received: "
            f"{model.name!r} with {len(layers)}. Train all layers."
        )
    return layers[: -_checks.integer_between("last", last, 1, maximum)]


def _layers_by_name(model, names):
    layers = {}
    for layer in (*_nested(model), *leaves(model)):
        layers.setdefault(layer.name, layer)
    unknown = [name for name in names if name not in layers]
    if unknown or not names:
        weighted = [layer.name for layer in leaves(model) if layer.weights]
        raise ValueError(
            f"`names` must be layers of the model. Received: {unknown or names}. Choose from the "
            f"layers with weights, {weighted}."
        )
    return [layers[name] for name in names]


def _nested(model):
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield layer
            yield from _nested(layer)

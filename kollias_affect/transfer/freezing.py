"""Which layers are trained: all, those after the CNN, the last ones, or all but some by name."""

import keras

from kollias_affect import _checks


def freeze(model, cnn=False, last=None, names=None):
    """Fixes the weights of a part of a model. Compile the model afterwards.

    Exactly one of the three arguments says which part. Layers within nested models, such as a
    backbone, count like all others. What is not fixed stays as it was; see `unfreeze`.

    Args:
        model: `keras.Model`.
        cnn: fix the CNN: all up to the last convolution, with the nested models it lies in.
        last: fix everything but the last so many layers that have weights.
        names: fix the layers, or nested models, of these names.

    Returns:
        `model`.

    Raises:
        ValueError: if not exactly one part is named, or there is no such part.

    References: paper B §5.4; paper C §4.1.1 and §4.2 (fixed CNN, or all of it trained).
    """
    if (cnn is not False) + (last is not None) + (names is not None) != 1:
        raise ValueError(
            "Exactly one of `cnn=True`, `last=` and `names=` says what to freeze. Received: "
            f"cnn={cnn!r}, last={last!r}, names={names!r}. Name one part."
        )
    if last is not None:
        fixed = _all_but_last(model, last)
    elif names is not None:
        fixed = _named(model, [names] if isinstance(names, str) else list(names))
    else:
        fixed = _cnn(model)
    for layer in fixed:
        layer.trainable = False
    return model


def unfreeze(model):
    """Sets all layers free again, those of nested models included; returns `model`.

    `model.trainable = True` does not: in functional models Keras does not hand it on.
    """
    model.trainable = True
    for layer in (*_nested(model), *leaves(model)):
        layer.trainable = True
    return model


def leaves(model):
    """The layers of a model and of models within it, in order; recurrent ones are whole."""
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from leaves(layer)
        else:
            yield layer


def _cnn(model):
    layers = list(leaves(model))
    last = max((i for i, layer in enumerate(layers) if _is_convolution(layer)), default=None)
    if last is None:
        raise ValueError(
            f"`cnn=True` needs a model with convolutions. Received: {model.name!r} without. Use "
            "`last=` or `names=`."
        )
    inside = [m for m in model.layers if isinstance(m, keras.Model) and _has_convolution(m)]
    return layers[: last + 1] + inside


def _is_convolution(layer):
    kinds = (keras.layers.Conv2D, keras.layers.DepthwiseConv2D, keras.layers.SeparableConv2D)
    return isinstance(layer, kinds)


def _has_convolution(model):
    return any(_is_convolution(layer) for layer in leaves(model))


def _all_but_last(model, last):
    layers = [layer for layer in leaves(model) if layer.weights]
    most = len(layers) - 1
    if most < 1:
        raise ValueError(
            "`last=` needs a model with at least two layers that have weights. Received: "
            f"{model.name!r} with {len(layers)}. Train all of it."
        )
    return layers[: -_checks.integer_between("last", last, 1, most)]


def _named(model, names):
    found = {}
    for layer in (*_nested(model), *leaves(model)):
        found.setdefault(layer.name, layer)
    unknown = [name for name in names if name not in found]
    if unknown or not names:
        weighted = [layer.name for layer in leaves(model) if layer.weights]
        raise ValueError(
            f"`names` must be layers of the model. Received: {unknown or names}. Those with "
            f"weights are {weighted}."
        )
    return [found[name] for name in names]


def _nested(model):
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield layer
            yield from _nested(layer)

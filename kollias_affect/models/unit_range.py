"""Networks that were trained on another scaling of the pixels than [-1, 1]."""

import weakref

import keras
from keras import layers

from kollias_affect.models.parts import is_model_of_frames, leaves

# Name of the layer, the first one of a CNN, that converts images in [-1, 1] for it.
LAYER = "image_scaling"

_for_unit_range = weakref.WeakKeyDictionary()


def remember_scaling(model, offset, scale):
    """Remembers that a network takes `(pixels - offset) / scale` for pixels in 0–255.

    From then on `for_unit_range` returns its form for images in [-1, 1]. Everything that reads
    pixels for a model, or writes it to a file, uses that form.

    Args:
        model: `keras.Model` of `kollias_affect.models`.
        offset, scale: Numbers.
    """
    _for_unit_range[model] = _with_scaling(model, offset, scale)


def for_unit_range(model):
    """Returns the form of a model that takes images in [-1, 1], as this package feeds them.

    Its CNN begins with a layer that converts the images to the scaling on which the network was
    trained, see `weights.load_tf1_checkpoint`. The weights are the same variables, not copies.

    Args:
        model: `keras.Model`.

    Returns:
        `keras.Model`; `model` itself if it takes such images.
    """
    return _for_unit_range.get(model, model)


def scaling_of(model):
    """Returns the scaling of the pixels on which a network in the form for [-1, 1] was trained.

    Args:
        model: `keras.Model`.

    Returns:
        Dict of `offset` and `scale`: the network within sees `(pixels - offset) / scale`, for
        pixels in 0–255; or `None` for a network that was trained on images in [-1, 1].
    """
    layer = next((layer for layer in leaves(model) if layer.name == LAYER), None)
    if layer is None:
        return None
    scale = 127.5 / layer.scale
    return {"offset": 127.5 - layer.offset * scale, "scale": scale}


def _with_scaling(model, offset, scale):
    """Returns the model with a conversion at the beginning of its CNN."""

    def clone(layer):
        return _converting_cnn(layer, offset, scale) if is_model_of_frames(layer) else layer

    return keras.models.clone_model(model, clone_function=clone)


def _converting_cnn(cnn, offset, scale):
    """Returns a CNN that converts its images first; it shares its layers with `cnn`.

    Formula: `pixels = 127.5 (x + 1)`, so that `(pixels - offset) / scale` is
    `x 127.5 / scale + (127.5 - offset) / scale`. Weights and biases of the first convolution could
    express this, except where it covers zero padding; this is exact everywhere.
    """
    images = keras.Input(cnn.input_shape[1:], name=cnn.inputs[0].name)
    convert = layers.Rescaling(127.5 / scale, (127.5 - offset) / scale, name=LAYER, dtype="float32")
    converted = convert(images)

    def call(layer, *args, **kwargs):
        args = keras.tree.map_structure(lambda x: converted if x is images else x, args)
        return layer(*args, **kwargs)

    return keras.models.clone_model(
        cnn, images, clone_function=lambda layer: layer, call_function=call
    )

"""Any Keras model of images as a backbone: networks of KerasHub, and your own."""

import keras
import numpy as np
from keras import layers

from kollias_affect import _checks
from kollias_affect.backbones.parts import image_input

HUB = "hub:"
"""Start of the name of a backbone that is a preset of KerasHub."""
POOLINGS = ("mean", "first")


def adapt(
    model, input_shape=(96, 96, 3), scale=1 / 127.5, offset=-1.0, pooling="mean", name="adapted"
):
    """Makes a backbone of any model from an image to features.

    Args:
        model: `keras.Model` with one input, RGB images `[batch, height, width, 3]`, and one output:
            a map of features `[batch, rows, columns, units]`, tokens `[batch, tokens, units]`, or
            features `[batch, units]`. Its weights are shared, not copied.
        input_shape: `(height, width, 3)` of the images that the backbone takes, in [-1, 1]. If the
            model has a fixed size, images are resized to it.
        scale, offset: The model takes `scale * pixels + offset` for pixels in 0–255; numbers, or
            one for each channel. Default: what is in [-1, 1].
        pooling: How a map or tokens become one vector: `"mean"`, or `"first"` for the class token
            of a transformer.
        name: Name of the backbone.

    Returns:
        `keras.Model` from `images` to `[batch, units]`. The default of `hidden_units` on it is 512.

    Raises:
        ValueError: If the model has other inputs or outputs, or a name is unknown.

    Example:

    >>> import keras
    >>> own = keras.applications.MobileNetV3Small((64, 64, 3), weights=None, include_top=False)
    >>> backbone = adapt(own, (96, 96, 3), scale=1.0, offset=0.0)  # it scales pixels itself
    >>> backbone.output_shape
    (None, 576)
    """
    _checks.one_of("pooling", pooling, POOLINGS)
    inputs, outputs = keras.tree.flatten(model.inputs), keras.tree.flatten(model.outputs)
    shape = inputs[0].shape
    fits = len(inputs) == len(outputs) == 1 and len(shape) == 4 and shape[-1] == 3
    if not fits or len(outputs[0].shape) not in (2, 3, 4):
        raise ValueError(
            "A backbone must take RGB images [batch, height, width, 3] and return a map, tokens or "
            f"features. Received: inputs {[x.shape for x in inputs]} and outputs "
            f"{[x.shape for x in outputs]}. Build a model of the part that does."
        )
    images = image_input(input_shape, 1.0, 8, "smaller images show no face")
    x = _rescaled(images, scale, offset)
    if shape[1] is not None and tuple(shape[1:3]) != tuple(input_shape[:2]):
        x = layers.Resizing(*shape[1:3], interpolation="bilinear", name="resized")(x)
    values = keras.tree.flatten(model({next(iter(model.input)): x} if _is_dict(model) else x))
    return keras.Model(images, _pooled(values[0], pooling), name=name)


def _is_dict(model):
    return isinstance(model.input, dict)


def _rescaled(images, scale, offset):
    """Converts images in [-1, 1], which are `pixels / 127.5 - 1`, to what the model takes."""
    scale, offset = (np.ravel(value).astype(float).tolist() for value in (scale, offset))
    count = max(len(scale), len(offset))
    scale, offset = (values * count if len(values) == 1 else values for values in (scale, offset))
    factor = [127.5 * each for each in scale]
    shift = [a + b for a, b in zip(factor, offset, strict=True)]
    if all(abs(f - 1) < 1e-9 and abs(s) < 1e-9 for f, s in zip(factor, shift, strict=True)):
        return images
    if len(set(factor)) == len(set(shift)) == 1:
        factor, shift = factor[0], shift[0]
    return layers.Rescaling(factor, shift, name="pixels", dtype="float32")(images)


def _pooled(x, pooling):
    if len(x.shape) == 4:
        if pooling == "first":
            raise ValueError(
                "`pooling` must be 'mean' for a map of features, which has no class token. "
                "Received: pooling='first'. Leave it out."
            )
        x = layers.GlobalAveragePooling2D(name="pool")(x)
    elif len(x.shape) == 3 and pooling == "mean":
        x = layers.GlobalAveragePooling1D(name="pool")(x)
    elif len(x.shape) == 3:
        x = layers.Flatten(name="pool")(layers.Cropping1D((0, x.shape[1] - 1), name="first")(x))
    return layers.Identity(name="adapted_features")(x)


def hub(preset, input_shape=(96, 96, 3), pooling="mean", load_weights=True):
    """Builds a backbone from a preset of KerasHub, with the scaling that it was trained on.

    The extra `hub` installs KerasHub. Files of models with such a backbone need it, too.

    Args:
        preset: Name of a preset of a vision backbone, such as `"vit_base_patch16_224_imagenet"`,
            `"efficientnet_b0_ra_imagenet"` or `"mobilenet_v3_large_100_imagenet_21k"`; a handle
            such as `"hf://google/vit-base-patch16-224"`; or a folder of KerasHub.
        input_shape: See `adapt`.
        pooling: See `adapt`.
        load_weights: `False` for random weights, without downloading them.

    Returns:
        See `adapt`.

    Raises:
        ValueError: If KerasHub is missing, there is no such preset, or it is no network of images.

    References: https://keras.io/keras_hub/presets lists all presets, with their sources.
    """
    keras_hub = _keras_hub()
    try:
        model = keras_hub.models.Backbone.from_preset(preset, load_weights=load_weights)
        converter = keras_hub.layers.ImageConverter.from_preset(preset)
    except ValueError as error:
        raise ValueError(
            "`hub:` must be followed by a preset of a vision backbone of KerasHub. Received: "
            f"{preset!r} ({str(error).strip().splitlines()[0]}). See "
            "https://keras.io/keras_hub/presets."
        ) from error
    scale = 1.0 if converter.scale is None else converter.scale
    offset = 0.0 if converter.offset is None else converter.offset
    return adapt(model, input_shape, scale, offset, pooling, f"adapted_{model.name}")


def _keras_hub():
    try:
        import keras_hub
    except ImportError as error:
        raise ValueError(
            "Presets of KerasHub need the extra `hub`. Received: a name with hub:, and no package "
            "keras_hub. Run pip install 'kollias-affect[hub]'."
        ) from error
    return keras_hub

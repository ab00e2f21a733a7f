"""Scoring on ten crops of each picture: corners and centre, and their mirror images."""

import keras
from keras import layers

from kollias_affect.transfer.networks import CROP, MEAN, MIRROR


def has_crops(model):
    """Returns whether a model cuts crops out of its pictures, as those of `network` do."""
    names = {layer.name for layer in model.layers}
    return {CROP, MIRROR} <= names and _margin(model) > 0


def ten_crops(model):
    """Builds a model that averages the outputs of ten crops of each picture.

    The crops are the four corners, the centre, and their mirror images. The weights are those of
    `model`, not copies.

    Args:
        model: Model of `network`, whose crops are smaller than its pictures.

    Returns:
        `keras.Model` with the inputs and outputs of `model`, for prediction.

    Raises:
        ValueError: If the model does not cut crops.

    References: Krizhevsky et al. (2012) §4.1, which paper D §3.3 follows.
    """
    if not has_crops(model):
        raise ValueError(
            "Ten crops need a model of `transfer.network`, whose crops are smaller than its "
            f"pictures. Received: {model.name!r}. Score it without ten crops."
        )
    tail = keras.Model(model.get_layer(MIRROR).output, model.output)
    images = keras.Input(model.inputs[0].shape[1:], name="images")
    pictures = _minus_mean(model, images)
    end = _margin(model)
    places = [(0, 0), (0, end), (end, 0), (end, end), (end // 2, end // 2)]
    outputs = []
    for top, left in places:
        crop = layers.Cropping2D(((top, end - top), (left, end - left)))(pictures)
        outputs += [tail(crop), tail(keras.ops.flip(crop, axis=2))]
    average = layers.Average(name=model.output_names[0])(outputs)
    return keras.Model({"images": images}, average, name=f"{model.name}_ten_crops")


def _minus_mean(model, images):
    """Subtracts the mean image, if the model subtracts it from complete pictures."""
    layer = next((layer for layer in model.layers if layer.name == MEAN), None)
    is_before = layer is not None and layer.output.shape[1] == images.shape[1]
    return layer(images) if is_before else images


def _margin(model):
    """Pixels by which the picture is larger than the crop."""
    return model.inputs[0].shape[1] - model.get_layer(CROP).output.shape[1]

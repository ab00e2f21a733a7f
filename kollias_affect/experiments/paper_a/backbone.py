"""The fixed CNN of paper A's networks (§IV.A): choosing it, and its features of every frame."""

import keras
import numpy as np

from kollias_affect import models, windows
from kollias_affect.experiments.paper_a.network import split_network
from kollias_affect.models.parts import is_model_of_frames


def load_backbone(name):
    """Loads the convolutional part of a model.

    Args:
        name: Path of a `.keras` file, or name in `weights.list_pretrained`.

    Returns:
        `keras.Model`, see `fixed_backbone`.
    """
    return fixed_backbone(models.load_any(name))


def load_network(name):
    """Loads a CNN-RNN of the package that NetA and NetB start from.

    Args:
        name: Path of a `.keras` file, or name in `weights.list_pretrained`.

    Returns:
        `(cnn, start)`, see `network.split_network`.
    """
    return split_network(models.load_any(name))


def fixed_backbone(model):
    """Returns the part of a model before its first fully connected layer.

    Args:
        model: Model of single images, such as one of `models.cnn` or `transfer.network`, or a
            network of windows such as `models.cnn_rnn`, whose CNN is taken. A model without fully
            connected layers is returned unchanged.

    Returns:
        `keras.Model` from images `[batch, size, size, 3]` to features of any shape.

    Raises:
        ValueError: If the model neither takes single images nor has one CNN that does.
    """
    cnns = [layer for layer in model.layers if is_model_of_frames(layer)]
    if any(len(tensor.shape) == 5 for tensor in model.inputs) and len(cnns) == 1:
        model = keras.Model(cnns[0].input, cnns[0].outputs[-1], name="backbone")
    shapes = [tuple(tensor.shape) for tensor in model.inputs]
    if len(shapes) != 1 or len(shapes[0]) != 4:
        raise ValueError(
            "A fixed backbone takes single images, [batch, size, size, 3]. Received: a model with "
            f"the inputs {shapes}. Use, for example, a model of `models.cnn` without landmarks."
        )
    dense = next((layer for layer in model.layers if isinstance(layer, keras.layers.Dense)), None)
    return model if dense is None else keras.Model(model.inputs, dense.input, name="backbone")


def extract_features(backbone, clips):
    """Computes the flattened outputs of a backbone for every frame of clips.

    Args:
        backbone: `keras.Model` from images `[batch, size, size, 3]` to features of any shape.
        clips: List of `Clip`.

    Returns:
        Float32 `[frames, units]`.
    """
    side = backbone.inputs[0].shape[1]
    data = windows.dataset(
        clips, length=1, batch_size=256, landmarks=False, size=side, labels=False
    ).map(lambda inputs: inputs["images"][:, 0])
    with windows.naming_bad_images(clips):
        features = backbone.predict(data, verbose=0)
    return features.reshape(len(features), -1).astype(np.float32)

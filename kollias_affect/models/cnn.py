"""CNNs with fully connected heads, which predict each frame independently."""

import keras

from kollias_affect import initializers
from kollias_affect.models import parts
from kollias_affect.models.outputs import output_layers


def cnn(
    backbone,
    task,
    landmarks=True,
    hidden_units=None,
    landmark_units=None,
    dropout=0.5,
    length=None,
    output_activation=None,
    initializer=None,
    frozen=False,
    name="cnn",
):
    """Builds a CNN: a backbone and fully connected layers.

    Args:
        backbone: Name in `backbones.BACKBONES`, or a `keras.Model`.
        task: One of `tasks.TASKS`, which is also the name of the output layer; or several, such as
            `("expression", "valence_arousal")`, of which each has an output layer. The output is
            then a dict by task.
        landmarks: Whether to concatenate the 68 landmarks with the last pooling output, at the
            input of `fc1`.
        hidden_units: Units of the layers `fc1`, `fc2` (ReLU). Default: those of paper C, 4096 and
            2048 for VGG (table 7), 1500 and 256 for ResNet and DenseNet (§4.2.1.1), 4096 for
            CNN-M (table 4). Paper B uses 1500 on ResNet and DenseNet (§5.1). The authors'
            published CNNs use (4096, 4096) and (4096, 2000).
        landmark_units: Units of a layer that encodes the landmarks first (paper B §7), or `None`
            for no such layer.
        dropout: Dropout rate after each fully connected layer, in [0, 1). The default is that of
            paper B §6.2 and paper C §4.2.1; paper C's baseline prints none (§4.1.1).
        length: Frames per window, for a model that takes windows as `windows.dataset` yields
            them. `None` for a model of single frames.
        output_activation: Activation of the output layer, or a dict of activations by task.
            Default: linear for valence and arousal, softmax for expressions, sigmoid for action
            units. `"linear"` gives the seven linear outputs of paper A.
        initializer: Initial weights of the fully connected layers: a name in
            `initializers.INITIALIZERS` ("authors", "papers", "keras"), what those functions
            return for a seed, or a dict of initializers, of which every layer gets its own draw.
            `None` for those of Keras.
        frozen: Whether to freeze the backbone's weights.
        name: Name of the model.

    Returns:
        `keras.Model` from `images`, `[batch, (length,) height, width, 3]`, and `landmarks`,
        `[batch, (length,) 136]`, to `[batch, (length,) outputs of the task]`, or to a dict of such
        outputs by task.

    Raises:
        ValueError: If the backbone or the task is unknown, or a number of units or a dropout rate
            is out of range.

    Example:

    >>> from kollias_affect import backbones, models
    >>> backbone = backbones.cnn_m((32, 32, 3), width=0.02)
    >>> model = models.cnn(backbone, "valence_arousal", hidden_units=8)
    >>> model.output_shape
    (None, 2)

    References: Paper C §4.2.1, tables 4 and 7, figures 11 and 12; paper B §5.1; paper A §IV-A.
    """
    initializer = initializers.resolve(initializer)
    output = output_layers(task, output_activation, initializer)
    backbone = parts.resolve_backbone(backbone, frozen)
    inputs = parts.frame_inputs(backbone, landmarks, length)
    last = backbone.layers[-1].name
    x = parts.taps(backbone, [last])(inputs["images"])[last]
    x = parts.join_landmarks(x, inputs, landmark_units, initializer)
    hidden_units = parts.hidden_units_of(backbone, hidden_units)
    x = parts.fully_connected(x, hidden_units, dropout, initializer)
    return keras.Model(inputs, output(x), name=name)

"""CNNs with fully connected heads: one output per frame, without memory."""

import keras

from kollias_affect.models import parts
from kollias_affect.models.outputs import output_layer


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
    """A backbone and fully connected layers.

    Args:
        backbone: name in `backbones.BACKBONES`, or a `keras.Model`.
        task: one of `tasks.TASKS`; the output layer bears its name.
        landmarks: join the 68 landmarks to the last pooling output, at the input of `fc1`.
        hidden_units: of the layers `fc1`, `fc2` (ReLU). Default: paper C's, 4096 and 2048 for
            VGG (table 7), 1500 and 256 for ResNet and DenseNet, 4096 for CNN-M. Paper B has 1500
            on ResNet; the authors' published CNNs have (4096, 4096) and (4096, 2000).
        landmark_units: pass the landmarks through a layer of so many units first (paper B §7).
        dropout: share of the outputs of each layer that is set to zero in training.
        length: `None` for a model of single frames; else it takes windows of so many frames, as
            `windows.dataset` yields them, and treats each frame for itself.
        output_activation: Default: linear for valence and arousal, softmax for expressions;
            `"linear"` is paper A's FC3 of seven units.
        initializer: dict of initializers of the fully connected layers.
        frozen: keep the backbone's weights fixed.
        name: name of the model.

    Returns:
        `keras.Model` from `images`, `[batch, (length,) height, width, 3]`, and `landmarks`,
        `[batch, (length,) 136]`, to `[batch, (length,) outputs of the task]`.

    References: paper C §4.2.1, table 7, figures 11–12; paper B §5.1; paper A §IV-A.
    """
    output = output_layer(task, output_activation, **(initializer or {}))
    backbone = parts.resolve_backbone(backbone, frozen)
    inputs = parts.frame_inputs(backbone, landmarks, length)
    last = backbone.layers[-1].name
    x = parts.taps(backbone, [last])(inputs["images"])[last]
    x = parts.join_landmarks(x, inputs, landmark_units)
    hidden_units = parts.hidden_units_of(backbone, hidden_units)
    x = parts.fully_connected(x, hidden_units, dropout, initializer)
    return keras.Model(inputs, output(x), name=name)

"""CNN-RNN networks that give one output per frame of a window; AffWildNet."""

import keras
from keras import layers

from kollias_affect import _checks, backbones, initializers
from kollias_affect.models import parts
from kollias_affect.models.outputs import output_layer


def cnn_rnn(
    backbone,
    task,
    rnn="gru",
    rnn_units=128,
    rnn_layers=2,
    landmarks=True,
    length=80,
    representation=False,
    hidden_units=None,
    fed_by="fc1",
    landmark_units=None,
    dropout=0.5,
    rnn_dropout=0.8,
    reset_after=True,
    output_activation=None,
    initializer=None,
    frozen=False,
    name="cnn_rnn",
):
    """A CNN on every frame, a fully connected layer, and an RNN over the window.

    Args:
        backbone: name in `backbones.BACKBONES`, or a `keras.Model` from an image to its last
            pooling output.
        task: one of `tasks.TASKS`; the output layer bears its name.
        rnn: one of `parts.RNNS`: "gru", "lstm", "peephole_lstm", "blstm", "bgru".
        rnn_units, rnn_layers: of the RNN (paper C: one or two layers of 100–150 units).
        landmarks: join the 68 landmarks to the last pooling output, at the input of `fc1`.
        length: frames per window.
        representation: return the last hidden outputs too (paper A's X), `[batch, length,
            rnn_units]`: the model's output is then a dict with the keys `task` and
            `"representation"`. To train it, give loss and labels by the key `task`.
        hidden_units: of the fully connected layers (ReLU), a number or a tuple. Default: the
            papers' for this backbone, 4096 and 2048 for VGG, 1500 and 256 for ResNet and
            DenseNet. `()` feeds the RNN with the backbone's output.
        fed_by: `"fc1"` or `"fc2"`: how many of them there are before the RNN.
        landmark_units: pass the landmarks through a layer of so many units first (paper B §7:
            512, 1024 or 2048), or `None`.
        dropout: share of the outputs of each of them that is set to zero in training.
        rnn_dropout: share of the outputs of the first RNN layer that is set to zero. Paper B §6.2
            prints "dropout with 0.8 probability", which is taken at its word, in Keras'
            convention; who reads it as TF1's keep probability passes 0.2.
        reset_after: of GRUs; `False` is the form of TensorFlow 1 and the authors' weights, `True`
            has fast kernels.
        output_activation: Default: linear for valence and arousal, softmax for expressions;
            `"linear"` goes with paper A's squared error (eq. 5).
        initializer: dict of `kernel_initializer` and `bias_initializer` for the fully connected
            layers, such as `initializers.papers()`. Default: Keras' own.
        frozen: keep the backbone's weights fixed (learning rate 1e-3 in paper B; it freezes the
            given model itself); else train end to end (1e-4 or 1e-5).
        name: name of the model.

    Returns:
        `keras.Model` with the inputs `images`, float32 RGB `[batch, length, height, width, 3]`
        in [-1, 1], and `landmarks`, `[batch, length, 136]`; its output is `[batch, length,
        outputs of the task]`.

    Raises:
        ValueError: if the backbone, the task or the RNN is unknown.

    References: paper C §4.2.1.3, table 8; paper B §5.2.
    """
    output = output_layer(task, output_activation, **(initializer or {}))
    backbone = parts.resolve_backbone(backbone, frozen)
    inputs = parts.frame_inputs(backbone, landmarks, length)
    last = backbone.layers[-1].name
    x = parts.taps(backbone, [last])(inputs["images"])[last]
    x = parts.join_landmarks(x, inputs, landmark_units)
    hidden_units = _hidden_units(backbone, hidden_units, fed_by)
    x = parts.fully_connected(x, hidden_units, dropout, initializer)
    x = parts.rnn_stack(x, rnn, rnn_units, rnn_layers, rnn_dropout, reset_after=reset_after)
    outputs = output(x)
    if representation:
        hidden = layers.Identity(dtype="float32", name="representation")(x)
        outputs = {task: outputs, "representation": hidden}
    return keras.Model(inputs, outputs, name=name)


def _hidden_units(backbone, hidden_units, fed_by):
    """Units of the layers up to the one that feeds the RNN."""
    count = 1 + ("fc1", "fc2").index(_checks.one_of("fed_by", fed_by, ("fc1", "fc2")))
    hidden_units = parts.hidden_units_of(backbone, hidden_units)
    if hidden_units and len(hidden_units) < count:
        raise ValueError(
            f"`hidden_units` must name the units of every layer up to {fed_by}. Received: "
            f"hidden_units={hidden_units}. Give {count} numbers."
        )
    return hidden_units[:count]


def affwildnet(
    backbone="vgg_face",
    task="valence_arousal",
    hidden_units=None,
    initializer="papers",
    width=1.0,
    input_shape=(96, 96, 3),
    seed=None,
    **options,
):
    """AffWildNet: `cnn_rnn` with paper C's settings.

    Two GRU layers of 128 units on a fully connected layer of 4096 units (1500 on a ResNet),
    with landmarks, dropout 0.5 and 0.8, linear outputs.

    Args:
        backbone: name in `backbones.BACKBONES`, or a `keras.Model`.
        task: one of `tasks.TASKS`.
        hidden_units: of `fc1` (and `fc2`). Default: the paper's, times `width`.
        initializer: `"papers"` for `initializers.papers()`, `None` for Keras' own, or a dict.
        width: factor on the backbone's channels and on the default of `hidden_units`.
        input_shape: of the backbone, if it is given by name.
        seed: of the papers' initializer.
        **options: of `cnn_rnn`.

    Returns:
        `keras.Model`, see `cnn_rnn`.

    References: paper C §4.2.1.3, table 8 and figure 13; paper B §5.2.1, table 2.
    """
    if initializer == "papers":
        initializer = initializers.papers(seed)
    if isinstance(backbone, str):
        backbone = backbones.build(backbone, input_shape=input_shape, width=width)
    if hidden_units is None:
        hidden_units = tuple(max(1, round(n * width)) for n in parts.hidden_units_of(backbone))
    return cnn_rnn(
        backbone,
        task,
        hidden_units=hidden_units,
        initializer=initializer,
        **{"name": "affwildnet", **options},
    )

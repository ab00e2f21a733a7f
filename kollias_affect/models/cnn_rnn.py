"""CNN-RNN networks that give one output per frame of a window; AffWildNet."""

import keras
from keras import layers, ops

from kollias_affect import _checks, backbones, initializers
from kollias_affect.models.tasks import output_layer

RNNS = {"gru": layers.GRU, "lstm": layers.LSTM}


def cnn_rnn(
    backbone,
    task,
    rnn="gru",
    rnn_units=128,
    rnn_layers=2,
    landmarks=True,
    length=80,
    representation=False,
    hidden_units=4096,
    dropout=0.5,
    rnn_dropout=0.8,
    initializer=None,
    frozen=False,
    name="cnn_rnn",
):
    """A CNN on every frame, a fully connected layer, and an RNN over the window.

    Args:
        backbone: name in `backbones.BACKBONES`, or a `keras.Model` from an image to its last
            pooling output.
        task: one of `tasks.TASKS`; the output layer bears its name.
        rnn: one of `RNNS`.
        rnn_units, rnn_layers: of the RNN (paper C: one or two layers of 100–150 units).
        landmarks: join the 68 landmarks to the last pooling output, at the input of `fc1`.
        length: frames per window.
        representation: return the last hidden outputs too (paper A's X), `[batch, length,
            rnn_units]`: the model's output is then a dict with the keys `task` and
            `"representation"`. To train it, give loss and labels by the key `task`.
        hidden_units: of the fully connected layer `fc1` (ReLU).
        dropout: share of the outputs of `fc1` that is set to zero in training.
        rnn_dropout: share of the outputs of the first RNN layer that is set to zero. Paper B §6.2
            prints "dropout with 0.8 probability", which is taken at its word, in Keras'
            convention; who reads it as TF1's keep probability passes 0.2.
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
    recurrent = RNNS[_checks.one_of("rnn", rnn, RNNS)]
    length = _checks.positive_integer("length", length)
    rnn_layers = _checks.positive_integer("rnn_layers", rnn_layers)
    output = output_layer(task, **(initializer or {}))
    if isinstance(backbone, str):
        backbone = backbones.build(backbone)
    if frozen:
        backbone.trainable = False

    inputs = {"images": keras.Input((length, *backbone.input_shape[1:]), name="images")}
    x = ops.reshape(inputs["images"], (-1, *backbone.input_shape[1:]))
    x = layers.Flatten(name="features")(backbone(x))
    x = ops.reshape(x, (-1, length, x.shape[-1]))
    if landmarks:
        inputs["landmarks"] = keras.Input((length, 136), name="landmarks")
        x = layers.Concatenate(name="features_and_landmarks")([x, inputs["landmarks"]])
    x = layers.Dense(hidden_units, "relu", name="fc1", **(initializer or {}))(x)
    x = layers.Dropout(dropout, name="fc1_dropout")(x)
    for i in range(1, rnn_layers + 1):
        x = recurrent(rnn_units, return_sequences=True, name=f"rnn{i}")(x)
        if i == 1 and rnn_layers > 1:
            x = layers.Dropout(rnn_dropout, name="rnn1_dropout")(x)
    outputs = output(x)
    if representation:
        hidden = layers.Identity(dtype="float32", name="representation")(x)
        outputs = {task: outputs, "representation": hidden}
    return keras.Model(inputs, outputs, name=name)


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
        hidden_units: of `fc1`. Default: the paper's, times `width`.
        initializer: `"papers"` for `initializers.papers()`, `None` for Keras' own, or a dict.
        width: factor on the backbone's channels and on the default of `hidden_units`.
        input_shape: of the backbone, if it is given by name.
        seed: of the papers' initializer.
        **options: of `cnn_rnn`.

    Returns:
        `keras.Model`, see `cnn_rnn`.

    References: paper C §4.2.1.3, table 8 and figure 13; paper B §5.2.1, table 2.
    """
    if hidden_units is None:
        named = backbone if isinstance(backbone, str) else backbone.name
        hidden_units = max(1, round((1500 if "resnet" in named else 4096) * width))
    if initializer == "papers":
        initializer = initializers.papers(seed)
    if isinstance(backbone, str):
        backbone = backbones.build(backbone, input_shape=input_shape, width=width)
    return cnn_rnn(
        backbone,
        task,
        hidden_units=hidden_units,
        initializer=initializer,
        **{"name": "affwildnet", **options},
    )

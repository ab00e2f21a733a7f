"""CNN-RNN networks with one output per frame of a window; AffWildNet."""

import keras
from keras import layers

from kollias_affect import _checks, backbones, initializers, presets
from kollias_affect.models import parts
from kollias_affect.models.outputs import output_layers
from kollias_affect.tasks import names_of


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
    """Builds a CNN-RNN: a CNN on every frame, a fully connected layer, an RNN over the window.

    Args:
        backbone: Name in `backbones.BACKBONES`, or a `keras.Model` from an image to its last
            pooling output.
        task: One of `tasks.TASKS`, which is also the name of the output layer; or several, such as
            `("expression", "valence_arousal")`, of which each has an output layer. The output is
            then a dict by task.
        rnn: One of `RNNS`: "gru", "lstm", "peephole_lstm", "blstm", "bgru".
        rnn_units: Units of each RNN layer (paper C: 100 to 150).
        rnn_layers: Number of RNN layers (paper C: one or two).
        landmarks: Whether to concatenate the 68 landmarks with the last pooling output, at the
            input of `fc1`.
        length: Frames per window.
        representation: Whether to return the last hidden outputs too (X in paper A, eq. 4),
            `[batch, length, rnn_units]`. The model's output is then a dict with the names of the
            tasks and `"representation"`. To train it, give loss and labels by task.
        hidden_units: Units of the fully connected layers (ReLU), a number or a tuple. Default:
            those of the papers for this backbone, see `cnn`. `()` feeds the RNN with the
            backbone's output.
        fed_by: `"fc1"` or `"fc2"`: the fully connected layer that feeds the RNN.
        landmark_units: Units of a layer that encodes the landmarks first (paper B §7: 512, 1024
            or 2048), or `None` for no such layer.
        dropout: Dropout rate after each fully connected layer, in [0, 1); 0.5 in paper B §6.2 and
            paper C §4.2.1.
        rnn_dropout: Dropout rate after the first RNN layer, in [0, 1): the share of the units that
            are set to zero. The default is a reading of paper B §6.2, "dropout with 0.8
            probability". If you read it as a probability to keep (TensorFlow 1), pass 0.2. Paper
            C §4.2.1 prints 0.5.
        reset_after: Form of the GRUs. `False` is the form of TensorFlow 1 and of the authors'
            weights; `True` has fast kernels.
        output_activation: Activation of the output layer, or a dict of activations by task.
            Default: linear for valence and arousal, softmax for expressions, sigmoid for action
            units. `"linear"` goes with the squared error of paper A (eq. 5).
        initializer: Initial weights of the fully connected layers: a name in
            `initializers.INITIALIZERS` ("authors", "papers", "keras"), what those functions
            return for a seed, or a dict of initializers, of which every layer gets its own draw.
            `None` for those of Keras. RNN layers have those of Keras, unless it is
            `initializers.papers(rnn=True)`.
        frozen: Whether to freeze the backbone's weights; this changes the given model itself.
            `False` trains end to end. The learning rates of the papers are those of
            `presets.PRESETS`.
        name: Name of the model.

    Returns:
        `keras.Model` with the inputs `images`, float32 RGB `[batch, length, height, width, 3]`
        in [-1, 1], and `landmarks`, `[batch, length, 136]`; its output is `[batch, length,
        outputs of the task]`, or a dict of such outputs by task.

    Raises:
        ValueError: If the backbone, the task or the RNN is unknown, or a number of units or a
            dropout rate is out of range.

    Example:

    >>> from kollias_affect import backbones, models
    >>> backbone = backbones.cnn_m((32, 32, 3), width=0.02)
    >>> model = models.cnn_rnn(backbone, "expression", rnn_units=4, hidden_units=8, length=5)
    >>> model.output_shape
    (None, 5, 7)

    References: Paper C §4.2.1.3, table 8, figure 13; paper B §5.2; paper A §IV-A, table I.
    """
    initializer = initializers.resolve(initializer)
    output = output_layers(task, output_activation, initializer)
    backbone = parts.resolve_backbone(backbone, frozen)
    inputs = parts.frame_inputs(backbone, landmarks, length)
    last = backbone.layers[-1].name
    x = parts.taps(backbone, [last])(inputs["images"])[last]
    x = parts.join_landmarks(x, inputs, landmark_units, initializer)
    hidden_units = _hidden_units(backbone, hidden_units, fed_by)
    x = parts.fully_connected(x, hidden_units, dropout, initializer)
    x = parts.rnn_stack(
        x, rnn, rnn_units, rnn_layers, rnn_dropout, reset_after=reset_after, initializer=initializer
    )
    outputs = output(x)
    if representation:
        hidden = layers.Identity(dtype="float32", name="representation")(x)
        outputs = outputs if isinstance(outputs, dict) else {names_of(task)[0]: outputs}
        outputs = {**outputs, "representation": hidden}
    return keras.Model(inputs, outputs, name=name)


def _hidden_units(backbone, hidden_units, fed_by):
    """Returns the units of the layers up to the one that feeds the RNN."""
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
    width=1.0,
    input_shape=(96, 96, 3),
    settings="C",
    seed=None,
    **options,
):
    """Builds AffWildNet: `cnn_rnn` with the settings of one of the papers.

    Two GRU layers of 128 units follow a fully connected layer of 4096 units (1500 on a ResNet).
    Landmarks are used, and the outputs are linear. The settings are the window's length, the
    dropout rates and the initial weights of the fully connected layers: paper C has dropout 0.5
    twice, paper B 0.5 and 0.8.

    Args:
        backbone: Name in `backbones.BACKBONES`, or a `keras.Model`.
        task: One of `tasks.TASKS`, or several, see `cnn_rnn`.
        hidden_units: Units of `fc1` (and `fc2`). Default: those of the paper, times `width`.
        width: Factor on the backbone's channels and on the default of `hidden_units`.
        input_shape: `(height, width, 3)` of a backbone that is given by name.
        settings: Name of the preset, one of `presets.PRESETS`: "C", "B", "B-keep" or
            "C-baseline".
        seed: Seed of the initial weights of the fully connected layers.
        **options: Further arguments of `cnn_rnn`. `length`, `dropout`, `rnn_dropout` and
            `initializer` override the settings; `initializer=None` gives Keras' initial weights.

    Returns:
        `keras.Model`, see `cnn_rnn`.

    Raises:
        ValueError: If the preset is unknown. See `cnn_rnn`.

    Example:

    >>> from kollias_affect import models
    >>> tiny = {"backbone": "cnn_m", "input_shape": (32, 32, 3), "width": 0.02, "rnn_units": 4}
    >>> rates = []
    >>> for settings in ("C", "B", "B-keep"):
    ...     model = models.affwildnet(settings=settings, **tiny)
    ...     rates.append(model.get_layer("rnn1_dropout").rate)
    >>> rates
    [0.5, 0.8, 0.2]

    References: Paper C §4.2.1 and §4.2.1.3, table 8, figure 13; paper B §5.2.1 and §6.2, table 2.
    """
    preset = presets.preset(settings)
    options = {
        "length": preset.length,
        "dropout": preset.dropout,
        "rnn_dropout": preset.rnn_dropout,
        "initializer": preset.initializer,
        "name": "affwildnet",
        **options,
    }
    options["initializer"] = initializers.resolve(options["initializer"], seed)
    if isinstance(backbone, str):
        backbone = backbones.build(backbone, input_shape=input_shape, width=width)
    if hidden_units is None:
        hidden_units = tuple(max(1, round(n * width)) for n in parts.hidden_units_of(backbone))
    return cnn_rnn(backbone, task, hidden_units=hidden_units, **options)

"""CNN-1RNN and CNN-3RNN: RNNs on features from several layers of a CNN (paper B §5.3)."""

import re

import keras
from keras import layers

from kollias_affect import initializers
from kollias_affect.models import parts
from kollias_affect.models.outputs import output_layers


def multi_rnn(
    backbone,
    task,
    features=("pool2", "pool5", "fc1"),
    mode="3rnn",
    rnn="gru",
    rnn_units=128,
    rnn_layers=2,
    landmarks=True,
    length=80,
    hidden_units=None,
    fc_units=128,
    landmark_units=None,
    dropout=0.5,
    rnn_dropout=0.8,
    reset_after=True,
    initializer=None,
    frozen=False,
    name="multi_rnn",
):
    """Builds a CNN whose low-, mid- and high-level features feed one or several RNNs.

    Args:
        backbone: Name in `backbones.BACKBONES`, or a `keras.Model`.
        task: One of `tasks.TASKS`, which is also the name of the output layer; or several, such as
            `("expression", "valence_arousal")`, of which each has an output layer. The output is
            then a dict by task.
        features: Names of layers of the backbone, and `"fc1"` for the fully connected layer on
            its last pooling output, in the order of concatenation.
        mode: `"3rnn"` has a stack of RNNs for each of three features and concatenates their
            outputs. `"1rnn"` concatenates the features and has one stack. `"2rnn"` and
            `"2-to-1rnn"` are the same for two features. `"2rnn-1fc"` and `"3rnn-1fc"` add a fully
            connected layer after the concatenated outputs.
        rnn: Kind of RNN, see `cnn_rnn`.
        rnn_units: Units of each RNN layer.
        rnn_layers: Number of RNN layers of each stack.
        landmarks: Whether to concatenate the 68 landmarks with the last pooling output, at the
            input of `fc1`.
        length: Frames per window.
        hidden_units: Units of `fc1`. Default: those of the papers for this backbone.
        fc_units: Units of the layer `fc` of the modes that have one. The paper does not print
            this number.
        landmark_units: Units of a layer that encodes the landmarks first (paper B §7: 512, 1024
            or 2048), or `None` for no such layer.
        dropout: Dropout rate after `fc1`, in [0, 1); 0.5 in paper B §6.2.
        rnn_dropout: Dropout rate after the first layer of each stack, in [0, 1). The default is a
            reading of paper B §6.2, see `cnn_rnn`.
        reset_after: Form of the GRUs, see `cnn_rnn`.
        initializer: Initial weights of the fully connected layers, see `cnn_rnn`.
        frozen: Whether to freeze the backbone's weights.
        name: Name of the model.

    Returns:
        `keras.Model` with the inputs and outputs of `cnn_rnn`.

    Raises:
        ValueError: If a layer or the mode is unknown, or the mode does not fit the number of
            features.

    Example:

    >>> from kollias_affect import backbones, models
    >>> backbone = backbones.vgg_face((32, 32, 3), width=0.02)
    >>> options = {"rnn_units": 4, "hidden_units": 8, "length": 5}
    >>> model = models.multi_rnn(backbone, "valence_arousal", ("pool5", "fc1"), "1rnn", **options)
    >>> model.output_shape
    (None, 5, 2)

    References: Paper B §5.3, figures 5 to 7, table 5.
    """
    concatenated, with_fc = _parse_mode(mode, features)
    initializer = initializers.resolve(initializer)
    output = output_layers(task, initializer=initializer)
    backbone = parts.resolve_backbone(backbone, frozen)
    inputs = parts.frame_inputs(backbone, landmarks and "fc1" in features, length)
    last = backbone.layers[-1].name
    names = [name for name in features if name != "fc1"]
    if "fc1" in features and last not in names:
        names.append(last)
    outputs = parts.taps(backbone, names)(inputs["images"])
    if "fc1" in features:
        units = parts.hidden_units_of(backbone)[0] if hidden_units is None else hidden_units
        x = parts.join_landmarks(outputs[last], inputs, landmark_units, initializer)
        outputs["fc1"] = parts.fully_connected(x, (units,), dropout, initializer)

    def stack(x, prefix=""):
        return parts.rnn_stack(x, rnn, rnn_units, rnn_layers, rnn_dropout, prefix, reset_after)

    if concatenated:
        x = stack(layers.Concatenate(name="features")([outputs[name] for name in features]))
    else:
        stacks = [stack(outputs[name], f"{name}_") for name in features]
        x = layers.Concatenate(name="rnns")(stacks)
    if with_fc:
        x = layers.Dense(fc_units, "relu", name="fc", **initializer)(x)
    return keras.Model(inputs, output(x), name=name)


def _parse_mode(mode, features):
    """Returns whether the features are concatenated, and whether a layer follows the RNNs."""
    match = re.fullmatch(r"(?:([23])rnn(-1fc)?|(?:([23])-to-)?1rnn)", str(mode))
    count = match and (match[1] or match[3])
    features = tuple(features)
    if (
        not match
        or len(set(features)) != len(features)
        or len(features) != int(count or len(features))
    ):
        raise ValueError(
            "`mode` must be one of ('3rnn', '1rnn', '2rnn', '2-to-1rnn', '2rnn-1fc', '3rnn-1fc') "
            f"and fit the number of different features. Received: mode={mode!r} and features="
            f"{features}. Choose another mode or other features."
        )
    return match[1] is None, match[2] is not None

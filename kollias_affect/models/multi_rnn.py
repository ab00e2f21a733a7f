"""CNN-1RNN and CNN-3RNN: RNNs on features from several layers of a CNN (paper B §5.3)."""

import re

import keras
from keras import layers

from kollias_affect.models import parts
from kollias_affect.models.outputs import output_layer


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
    dropout=0.5,
    rnn_dropout=0.8,
    reset_after=True,
    initializer=None,
    frozen=False,
    name="multi_rnn",
):
    """RNNs on low-, mid- and high-level features of a CNN.

    Args:
        backbone: name in `backbones.BACKBONES`, or a `keras.Model`.
        task: one of `tasks.TASKS`; the output layer bears its name.
        features: names of the backbone's layers, and `"fc1"` for the fully connected layer on
            its last pooling output, in the order in which they are joined.
        mode: `"3rnn"`: a stack of RNNs for each of three features, their outputs joined;
            `"1rnn"`: the features joined, one stack; `"2rnn"` and `"2-to-1rnn"`: the same for two
            features; `"2rnn-1fc"` and `"3rnn-1fc"`: the joined outputs pass a fully connected
            layer first.
        rnn, rnn_units, rnn_layers: of each stack; see `cnn_rnn`.
        landmarks: join the 68 landmarks to the last pooling output, at the input of `fc1`.
        length: frames per window.
        hidden_units: of `fc1`. Default: the papers' for this backbone.
        fc_units: of the layer `fc` of the modes with one; the paper does not print it.
        dropout, rnn_dropout, reset_after, initializer, frozen: see `cnn_rnn`.
        name: name of the model.

    Returns:
        `keras.Model` with the inputs and outputs of `cnn_rnn`.

    Raises:
        ValueError: if a layer or the mode is unknown, or the mode does not fit the number of
            features.

    References: paper B §5.3, figures 5–7, table 5.
    """
    joined, with_fc = _read_mode(mode, features)
    output = output_layer(task, **(initializer or {}))
    backbone = parts.resolve_backbone(backbone, frozen)
    inputs = parts.frame_inputs(backbone, landmarks and "fc1" in features, length)
    last = backbone.layers[-1].name
    wanted = [name for name in features if name != "fc1"]
    if "fc1" in features and last not in wanted:
        wanted.append(last)
    found = parts.taps(backbone, wanted)(inputs["images"])
    if "fc1" in features:
        units = parts.hidden_units_of(backbone)[0] if hidden_units is None else hidden_units
        x = parts.join_landmarks(found[last], inputs)
        found["fc1"] = parts.fully_connected(x, (units,), dropout, initializer)

    def stack(x, prefix=""):
        return parts.rnn_stack(x, rnn, rnn_units, rnn_layers, rnn_dropout, prefix, reset_after)

    if joined:
        x = stack(layers.Concatenate(name="features")([found[name] for name in features]))
    else:
        outputs = [stack(found[name], f"{name}_") for name in features]
        x = layers.Concatenate(name="rnns")(outputs)
    if with_fc:
        x = layers.Dense(fc_units, "relu", name="fc", **(initializer or {}))(x)
    return keras.Model(inputs, output(x), name=name)


def _read_mode(mode, features):
    """Whether one RNN has all features, and whether a layer follows the RNNs."""
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

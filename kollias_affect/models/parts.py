"""Building blocks of the networks: inputs, features, fully connected layers, RNN stacks."""

import keras
from keras import layers as keras_layers
from keras import ops

from kollias_affect import _checks, backbones, layers

# Units of the fully connected layers by family of the backbone: paper C §4.2.1.1 (ResNet), table
# 4 (CNN-M) and table 7 (VGG). Adapted backbones have no paper.
HIDDEN_UNITS = {"adapted": (512,), "resnet": (1500, 256), "densenet": (1500, 256)}
HIDDEN_UNITS["cnn_m"] = (4096,)
VGG_HIDDEN_UNITS = (4096, 2048)


def _bidirectional(layer):
    def build(units, name, backward=None, **options):
        if backward is not None:  # Keras would copy the forward layer with its seeds
            backward = layer(units, go_backwards=True, **{**options, **backward})
        return keras_layers.Bidirectional(
            layer(units, **options), backward_layer=backward, name=name
        )

    return build


RNNS = {
    "gru": keras_layers.GRU,
    "lstm": keras_layers.LSTM,
    "peephole_lstm": layers.PeepholeLSTM,
    "blstm": _bidirectional(keras_layers.LSTM),
    "bgru": _bidirectional(keras_layers.GRU),
}


def resolve_backbone(backbone, frozen=False):
    """Returns a backbone that is given by name or as a model; freezes it if `frozen`."""
    if isinstance(backbone, str):
        backbone = backbones.build(backbone)
    if frozen:
        backbone.trainable = False
    return backbone


def hidden_units_of(backbone, hidden_units=None):
    """Returns the units of the fully connected layers as a tuple.

    Args:
        backbone: `keras.Model`.
        hidden_units: Number or tuple. Default: those of the papers for this backbone.
    """
    if hidden_units is not None:
        return (hidden_units,) if isinstance(hidden_units, int) else hidden_units
    families = (units for name, units in HIDDEN_UNITS.items() if name in backbone.name)
    return next(families, VGG_HIDDEN_UNITS)


def frame_inputs(backbone, landmarks, length=None):
    """Creates a dict of the inputs `images` and, optionally, `landmarks`.

    They are windows of `length` frames, or single frames if `length` is `None`.
    """
    window = () if length is None else (_checks.positive_integer("length", length),)
    inputs = {"images": keras.Input((*window, *backbone.input_shape[1:]), name="images")}
    if landmarks:
        inputs["landmarks"] = keras.Input((*window, 136), name="landmarks")
    return inputs


def is_model_of_windows(layer):
    """Returns whether a layer is a model of windows, such as a member of a fusion."""
    return isinstance(layer, keras.Model) and any(len(x.shape) == 5 for x in layer.inputs)


def is_model_of_frames(layer):
    """Returns whether a layer is a model of single images, such as a backbone."""
    return isinstance(layer, keras.Model) and [len(x.shape) for x in layer.inputs] == [4]


def leaves(model):
    """Yields the layers of a model and its nested models in order, without the nested models."""
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from leaves(layer)
        else:
            yield layer


def taps(backbone, names):
    """Builds a function that returns outputs of the backbone's layers, from one pass.

    Args:
        backbone: `keras.Model` of single frames.
        names: Names of layers. That of the last layer stands for the backbone's output.

    Returns:
        Function from images, `[batch, (length,) height, width, 3]`, to a dict from name to
        features `[batch, (length,) units]`.

    Raises:
        ValueError: If the backbone has no layer of a name.
    """
    known = [layer.name for layer in backbone.layers[1:]]
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ValueError(
            f"`features` must be layers of the backbone {known}, or `fc1`. Received: {unknown}. "
            "Choose from these."
        )
    outputs = [backbone.get_layer(name).output for name in names]
    if len(names) == 1 and names[0] == backbone.layers[-1].name:
        extractor = backbone
    else:
        extractor = keras.Model(backbone.input, outputs, name=f"{backbone.name}_features")

    def extract(images):
        length = images.shape[1] if len(images.shape) == 5 else None
        frames = images if length is None else ops.reshape(images, (-1, *images.shape[2:]))
        values = extractor(frames)
        values = values if isinstance(values, list) else [values]
        features = {}
        for name, value in zip(names, values, strict=True):
            flat = keras_layers.Flatten(name=f"{name}_flat")(value)
            shape = (-1, flat.shape[-1]) if length is None else (-1, length, flat.shape[-1])
            features[name] = ops.reshape(flat, shape)
        return features

    return extract


def join_landmarks(features, inputs, landmark_units, initializer):
    """Concatenates features and landmarks; `landmark_units` encodes the latter (paper B §7)."""
    if "landmarks" not in inputs:
        return features
    landmarks = inputs["landmarks"]
    if landmark_units is not None:
        units = _checks.positive_integer("landmark_units", landmark_units)
        encoder = keras_layers.Dense(units, "relu", name="landmark_encoder", **initializer)
        landmarks = encoder(landmarks)
    return keras_layers.Concatenate(name="features_and_landmarks")([features, landmarks])


def fully_connected(x, hidden_units, dropout, initializer):
    """Applies layers `fc1`, `fc2`, … (ReLU), each followed by dropout."""
    _checks.share("dropout", dropout)
    for i, units in enumerate(hidden_units, start=1):
        _checks.positive_integer("hidden_units", units)
        x = keras_layers.Dense(units, "relu", name=f"fc{i}", **initializer)(x)
        x = keras_layers.Dropout(dropout, name=f"fc{i}_dropout")(x)
    return x


def rnn_stack(x, rnn, units, depth, dropout, prefix="", reset_after=True, initializer=None):
    """Applies RNN layers `<prefix>rnn1`, `<prefix>rnn2`, … with dropout after the first.

    `initializer` is a `PerLayer`, which may be for RNN layers too.
    """
    recurrent = RNNS[_checks.one_of("rnn", rnn, RNNS)]
    # TF1's GRU resets the state before the product, Keras' default (and cuDNN's) after it.
    options = {"reset_after": reset_after} if rnn in ("gru", "bgru") else {}
    # Under mixed precision, rounding errors would accumulate from frame to frame.
    options["dtype"] = keras.config.dtype_policy().variable_dtype
    depth = _checks.positive_integer("rnn_layers", depth)
    units = _checks.positive_integer("rnn_units", units)
    _checks.share("rnn_dropout", dropout)
    for i in range(1, depth + 1):
        drawn = {} if initializer is None else initializer.for_rnn()
        if drawn and rnn in ("blstm", "bgru"):
            drawn["backward"] = initializer.for_rnn()
        layer = recurrent(units, return_sequences=True, name=f"{prefix}rnn{i}", **options, **drawn)
        x = layer(x)
        if i == 1 and depth > 1:
            x = keras_layers.Dropout(dropout, name=f"{prefix}rnn1_dropout")(x)
    return x

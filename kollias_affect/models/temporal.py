"""Temporal heads on a CNN, or on features that were computed elsewhere."""

import keras
from keras import layers

from kollias_affect import _checks
from kollias_affect.layers.neighbours import check_context
from kollias_affect.models import parts
from kollias_affect.models.heads import HEADS
from kollias_affect.models.heads.size import Size
from kollias_affect.models.outputs import output_layers


def temporal(
    features,
    task,
    head="tcn",
    head_units=128,
    head_layers=None,
    context=None,
    causal=True,
    head_dropout=0.2,
    landmarks=False,
    length=80,
    output_activation=None,
    frozen=False,
    name="temporal",
):
    """Builds a temporal head: from features of each frame to outputs of each frame.

    Args:
        features: Backbone (name in `backbones.BACKBONES`, or a `keras.Model` from an image to its
            last pooling output), or the number of units of features that were computed elsewhere.
            A frame whose features are all zero is missing then: RNNs skip it, attention and means
            do not see it, and a TCN sees the zeros.
        task: One of `tasks.TASKS`, which is also the name of the output layer; or several, of which
            each has an output layer. The output is then a dict by task.
        head: Name in `heads.HEADS`: `"tcn"` (residual dilated convolutions), `"transformer"`
            (attention with rotary positions), `"gru"`, `"lstm"`, or `"mlp"` (each frame alone,
            then a moving average).
        head_units: Units of each layer of the head.
        head_layers: Number of layers or blocks. Default: 5 for a TCN, whose outputs then depend on
            63 frames (`2**(head_layers + 1) - 1`); 2 for the others.
        context: Frames that a layer of a transformer (default 64) or the average of an MLP
            (default 16) sees.
        causal: Whether an output depends on no later frame, so that the model streams, see
            `Stream`. Otherwise convolutions, attention and average are centred, and RNNs are
            bidirectional.
        head_dropout: Dropout rate within the head, in [0, 1).
        landmarks: Whether to concatenate the 68 landmarks with the features.
        length: Frames per window in training. A TCN, a transformer or an MLP runs on windows of
            any length in an ONNX file.
        output_activation: See `cnn`.
        frozen: Whether to freeze the backbone's weights; this changes the given model itself.
        name: Name of the model.

    Returns:
        `keras.Model` with the inputs `images`, `[batch, length, height, width, 3]`, or `features`,
        `[batch, length, units]`, and `landmarks` if wanted, and the output `[batch, length,
        outputs of the task]`, or a dict of them by task.

    Raises:
        ValueError: If a name is unknown, a number is out of range, or the head has no `context`.

    Example:

    >>> from kollias_affect import models
    >>> model = models.temporal(16, ("expression", "valence_arousal"), "tcn", 8, length=20)
    >>> model.output["expression"].shape
    (None, 20, 7)

    References: The functions of `models.heads`, one for each head.
    """
    kind = HEADS[_checks.one_of("head", head, HEADS)]
    size = _size(head, kind, head_units, head_layers, context, causal, head_dropout)
    output = output_layers(task, output_activation)
    if isinstance(features, int):
        inputs, x = _features(features, landmarks, length, kind.masks)
    else:
        inputs, x = _cnn(features, landmarks, length, frozen)
    x = parts.join_landmarks(x, inputs, None, {})
    return keras.Model(inputs, output(kind.build(x, size)), name=name)


def _size(head, kind, units, depth, context, causal, dropout):
    if context is not None and kind.context is None:
        having = [name for name in HEADS if HEADS[name].context]
        raise ValueError(
            f"`context` is for the heads {having}. Received: context={context} for {head!r}. Leave "
            "it out; `head_layers` says what a TCN sees."
        )
    units = _checks.positive_integer("head_units", units)
    if head == "transformer" and units % 2:
        raise ValueError(
            f"`head_units` of a transformer must be even. Received: {units}. Choose {units + 1}."
        )
    return Size(
        units,
        _checks.integer_between("head_layers", kind.layers if depth is None else depth, 1, 16),
        kind.context if context is None else check_context(context),
        bool(causal),
        _checks.share("head_dropout", dropout),
    )


def _features(units, landmarks, length, masks):
    """The inputs of a head on given features, and the features, with a mask if it takes one."""
    units = _checks.positive_integer("features", units)
    length = _checks.positive_integer("length", length)
    inputs = {"features": keras.Input((length, units), name="features")}
    if landmarks:
        inputs["landmarks"] = keras.Input((length, 136), name="landmarks")
    x = inputs["features"]
    return inputs, layers.Masking(0.0, name="missing_frames")(x) if masks else x


def _cnn(backbone, landmarks, length, frozen):
    """The inputs of a head on a CNN, and the CNN's output of each frame."""
    backbone = parts.resolve_backbone(backbone, frozen)
    inputs = parts.frame_inputs(backbone, landmarks, length)
    last = backbone.layers[-1].name
    return inputs, parts.taps(backbone, [last])(inputs["images"])[last]

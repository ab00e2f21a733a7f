"""Stateful form of a model of windows: its states are inputs and outputs."""

import keras
from keras import layers, ops

from kollias_affect.layers import CentroidOutputs
from kollias_affect.models.fast import with_plain_layers
from kollias_affect.models.parts import is_model_of_frames, is_model_of_windows
from kollias_affect.models.past_frames import WithPastFrames, past_shape

# Layers that treat the frames of a window independently, whatever the window's length.
_FRAME_BY_FRAME = (
    layers.InputLayer,
    layers.Add,
    layers.Average,
    layers.Multiply,
    layers.Subtract,
    layers.Dense,
    layers.Dropout,
    layers.Concatenate,
    layers.Identity,
    layers.Activation,
    layers.ReLU,
    layers.Softmax,
    layers.Flatten,
    layers.Masking,
    layers.Normalization,
    layers.TimeDistributed,
    CentroidOutputs,
)


def stateful(model, length=1):
    """Builds the same network for `length` frames per call, with its states as inputs.

    States are those of RNNs, and the past frames that causal convolutions, attention and averages
    see. Calls on consecutive chunks of a sequence, each with the states that the previous call
    returned, give the outputs of one call on the complete sequence. The weights are those of
    `model`, not copies.

    Args:
        model: `keras.Model` of windows from `kollias_affect.models`, built or loaded from a file.
        length: Frames per call.

    Returns:
        `keras.Model` for one sequence. Its inputs are those of `model`, with the shapes
        `[1, length, ...]`, and float32 `state1`, `state2`, …, `[1, units]` each, which are zeros
        before the first frame. Its outputs are the list `[outputs of model, states]`, where the
        states are a dict by the names of the inputs.

    Raises:
        ValueError: If a layer needs future frames, or combines frames without being an RNN.
    """
    model = with_plain_layers(model)
    frame_inputs = {
        tensor.name: keras.Input(batch_shape=(1, length, *tensor.shape[2:]), name=tensor.name)
        for tensor in model.inputs
    }
    states_before, states_after = _state_inputs(model), {}

    def call(layer, *args, **kwargs):
        if not states_before.get(layer.name) and not is_model_of_windows(layer):
            return _call_without_states(layer, length, *args, **kwargs)
        _refuse_second_call(layer, states_after)
        outputs, states = _call_with_states(
            layer, length, states_before[layer.name], args[0], kwargs.get("mask")
        )
        states_after[layer.name] = states
        return outputs

    state_inputs = {state.name: state for states in states_before.values() for state in states}
    inputs = {**frame_inputs, **state_inputs}
    outputs, _ = keras.models.clone_model(
        _with_unused_inputs(model, state_inputs),
        inputs,
        clone_function=lambda layer: layer,
        call_function=call,
    ).output
    new_states = [state for name in states_before for state in states_after.get(name, ())]
    new_states = {
        name: layers.Identity(dtype="float32", name=f"new_{name}")(state)
        for name, state in zip(state_inputs, new_states, strict=True)
    }
    return keras.Model(inputs, [outputs, new_states], name=model.name)


def _state_inputs(model):
    """Creates the inputs `state1`, `state2`, … of each layer: a dict of lists by layer name."""
    inputs, count = {}, 0
    for layer in model.operations:
        shapes = _state_shapes(layer)
        inputs[layer.name] = [
            keras.Input(batch_shape=shape, dtype="float32", name=f"state{number}")
            for number, shape in enumerate(shapes, start=count + 1)
        ]
        count += len(shapes)
    return inputs


def _with_unused_inputs(model, more):
    """Adds inputs to the model, since `clone_model` only adds inputs that the original has.

    They lead to outputs of their own, since some versions of Keras refuse inputs without use.
    """
    more = {name: keras.Input(batch_shape=x.shape, name=name) for name, x in more.items()}
    unused = [layers.Identity(name=f"unused_{name}")(tensor) for name, tensor in more.items()]
    inputs = {tensor.name: tensor for tensor in model.inputs}
    return keras.Model({**inputs, **more}, [model.output, unused])


def _state_shapes(layer):
    """Lists the shapes of the states of a layer, or of all layers in a model; maybe none."""
    if is_model_of_windows(layer):
        return [shape for inner in layer.operations for shape in _state_shapes(inner)]
    if not isinstance(layer, layers.RNN):
        return past_shape(layer)
    return [(1, size) for size in keras.tree.flatten(layer.cell.state_size)]


def _call_with_states(layer, length, states, inputs, mask):
    """Returns outputs and new states of a layer, or of a model with such layers."""
    if is_model_of_windows(layer):
        inner_states = {f"state{number}": state for number, state in enumerate(states, start=1)}
        outputs, new_states = stateful(layer, length)({**inputs, **inner_states})
        return outputs, [new_states[name] for name in inner_states]
    if not isinstance(layer, layers.RNN):
        outputs, state = WithPastFrames(layer)(inputs, *states, known=mask)
        return outputs, [state]
    if layer.go_backwards or not layer.return_sequences or layer.return_state:
        raise ValueError(
            "A stateful RNN must run forwards and return one output per frame. Received: "
            f"the layer {layer.name!r} with go_backwards={layer.go_backwards}, return_sequences="
            f"{layer.return_sequences}, return_state={layer.return_state}. Build the model with "
            "`kollias_affect.models`."
        )
    # The cell holds the weights. A single step needs no loop.
    rnn = layers.RNN(
        layer.cell,
        return_sequences=True,
        return_state=True,
        unroll=length == 1,
        zero_output_for_mask=layer.zero_output_for_mask,
        dtype=layer.dtype_policy,
        name=layer.name,
    )
    outputs, *new_states = rnn(inputs, initial_state=list(states), mask=mask)
    if mask is not None and not layer.zero_output_for_mask:
        outputs = _held(outputs, states[0], mask)
    return outputs, new_states


def _held(outputs, before, mask):
    """Returns the outputs of an RNN whose first frames are masked with the output before them.

    Keras gives zeros there; in later masked frames it repeats the last output.
    """
    started = ops.cumsum(ops.cast(mask, "int32"), axis=1) > 0
    return ops.where(started[..., None], outputs, ops.cast(before, outputs.dtype)[:, None])


class _FramesToWindows(layers.Layer):
    """Reshape from frames to windows.

    `ops.reshape` chooses its own name, which may be that of another operation of the model.
    """

    def __init__(self, length, **kwargs):
        super().__init__(autocast=False, **kwargs)
        self.length = length

    def call(self, inputs):
        return ops.reshape(inputs, (-1, self.length, inputs.shape[-1]))


def _call_without_states(layer, length, *args, **kwargs):
    """Returns the outputs of a layer without states, for windows of another length."""
    if isinstance(layer, layers.Bidirectional):
        raise ValueError(
            "A model that runs frame by frame must not have a bidirectional RNN, which reads a "
            f"window from its end too. Received: the layer {layer.name!r}. Use windows "
            "(`stream=False`), or train a model with rnn='gru' or 'lstm'."
        )
    if isinstance(layer, _FRAME_BY_FRAME) or is_model_of_frames(layer) or _is_over_units(layer):
        return layer(*args, **kwargs)
    if not isinstance(layer, layers.Layer):  # an operation of `keras.ops`
        if _is_mask(layer):
            return layer(*args, **kwargs)
        rank, new_rank = len(args[0].shape), len(layer.output.shape)
        if (rank, new_rank) == (5, 4):  # windows to frames
            return layer(*args, **kwargs)
        if (rank, new_rank) == (2, 3):  # frames to windows
            return _FramesToWindows(length, name=layer.name)(args[0])
    raise ValueError(
        "In a model that runs frame by frame, only RNNs and causal layers may combine frames. "
        "Received: the "
        f"layer {layer.name!r} ({type(layer).__name__}), which is not known to treat frames "
        "independently. Use windows (`stream=False`), build a causal model, or wrap the layer in "
        "`keras.layers.TimeDistributed`."
    )


def _is_mask(operation):
    """Returns whether an operation computes a mask of frames, as `layers.Masking` and `Add` do."""
    return operation.output.dtype == "bool"


def _is_over_units(layer):
    """Returns whether a layer normalizes the units of each frame."""
    if not isinstance(layer, layers.LayerNormalization):
        return False
    axes = layer.axis if isinstance(layer.axis, (list, tuple)) else [layer.axis]
    return list(axes) in ([-1], [2])


def _refuse_second_call(layer, seen):
    if layer.name in seen:
        raise ValueError(
            "Each layer with a state of a stateful model must be used once. Received: a model that "
            f"uses {layer.name!r} twice. Give it two layers."
        )

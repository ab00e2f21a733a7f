"""A model of windows as one that carries its recurrent state from call to call."""

import keras
from keras import layers, ops

from kollias_affect.layers import CentroidOutputs
from kollias_affect.models.fast import plain
from kollias_affect.models.parts import is_model_of_frames, is_model_of_windows

# Layers that treat every frame of a window for itself, whatever the window's length.
_FRAME_BY_FRAME = (
    layers.InputLayer,
    layers.Dense,
    layers.Dropout,
    layers.Concatenate,
    layers.Identity,
    layers.Activation,
    layers.ReLU,
    layers.Softmax,
    layers.Flatten,
    layers.TimeDistributed,
    CentroidOutputs,
)


def carrying(model, length=1):
    """The same network for `length` frames at a time, with the recurrent states as inputs.

    A state is what an RNN layer keeps of the frames so far. Calls on consecutive pieces of a
    sequence, each with the states that the one before returned, give what one call on the whole
    sequence gives. All weights are those of `model`, not copies.

    Args:
        model: `keras.Model` of `kollias_affect.models`, of windows; built or loaded from a file.
        length: frames per call.

    Returns:
        `keras.Model` for one sequence. Inputs: those of `model` with the shapes `[1, length, ...]`,
        and float32 `state1`, `state2`, …, `[1, units]` each, zeros before the first frame. Outputs:
        the list `[outputs of model, states]`, the states a dict by the names of the inputs.

    Raises:
        ValueError: if a layer needs frames that are still to come, or frames may meet each other
            elsewhere than in an RNN.
    """
    model = plain(model)
    originals = {tensor.name: tensor for tensor in model.inputs}
    inputs = {
        name: keras.Input(batch_shape=(1, length, *tensor.shape[2:]), name=name)
        for name, tensor in originals.items()
    }
    before, after = {}, {}
    for layer in model.operations:
        shapes = _state_shapes(layer)
        first = len([state for states in before.values() for state in states]) + 1
        before[layer.name] = [
            keras.Input(batch_shape=shape, dtype="float32", name=f"state{number}")
            for number, shape in enumerate(shapes, start=first)
        ]
    states = {state.name: state for states in before.values() for state in states}

    def call(layer, *args, **kwargs):
        if not before.get(layer.name) and not is_model_of_windows(layer):
            return _call_on(layer, length, *args, **kwargs)
        _refuse_second_call(layer, after)
        outputs, new = _call_with_states(layer, length, before[layer.name], args[0])
        after[layer.name] = new
        return outputs

    outputs, _ = keras.models.clone_model(
        _with_more_inputs(model, originals, states),
        {**inputs, **states},
        clone_function=lambda layer: layer,
        call_function=call,
    ).output
    new = [state for name in before for state in after.get(name, ())]
    new = {
        name: layers.Identity(dtype="float32", name=f"new_{name}")(state)
        for name, state in zip(states, new, strict=True)
    }
    return keras.Model({**inputs, **states}, [outputs, new], name=model.name)


def _with_more_inputs(model, inputs, more):
    """The model with more inputs, which `clone_model` wants it to have if its clone has them.

    They are led to outputs of their own, since some versions of Keras refuse inputs without use.
    """
    more = {name: keras.Input(batch_shape=x.shape, name=name) for name, x in more.items()}
    unused = [layers.Identity(name=f"unused_{name}")(tensor) for name, tensor in more.items()]
    return keras.Model({**inputs, **more}, [model.output, unused])


def _state_shapes(layer):
    """Shapes of the states of an RNN, or of all RNNs in a model; none for other layers."""
    if is_model_of_windows(layer):
        return [shape for each in layer.operations for shape in _state_shapes(each)]
    if not isinstance(layer, layers.RNN):
        return []
    return [(1, size) for size in keras.tree.flatten(layer.cell.state_size)]


def _call_with_states(layer, length, states, inputs):
    """Outputs and new states of an RNN, or of a model with RNNs."""
    if is_model_of_windows(layer):
        named = {f"state{number}": state for number, state in enumerate(states, start=1)}
        outputs, new = carrying(layer, length)({**inputs, **named})
        return outputs, [new[name] for name in named]
    if layer.go_backwards or not layer.return_sequences or layer.return_state:
        raise ValueError(
            "An RNN that carries its state goes forwards and gives one output per frame. Received: "
            f"the layer {layer.name!r} with go_backwards={layer.go_backwards}, return_sequences="
            f"{layer.return_sequences}, return_state={layer.return_state}. Build the model with "
            "`kollias_affect.models`."
        )
    # The cell holds the weights. One step needs no loop around it.
    rnn = layers.RNN(
        layer.cell,
        return_sequences=True,
        return_state=True,
        unroll=length == 1,
        dtype=layer.dtype_policy,
        name=layer.name,
    )
    outputs, *new = rnn(inputs, initial_state=list(states))
    return outputs, new


class _ToWindows(layers.Layer):
    """Frames to windows. `ops.reshape` would name itself, perhaps as one that the model holds."""

    def __init__(self, length, **kwargs):
        super().__init__(autocast=False, **kwargs)
        self.length = length

    def call(self, inputs):
        return ops.reshape(inputs, (-1, self.length, inputs.shape[-1]))


def _call_on(layer, length, *args, **kwargs):
    """Outputs of a layer without a state, for windows of another length."""
    if isinstance(layer, layers.Bidirectional):
        raise ValueError(
            "A bidirectional RNN reads a window from its end too, so it cannot run frame by frame. "
            f"Received: the layer {layer.name!r}. Use windows (`stream=False`), or train a model "
            "with rnn='gru' or 'lstm'."
        )
    if isinstance(layer, _FRAME_BY_FRAME) or is_model_of_frames(layer):
        return layer(*args, **kwargs)
    if not isinstance(layer, layers.Layer):  # an operation of `keras.ops`
        to, x = layer.output.shape, args[0]
        if len(x.shape) == 5 and len(to) == 4:  # windows to frames
            return layer(*args, **kwargs)
        if len(x.shape) == 2 and len(to) == 3:  # frames to windows
            return _ToWindows(length, name=layer.name)(x)
    raise ValueError(
        "In a model that runs frame by frame, frames may meet only in RNN layers. Received: the "
        f"layer {layer.name!r} ({type(layer).__name__}), which is not known to keep them apart. "
        "Use windows (`stream=False`), or wrap it in `keras.layers.TimeDistributed`."
    )


def _refuse_second_call(layer, seen):
    if layer.name in seen:
        raise ValueError(
            "Each RNN layer of a model that carries states is used once. Received: a model that "
            f"uses {layer.name!r} twice. Give it two layers."
        )

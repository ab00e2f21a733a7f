"""Recurrent layers as nodes of an ONNX graph."""

import numpy as np
from keras import layers

from kollias_affect.layers import PeepholeLSTM
from kollias_affect.models.exporting import activations
from kollias_affect.models.exporting.graph import Tensor

_PLAIN = (layers.GRU, layers.LSTM, PeepholeLSTM)


def recurrent_nodes(graph, layer, x, shape):
    """Adds the nodes of a GRU, an LSTM, an LSTM with peepholes, or of a bidirectional pair.

    Args:
        graph: `Graph`. In a stream, the states become inputs and outputs of it.
        layer: Layer of Keras.
        x: `Tensor`, `[batch, length, features]`.
        shape: Shape of its output.

    Returns:
        `Tensor`.

    Raises:
        ValueError: If the layer runs backwards alone, or has an activation that ONNX lacks.
    """
    parts = _parts(layer)
    _refuse_other_forms(layer, parts)
    operator = "GRU" if isinstance(parts[0], layers.GRU) else "LSTM"
    weights = _gru_weights if operator == "GRU" else _lstm_weights
    stacked = [np.stack(values) for values in zip(*map(weights, parts), strict=True)]
    labels = ("kernel", "recurrent_kernel", "bias", "peepholes")
    names = [
        graph.weight(f"{layer.name}/{label}", values)
        for label, values in zip(labels, stacked, strict=False)
    ]
    states = 1 if operator == "GRU" else 2
    initial = [""] * states
    if graph.stream:
        initial = _initial_states(graph, parts[0], states)
    time_first = graph.add("Transpose", [x.name], f"{layer.name}_time_first", perm=(1, 0, 2))
    inputs = [time_first, *names[:3], "", *initial, *names[3:]]
    if operator == "LSTM" and len(names) < 4:
        inputs.append("")
    outputs = graph.add(
        operator,
        _without_empty_end(inputs),
        f"{layer.name}_{operator.lower()}",
        results=1 + states,
        direction="bidirectional" if len(parts) > 1 else "forward",
        hidden_size=parts[0].units,
        **_activations(parts, operator),
        linear_before_reset=int(parts[0].reset_after) if operator == "GRU" else None,
    )
    if graph.stream:
        _final_states(graph, parts[0], outputs[1:])
    if not parts[0].return_sequences:
        batch_first = graph.add("Transpose", [outputs[1]], f"{layer.name}_last", perm=(1, 0, 2))
        return graph.reshape(Tensor(batch_first, shape), shape, layer.name)
    # [length, directions, batch, units] becomes [batch, length, directions * units].
    batch_first = graph.add("Transpose", outputs[:1], f"{layer.name}_batch", perm=(2, 0, 1, 3))
    target = graph.weight(f"{layer.name}_shape", np.array([0, 0, -1], np.int64))
    return Tensor(graph.add("Reshape", [batch_first, target], layer.name), shape)


def _parts(layer):
    if isinstance(layer, layers.Bidirectional):
        return [layer.forward_layer, layer.backward_layer]
    return [layer]


def _refuse_other_forms(layer, parts):
    paired = isinstance(layer, layers.Bidirectional)
    if (
        (paired and layer.merge_mode != "concat")
        or (not paired and layer.go_backwards)
        or any(type(part) not in _PLAIN or part.return_state for part in parts)
    ):
        raise ValueError(
            "A recurrent layer of an ONNX file runs forwards, or in both directions with joined "
            f"outputs, and does not return its states. Received: {layer.name!r}. Build the model "
            "with `kollias_affect.models`."
        )


def _by_gate(array, gates, order):
    """Returns the columns of gates in another order, transposed: `[units * gates, inputs]`."""
    blocks = np.split(np.asarray(array), gates, axis=-1)
    return np.concatenate([blocks[i] for i in order], axis=-1).T


def _gru_weights(layer):
    """Returns kernel, recurrent kernel and both biases; both have the gates z, r, h."""
    cell, order = layer.cell, (0, 1, 2)
    bias = np.zeros((2, 3 * cell.units), np.float32)
    if cell.use_bias and cell.reset_after:
        bias[:] = np.asarray(cell.bias)
    elif cell.use_bias:
        bias[0] = np.asarray(cell.bias)
    return (
        _by_gate(cell.kernel, 3, order),
        _by_gate(cell.recurrent_kernel, 3, order),
        bias.reshape(-1),
    )


def _lstm_weights(layer):
    """Returns kernel, recurrent kernel, biases, and peepholes if there are any.

    Keras has the gates i, f, c, o, and ONNX i, o, f, c; peepholes are i, o, f.
    """
    cell, order = layer.cell, (0, 3, 1, 2)
    bias = np.zeros((2, 4 * cell.units), np.float32)
    if cell.use_bias:
        bias[0] = _by_gate(cell.bias, 4, order)
    weights = (
        _by_gate(cell.kernel, 4, order),
        _by_gate(cell.recurrent_kernel, 4, order),
        bias.reshape(-1),
    )
    if isinstance(layer, PeepholeLSTM):
        gates = (cell.peephole_input, cell.peephole_output, cell.peephole_forget)
        weights += (np.concatenate([np.asarray(gate) for gate in gates]),)
    return weights


def _activations(parts, operator):
    """Returns the attributes of the activations, none for those that ONNX has by default."""
    chosen = []
    for part in parts:
        gate, inner = (
            activations.name_of(function, activations.RECURRENT, part)
            for function in (part.cell.recurrent_activation, part.cell.activation)
        )
        chosen += [gate, inner] if operator == "GRU" else [gate, inner, inner]
    if set(chosen[::2]) == {"sigmoid"} and operator == "GRU" and set(chosen[1::2]) == {"tanh"}:
        return {}
    if operator == "LSTM" and chosen == ["sigmoid", "tanh", "tanh"] * len(parts):
        return {}
    names, alpha, beta = zip(*(activations.RECURRENT[name] for name in chosen), strict=True)
    return {"activations": names, "activation_alpha": alpha, "activation_beta": beta}


def _initial_states(graph, layer, count):
    """Adds the inputs `state1`, … of a layer, `[batch, units]`; returns them with an axis more."""
    names = []
    for _ in range(count):
        graph.states += 1
        state = graph.input(f"state{graph.states}", (None, layer.units))
        axis = graph.weight("state_axis", np.array([0], np.int64))
        names.append(graph.add("Unsqueeze", [state.name, axis], f"{state.name}_before"))
    return names


def _final_states(graph, layer, names):
    """Adds the outputs `new_state1`, … of a layer."""
    first = graph.states - len(names) + 1
    for number, name in enumerate(names, start=first):
        axis = graph.weight("state_axis", np.array([0], np.int64))
        state = graph.add("Squeeze", [name, axis], f"state{number}_after")
        graph.output(f"new_state{number}", Tensor(state, (None, layer.units)))


def _without_empty_end(names):
    while names and names[-1] == "":
        names = names[:-1]
    return names

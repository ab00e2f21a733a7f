"""Layers that combine frames without being RNNs, as nodes of an ONNX graph."""

import math

import numpy as np

from kollias_affect.layers import rotary_attention
from kollias_affect.models.exporting.graph import Tensor
from kollias_affect.models.past_frames import past_frames, tells_known

_END = np.iinfo(np.int64).max


class _Nodes:
    """Adds nodes and constants whose names begin with that of a layer."""

    def __init__(self, graph, layer):
        self.graph, self.name = graph, layer.name

    def add(self, operator, *inputs, label=None, **attributes):
        """Adds a node; returns the name of its result, or a list of names."""
        label = f"{self.name}_{label or operator.lower()}"
        return self.graph.add(operator, list(inputs), label, **attributes)

    def constant(self, label, values, dtype=np.float32):
        """Adds a constant and returns its name."""
        return self.graph.weight(f"{self.name}/{label}", np.asarray(values, dtype))

    def integers(self, label, *values):
        """Adds a vector of integers and returns its name."""
        return self.constant(label, values, np.int64)

    def last_frames(self, x, count):
        """Returns the last frames of `[batch, frames, units]`."""
        bounds = [self.integers(f"last_{i}", v) for i, v in enumerate((-count, _END, 1))]
        return self.add("Slice", x, *bounds, label="last")

    def dense(self, x, layer, label):
        """Applies a dense layer without activation."""
        product = self.add("MatMul", x, self.constant(f"{label}/kernel", layer.kernel))
        return self.add("Add", product, self.constant(f"{label}/bias", layer.bias), label=label)

    def frames_of(self, x):
        """Returns the number of frames of `[batch, frames, …]`, a scalar integer."""
        axes = self.add("Shape", x, start=1, end=2)
        return self.add("Squeeze", axes, self.integers("axis", 0), label="frames")


def _with_past(nodes, layer, x):
    """Returns the frames that a layer sees, and which of them exist (`None`: all).

    In a stream, the state of a causal layer becomes an input and an output of the graph.
    """
    graph, past = nodes.graph, past_frames(layer)
    if not (graph.stream and past):
        return x.name, None
    name, units = x.name, x.shape[-1]
    if tells_known(layer):
        bounds = [nodes.integers(f"first_{i}", v) for i, v in enumerate((0, 1, 2))]
        first = nodes.add("Slice", name, *bounds, label="first")
        zeros = nodes.add("Mul", first, nodes.constant("zero", 0), label="zeros")
        ones = nodes.add("Add", zeros, nodes.constant("one", 1), label="ones")
        name = nodes.add("Concat", name, ones, axis=2, label="with_ones")
        units += 1
    graph.states += 1
    state = f"state{graph.states}"
    shape = (None, past * units)
    before = nodes.add(
        "Reshape", graph.input(state, shape).name, nodes.integers("past", 0, past, units)
    )
    frames = nodes.add("Concat", before, name, axis=1, label="frames_seen")
    flat = nodes.integers("flat", 0, past * units)
    after = nodes.add("Reshape", nodes.last_frames(frames, past), flat, label="past_after")
    graph.output(f"new_{state}", Tensor(after, shape))
    if not tells_known(layer):
        return frames, None
    sizes = nodes.integers("units_and_one", units - 1, 1)
    return nodes.add("Split", frames, sizes, label="known", results=2, axis=2)


def convolution(graph, layer, x):
    """Adds a convolution over time, with the past frames of a stream.

    Args:
        graph: `Graph`.
        layer: `keras.layers.Conv1D`.
        x: `Tensor`, `[batch, length, units]`.

    Returns:
        Name of the result `[batch, length, filters]`, before the activation.

    Raises:
        ValueError: If it has a stride.
    """
    if layer.strides != (1,):
        raise ValueError(
            "A convolution over time in an ONNX file has the stride 1. Received: "
            f"{layer.name!r} with {layer.strides}. Use the format saved_model or litert."
        )
    nodes = _Nodes(graph, layer)
    size, dilation = layer.kernel_size[0], layer.dilation_rate[0]
    around = (size - 1) * dilation
    pads = {"valid": [0, 0], "same": [around // 2, around - around // 2], "causal": [around, 0]}
    pads = pads[layer.padding]
    if graph.stream and past_frames(layer):
        pads = [0, 0]
    frames, _ = _with_past(nodes, layer, x)
    kernel = np.asarray(layer.kernel).transpose(2, 1, 0)
    weights = [graph.weight(f"{layer.name}/kernel", kernel)]
    if layer.use_bias:
        weights.append(graph.weight(f"{layer.name}/bias", layer.bias))
    time_last = nodes.add("Transpose", frames, label="time_last", perm=(0, 2, 1))
    result = nodes.add(
        "Conv",
        time_last,
        *weights,
        kernel_shape=[size],
        strides=[1],
        dilations=[dilation],
        group=layer.groups,
        pads=pads,
    )
    return nodes.add("Transpose", result, label="units_last", perm=(0, 2, 1))


def moving_average(graph, layer, x):
    """Adds a `MovingAverage`, with the past frames of a stream; returns the name of the result."""
    nodes = _Nodes(graph, layer)
    frames, known = _with_past(nodes, layer, x)
    near = nodes.add("Cast", _near(nodes, layer, *_positions(nodes, x, frames)), to=1)
    if known is None:
        count = nodes.add("ReduceSum", near, nodes.integers("last_axis", -1), keepdims=1)
    else:
        frames = nodes.add("Mul", frames, known)
        count = nodes.add("MatMul", near, known, label="count")
    return nodes.add("Div", nodes.add("MatMul", near, frames, label="sum"), count, label="mean")


def rotary(graph, layer, x):
    """Adds a `RotaryAttention`, with the past frames of a stream; returns the result's name."""
    nodes = _Nodes(graph, layer)
    frames, known = _with_past(nodes, layer, x)
    size = x.shape[-1] // layer.heads
    queries, positions = _positions(nodes, x, frames)
    key, value = nodes.add(
        "Split", nodes.dense(frames, layer.key_value, "key_value"), results=2, axis=2
    )
    query = _rotated(nodes, nodes.dense(x.name, layer.query, "query"), queries, size, layer.heads)
    key = _rotated(nodes, key, positions, size, layer.heads)
    keys_last = nodes.add("Transpose", key, label="keys", perm=(0, 1, 3, 2))
    scale = nodes.constant("scale", 1 / math.sqrt(size))
    logits = nodes.add("Mul", nodes.add("MatMul", query, keys_last, label="products"), scale)
    hidden, zero = nodes.constant("hidden", rotary_attention.HIDDEN), nodes.constant("seen", 0)
    unseen = nodes.add("Where", _near(nodes, layer, queries, positions), zero, hidden)
    logits = nodes.add("Add", logits, unseen, label="near_logits")
    if known is not None:
        absent = nodes.add("Sub", nodes.constant("unit", 1), known, label="absent")
        absent = nodes.add("Transpose", absent, label="absent_frames", perm=(0, 2, 1))
        absent = nodes.add("Unsqueeze", absent, nodes.integers("head_axis", 1))
        absent = nodes.add("Mul", absent, hidden, label="absent_logits")
        logits = nodes.add("Add", logits, absent, label="known_logits")
    weights = nodes.add("Softmax", logits, axis=-1)
    joined = nodes.add("MatMul", weights, _by_head(nodes, value, size, layer.heads), label="sums")
    joined = nodes.add("Transpose", joined, label="joined", perm=(0, 2, 1, 3))
    joined = nodes.add("Reshape", joined, nodes.integers("units", 0, 0, x.shape[-1]))
    return nodes.dense(joined, layer.output_projection, "outputs")


def _positions(nodes, x, frames):
    """Returns the positions of the frames of `x`, the last ones, and of all frames; float32."""
    zero, one = nodes.constant("start", 0, np.int64), nodes.constant("step", 1, np.int64)
    count = nodes.frames_of(frames)
    first = nodes.add("Sub", count, nodes.frames_of(x.name), label="first_query")
    return [
        nodes.add("Cast", nodes.add("Range", start, count, one, label=label), to=1)
        for start, label in ((first, "queries"), (zero, "positions"))
    ]


def _near(nodes, layer, queries, positions):
    """Returns which frames are seen, bool `[queries, frames]`; see `neighbours.near`."""
    column = nodes.add("Reshape", queries, nodes.integers("column", -1, 1), label="column")
    back = nodes.add("Sub", column, positions, label="back")
    if not layer.causal:
        apart = nodes.add("Abs", back)
        return nodes.add("Less", apart, nodes.constant("beyond", layer.context // 2 + 0.5))
    after = nodes.add("Greater", back, nodes.constant("after", -0.5))
    within = nodes.add("Less", back, nodes.constant("beyond", layer.context - 0.5))
    return nodes.add("And", after, within)


def _by_head(nodes, x, size, heads):
    """Returns `[batch, frames, units]` as `[batch, heads, frames, size]`."""
    x = nodes.add("Reshape", x, nodes.integers("heads", 0, 0, heads, size), label="by_head")
    return nodes.add("Transpose", x, label="heads_first", perm=(0, 2, 1, 3))


def _rotated(nodes, x, positions, size, heads):
    """Returns the heads of queries or keys, rotated; see `rotary_attention.rotate`."""
    column = nodes.add("Reshape", positions, nodes.integers("column", -1, 1), label="column")
    angles = nodes.constant("frequencies", rotary_attention.frequencies(size)[None])
    angles = nodes.add("Mul", column, angles, label="angles")
    cos, sin = nodes.add("Cos", angles), nodes.add("Sin", angles)
    first, second = nodes.add("Split", _by_head(nodes, x, size, heads), results=2, axis=3)

    def product(half, wave):
        return nodes.add("Mul", half, wave, label="turned")

    halves = (
        nodes.add("Sub", product(first, cos), product(second, sin), label="first_half"),
        nodes.add("Add", product(second, cos), product(first, sin), label="second_half"),
    )
    return nodes.add("Concat", *halves, axis=3, label="rotated")

"""An ONNX graph under construction, whose images change between two orders of their axes."""

import dataclasses

import numpy as np

FLOAT = 1  # `onnx.TensorProto.FLOAT`
OPSET = 17  # ONNX 1.12 (2022): the oldest with every operator that is used here
IR_VERSION = 8


@dataclasses.dataclass(frozen=True)
class Tensor:
    """A value of the graph.

    Attributes:
        name: Its name in the graph.
        shape: Its shape in Keras, channels last.
        channels_first: Whether it is stored as `[batch, channels, height, width]`.
    """

    name: str
    shape: tuple
    channels_first: bool = False


class Graph:
    """Nodes, inputs and weights of a graph.

    ONNX has images as `[batch, channels, height, width]`, Keras as `[batch, height, width,
    channels]`. `first` and `last` transpose a tensor where an operator needs the other order.

    Args:
        batch: Number of sequences or frames per call; `None` if it is free.
        length: Frames per window; `None` if it is free, or the model has single frames.
        stream: Whether the states of recurrent layers are inputs and outputs.
        reserved: Names of the outputs, which nodes must not have.
    """

    def __init__(self, batch=None, length=None, stream=False, reserved=()):
        self.batch, self.length, self.stream = batch, length, stream
        self.nodes, self.weights, self.inputs, self.outputs = [], [], [], []
        self.states = 0  # number of inputs that are states
        self._transposed = {}
        self._names = set(reserved)

    def input(self, name, shape):
        """Adds an input and returns its `Tensor`."""
        self.inputs.append((name, self._free(shape)))
        self._names.add(name)
        return Tensor(name, tuple(shape))

    def output(self, name, tensor, shape=None):
        """Makes a tensor an output of the graph, under a name."""
        self.add("Identity", [self.last(tensor).name], name=name, result=name)
        self.outputs.append((name, self._free(shape or tensor.shape)))

    def _free(self, shape):
        """Returns a shape with the names of free axes."""
        axes = list(shape)
        axes[0] = self.batch or "batch"
        if len(axes) in (3, 5):
            axes[1] = self.length or "length"
        return axes

    def weight(self, name, values, double=False):
        """Adds a constant and returns its name.

        Args:
            name: Wanted name; a number is appended if it is taken.
            values: Array. Floats become float32, unless `double`.
            double: Whether floats stay float64.
        """
        from onnx import numpy_helper

        values = np.asarray(values)
        if values.dtype.kind not in "iub" and not double:
            values = values.astype(np.float32)
        name = self._unique(name)
        self.weights.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def add(self, operator, inputs, name=None, results=1, result=None, **attributes):
        """Adds a node.

        Args:
            operator: Operator of ONNX.
            inputs: Names of its inputs.
            name: Wanted name of the node.
            results: Number of its results.
            result: Name of its only result. Default: that of the node.
            **attributes: Its attributes; those that are `None` are left out.

        Returns:
            Name of the result, or a list of names.
        """
        from onnx import helper

        name = self._unique(name or operator.lower()) if result is None else result
        names = [result or name] if results == 1 else [f"{name}_{i}" for i in range(results)]
        attributes = {key: value for key, value in attributes.items() if value is not None}
        self.nodes.append(helper.make_node(operator, inputs, names, name=name, **attributes))
        return names[0] if results == 1 else names

    def first(self, tensor):
        """Returns a tensor of images with the channels first."""
        return self._ordered(tensor, True)

    def last(self, tensor):
        """Returns a tensor with the channels last."""
        return self._ordered(tensor, False)

    def _ordered(self, tensor, channels_first):
        if tensor.channels_first == channels_first:
            return tensor
        if tensor.name not in self._transposed:
            axes = (0, 3, 1, 2) if channels_first else (0, 2, 3, 1)
            name = self.add("Transpose", [tensor.name], f"{tensor.name}_transposed", perm=axes)
            self._transposed[tensor.name] = Tensor(name, tensor.shape, channels_first)
            self._transposed[name] = tensor
        return self._transposed[tensor.name]

    def reshape(self, tensor, shape, name="reshape"):
        """Returns a tensor (channels last) with another shape, whose first axis is `None`."""
        source = self.last(tensor).name
        target = self.weight(f"{name}_shape", np.array([-1, *shape[1:]], np.int64))
        return Tensor(self.add("Reshape", [source, target], name), tuple(shape))

    def windows(self, tensor, shape, name="windows"):
        """Returns frames `[batch * length, ...]` as windows `[batch, length, ...]`."""
        source, rest = self.last(tensor).name, list(shape[2:])
        if self.length or self.batch:
            sizes = [self.batch or -1, self.length or -1, *rest]
            target = self.weight(f"{name}_shape", np.array(sizes, np.int64))
        else:
            axes = self.add("Shape", ["images"], f"{name}_axes", end=2)
            rest = self.weight(f"{name}_rest", np.array(rest, np.int64))
            target = self.add("Concat", [axes, rest], f"{name}_shape", axis=0)
        return Tensor(self.add("Reshape", [source, target], name), tuple(shape))

    def model(self, name, metadata):
        """Returns the checked `onnx.ModelProto`.

        Args:
            name: Name of the graph.
            metadata: Dict of texts.
        """
        import onnx
        from onnx import helper

        def values(described):
            return [helper.make_tensor_value_info(n, FLOAT, shape) for n, shape in described]

        graph = helper.make_graph(
            self.nodes, name, values(self.inputs), values(self.outputs), self.weights
        )
        model = helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=IR_VERSION,
            producer_name="kollias_affect",
        )
        helper.set_model_props(model, metadata)
        onnx.checker.check_model(model)
        return model

    def _unique(self, name):
        unique, number = name, 1
        while unique in self._names:
            number += 1
            unique = f"{name}_{number}"
        self._names.add(unique)
        return unique

"""Operations of `keras.ops` in a network as nodes of an ONNX graph, by the name of their class."""

import numpy as np

from kollias_affect.models.exporting.graph import Tensor


def operation_nodes(graph, operation, args):
    """Adds the nodes of an operation.

    Args:
        graph: `Graph`.
        operation: Operation of Keras.
        args: Its arguments, `Tensor`s and numbers.

    Returns:
        `Tensor`, or a list of them.

    Raises:
        ValueError: If it is not in `OPERATIONS`.
    """
    kind = type(operation).__name__
    if kind not in OPERATIONS:
        raise ValueError(
            f"An ONNX file can hold the operations {', '.join(sorted(OPERATIONS))}. Received: "
            f"{operation.name!r} ({kind}). Use the format saved_model or litert."
        )
    return OPERATIONS[kind](graph, operation, args)


def _reshape(graph, operation, args):
    x, shape = args[0], tuple(operation.newshape)
    if len(x.shape) == 5:  # windows to frames
        return graph.reshape(x, (None, *shape[1:]), operation.name)
    if len(shape) == len(x.shape) + 1 and shape[2:] == x.shape[1:]:  # frames to windows
        return graph.windows(x, (None, *shape[1:]), operation.name)
    return graph.reshape(x, (None, *shape[1:]), operation.name)


def _split(graph, operation, args):
    """Returns equal parts of the channels."""
    x, parts = args[0], operation.indices_or_sections
    if not isinstance(parts, int) or operation.axis not in (-1, len(x.shape) - 1):
        raise ValueError(
            "A split in an ONNX file makes equal parts of the last axis. Received: "
            f"{operation.name!r}. Use the format saved_model or litert."
        )
    x = graph.first(x) if len(x.shape) == 4 else graph.last(x)
    shape = (*x.shape[:-1], x.shape[-1] // parts)
    axis = 1 if x.channels_first else len(shape) - 1
    names = graph.add("Split", [x.name], operation.name, results=parts, axis=axis)
    return [Tensor(name, shape, x.channels_first) for name in names]


def _elementwise(operator):
    def apply(graph, operation, args):
        tensors = [arg for arg in args if isinstance(arg, Tensor)]
        if len(tensors) == 1:  # with a number, in any order of the axes
            order = tensors[0].channels_first
            names = [
                arg.name
                if isinstance(arg, Tensor)
                else graph.weight(f"{operation.name}/number", np.float32(arg))
                for arg in args
            ]
        else:
            order, names = False, [graph.last(arg).name for arg in args]
        shape = max((tensor.shape for tensor in tensors), key=len)
        return Tensor(graph.add(operator, names, operation.name), shape, order)

    return apply


OPERATIONS = {
    "Add": _elementwise("Add"),
    "Divide": _elementwise("Div"),
    "Multiply": _elementwise("Mul"),
    "Power": _elementwise("Pow"),
    "Reshape": _reshape,
    "Split": _split,
    "Subtract": _elementwise("Sub"),
    "TrueDivide": _elementwise("Div"),
}

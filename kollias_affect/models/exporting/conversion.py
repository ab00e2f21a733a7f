"""From a functional Keras model to an ONNX graph."""

import keras

from kollias_affect.models.exporting.graph import Graph
from kollias_affect.models.exporting.layers import layer_nodes, refuse_unknown
from kollias_affect.models.exporting.operations import operation_nodes


def graph_of(model, batch=None, length=None, stream=False):
    """Converts a model in inference mode to an ONNX graph in float32.

    Inputs and outputs have the names of those of the model.

    Args:
        model: `keras.Model` of `kollias_affect.models`, with plain layers.
        batch: Fixed number of windows or frames per call; `None` for a free one.
        length: Fixed frames per window; `None` for a free one.
        stream: Whether recurrent states are inputs and outputs.

    Returns:
        `Graph`.

    Raises:
        ValueError: If a layer cannot be converted.
    """
    names = list(model.output) if isinstance(model.output, dict) else model.output_names
    graph = Graph(batch, length, stream, reserved=names)
    tensors = [graph.input(tensor.name, tensor.shape) for tensor in model.inputs]
    outputs = _run(graph, model, tensors)
    if not isinstance(outputs, dict):
        outputs = dict(zip(names, keras.tree.flatten(outputs), strict=True))
    for name, tensor in outputs.items():
        graph.output(name, tensor)
    return graph


def _run(graph, model, tensors):
    """Adds the nodes of a model; returns its outputs in their structure."""

    def nodes_of(operation):
        def add(*args, **kwargs):
            del kwargs  # `training` and masks have no effect in inference.
            if isinstance(operation, keras.Model):
                return _run(graph, operation, keras.tree.flatten(args[0]))
            if not isinstance(operation, keras.layers.Layer):
                return operation_nodes(graph, operation, args)
            x = args[0]
            refuse_unknown(operation)
            shape = operation.compute_output_shape(
                [each.shape for each in x] if isinstance(x, list) else x.shape
            )
            return layer_nodes(graph, operation, x, tuple(shape))

        return add

    return model._run_through_graph(tensors, operation_fn=nodes_of)

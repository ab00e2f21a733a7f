"""`CentroidOutputs` as nodes of an ONNX graph."""

import numpy as np


def outputs(graph, layer, x):
    """Adds the nodes of a `CentroidOutputs` layer, in double precision as the layer computes.

    Args:
        graph: `Graph`.
        layer: `CentroidOutputs`.
        x: Name of the representations, `[..., units]`.

    Returns:
        Name of the outputs, `[..., classes]`.
    """
    name, centroids = layer.name, np.asarray(layer.centroids, np.float64)
    relative = centroids - centroids[0]

    def constant(label, values, dtype=np.float64):
        return graph.weight(f"{name}/{label}", np.asarray(values, dtype), dtype == np.float64)

    def add(operator, *inputs, label=None, **attributes):
        return graph.add(
            operator, list(inputs), f"{name}_{label or operator.lower()}", **attributes
        )

    x = add("Sub", add("Cast", x, label="double", to=11), constant("first", centroids[0]))
    products = add("MatMul", x, constant("centroids", -2 * relative.T))
    distances = add("Add", products, constant("squares", (relative**2).sum(axis=1)))
    one = constant("one", 1)
    if layer.normalization == "softmax":
        scaled = add("Div", distances, constant("scale", layer.scale))
        far = add("Softmax", scaled, axis=-1)
    else:
        far = _linear(add, constant, x, distances, layer.classes)
    near = add("Cast", add("Sub", one, far, label="near"), label="single", to=1)
    return _with_distinct_bits(add, constant, near, distances, layer.classes)


def _linear(add, constant, x, distances, classes):
    """Returns `distances / sum(distances)`, and `1 / classes` where all distances are 0."""
    axis = constant("axis", [-1], np.int64)
    square = add("ReduceSum", add("Mul", x, x), axis, label="square", keepdims=1)
    distances = add("Add", distances, square, label="distances")
    total = add("ReduceSum", distances, axis, label="total", keepdims=1)
    apart = add("Greater", total, constant("zero", 0))
    divisor = add("Where", apart, total, constant("unit", 1), label="divisor")
    shares = add("Div", distances, divisor, label="shares")
    return add("Where", apart, shares, constant("equal", 1 / classes), label="far")


def _with_distinct_bits(add, constant, near, distances, classes):
    """Subtracts one last bit for each centroid that is nearer, as the layer does."""
    count = constant("classes", [classes], np.int64)

    def order(values, label):
        """Returns the indices that sort the values, as float32."""
        single = add("Cast", values, label=f"{label}_values", to=1)
        _, indices = add("TopK", single, count, label=label, results=2, axis=-1, largest=0)
        return add("Cast", indices, label=f"{label}_indices", to=1)

    ranks = order(order(distances, "order"), "ranks")
    bits = add("Mul", ranks, constant("bit", 2.0**-23, np.float32), label="bits")
    lowered = add("Sub", near, bits, label="lowered")
    return add("Max", lowered, constant("least", 0, np.float32), label="outputs")

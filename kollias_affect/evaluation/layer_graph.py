"""TensorBoard's graph of the layers of a model."""

import contextlib
import json
import traceback
import warnings

import keras
import tensorflow as tf

from kollias_affect import _files


class LayerGraphTensorBoard(keras.callbacks.TensorBoard):
    """Keras' TensorBoard callback, whose graph tab opens with the layers of the model.

    Keras 3 writes a model only as what TensorBoard calls a conceptual graph. The tab opens with the
    graph of operations, finds none, and says "Malformed GraphDef". Here the graph of the layers
    takes its place.

    Args:
        log_dir: Folder of the run.
        model: Model whose layers are shown. Default: the model that is trained.
        write_graph: Whether the graph is written.
        **options: Further options of `keras.callbacks.TensorBoard`.

    Example:

    >>> board = LayerGraphTensorBoard("log", histogram_freq=1)
    >>> board.writes_layers
    True
    """

    def __init__(self, log_dir="logs", model=None, write_graph=True, **options):
        super().__init__(log_dir, write_graph=False, **options)
        self.shown_model = model
        self.writes_layers = write_graph

    def set_model(self, model):
        """Writes the graph."""
        super().set_model(model)
        if self.writes_layers:
            with warning_about("the graph"), self._train_writer.as_default(0):
                tf.summary.graph(layer_graph(self.shown_model or model))


def layer_graph(model):
    """Returns the layers of a Keras model and their connections as TensorFlow's `GraphDef`.

    The layers of a model in the model have its name before theirs, as folders have.

    Args:
        model: Functional or sequential `keras.Model`.

    Example:

    >>> inputs = keras.Input((3,), name="x")
    >>> model = keras.Model(inputs, keras.layers.Dense(2, name="a")(inputs), name="m")
    >>> [(node.name, node.op, list(node.input)) for node in layer_graph(model).node][-1]
    ('m/a', 'Dense', ['m/x'])
    """
    graph = tf.compat.v1.GraphDef()
    _add_layers(graph, json.loads(model.to_json())["config"], "", [])
    return graph


def _add_layers(graph, config, scope, sources):
    """Adds the layers of a model; returns the names of the nodes of its outputs.

    Args:
        graph: `GraphDef` that is extended.
        config: Config of the model.
        scope: Text before its name.
        sources: Names of the nodes that feed its inputs.
    """
    scope = f"{scope}{config['name']}/"
    inputs = [name for name, *_ in _places(config.get("input_layers"))]
    outputs = {name: [source] for name, source in zip(inputs, sources, strict=False)}
    before = sources  # what feeds the next layer of a sequential model
    for layer in config["layers"]:
        name = layer["config"]["name"]
        found = [_node(outputs[n], i) for n, _, i in _tensors(layer.get("inbound_nodes"))]
        found = found or outputs.get(name) or ([] if inputs else before)
        if "layers" in layer["config"]:
            outputs[name] = _add_layers(graph, layer["config"], scope, found)
        else:
            node = graph.node.add(name=f"{scope}{name}", op=layer["class_name"])
            node.input.extend(dict.fromkeys(found))
            outputs[name] = [node.name]
        before = outputs[name][:1]
    ends = [_node(outputs[name], i) for name, _, i in _places(config.get("output_layers"))]
    return ends or before


def _node(nodes, number):
    """Returns the node of one output: a layer is one node, whatever the number of its outputs."""
    return nodes[number] if len(nodes) > 1 else nodes[0]


def _places(tree):
    """Yields the `[layer, node, tensor]` of inputs or outputs, in the order of Keras."""
    if isinstance(tree, dict):
        tree = [tree[key] for key in sorted(tree)]
    if tree and isinstance(tree[0], str):
        yield tree
        return
    for part in tree or ():
        yield from _places(part)


def _tensors(tree):
    """Yields the `[layer, node, tensor]` of the tensors that a layer was called with."""
    if isinstance(tree, dict) and tree.get("class_name") == "__keras_tensor__":
        yield tree["config"]["keras_history"]
    elif isinstance(tree, (dict, list)):
        for part in (tree[key] for key in sorted(tree)) if isinstance(tree, dict) else tree:
            yield from _tensors(part)


@contextlib.contextmanager
def warning_about(what):
    """Turns any exception into a warning; Python shows equal warnings once.

    A full disk is no fault of the code, so its warning has no traceback. What the training itself
    writes then ends it with an error that names the path.

    Args:
        what: What TensorBoard then lacks, for the text.
    """
    try:
        yield
    except Exception as error:
        full = _files.is_disk_full(error)
        reason = "There is no room on the disk." if full else traceback.format_exc()
        warnings.warn(f"TensorBoard lacks {what}; the training continues. {reason}", stacklevel=2)

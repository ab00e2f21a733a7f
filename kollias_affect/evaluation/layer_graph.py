"""TensorBoard's graph of the layers of a model."""

import contextlib
import json
import traceback
import warnings

import keras
import tensorflow as tf


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

    Args:
        model: `keras.Model` that has a JSON form.

    Example:

    >>> model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, name="a")], name="m")
    >>> [(node.name, list(node.input)) for node in layer_graph(model).node][-1]
    ('m/a', ['m/input_layer'])
    """
    from tensorboard.plugins.graph import keras_util

    graph = keras_util.keras_model_to_graph_def(json.loads(model.to_json()))
    # TensorBoard has a copy of TensorFlow's message.
    return tf.compat.v1.GraphDef.FromString(graph.SerializeToString())


@contextlib.contextmanager
def warning_about(what):
    """Turns any exception into a warning; Python shows equal warnings once.

    Args:
        what: What TensorBoard then lacks, for the text.
    """
    try:
        yield
    except Exception:
        warnings.warn(
            f"TensorBoard lacks {what}; the training continues. {traceback.format_exc()}",
            stacklevel=2,
        )

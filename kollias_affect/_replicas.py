"""Global batches of the replicas of a `tf.distribute` strategy."""

import contextlib
import contextvars

import keras

_complete = contextvars.ContextVar("complete", default=False)


def gathered(values):
    """Concatenates tensors of all replicas on their first axis.

    A loss that does not decompose over samples needs the complete batch. Gradients flow back to
    the replica of each sample. On backends other than TensorFlow an array is the complete batch.

    Args:
        values: List of tensors `[batch of the replica, ...]`.

    Returns:
        List of tensors `[global batch, ...]`; `values` itself outside a strategy.
    """
    if keras.backend.backend() != "tensorflow" or _complete.get():
        return values
    import tensorflow as tf

    context = tf.distribute.get_replica_context()
    if context is None or context.num_replicas_in_sync == 1:
        return values
    # The inputs of a step have no device, and strategies of several workers need one to gather.
    tensors = map(tf.identity, values)
    return [
        tf.ensure_shape(context.all_gather(tensor, axis=0), [None, *tensor.shape[1:]])
        for tensor in tensors
    ]


def count():
    """Returns the number of replicas of the strategy in whose scope this is called."""
    if keras.backend.backend() != "tensorflow":
        return 1
    import tensorflow as tf

    return tf.distribute.get_strategy().num_replicas_in_sync


@contextlib.contextmanager
def complete_batches():
    """Makes `gathered` return its values: in this block they are those of all replicas already."""
    token = _complete.set(True)
    try:
        yield
    finally:
        _complete.reset(token)

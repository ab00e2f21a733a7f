"""Global batches of the replicas of a `tf.distribute` strategy."""

import keras


def gathered(values):
    """Concatenates tensors of all replicas on their first axis.

    A loss that does not decompose over samples needs the complete batch. Gradients flow back to
    the replica of each sample. On backends other than TensorFlow an array is the complete batch.

    Args:
        values: List of tensors `[batch of the replica, ...]`.

    Returns:
        List of tensors `[global batch, ...]`; `values` itself outside a strategy.
    """
    if keras.backend.backend() != "tensorflow":
        return values
    import tensorflow as tf

    context = tf.distribute.get_replica_context()
    if context is None or context.num_replicas_in_sync == 1:
        return values
    tensors = map(tf.convert_to_tensor, values)
    return [
        tf.ensure_shape(context.all_gather(tensor, axis=0), [None, *tensor.shape[1:]])
        for tensor in tensors
    ]

"""What the replicas of a `tf.distribute` strategy say of one global batch."""

import keras


def gathered(values):
    """Tensors of all replicas, joined on their first axis; the tensors themselves without any.

    A loss that does not decompose over samples needs the whole batch. Gradients flow back to the
    replica that a sample is on. On other backends than TensorFlow an array is the whole batch.
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

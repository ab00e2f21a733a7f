"""Losses whose value does not depend on how several devices share a batch."""

import keras

from kollias_affect import _replicas

_BY_NAME = {
    "mse": keras.losses.MeanSquaredError,
    "sparse_categorical_crossentropy": keras.losses.SparseCategoricalCrossentropy,
}


def over_replicas(losses):
    """Returns the losses of a compiled model in the form that several devices need.

    Each device has a part of the batch. Keras computes a loss on each part and takes the mean,
    which is another number if the parts differ in their windows or in the sum of their weights,
    and for a loss that does not decompose over samples.

    Args:
        losses: Dict from output to Keras loss, or to one of the names that `compile_model` takes.

    Returns:
        Dict from output to `GlobalBatch`; `losses` itself outside the scope of a strategy with
        several devices.
    """
    if _replicas.count() == 1:
        return losses
    return {name: GlobalBatch(loss) for name, loss in losses.items()}


class GlobalBatch(keras.losses.Loss):
    """A loss of the complete batch, which the devices of a `tf.distribute` strategy share.

    Labels, outputs and weights of all devices are collected first. They are a few numbers a frame,
    so this costs little beside the gradients that the devices exchange anyway.

    Args:
        loss: Keras loss.
    """

    def __init__(self, loss):
        loss = _BY_NAME[loss]() if isinstance(loss, str) else loss
        super().__init__(name=loss.name)
        self.loss = loss

    def __call__(self, y_true, y_pred, sample_weight=None):
        """Computes the loss of one batch, in the share that Keras adds up over the devices."""
        weights = [] if sample_weight is None else [sample_weight]
        labels, outputs, *weights = _replicas.gathered([y_true, y_pred, *weights])
        with _replicas.complete_batches():
            return self.loss(labels, outputs, *weights)

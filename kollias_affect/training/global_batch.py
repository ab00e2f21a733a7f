"""Losses and steps that do not depend on how several devices share a batch."""

import keras
import tensorflow as tf

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


def adam(learning_rate, **options):
    """Returns Keras' Adam in the form that the devices of the scope need.

    Args:
        learning_rate: Number, or schedule of Keras.
        **options: See `keras.optimizers.Adam`.
    """
    kind = keras.optimizers.Adam if _replicas.count() == 1 else SharedAdam
    return kind(learning_rate, **options)


class SharedAdam(keras.optimizers.Adam):
    """Adam whose clipping and moving averages are those of one device.

    Keras clips the gradients of each replica before it adds them up, and cannot update the
    averages on replicas.
    """

    def _clip_gradients(self, grads):
        return grads  # of one replica

    def _all_reduce_sum_gradients(self, grads_and_vars):
        grads, variables = zip(*super()._all_reduce_sum_gradients(grads_and_vars), strict=True)
        return list(zip(super()._clip_gradients(grads), variables, strict=True))

    def _update_model_variables_moving_average(self, trainable_variables):
        if not self.use_ema:
            return
        pairs = list(zip(trainable_variables, self._model_variables_moving_average, strict=True))
        first = tf.cast(tf.equal(self.iterations.value, 0), tf.float32)
        share = tf.maximum(first, 1 - self.ema_momentum)  # the first weights begin the average

        def step(average, variable, share):
            average.assign_add((variable - average) * tf.cast(share, average.dtype))

        def on_all(strategy, share):
            for variable, average in pairs:
                strategy.extended.update(
                    average.value, step, args=(variable.value, share), group=False
                )

        merge = tf.__internal__.distribute.interim.maybe_merge_call
        merge(on_all, tf.distribute.get_strategy(), share)

"""Paper D's optimization (§3.3): Caffe's SGD with weight decay, and a step decay of the rate."""

import keras

from kollias_affect import _checks, metrics, training

MOMENTUM = 0.9
WEIGHT_DECAY = 5e-4
LEARNING_RATE = 1e-3
BATCH_SIZE = 128  # Krizhevsky et al. (2012) §5; paper D prints none, but "closely follows" them
EPOCHS_PER_STEP, STEP = 10, 0.1


def compile_sgd(model, learning_rate=LEARNING_RATE, momentum=MOMENTUM, weight_decay=WEIGHT_DECAY):
    """Compiles a model for expressions as in paper D: SGD, cross entropy, weight decay.

    Caffe adds `weight_decay * w` to the gradient, before momentum. This is the gradient of
    `weight_decay / 2 * sum(w ** 2)`, which is added to the loss here (and appears in the loss of
    the logs). Keras' own `SGD(weight_decay=)` differs: it decreases the weights separately from
    the gradient, without momentum. Biases and normalization layers do not decay, as in Caffe.

    Args:
        model: `keras.Model` with the output `expression`. Frozen layers do not decay.
        learning_rate: Initial learning rate.
        momentum: Momentum of SGD, in [0, 1).
        weight_decay: Weight decay, in [0, 1); 0 for none.

    Returns:
        `model`.

    Raises:
        ValueError: If an argument is out of range.

    References: paper D §3.3; Krizhevsky et al. (2012) §5.
    """
    rate = _checks.number_between("learning_rate", learning_rate, 0, 10)
    momentum = _checks.share("momentum", momentum)
    decay = _checks.share("weight_decay", weight_decay)
    training.decay_kernels(model, decay or None)
    model.compile(
        keras.optimizers.SGD(rate, momentum=momentum),
        loss={"expression": "sparse_categorical_crossentropy"},
        weighted_metrics={"expression": metrics.for_task("expression")},
    )
    return model


def step_decay(learning_rate=LEARNING_RATE):
    """Returns a callback that divides the learning rate by 10 every 10 epochs.

    The rate is a function of the epoch only, so that a resumed run has the right rate.

    Args:
        learning_rate: Initial learning rate.

    Returns:
        `keras.callbacks.LearningRateScheduler`.

    References: paper D §3.3.

    Example:
        >>> schedule = step_decay(0.001).schedule
        >>> [f"{schedule(epoch, None):.0e}" for epoch in (0, 9, 10, 20)]
        ['1e-03', '1e-03', '1e-04', '1e-05']
    """

    def rate(epoch, _):
        return learning_rate * STEP ** (epoch // EPOCHS_PER_STEP)

    return keras.callbacks.LearningRateScheduler(rate)

"""Paper D's optimisation: Caffe's SGD with momentum and weight decay, a rate that falls."""

import keras

from kollias_affect import _checks, metrics

MOMENTUM = 0.9
WEIGHT_DECAY = 5e-4
LEARNING_RATE = 1e-3
EPOCHS_PER_STEP, STEP = 10, 0.1


def compile_sgd(model, learning_rate=LEARNING_RATE, momentum=MOMENTUM, weight_decay=WEIGHT_DECAY):
    """Compiles a model for expressions as paper D trains: SGD, cross entropy, weight decay.

    Caffe adds `weight_decay * w` to the gradient, before momentum. The same is the gradient of
    `weight_decay / 2 * sum(w ** 2)`, which is added to the loss here (and to the loss in the
    logs). Keras' own `SGD(weight_decay=)` is another thing: it shrinks the weights beside the
    gradient, without momentum. Biases and normalisations do not decay, as in Caffe's files.

    Args:
        model: with the output `expression`. Layers that are frozen do not decay.
        learning_rate: initial rate.
        momentum: of SGD.
        weight_decay: 0 for none.

    Returns:
        `model`.

    References: paper D §3.3; Krizhevsky et al. (2012) §5.
    """
    rate = _checks.number_between("learning_rate", learning_rate, 0, 10)
    momentum = _checks.share("momentum", momentum)
    decay = _checks.share("weight_decay", weight_decay)
    # On the variables, not in the layers' configs: a saved model is free of it.
    for variable in model.trainable_variables:
        if len(variable.shape) > 1:
            variable.regularizer = keras.regularizers.L2(decay / 2) if decay else None
    model.compile(
        keras.optimizers.SGD(rate, momentum=momentum),
        loss={"expression": "sparse_categorical_crossentropy"},
        weighted_metrics={"expression": metrics.for_task("expression")},
    )
    return model


def falling_rate(learning_rate=LEARNING_RATE):
    """A callback that divides the rate by 10 every 10 epochs.

    It is a function of the epoch alone, so that a run that goes on has the right rate.

    References: paper D §3.3.
    """

    def rate(epoch, _):
        return learning_rate * STEP ** (epoch // EPOCHS_PER_STEP)

    return keras.callbacks.LearningRateScheduler(rate)

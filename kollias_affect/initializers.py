"""The initial weights that papers A and C print."""

import math

import keras


def papers(seed=None):
    """Truncated normal weights of variance 0.1 around 0, and biases of 1.

    The variance is that of the normal before it is truncated at two standard deviations, as
    TensorFlow and Keras count it: the standard deviation is the square root of 0.1.

    Args:
        seed: of the weights.

    Returns:
        dict of `kernel_initializer` and `bias_initializer`, to be passed to a layer with `**`.

    References: paper C §4.1 (fully connected layers); paper A §IV-A.
    """
    return {
        "kernel_initializer": keras.initializers.TruncatedNormal(0.0, math.sqrt(0.1), seed=seed),
        "bias_initializer": keras.initializers.Ones(),
    }

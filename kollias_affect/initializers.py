"""Initializers of the weights and biases as papers A and C describe them."""

import math

import keras


def papers(seed=None):
    """Returns initializers of truncated normal weights with variance 0.1, and of biases of 1.

    The variance is that of the normal distribution before the truncation at two standard
    deviations, as in TensorFlow and Keras: the standard deviation is the square root of 0.1.

    Args:
        seed: Seed of the weights.

    Returns:
        Dict of `kernel_initializer` and `bias_initializer`, to be passed to a layer with `**`.

    Examples:

    >>> import keras
    >>> from kollias_affect import initializers
    >>> layer = keras.layers.Dense(2, **initializers.papers(seed=0))
    >>> layer.build((None, 4))
    >>> layer.bias.numpy().tolist()
    [1.0, 1.0]

    References:
        Paper C, section 4.1 (fully connected layers). Paper A, section IV-A.
    """
    return {
        "kernel_initializer": keras.initializers.TruncatedNormal(0.0, math.sqrt(0.1), seed=seed),
        "bias_initializer": keras.initializers.Ones(),
    }

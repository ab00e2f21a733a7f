"""Initial weights of fully connected layers, as papers A and C and the authors' code have them."""

import collections.abc
import math

import keras
import numpy as np

from kollias_affect import _checks

# Standard deviation of a standard normal that is cut at two standard deviations.
_TRUNCATED = 0.8796256610342398


class PerLayer(collections.abc.Mapping):
    """Initializers for several layers, each of which gets its own draw.

    One Keras initializer gives the same numbers at each call, so that layers which share it would
    start with the same weights. This mapping is unpacked with `**` for each layer and returns
    new initializers every time. Each has an integer seed of its own, so that a layer also keeps
    its draw when Keras saves or clones it.

    Args:
        initializers: Dict from arguments of a layer, such as `kernel_initializer`, to what Keras
            takes as an initializer. A `seed` in an initializer is replaced by a series of seeds
            that follows from it; without one, every run draws other numbers, as in Keras.
        rnn: Whether they are for RNN layers too, see `for_rnn`.

    Example:

    >>> import keras
    >>> shared = PerLayer({"kernel_initializer": keras.initializers.HeNormal(seed=0)})
    >>> first, second = (keras.layers.Dense(2, **shared) for _ in range(2))
    >>> first.kernel_initializer.seed == second.kernel_initializer.seed
    False
    """

    def __init__(self, initializers, rnn=False):
        self._initializers = {
            name: keras.initializers.get(value) if isinstance(value, dict) else value
            for name, value in initializers.items()
        }
        self._draws = dict.fromkeys(self._initializers, 0)
        self._rnn = rnn

    def __getitem__(self, name):
        initializer = self._initializers[name]
        # Keras makes a new initializer of a name, and functions have no seed to replace.
        if not isinstance(initializer, keras.initializers.Initializer):
            return initializer
        config = initializer.get_config()
        if config.get("seed") is not None:
            config["seed"] = self._next_seed(name, initializer)
        return type(initializer).from_config(config)

    def __iter__(self):
        return iter(self._initializers)

    def __len__(self):
        return len(self._initializers)

    def for_rnn(self):
        """Returns the initializers of one RNN layer, `{}` if they are not for RNN layers.

        The recurrent kernel has the distribution of the kernel, and a draw of its own.
        """
        if not self._rnn or "kernel_initializer" not in self:
            return {}
        return {**self, "recurrent_initializer": self["kernel_initializer"]}

    def _next_seed(self, name, initializer):
        seed = initializer.seed
        if not isinstance(seed, int):  # `keras.random.SeedGenerator`
            return int(keras.random.randint((), 0, 2**31 - 1, seed=seed))
        position = list(self._initializers).index(name)
        words = np.random.SeedSequence([seed % 2**64, position, self._draws[name]])
        self._draws[name] += 1
        return int(words.generate_state(1)[0]) % (2**31 - 1)


def papers(seed=None, rnn=False):
    """Returns initializers of truncated normal weights with variance 0.1, and of biases of 1.

    The variance is that of the weights, after the truncation at two standard deviations. The
    normal distribution that is truncated has the standard deviation `sqrt(0.1) / 0.8796`.

    Args:
        seed: Integer, from which the seeds of all layers follow; or `None`, by which every call
            draws other numbers (`keras.utils.set_random_seed` repeats them).
        rnn: Whether `models.cnn_rnn` also draws the kernels, recurrent kernels and biases of its
            RNN layers so, as paper A prints it of "the weights" of its CNN-RNNs. Otherwise they
            have those of Keras.

    Returns:
        `PerLayer` of `kernel_initializer` and `bias_initializer`, to be unpacked with `**` for
        each layer, or passed to a network as `initializer`.

    Raises:
        ValueError: If the seed is not an integer in [0, 2**32).

    Examples:

    >>> import keras
    >>> from kollias_affect import initializers
    >>> options = initializers.papers(seed=0)
    >>> layers = [keras.layers.Dense(500, **options) for _ in range(2)]
    >>> for layer in layers:
    ...     layer.build((None, 500))
    >>> [round(float(layer.kernel.numpy().var()), 3) for layer in layers]
    [0.1, 0.1]
    >>> bool((layers[0].kernel.numpy() == layers[1].kernel.numpy()).any())
    False
    >>> layers[0].bias.numpy()[:3].tolist()
    [1.0, 1.0, 1.0]

    References:
        Paper A, section IV-A (NetA, NetB). Paper C, section 4.1.1 (the baseline, CNN-M).
    """
    return _truncated_normal(math.sqrt(0.1) / _TRUNCATED, keras.initializers.Ones(), seed, rnn)


def authors(seed=None):
    """Returns initializers of truncated normal weights of stddev 0.01, and of biases of 0.

    The standard deviation is that of the normal distribution before its truncation at two
    standard deviations, as TensorFlow counts it.

    Args:
        seed: See `papers`.

    Returns:
        `PerLayer`, see `papers`.

    Raises:
        ValueError: See `papers`.

    Example:

    >>> import keras
    >>> from kollias_affect import initializers
    >>> layer = keras.layers.Dense(2, **initializers.authors(seed=0))
    >>> layer.build((None, 4))
    >>> bool(abs(layer.kernel.numpy()).max() <= 0.02), layer.bias.numpy().tolist()
    (True, [0.0, 0.0])

    References:
        The code that the authors of papers B and C published; it sets the output layer of
        AffWildNet on ResNet-50 (`affwildnet/resnet-gru`) so.
    """
    return _truncated_normal(0.01, keras.initializers.Zeros(), seed)


def _truncated_normal(stddev, bias, seed, rnn=False):
    if seed is not None:
        seed = _checks.integer_between("seed", seed, 0, 2**32 - 1)
    kernel = keras.initializers.TruncatedNormal(0.0, stddev, seed=seed)
    return PerLayer({"kernel_initializer": kernel, "bias_initializer": bias}, rnn)


def _of_keras(seed=None):
    """Returns no initializers: layers then have those of Keras."""
    del seed  # `keras.utils.set_random_seed` is the seed of layers without an initializer.
    return PerLayer({})


INITIALIZERS = {"authors": authors, "papers": papers, "keras": _of_keras}
"""Dict from a name that networks take as `initializer` to a function of a seed."""


def resolve(initializer, seed=None):
    """Returns the initializers that a name stands for, or a dict as one draw for each layer.

    Args:
        initializer: Name in `INITIALIZERS`; `None` for those of Keras; or a dict of initializers.
        seed: Seed of what a name stands for.

    Returns:
        `PerLayer`.

    Raises:
        ValueError: If the name is unknown.

    Example:

    >>> sorted(resolve("authors"))
    ['bias_initializer', 'kernel_initializer']
    >>> dict(resolve(None))
    {}
    """
    if isinstance(initializer, PerLayer):
        return initializer
    if isinstance(initializer, collections.abc.Mapping):
        return PerLayer(initializer)
    name = "keras" if initializer is None else initializer
    return INITIALIZERS[_checks.one_of("initializer", name, INITIALIZERS)](seed)

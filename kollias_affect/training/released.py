"""Memory that TensorFlow would keep of every network that a process has trained."""

import contextlib

from tensorflow.python.framework import ops

_PREFIX = "CustomGradient-"


@contextlib.contextmanager
def gradients_released():
    """Gives back the memory of the networks that are trained in the block.

    While TensorFlow traces the step of a training, it enters the gradients of recurrent layers
    and of some others in a table of the process. No entry is ever removed, and each holds the
    graph of its step: a process that trains hundreds of small networks grows by tens of megabytes
    a network. The step itself does not need the entries once it is traced, so those of the block
    are removed at its end.

    Example:

    >>> import keras, numpy as np
    >>> model = keras.Sequential([keras.Input((4, 3)), keras.layers.GRU(2)])
    >>> model.compile("sgd", "mse")
    >>> with gradients_released():
    ...     _ = model.fit(np.zeros((2, 4, 3)), np.zeros((2, 2)), verbose=0)
    """
    # TensorFlow has no public name for this table. Without it, nothing is released.
    registry = getattr(getattr(ops, "gradient_registry", None), "_registry", {})
    before = set(registry)
    try:
        yield
    finally:
        for name in [name for name in registry if name.startswith(_PREFIX)]:
            if name not in before:
                del registry[name]

"""The learnt weight of a task among several."""

import keras
from keras import layers


@keras.saving.register_keras_serializable(package="kollias_affect")
class TaskUncertainty(layers.Layer):
    """Passes the outputs of a task on, and holds the logarithm of the task's variance.

    `training.compile_model` weighs the loss of the task by `exp(-log_variance)` and adds
    `log_variance / 2`, so that the network learns how much each task counts.

    Args:
        **kwargs: Arguments of `keras.layers.Layer`.

    Example:

    >>> import numpy as np
    >>> layer = TaskUncertainty()
    >>> layer(np.ones((1, 2))).numpy().tolist(), float(layer.log_variance)
    ([[1.0, 1.0]], 0.0)

    References: Kendall, Gal and Cipolla, "Multi-task learning using uncertainty to weigh losses
        for scene geometry and semantics" (CVPR 2018), eq. 7 to 10.
    """

    def build(self, input_shape):
        """Creates the variable, 0 at first: all tasks count alike."""
        self.log_variance = self.add_weight((), "zeros", "float32", name="log_variance")

    def call(self, inputs):
        """Returns the inputs."""
        return inputs

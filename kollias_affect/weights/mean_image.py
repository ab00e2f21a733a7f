"""The mean image that a file of published weights holds."""

import numpy as np

from kollias_affect.weights import arrays


def mean_image(path):
    """Reads the mean image of a file of weights.

    Importers fold the mean colour into the first convolution. A mean image differs from place to
    place, which a convolution cannot express; `transfer.network` subtracts the difference.

    Args:
        path: File of published weights. Only `.mat` files of MatConvNet can have a mean image,
            `averageImage`.

    Returns:
        float32 `[height, width, 3]`, RGB in 0-255; `None` if the file has none, or a mean colour.

    Raises:
        OSError: If the file does not exist.
        ValueError: If it is damaged.

    References: Chatfield et al. (2014); Krizhevsky et al. (2012) §2.
    """
    if arrays.kind(path) != "mat":
        return None
    _, average = arrays.read_matconvnet_layers(path)
    if average is None or np.ndim(average) != 3 or np.shape(average)[:2] == (1, 1):
        return None
    return np.asarray(average, "float32")

"""Images and outputs as arrays."""

import numpy as np


def unit_range(images):
    """Returns uint8 images as float32 in [-1, 1].

    Example:

    >>> import numpy as np
    >>> unit_range(np.array([0, 255], np.uint8)).tolist()
    [-1.0, 1.0]
    """
    return images.astype(np.float32) / np.float32(127.5) - 1


def map_outputs(function, outputs):
    """Applies a function to an array, or to all arrays of a dict."""
    if isinstance(outputs, dict):
        return {name: function(values) for name, values in outputs.items()}
    return function(outputs)

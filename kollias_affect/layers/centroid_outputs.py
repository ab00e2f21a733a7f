"""Outputs computed from distances to class centroids: paper A's `1 - f(V)`."""

import keras
import numpy as np
from keras import ops

from kollias_affect import _checks

NORMALIZATIONS = ("softmax", "linear")


def centroid_values(centroids):
    """Returns checked centroids as a float32 array.

    Args:
        centroids: Array or nested list `[classes, units]`, or an object with such an array as
            its attribute `values`, e.g. `adaptation.Centroids`.

    Returns:
        float32 array `[classes, units]`.

    Raises:
        ValueError: If the centroids have another shape or are not finite.
    """
    rule = "`centroids` must be finite numbers of shape [classes, units]"
    try:
        values = np.asarray(getattr(centroids, "values", centroids), np.float32)
    except (TypeError, ValueError):
        raise ValueError(f"{rule}. Received: {type(centroids)}. Pass an array.") from None
    if values.ndim != 2 or 0 in values.shape or not np.isfinite(values).all():
        infinite = int((~np.isfinite(values)).sum())
        raise ValueError(
            f"{rule}. Received: shape {values.shape} with {infinite} NaN or infinite. "
            "Compute them with `adaptation.Centroids.fit`."
        )
    return values


def positive_scale(scale):
    """Returns `scale` as a `float` above 0, else raises `ValueError`."""
    return _checks.number_between("scale", scale, 0, float("inf"))


def relative_distances(representation, centroids):
    """Computes squared distances to the centroids, up to a constant shared by all centroids.

    Formula: `|z_i|^2 - 2 z_i . x`, where `z_i` is the centroid and `x` the representation, both
    relative to the first centroid. `|x|^2`, which can be large, is left out.

    Args:
        representation: Tensor `[..., units]`.
        centroids: Tensor `[classes, units]`.

    Returns:
        Tensor `[..., classes]`, smallest for the nearest centroid.
    """
    return _relative(*_centred(representation, centroids))


def centroid_outputs(representation, centroids, normalization="linear", scale=1.0):
    """Computes the proximity of a representation to each centroid, paper A's `1 - f(V)`.

    Formula: `V_i = |Z_i - X|^2` (eq. 6 and 7). `f` is the softmax of `V / scale` over the
    classes, or `V_i / sum(V)`. If all distances are 0, the linear `f` is `1 / classes`.

    Args:
        representation: Tensor X, `[..., units]`.
        centroids: Tensor Z, `[classes, units]`.
        normalization: `"softmax"` or `"linear"`.
        scale: Positive number that divides the distances; the paper uses 1. A larger scale
            keeps the softmax from saturating at large distances. It does not affect the linear
            form.

    Returns:
        Tensor `[..., classes]` in [0, 1]; the sum over the classes is `classes - 1`. The dtype
        is float64, except on JAX, where it is float32.

    Examples:

    >>> from kollias_affect.layers.centroid_outputs import centroid_outputs
    >>> outputs = centroid_outputs([[1.0, 0.0]], [[0.0, 0.0], [4.0, 0.0]], "linear")
    >>> [[round(float(value), 2) for value in row] for row in outputs]
    [[0.9, 0.1]]

    References:
        Paper A, eq. 6-8.
    """
    z, x = _centred(representation, centroids)
    if normalization == "softmax":
        return 1 - ops.softmax(_relative(z, x) / scale, axis=-1)
    distances = _relative(z, x) + ops.sum(x * x, axis=-1, keepdims=True)
    total = ops.sum(distances, axis=-1, keepdims=True)
    apart = total > 0
    return 1 - ops.where(apart, distances / ops.where(apart, total, 1), 1 / z.shape[0])


def _centred(representation, centroids):
    """Returns both relative to the first centroid, as precisely as the backend allows.

    Equal points are then exactly 0, and no value is much larger than the distances, so that
    their sum does not cancel.
    """
    dtype = "float32" if keras.backend.backend() == "jax" else "float64"
    z, x = ops.cast(centroids, dtype), ops.cast(representation, dtype)
    return z - z[0], x - z[0]


def _relative(z, x):
    return ops.sum(z * z, axis=-1) - 2 * ops.matmul(x, ops.transpose(z))


@keras.saving.register_keras_serializable(package="kollias_affect")
class CentroidOutputs(keras.layers.Layer):
    """Layer of `centroid_outputs` whose centroids are a weight that is not trained.

    The input is `[..., units]`, the output float32 `[..., classes]`, largest for the nearest
    centroid. The weight `centroids`, `[classes, units]`, is zero until `set_weights`.

    The softmax saturates: many outputs are exactly 1 in single precision. The layer therefore
    subtracts one last bit (1.2e-7) from an output for each centroid that is nearer, so that the
    order of the outputs is that of the distances.

    Args:
        classes: Number of centroids.
        normalization: `"softmax"` or `"linear"`.
        scale: Scale of the distances, see `centroid_outputs`.
        **kwargs: Arguments of `keras.layers.Layer`. The default `dtype` is float32 under any
            policy.

    Raises:
        ValueError: If an argument is out of its range.

    Examples:

    >>> import numpy as np
    >>> from kollias_affect import layers
    >>> layer = layers.CentroidOutputs(classes=2)
    >>> layer.build((None, 2))
    >>> layer.set_weights([np.array([[0.0, 0.0], [4.0, 0.0]])])
    >>> int(np.argmax(layer(np.array([[1.0, 0.0]]))))
    0

    References:
        Paper A, eq. 6-8.
    """

    def __init__(self, classes, normalization="linear", scale=1.0, **kwargs):
        super().__init__(**{"dtype": "float32", **kwargs})
        self.classes = _checks.positive_integer("classes", classes)
        self.normalization = _checks.one_of("normalization", normalization, NORMALIZATIONS)
        self.scale = positive_scale(scale)

    def build(self, input_shape):
        """Creates the weight for representations of shape `[..., units]`."""
        self.centroids = self.add_weight(
            (self.classes, input_shape[-1]),
            initializer="zeros",
            trainable=False,
            name="centroids",
        )

    def call(self, inputs):
        """Computes `1 - f(V)`, `[..., classes]`, of representations `[..., units]`."""
        outputs = centroid_outputs(inputs, self.centroids, self.normalization, self.scale)
        outputs = ops.cast(outputs, self.compute_dtype)
        nearer = ops.argsort(ops.argsort(relative_distances(inputs, self.centroids)))
        last_bit = 2.0**-23
        return ops.maximum(outputs - last_bit * ops.cast(nearer, self.compute_dtype), 0)

    def compute_output_shape(self, input_shape):
        """Returns `[..., classes]`."""
        return (*input_shape[:-1], self.classes)

    def get_config(self):
        """Returns the arguments of `__init__`."""
        return {
            **super().get_config(),
            "classes": self.classes,
            "normalization": self.normalization,
            "scale": self.scale,
        }

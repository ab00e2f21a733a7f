"""From a representation and class centroids to one output per class: paper A's `1 - f(V)`."""

import keras
import numpy as np
from keras import ops

from kollias_affect import _checks

NORMALIZATIONS = ("softmax", "linear")


def centroid_values(centroids):
    """Centroids as float32 `[classes, units]`.

    Args:
        centroids: array or nested list of that shape, or anything that carries one as `values`,
            such as `adaptation.Centroids`.

    Raises:
        ValueError: if the shape is another one, or a value is not finite.
    """
    rule = "`centroids` must be finite numbers of shape [classes, units]"
    try:
        values = np.asarray(getattr(centroids, "values", centroids), np.float32)
    except (TypeError, ValueError):
        raise ValueError(f"{rule}. Received: {type(centroids)}. Pass an array.") from None
    if values.ndim != 2 or 0 in values.shape or not np.isfinite(values).all():
        infinite = int((~np.isfinite(values)).sum())
        raise ValueError(
            f"{rule}. Received: shape {values.shape}, {infinite} of the values NaN or infinite. "
            "Compute them with `adaptation.Centroids.fit`."
        )
    return values


def positive_scale(scale):
    """Returns `scale` as a `float` above 0, else raises `ValueError`."""
    return _checks.number_between("scale", scale, 0, float("inf"))


def relative_distances(representation, centroids):
    """Squared distances to the centroids, less a number that is the same for all of them.

    Formula: `|z_i|^2 - 2 z_i . x`, with `z_i` and `x` the centroid and the representation
    seen from the first centroid. `|x|^2`, which can be large, never enters.

    Args:
        representation: `[..., units]`.
        centroids: `[classes, units]`.

    Returns:
        `[..., classes]`; the smallest belongs to the nearest centroid.
    """
    return _relative(*_centred(representation, centroids))


def centroid_outputs(representation, centroids, normalization="softmax", scale=1.0):
    """Paper A's `1 - f(V)`: how near a representation is to each centroid.

    Formula: `V_i = |Z_i - X|^2` (eq. 6 and 7); `f` is the softmax of `V / scale` over the
    classes, or `V_i / sum(V)`. Where all distances are 0 the linear `f` is `1 / classes`.

    Args:
        representation: X, `[..., units]`.
        centroids: Z, `[classes, units]`.
        normalization: `"softmax"` or `"linear"`.
        scale: the paper has 1. A larger one keeps the softmax from saturating where distances
            are large; it does not touch the linear form.

    Returns:
        `[..., classes]`, in [0, 1]; their sum is `classes - 1`. In double precision, except on
        JAX, which has none unless it is switched on.

    References: paper A eq. 6–8.
    """
    z, x = _centred(representation, centroids)
    if normalization == "softmax":
        return 1 - ops.softmax(_relative(z, x) / scale, axis=-1)
    distances = _relative(z, x) + ops.sum(x * x, axis=-1, keepdims=True)
    total = ops.sum(distances, axis=-1, keepdims=True)
    apart = total > 0
    return 1 - ops.where(apart, distances / ops.where(apart, total, 1), 1 / z.shape[0])


def _centred(representation, centroids):
    """Both as seen from the first centroid, as precise as the backend allows.

    What is equal there is exactly 0, and nothing is larger than a few of the distances, so that
    their sum does not cancel.
    """
    dtype = "float32" if keras.backend.backend() == "jax" else "float64"
    z, x = ops.cast(centroids, dtype), ops.cast(representation, dtype)
    return z - z[0], x - z[0]


def _relative(z, x):
    return ops.sum(z * z, axis=-1) - 2 * ops.matmul(x, ops.transpose(z))


@keras.saving.register_keras_serializable(package="kollias_affect")
class CentroidOutputs(keras.layers.Layer):
    """`centroid_outputs` as a layer whose centroids are a weight that is not trained.

    `[..., units]` becomes float32 `[..., classes]`, whose largest output is that of the nearest
    centroid. The weight `centroids`, `[classes, units]`, is zero until `set_weights`.

    The softmax saturates: single precision holds many outputs for exactly 1. The layer then
    takes one last bit (1.2e-7) from an output for each centroid that is nearer, so that the
    order stays that of the distances.

    Args:
        classes: number of centroids.
        normalization: `"softmax"` or `"linear"`.
        scale: see `centroid_outputs`.
        **kwargs: of `keras.layers.Layer`. The default `dtype` is float32 under any policy.

    Raises:
        ValueError: if an argument is out of its range.

    References: paper A eq. 6–8.
    """

    def __init__(self, classes, normalization="softmax", scale=1.0, **kwargs):
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
        """`1 - f(V)` of representations `[..., units]`, `[..., classes]`."""
        outputs = centroid_outputs(inputs, self.centroids, self.normalization, self.scale)
        outputs = ops.cast(outputs, self.compute_dtype)
        nearer = ops.argsort(ops.argsort(relative_distances(inputs, self.centroids)))
        last_bit = 2.0**-23
        return ops.maximum(outputs - last_bit * ops.cast(nearer, self.compute_dtype), 0)

    def compute_output_shape(self, input_shape):
        """`[..., classes]`."""
        return (*input_shape[:-1], self.classes)

    def get_config(self):
        """The arguments of `__init__`."""
        return {
            **super().get_config(),
            "classes": self.classes,
            "normalization": self.normalization,
            "scale": self.scale,
        }

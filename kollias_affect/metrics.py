"""The concordance correlation coefficient, exact over a whole set of frames."""

import keras
from keras import ops

# Below this the moments of float32 data are rounding noise: both sides are constant and equal.
_TINY = 1e-12


def ccc(y_true, y_pred, sample_weight=None):
    """Concordance correlation coefficient per affect dimension.

    Formula: `2 cov / (var_true + var_pred + (mean_true - mean_pred)**2)`, with population
    moments in which the weights act.

    Args:
        y_true: `[..., dims]`, valence then arousal.
        y_pred: same shape.
        sample_weight: `None`, or of a shape that the leading axes of `y_true` begin with
            (`[batch]`, `[batch, length]`); weight 0 leaves a frame out.

    Returns:
        `[dims]`, in [-1, 1]; 0 where labels or predictions are constant, or nothing has weight.

    References: paper B eq. 2; Lin (1989).
    """
    return ccc_of_moments(moments(y_true, y_pred, sample_weight))


def moments(y_true, y_pred, sample_weight=None):
    """Weighted sufficient statistics of the CCC.

    Returns:
        `[6, dims]`: sum of weights, mean of labels, mean of predictions, and the weighted sums
        of squared deviations of labels, of predictions, and of their products.
    """
    y_pred = ops.convert_to_tensor(y_pred)
    dtype = keras.backend.standardize_dtype(y_pred.dtype)
    dtype = "float64" if dtype == "float64" else "float32"  # half precision would overflow
    y_true, y_pred = ops.cast(y_true, dtype), ops.cast(y_pred, dtype)
    weights = _frame_weights(y_pred, sample_weight, dtype)
    dims = y_pred.shape[-1]
    y_true = ops.reshape(y_true, (-1, dims))
    y_pred = ops.reshape(y_pred, (-1, dims))
    # Frames without weight may hold anything, NaN included.
    y_true = ops.where(weights > 0, y_true, 0)
    y_pred = ops.where(weights > 0, y_pred, 0)
    total = ops.sum(weights, axis=0)
    divisor = ops.where(total > 0, total, 1)
    mean_true = ops.sum(weights * y_true, axis=0) / divisor
    mean_pred = ops.sum(weights * y_pred, axis=0) / divisor
    d_true, d_pred = y_true - mean_true, y_pred - mean_pred
    squares = [
        ops.sum(weights * product, axis=0)
        for product in (d_true * d_true, d_pred * d_pred, d_true * d_pred)
    ]
    return ops.stack([total, mean_true, mean_pred, *squares])


def merge_moments(a, b):
    """The moments of two sets together (Chan, Golub & LeVeque 1983); shapes `[6, dims]`."""
    total = a[0] + b[0]
    share = b[0] / ops.where(total > 0, total, 1)
    step_true, step_pred = b[1] - a[1], b[2] - a[2]
    between = a[0] * share
    return ops.stack(
        [
            total,
            a[1] + step_true * share,
            a[2] + step_pred * share,
            a[3] + b[3] + step_true * step_true * between,
            a[4] + b[4] + step_pred * step_pred * between,
            a[5] + b[5] + step_true * step_pred * between,
        ]
    )


def ccc_of_moments(m):
    """CCC per dimension from `moments`, `[6, dims]`."""
    total = ops.where(m[0] > 0, m[0], 1)
    denominator = (m[3] + m[4]) / total + (m[1] - m[2]) ** 2
    varied = denominator > _TINY
    return ops.where(varied, 2 * m[5] / total / ops.where(varied, denominator, 1), 0)


def _frame_weights(y_pred, sample_weight, dtype):
    """Weights as `[frames, dims]`."""
    dims = y_pred.shape[-1]
    if sample_weight is None:
        return ops.ones_like(ops.reshape(y_pred, (-1, dims)))
    weights = ops.cast(sample_weight, dtype)
    while len(weights.shape) < len(y_pred.shape):
        weights = ops.expand_dims(weights, -1)
    return ops.reshape(ops.broadcast_to(weights, ops.shape(y_pred)), (-1, dims))


@keras.saving.register_keras_serializable(package="kollias_affect")
class CCC(keras.metrics.Metric):
    """CCC over everything seen since the last reset, whatever the batches were.

    Sufficient statistics are accumulated, so the value is that of the whole corpus and not a
    mean of values per batch (which is what `keras.metrics.ConcordanceCorrelation` gives).

    Args:
        dimension: `None` for the mean over the dimensions, or the index of one (0 valence,
            1 arousal).
        dims: number of dimensions of the labels.
        name: name in the logs.

    `result()` is a scalar in [-1, 1]; `per_dimension()` has one value per dimension.

    References: paper B eq. 2; Lin (1989).
    """

    def __init__(self, dimension=None, dims=2, name="ccc", **kwargs):
        super().__init__(name=name, **kwargs)
        self.dimension = dimension
        self.dims = dims
        # Sums over millions of frames; JAX has no float64 unless it is switched on.
        dtype = "float32" if keras.backend.backend() == "jax" else "float64"
        self.moments = self.add_variable(
            (6, dims), initializer="zeros", dtype=dtype, name="moments"
        )

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Takes in one batch; see `ccc` for the shapes."""
        y_pred = ops.cast(y_pred, self.moments.dtype)
        batch = moments(y_true, y_pred, sample_weight)
        self.moments.assign(merge_moments(self.moments, ops.cast(batch, self.moments.dtype)))

    def per_dimension(self):
        """CCC of each dimension, `[dims]`."""
        return ccc_of_moments(self.moments)

    def result(self):
        """The mean over the dimensions, or the value of `dimension`."""
        values = self.per_dimension()
        return ops.mean(values) if self.dimension is None else values[self.dimension]

    def get_config(self):
        """The arguments of `__init__`."""
        return {**super().get_config(), "dimension": self.dimension, "dims": self.dims}


def for_task(task):
    """The metrics to compile a model of `task` with.

    Returns:
        list of Keras metrics: for `"valence_arousal"` the mean CCC (`ccc`), each dimension's
        (`ccc_valence`, `ccc_arousal`) and the mean squared error; for one dimension its CCC and
        error; for `"expression"` the accuracy.
    """
    if task == "expression":
        return [keras.metrics.SparseCategoricalAccuracy(name="accuracy")]
    error = keras.metrics.MeanSquaredError(name="mse")
    if task != "valence_arousal":
        return [CCC(dims=1), error]
    each = [CCC(i, name=f"ccc_{name}") for i, name in enumerate(("valence", "arousal"))]
    return [CCC(), *each, error]

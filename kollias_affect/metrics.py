"""The CCC, exact over a whole set of frames, and the accuracy of the nearest centroid."""

import keras
from keras import ops

from kollias_affect import _checks
from kollias_affect.layers import centroid_outputs as rules

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
    _, *rest = moments(y_true, y_pred, sample_weight)
    return _ccc(*rest)


def moments(y_true, y_pred, sample_weight=None):
    """Weighted population moments of labels and predictions.

    Args:
        y_true, y_pred, sample_weight: see `ccc`.

    Returns:
        `(total, mean_true, mean_pred, var_true, var_pred, cov)`, each `[dims]`; `total` is the
        sum of the weights.
    """
    y_true, y_pred, weights = _frames(y_true, y_pred, sample_weight)
    total = ops.sum(weights, axis=0)
    divisor = ops.where(total > 0, total, 1)

    def mean(values):
        return ops.sum(weights * values, axis=0) / divisor

    mean_true, mean_pred = mean(y_true), mean(y_pred)
    d_true, d_pred = y_true - mean_true, y_pred - mean_pred
    # The rounding errors of the means; without them constants would seem to vary together.
    e_true, e_pred = mean(d_true), mean(d_pred)
    var_true = mean(d_true * d_true) - e_true * e_true
    var_pred = mean(d_pred * d_pred) - e_pred * e_pred
    cov = mean(d_true * d_pred) - e_true * e_pred
    return total, mean_true + e_true, mean_pred + e_pred, var_true, var_pred, cov


def _ccc(mean_true, mean_pred, var_true, var_pred, cov):
    denominator = var_true + var_pred + (mean_true - mean_pred) ** 2
    varied = denominator > _TINY
    return ops.where(varied, 2 * cov / ops.where(varied, denominator, 1), 0)


def _frames(y_true, y_pred, sample_weight):
    """Labels, predictions and weights as `[frames, dims]`, at least in single precision."""
    y_pred = ops.convert_to_tensor(y_pred)
    dtype = keras.backend.standardize_dtype(y_pred.dtype)
    dtype = "float64" if dtype == "float64" else "float32"  # half precision would overflow
    y_true, y_pred = ops.cast(y_true, dtype), ops.cast(y_pred, dtype)
    weights = _frame_weights(y_pred, sample_weight, dtype)
    y_true = ops.reshape(y_true, (-1, y_pred.shape[-1]))
    y_pred = ops.reshape(y_pred, (-1, y_pred.shape[-1]))
    # Frames without weight may hold anything, NaN included.
    return ops.where(weights > 0, y_true, 0), ops.where(weights > 0, y_pred, 0), weights


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
        if dimension is not None:
            _checks.one_of("dimension", dimension, range(dims))
        self.dimension = dimension
        self.dims = dims
        # JAX has no float64 unless it is switched on.
        dtype = "float32" if keras.backend.backend() == "jax" else "float64"
        self.sums = self.add_variable((6, dims), initializer="zeros", dtype=dtype, name="sums")

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Takes in one batch; see `ccc` for the shapes."""
        y_true, y_pred, weights = _frames(y_true, ops.cast(y_pred, self.sums.dtype), sample_weight)
        # Plain sums: the replicas of a distributed model add theirs up.
        products = (1, y_true, y_pred, y_true * y_true, y_pred * y_pred, y_true * y_pred)
        batch = ops.stack([ops.sum(weights * product, axis=0) for product in products])
        self.sums.assign_add(ops.cast(batch, self.sums.dtype))

    def per_dimension(self):
        """CCC of each dimension, `[dims]`."""
        total = ops.where(self.sums[0] > 0, self.sums[0], 1)
        mean_true, mean_pred, square_true, square_pred, product = (
            self.sums[i] / total for i in range(1, 6)
        )
        return _ccc(
            mean_true,
            mean_pred,
            square_true - mean_true**2,
            square_pred - mean_pred**2,
            product - mean_true * mean_pred,
        )

    def result(self):
        """The mean over the dimensions, or the value of `dimension`."""
        values = self.per_dimension()
        return ops.mean(values) if self.dimension is None else values[self.dimension]

    def get_config(self):
        """The arguments of `__init__`."""
        return {**super().get_config(), "dimension": self.dimension, "dims": self.dims}


@keras.saving.register_keras_serializable(package="kollias_affect")
class CentroidAccuracy(keras.metrics.Mean):
    """Share of the samples whose representation is nearest to the centroid of its class.

    Args:
        centroids: `[classes, units]`: an array or `adaptation.Centroids`, kept as float32.
        name: name in the logs.

    References: paper A §III.
    """

    def __init__(self, centroids, name="accuracy", **kwargs):
        super().__init__(name=name, **kwargs)
        self.centroids = rules.centroid_values(centroids)

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Takes in one batch.

        Args:
            y_true: one-hot `[..., classes]`, or class numbers `[...]`.
            y_pred: representations, `[..., units]`.
            sample_weight: `None` or `[...]`.
        """
        y_true, y_pred = ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred)
        if len(y_true.shape) == len(y_pred.shape):
            y_true = ops.argmax(y_true, axis=-1)
        nearest = ops.argmin(rules.relative_distances(y_pred, self.centroids), axis=-1)
        hits = ops.cast(y_true, "int32") == ops.cast(nearest, "int32")
        super().update_state(ops.cast(hits, "float32"), sample_weight)

    def get_config(self):
        """The arguments of `__init__`, the centroids as nested lists."""
        return {**super().get_config(), "centroids": self.centroids.tolist()}


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

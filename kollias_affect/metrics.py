"""CCC and F1, exact over a complete set of frames, and the accuracy of the nearest centroid."""

import keras
from keras import ops

from kollias_affect import _checks
from kollias_affect.layers import centroid_outputs as rules
from kollias_affect.tasks import DIMENSIONS, TASKS, label_field

# Below this the moments of float32 data are rounding errors of equal constants.
_TINY = 1e-12


def ccc(y_true, y_pred, sample_weight=None):
    """Computes the concordance correlation coefficient (CCC) of each affect dimension.

    Formula: `2 cov / (var_true + var_pred + (mean_true - mean_pred)**2)`, with weighted population
    moments.

    Args:
        y_true: Labels `[..., dims]`, valence then arousal.
        y_pred: Predictions of the same shape.
        sample_weight: `None`, or weights whose shape is the leading axes of `y_true` (`[batch]`,
            `[batch, length]`). Weight 0 leaves a frame out.

    Returns:
        `[dims]`, in [-1, 1]; 0 where labels or predictions are constant, or no frame has weight.

    Example:

    >>> import numpy as np
    >>> labels = np.array([[0.0, 0.1], [0.5, 0.3], [1.0, 0.8]])
    >>> ccc(labels, labels + 0.5).numpy().round(2).tolist()
    [0.57, 0.41]

    References: Paper B, eq. 2; Lin (1989).
    """
    _, *statistics = moments(y_true, y_pred, sample_weight)
    return _ccc(*statistics)


def moments(y_true, y_pred, sample_weight=None):
    """Computes weighted population moments of labels and predictions.

    Args:
        y_true, y_pred, sample_weight: See `ccc`.

    Returns:
        `(total, mean_true, mean_pred, var_true, var_pred, cov)`, each `[dims]`; `total` is the sum
        of the weights.

    Example:

    >>> import numpy as np
    >>> total, mean, *_ = moments(np.array([[0.0], [1.0]]), np.zeros((2, 1)), np.array([1, 3]))
    >>> float(total[0]), float(mean[0])
    (4.0, 0.75)
    """
    y_true, y_pred, weights = _frames(y_true, y_pred, sample_weight)
    total = ops.sum(weights, axis=0)
    divisor = ops.where(total > 0, total, 1)

    def mean(values):
        return ops.sum(weights * values, axis=0) / divisor

    mean_true, mean_pred = mean(y_true), mean(y_pred)
    d_true, d_pred = y_true - mean_true, y_pred - mean_pred
    # Rounding errors of the means. Without this correction constants would have a covariance.
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
    """Returns labels, predictions and weights as `[frames, dims]`, float32 or float64."""
    y_pred = ops.convert_to_tensor(y_pred)
    dtype = keras.backend.standardize_dtype(y_pred.dtype)
    dtype = "float64" if dtype == "float64" else "float32"  # half precision would overflow
    y_true, y_pred = ops.cast(y_true, dtype), ops.cast(y_pred, dtype)
    weights = _frame_weights(y_pred, sample_weight, dtype)
    y_true = ops.reshape(y_true, (-1, y_pred.shape[-1]))
    y_pred = ops.reshape(y_pred, (-1, y_pred.shape[-1]))
    # Frames of weight 0 may contain anything, including NaN.
    return ops.where(weights > 0, y_true, 0), ops.where(weights > 0, y_pred, 0), weights


def _frame_weights(y_pred, sample_weight, dtype):
    """Returns weights as `[frames, dims]`."""
    dims = y_pred.shape[-1]
    if sample_weight is None:
        return ops.ones_like(ops.reshape(y_pred, (-1, dims)), dtype=dtype)
    weights = ops.cast(sample_weight, dtype)
    while len(weights.shape) < len(y_pred.shape):
        weights = ops.expand_dims(weights, -1)
    return ops.reshape(ops.broadcast_to(weights, ops.shape(y_pred)), (-1, dims))


@keras.saving.register_keras_serializable(package="kollias_affect")
class CCC(keras.metrics.Metric):
    """CCC over all batches since the last reset, independent of how the data is batched.

    The metric accumulates sufficient statistics, so its value belongs to the complete corpus. It is
    not a mean over batches, as `keras.metrics.ConcordanceCorrelation` is. `result()` is a scalar in
    [-1, 1]; `per_dimension()` has one value per dimension.

    Args:
        dimension: `None` for the mean over the dimensions, or the index of one (0 valence, 1
            arousal).
        dims: Number of dimensions of the labels.
        name: Name in the logs.
        **kwargs: Arguments of `keras.metrics.Metric`.

    Example:

    >>> import numpy as np
    >>> labels = np.array([[0.0, 0.1], [0.5, 0.3], [1.0, 0.8]])
    >>> metric = CCC()
    >>> metric.update_state(labels[:2], labels[:2] + 0.5)
    >>> metric.update_state(labels[2:], labels[2:] + 0.5)
    >>> round(float(metric.result()), 2)
    0.49

    References: Paper B, eq. 2; Lin (1989).
    """

    def __init__(self, dimension=None, dims=2, name="ccc", **kwargs):
        super().__init__(name=name, **kwargs)
        if dimension is not None:
            _checks.one_of("dimension", dimension, range(dims))
        self.dimension = dimension
        self.dims = dims
        # JAX has no float64 by default.
        dtype = "float32" if keras.backend.backend() == "jax" else "float64"
        self.sums = self.add_variable((6, dims), initializer="zeros", dtype=dtype, name="sums")

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Accumulates one batch; see `ccc` for the shapes."""
        y_true, y_pred, weights = _frames(y_true, ops.cast(y_pred, self.sums.dtype), sample_weight)
        # Plain sums, which the replicas of a distributed model can add.
        products = (1, y_true, y_pred, y_true * y_true, y_pred * y_pred, y_true * y_pred)
        batch = ops.stack([ops.sum(weights * product, axis=0) for product in products])
        self.sums.assign_add(ops.cast(batch, self.sums.dtype))

    def per_dimension(self):
        """Returns the CCC of each dimension, `[dims]`."""
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
        """Returns the mean over the dimensions, or the value of `dimension`."""
        values = self.per_dimension()
        return ops.mean(values) if self.dimension is None else values[self.dimension]

    def get_config(self):
        """Returns the arguments of `__init__`."""
        return {**super().get_config(), "dimension": self.dimension, "dims": self.dims}


@keras.saving.register_keras_serializable(package="kollias_affect")
class CentroidAccuracy(keras.metrics.Mean):
    """Share of the samples whose nearest centroid is that of their class.

    Args:
        centroids: Centroids `[classes, units]`: an array or `adaptation.Centroids`; stored as
            float32.
        name: Name in the logs.
        **kwargs: Arguments of `keras.metrics.Mean`.

    Example:

    >>> import numpy as np
    >>> metric = CentroidAccuracy([[0.0, 0.0], [1.0, 0.0]])
    >>> metric.update_state(np.array([0, 1]), np.array([[0.1, 0.0], [0.2, 0.0]]))
    >>> float(metric.result())
    0.5

    References: Paper A, §III.
    """

    def __init__(self, centroids, name="accuracy", **kwargs):
        super().__init__(name=name, **kwargs)
        self.centroids = rules.centroid_values(centroids)

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Accumulates one batch.

        Args:
            y_true: One-hot labels `[..., classes]`, or class numbers `[...]`.
            y_pred: Representations, `[..., units]`.
            sample_weight: `None` or weights `[...]`.
        """
        y_true, y_pred = ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred)
        if len(y_true.shape) == len(y_pred.shape):
            y_true = ops.argmax(y_true, axis=-1)
        nearest = ops.argmin(rules.relative_distances(y_pred, self.centroids), axis=-1)
        hits = ops.cast(y_true, "int32") == ops.cast(nearest, "int32")
        super().update_state(ops.cast(hits, "float32"), sample_weight)

    def get_config(self):
        """Returns the arguments of `__init__`, the centroids as nested lists."""
        return {**super().get_config(), "centroids": self.centroids.tolist()}


class _F1(keras.metrics.Metric):
    """Mean F1 over classes or units that occur as labels, from sums over all batches."""

    def __init__(self, count, name, **kwargs):
        super().__init__(name=name, **kwargs)
        # JAX has no float64 by default.
        dtype = "float32" if keras.backend.backend() == "jax" else "float64"
        # Rows: predicted and labelled, labelled, predicted.
        self.sums = self.add_variable((3, count), initializer="zeros", dtype=dtype, name="sums")

    def add(self, labelled, predicted, weights):
        """Accumulates one batch of booleans `[frames, count]`, with weights of that shape."""
        labelled, predicted, weights = (
            ops.cast(value, self.sums.dtype) for value in (labelled, predicted, weights)
        )
        terms = (labelled * predicted, labelled, predicted)
        batch = ops.stack([ops.sum(weights * term, axis=0) for term in terms])
        self.sums.assign_add(batch)

    def per_class(self):
        """Returns the F1 of each class or unit, `[count]`; 0 where there is no label."""
        hits, labelled, predicted = (self.sums[i] for i in range(3))
        total = labelled + predicted
        return 2 * hits / ops.where(total > 0, total, 1)

    def result(self):
        """Returns the mean over those with a label."""
        occurs = ops.cast(self.sums[1] > 0, self.sums.dtype)
        return ops.sum(self.per_class() * occurs) / ops.maximum(ops.sum(occurs), 1)


@keras.saving.register_keras_serializable(package="kollias_affect")
class MacroF1(_F1):
    """Unweighted mean of the F1 of the classes that occur as labels, over all batches.

    `keras.metrics.F1Score` takes no windows and no class numbers, and counts classes without a
    label as 0.

    Args:
        classes: Number of classes.
        name: Name in the logs.
        **kwargs: Arguments of `keras.metrics.Metric`.

    Example:

    >>> import numpy as np
    >>> metric = MacroF1(3)
    >>> metric.update_state(np.array([0, 0, 1]), np.eye(3)[[0, 1, 1]])
    >>> round(float(metric.result()), 3)  # 2/3 for both classes with labels
    0.667

    References: Kollias (2022), the ABAW competition (CVPR workshops), section 4.
    """

    def __init__(self, classes=7, name="macro_f1", **kwargs):
        super().__init__(classes, name, **kwargs)
        self.classes = classes

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Accumulates one batch.

        Args:
            y_true: Class numbers `[...]`, or shares of the classes `[..., classes]`.
            y_pred: Probabilities `[..., classes]`.
            sample_weight: `None`, or weights whose shape is the leading axes of `y_pred`.
        """
        y_true, y_pred = ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred)
        weights = _frame_weights(y_pred, sample_weight, "float32")
        if len(y_true.shape) == len(y_pred.shape):
            y_true = ops.argmax(y_true, axis=-1)
        numbers = ops.arange(self.classes, dtype="int32")
        labels = ops.reshape(ops.cast(y_true, "int32"), (-1, 1))
        chosen = ops.reshape(ops.cast(ops.argmax(y_pred, axis=-1), "int32"), (-1, 1))
        self.add(labels == numbers, chosen == numbers, weights)

    def get_config(self):
        """Returns the arguments of `__init__`."""
        return {**super().get_config(), "classes": self.classes}


@keras.saving.register_keras_serializable(package="kollias_affect")
class ActionUnitF1(_F1):
    """Mean of the F1 of the action units that occur as labels, over all batches.

    Units with a negative label are unknown and do not count.

    Args:
        units: Number of action units.
        threshold: Probability from which on a unit is predicted.
        name: Name in the logs.
        **kwargs: Arguments of `keras.metrics.Metric`.

    Example:

    >>> import numpy as np
    >>> metric = ActionUnitF1(2)
    >>> metric.update_state(np.array([[1, 0], [1, -1]]), np.array([[0.9, 0.1], [0.2, 0.8]]))
    >>> round(float(metric.result()), 3)
    0.667

    References: Kollias (2022), the ABAW competition (CVPR workshops), section 4.
    """

    def __init__(self, units=12, threshold=0.5, name="f1", **kwargs):
        super().__init__(units, name, **kwargs)
        self.units = units
        self.threshold = threshold

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Accumulates one batch of labels and probabilities `[..., units]`."""
        y_true, y_pred = ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred)
        weights = _frame_weights(y_pred, sample_weight, "float32")
        labels = ops.reshape(ops.cast(y_true, "float32"), (-1, self.units))
        weights = weights * ops.cast(labels >= 0, "float32")
        predicted = ops.reshape(y_pred, (-1, self.units)) >= self.threshold
        self.add(labels >= 0.5, predicted, weights)

    def get_config(self):
        """Returns the arguments of `__init__`."""
        return {**super().get_config(), "units": self.units, "threshold": self.threshold}


def for_task(task, soft_labels=False):
    """Returns the metrics for compiling a model of a task.

    Args:
        task: One of `tasks.TASKS`.
        soft_labels: Whether labels of expressions are shares of the classes, instead of numbers.

    Returns:
        list of Keras metrics: for `"valence_arousal"` the mean CCC (`ccc`), the CCC of each
        dimension (`ccc_valence`, `ccc_arousal`) and the mean squared error (`mse`); for one
        dimension its CCC and error; for expressions the `accuracy` and `macro_f1`; for action units
        the mean `f1`.

    Example:

    >>> [metric.name for metric in for_task("valence_arousal")]
    ['ccc', 'ccc_valence', 'ccc_arousal', 'mse']
    >>> [metric.name for metric in for_task("expression")]
    ['accuracy', 'macro_f1']
    """
    if task == "action_units":
        return [ActionUnitF1()]
    if label_field(task) == "expression":
        metrics = keras.metrics
        kind = metrics.CategoricalAccuracy if soft_labels else metrics.SparseCategoricalAccuracy
        accuracy = kind(name="accuracy")
        return [accuracy, MacroF1(len(TASKS[task][0]))]
    error = keras.metrics.MeanSquaredError(name="mse")
    if task != "valence_arousal":
        return [CCC(dims=1), error]
    dimensions = [CCC(i, name=f"ccc_{name}") for i, name in enumerate(DIMENSIONS)]
    return [CCC(), *dimensions, error]

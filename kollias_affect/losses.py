"""Losses: CCC (papers B and C), action units, matching of tasks, centroids (paper A)."""

import keras
import numpy as np
from keras import ops

from kollias_affect import _checks, metrics
from kollias_affect._replicas import gathered
from kollias_affect.layers import centroid_outputs as rules

LEVELS = ("frame", "sequence")


def ccc_loss(y_true, y_pred, sample_weight=None, level="frame"):
    """Computes `1 - CCC` for each affect dimension.

    Args:
        y_true: Labels `[batch, length, dims]`, valence then arousal, in [-1, 1].
        y_pred: Predictions of the same shape.
        sample_weight: `None`, `[batch]` or `[batch, length]`; see `metrics.ccc`.
        level: `"frame"` takes every frame of the batch as one sample; `"sequence"` takes the
            weighted mean of each sequence as one sample.

    Returns:
        `[dims]`, in [0, 2]; 1 where labels or predictions are constant.

    Example:

    >>> import numpy as np
    >>> labels = np.array([[[0.0, 0.1], [0.5, 0.3], [1.0, 0.8]]])
    >>> ccc_loss(labels, labels + 0.5).numpy().round(2).tolist()
    [0.43, 0.59]

    References: Paper B, eq. 3; paper C, eq. 3; Lin (1989).
    """
    if level == "sequence":
        y_true, y_pred, sample_weight = _sequence_means(y_true, y_pred, sample_weight)
    return 1 - metrics.ccc(y_true, y_pred, sample_weight)


def _sequence_means(y_true, y_pred, sample_weight):
    y_true = ops.cast(ops.convert_to_tensor(y_true), "float32")
    y_pred = ops.cast(ops.convert_to_tensor(y_pred), "float32")
    if sample_weight is None:
        return ops.mean(y_true, axis=1), ops.mean(y_pred, axis=1), None
    weights = ops.cast(sample_weight, "float32")
    while len(weights.shape) < len(y_pred.shape):
        weights = ops.expand_dims(weights, -1)
    weights = ops.broadcast_to(weights, (*ops.shape(y_pred)[:-1], 1))
    present = ops.cast(weights > 0, "float32")
    total = ops.sum(weights, axis=1)

    def mean(values):
        values = ops.where(weights > 0, values, 0)
        return ops.sum(weights * values, axis=1) / ops.where(total > 0, total, 1)

    # The weight of a sequence is the mean over its frames: padding does not reduce it.
    sequence_weights = total / ops.maximum(ops.sum(present, axis=1), 1)
    return mean(y_true), mean(y_pred), sequence_weights


@keras.saving.register_keras_serializable(package="kollias_affect")
class CCCLoss(keras.losses.Loss):
    """Mean of `1 - CCC` over the affect dimensions.

    The CCC does not decompose over samples. Weights act inside its moments, and the loss of a
    batch is one number, not a mean over its frames. Under a `tf.distribute` strategy it is the
    loss of the global batch.

    Args:
        level: `"frame"` or `"sequence"`; see `ccc_loss`.
        name: Name of the loss.
        **kwargs: `reduction` over the dimensions, as in Keras. Default: the mean; `"none"` returns
            one number per dimension.

    Example:

    >>> import numpy as np
    >>> labels = np.array([[[0.0, 0.1], [0.5, 0.3], [1.0, 0.8]]])
    >>> round(float(CCCLoss()(labels, labels + 0.5)), 2)
    0.51

    References: Paper B, eq. 2–3; paper C, eq. 3.
    """

    def __init__(self, level="frame", name="ccc_loss", **kwargs):
        super().__init__(name=name, **kwargs)
        self.level = _checks.one_of("level", level, LEVELS)

    def __call__(self, y_true, y_pred, sample_weight=None):
        """Computes the loss of one batch; see `ccc_loss` for the shapes."""
        mask = getattr(y_pred, "_keras_mask", None)
        if mask is not None:
            mask = ops.cast(mask, "float32")
            sample_weight = mask if sample_weight is None else mask * sample_weight
            y_pred = ops.copy(y_pred)  # without the mask
        # The weights go to `call` with the labels: Keras would apply them to its result.
        labels = [y_true] if sample_weight is None else [y_true, sample_weight]
        return super().__call__(labels, y_pred)

    def call(self, y_true, y_pred):
        """Computes `ccc_loss`, `[dims]`; `y_true` is `[labels]` or `[labels, weights]`."""
        y_pred, labels, *weights = gathered([y_pred, *y_true])
        return ccc_loss(labels, y_pred, *weights, level=self.level)

    def get_config(self):
        """Returns the arguments of `__init__`."""
        return {**super().get_config(), "level": self.level}


def unit_crossentropy(y_true, y_pred, positive_weights=None):
    """Computes the weighted binary cross entropy of action units, for each sample.

    Formula: mean over the known units of `-(w y log p + (1 - y) log(1 - p))`.

    Args:
        y_true: Labels y `[..., units]` in [0, 1]; negative where unknown.
        y_pred: Probabilities p of the same shape.
        positive_weights: Weights w of the labels that are present: a number or `[units]`. Default:
            1.

    Returns:
        `[...]`, at least 0; 0 where no unit is known.

    Example:

    >>> import numpy as np
    >>> loss = unit_crossentropy(np.array([[1.0, 0.0, -1.0]]), np.array([[0.5, 0.5, 0.1]]))
    >>> loss.numpy().round(3).tolist()  # log 2
    [0.693]
    """
    y_pred = ops.convert_to_tensor(y_pred)
    y_true = ops.cast(y_true, y_pred.dtype)
    weights = 1.0 if positive_weights is None else ops.cast(positive_weights, y_pred.dtype)
    known = ops.cast(y_true >= 0, y_pred.dtype)
    labels = ops.maximum(y_true, 0)
    epsilon = keras.config.epsilon()
    p = ops.clip(y_pred, epsilon, 1 - epsilon)
    errors = -(weights * labels * ops.log(p) + (1 - labels) * ops.log(1 - p))
    return ops.sum(known * errors, axis=-1) / ops.maximum(ops.sum(known, axis=-1), 1)


@keras.saving.register_keras_serializable(package="kollias_affect")
class ActionUnitLoss(keras.losses.Loss):
    """Weighted binary cross entropy of action units, of which some may be unknown.

    Args:
        positive_weights: See `unit_crossentropy`; `sampling.unit_weights` computes them.
        reduction: Reduction over the samples, as in Keras. The default divides by the sum of the
            weights, so that frames without labels do not make the loss smaller.
        name: Name of the loss.
        **kwargs: `dtype`.

    Example:

    >>> import numpy as np
    >>> loss = ActionUnitLoss()
    >>> labels, probabilities = np.array([[1.0, 0.0], [0.0, 0.0]]), np.full((2, 2), 0.5)
    >>> round(float(loss(labels, probabilities, np.array([1.0, 0.0]))), 3)
    0.693
    """

    def __init__(
        self,
        positive_weights=None,
        reduction="mean_with_sample_weight",
        name="action_unit_loss",
        **kwargs,
    ):
        super().__init__(name=name, reduction=reduction, **kwargs)
        self.positive_weights = None
        if positive_weights is not None:
            self.positive_weights = np.asarray(positive_weights, np.float64).tolist()

    def call(self, y_true, y_pred):
        """Computes `unit_crossentropy`, `[...]`."""
        return unit_crossentropy(y_true, y_pred, self.positive_weights)

    def get_config(self):
        """Returns the arguments of `__init__`."""
        return {**super().get_config(), "positive_weights": self.positive_weights}


@keras.saving.register_keras_serializable(package="kollias_affect")
class MatchingLoss(keras.losses.Loss):
    """Distribution matching of expressions and action units.

    The action units that a network predicts should be those that go with the expressions that it
    predicts, which also trains each task on frames that have labels of the other one only.

    Formula: mean over the units of the Kullback-Leibler divergence between the predicted `p(unit)`
    and `q(unit) = sum over expressions of p(expression) p(unit | expression)`,
    `p log(p / q) + (1 - p) log((1 - p) / (1 - q))`. The papers print `-p log q`; with the entropy
    of p and the absent units the loss is 0 where p and q agree, and only there.

    Args:
        table: `p(unit | expression)`, `[expressions, units]`, in [0, 1]; NaN where the table says
            nothing about an expression (its share counts as the unit's own prediction, so that it
            pulls nowhere). See `training.published_units`.
        reduction, name, **kwargs: As in Keras.

    Example:

    >>> import numpy as np
    >>> loss = MatchingLoss([[0.0], [1.0]])
    >>> agreeing = np.array([[0.1, 0.9, 0.9]])  # two expressions, one unit
    >>> opposed = np.array([[0.9, 0.1, 0.9]])
    >>> bool(loss(None, agreeing) < loss(None, opposed))
    True

    References: Kollias, Sharmanska and Zafeiriou, "Face Behavior a la carte" (arXiv 1910.11111,
        2019), and "Distribution matching for heterogeneous multi-task learning" (arXiv 2105.03790,
        2021).
    """

    def __init__(self, table, reduction="mean_with_sample_weight", name="matching_loss", **kwargs):
        super().__init__(name=name, reduction=reduction, **kwargs)
        self.table = np.asarray(table, np.float64)
        inside = np.isnan(self.table) | ((self.table >= 0) & (self.table <= 1))
        if self.table.ndim != 2 or not inside.all():
            raise ValueError(
                "`table` must have a probability in [0, 1] for each expression and action unit. "
                f"Received: shape {self.table.shape}, values {np.unique(self.table[~inside])[:5]}. "
                "Correct the table."
            )

    def __call__(self, y_true, y_pred, sample_weight=None):
        """Computes the loss of `y_pred`, `[..., expressions + units]`; there are no labels."""
        y_pred = ops.convert_to_tensor(y_pred)
        return super().__call__(ops.zeros_like(y_pred[..., :1]), y_pred, sample_weight)

    def call(self, y_true, y_pred):
        """Computes the divergence of each sample, `[...]`."""
        expressions = len(self.table)
        shares, p = y_pred[..., :expressions], y_pred[..., expressions:]
        known = ~np.isnan(self.table)
        q = ops.matmul(shares, ops.cast(np.where(known, self.table, 0), y_pred.dtype))
        q = q + ops.matmul(shares, ops.cast(~known, y_pred.dtype)) * ops.stop_gradient(p)
        epsilon = keras.config.epsilon()
        p, q = (ops.clip(value, epsilon, 1 - epsilon) for value in (p, q))
        divergence = p * ops.log(p / q) + (1 - p) * ops.log((1 - p) / (1 - q))
        return ops.mean(divergence, axis=-1)

    def get_config(self):
        """Returns the arguments of `__init__`, the table as nested lists."""
        return {**super().get_config(), "table": self.table.tolist()}


def centroid_loss(y_true, y_pred, centroids, sample_weight=None, normalization="linear", scale=1.0):
    """Computes paper A's E_b for each sample.

    Formula: `mean over i of (d_i - [1 - f(V_i)])^2`; `layers.centroid_outputs` defines V and f.

    Args:
        y_true: One-hot or soft labels d, `[..., classes]`, with as many axes as `y_pred`; or class
            numbers, `[...]`, with one axis less.
        y_pred: Representations X, `[..., units]`.
        centroids: Centroids Z, `[classes, units]`.
        sample_weight: `None` or `[...]`. Samples count where it is above 0; the others may contain
            anything, including NaN. Its values are not applied here.
        normalization: f, `"softmax"` or `"linear"`.
        scale: Divisor of the distances before the softmax. The paper has 1.

    Returns:
        `[...]`, float32 or float64, in [0, 1] for labels in [0, 1]. NaN where a sample counts and
        its class number is not a class.

    Raises:
        ValueError: If the shapes do not fit.

    Example:

    >>> import numpy as np
    >>> centroids = np.array([[0.0, 0.0], [1.0, 0.0]])
    >>> representations = np.array([[0.0, 0.0], [1.0, 0.0]])
    >>> centroid_loss([0, 0], representations, centroids, normalization="linear").numpy().tolist()
    [0.0, 1.0]

    References: Paper A, eq. 6–8.
    """
    y_true, y_pred = ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred)
    _check_shapes(y_true.shape, y_pred.shape, centroids.shape)
    if len(y_true.shape) < len(y_pred.shape):
        y_true = _one_hot(y_true, len(centroids))
    if sample_weight is not None:
        counts = ops.expand_dims(ops.cast(sample_weight, "float32") > 0, -1)
        y_true, y_pred = ops.where(counts, y_true, 0), ops.where(counts, y_pred, 0)
    outputs = rules.centroid_outputs(y_pred, centroids, normalization, scale)
    errors = ops.mean(ops.square(ops.cast(y_true, outputs.dtype) - outputs), axis=-1)
    double = keras.backend.standardize_dtype(y_pred.dtype) == "float64"
    return ops.cast(errors, "float64" if double else "float32")


def _one_hot(labels, classes):
    """Returns `[..., classes]`; NaN where the label is not a class, so that errors are visible."""
    numbers = ops.arange(classes, dtype="float32")
    hits = ops.expand_dims(ops.cast(labels, "float32"), -1) == numbers
    return ops.where(ops.any(hits, axis=-1, keepdims=True), ops.cast(hits, "float32"), np.nan)


def _check_shapes(labels, representations, centroids):
    classes, units = centroids
    samples = tuple(representations[:-1])
    fitting = [(*samples, classes), samples]

    def fits(shape):
        pairs = zip(shape, labels, strict=False)
        return len(shape) == len(labels) and all(a == b or a is None or b is None for a, b in pairs)

    if representations[-1] not in (units, None):
        raise ValueError(
            f"Representations must have as many units as the centroids, {units}. Received: shape "
            f"{tuple(representations)}. Take centroids of a network of the same width."
        )
    if not any(fits(shape) for shape in fitting):
        raise ValueError(
            f"Labels of representations of shape {tuple(representations)} with {classes} classes "
            f"must have the shape {fitting[0]} (one-hot) or {fitting[1]} (class numbers). "
            f"Received: {tuple(labels)}. Drop a last axis of 1, or encode them one-hot."
        )


@keras.saving.register_keras_serializable(package="kollias_affect")
class CentroidLoss(keras.losses.Loss):
    """Paper A's E_b, which draws representations to the centroids of another network.

    The loss is the mean of `centroid_loss` over the samples. Samples of weight 0 (padding) are left
    out of the mean and may contain anything. Keras masks act as weights.

    The minimum is not 0: f adds up to 1, so it cannot be 1 for all classes but one. With one-hot
    labels the minimum is `(k - 2)^2 / (k (k - 1))`, 0.595 for seven classes.

    Args:
        centroids: Centroids Z, `[classes, units]`: an array or `adaptation.Centroids`; stored as
            float32.
        normalization: f, `"softmax"` or `"linear"`. Paper A, §III, names both and does not say
            which its tables have; the linear one needs no scale and does not saturate.
        scale: Divisor of the distances before the softmax. Default: 1, the paper's equation. A
            softmax of distances far above 1 saturates, and its gradient vanishes; the `scale` of
            `adaptation.Centroids` brings them near 1.
        reduction: Reduction over the samples, as in Keras.
        name: Name of the loss.
        **kwargs: `dtype`.

    Raises:
        ValueError: If an argument is out of range, if the shapes do not fit, or if labels in an
            array or list are not classes. In a compiled model such a label makes the loss NaN.

    Example:

    >>> import numpy as np
    >>> loss = CentroidLoss([[0.0, 0.0], [1.0, 0.0]], normalization="linear")
    >>> float(loss(np.array([0, 0]), np.array([[0.0, 0.0], [1.0, 0.0]])))
    0.5

    References: Paper A, eq. 6–8.
    """

    def __init__(
        self,
        centroids,
        normalization="linear",
        scale=1.0,
        reduction="mean_with_sample_weight",
        name="centroid_loss",
        **kwargs,
    ):
        super().__init__(name=name, reduction=reduction, **kwargs)
        self.centroids = rules.centroid_values(centroids)
        self.normalization = _checks.one_of("normalization", normalization, rules.NORMALIZATIONS)
        self.scale = rules.positive_scale(scale)

    def __call__(self, y_true, y_pred, sample_weight=None):
        """Computes the loss of one batch; see `centroid_loss` for the shapes."""
        _refuse_unknown_classes(y_true, len(y_pred.shape), sample_weight, len(self.centroids))
        weights = _sample_weights(y_pred, sample_weight, getattr(y_pred, "_keras_mask", None))
        if weights is None:
            return super().__call__([y_true], y_pred)
        # `call` needs the weights too: NaN times 0 would still be NaN. A copy has no mask.
        return super().__call__([y_true, weights], ops.copy(y_pred), weights)

    def call(self, y_true, y_pred):
        """Computes `centroid_loss`, `[...]`; `y_true` is `[labels]` or `[labels, weights]`."""
        labels, *weights = y_true
        return centroid_loss(labels, y_pred, self.centroids, *weights, **self._options())

    def _options(self):
        return {"normalization": self.normalization, "scale": self.scale}

    def get_config(self):
        """Returns the arguments of `__init__`, the centroids as nested lists."""
        return {**super().get_config(), "centroids": self.centroids.tolist(), **self._options()}


def _sample_weights(y_pred, *factors):
    """Returns the product of weights and mask, `[...]`, or `None` if there is neither."""
    factors = [ops.cast(factor, "float32") for factor in factors if factor is not None]
    if not factors:
        return None
    weights = ops.ones_like(y_pred[..., :1], dtype="float32")
    for factor in factors:
        while len(factor.shape) < len(weights.shape):
            factor = ops.expand_dims(factor, -1)
        weights = weights * factor
    return weights[..., 0]


def _refuse_unknown_classes(y_true, axes, sample_weight, classes):
    """Checks class numbers in arrays and lists; the values of tensors are not known yet."""
    known = (np.ndarray, list, int, type(None))
    if not isinstance(y_true, known) or not isinstance(sample_weight, known):
        return
    labels = np.asarray(y_true)
    if labels.ndim != axes - 1:
        return
    bad = ~np.isin(labels, np.arange(classes))
    if sample_weight is not None:
        weights = np.asarray(sample_weight)
        bad = bad & (weights.reshape(weights.shape + (1,) * (bad.ndim - weights.ndim)) > 0)
    if bad.any():
        raise ValueError(
            f"Class numbers must be integers from 0 to {classes - 1}. Received: {labels[bad][0]} "
            f"({int(bad.sum())} such labels). Give samples without a label the weight 0."
        )

"""The CCC loss of papers B and C."""

import keras
from keras import ops

from kollias_affect import _checks, metrics

LEVELS = ("frame", "sequence")


def ccc_loss(y_true, y_pred, sample_weight=None, level="frame"):
    """`1 - CCC` per affect dimension.

    Args:
        y_true: `[batch, length, dims]`, valence then arousal, in [-1, 1].
        y_pred: same shape.
        sample_weight: `None`, `[batch]` or `[batch, length]`; see `metrics.ccc`.
        level: `"frame"` takes every frame of the batch as one sample; `"sequence"` takes each
            sequence's weighted mean as one sample.

    Returns:
        `[dims]`, in [0, 2]; 1 where labels or predictions are constant.

    References: paper B eq. 3; paper C eq. 3; Lin (1989).
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

    # A sequence weighs what its frames weigh on average: padding does not make it count less.
    each = total / ops.maximum(ops.sum(present, axis=1), 1)
    return mean(y_true), mean(y_pred), each


@keras.saving.register_keras_serializable(package="kollias_affect")
class CCCLoss(keras.losses.Loss):
    """Mean over the affect dimensions of `1 - CCC`.

    The CCC does not decompose over samples: weights act inside its moments, and the loss of a
    batch is one number, not a mean over its frames. `reduction="none"` returns one number per
    dimension.

    Args:
        level: `"frame"` or `"sequence"`; see `ccc_loss`.
        name: name of the loss.
        **kwargs: `reduction` (of the dimensions, as in Keras: their mean by default).

    References: paper B eq. 2–3; paper C eq. 3.
    """

    def __init__(self, level="frame", name="ccc_loss", **kwargs):
        super().__init__(name=name, **kwargs)
        self.level = _checks.one_of("level", level, LEVELS)

    def __call__(self, y_true, y_pred, sample_weight=None):
        """The loss of one batch; see `ccc_loss` for the shapes."""
        mask = getattr(y_pred, "_keras_mask", None)
        if mask is not None:
            mask = ops.cast(mask, "float32")
            sample_weight = mask if sample_weight is None else mask * sample_weight
            y_pred = ops.copy(y_pred)  # without the mask
        # The weights go to `call` with the labels: Keras would apply them to its result.
        labels = [y_true] if sample_weight is None else [y_true, sample_weight]
        return super().__call__(labels, y_pred)

    def call(self, y_true, y_pred):
        """`ccc_loss` at this level, `[dims]`; `y_true` is `[labels]` or `[labels, weights]`."""
        labels, *weights = y_true
        return ccc_loss(labels, y_pred, *weights, level=self.level)

    def get_config(self):
        """The arguments of `__init__`."""
        return {**super().get_config(), "level": self.level}

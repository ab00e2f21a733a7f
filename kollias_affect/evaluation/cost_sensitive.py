"""Cost-sensitive accuracy: mistakes between similar expressions cost less (paper D, section 5)."""

import numpy as np

from kollias_affect.tasks import EXPRESSIONS

# Mean ratings of valence and arousal of the words (Russell and Mehrabian, 1977).
EXPRESSION_COORDINATES = {
    "neutral": (0.0, 0.0),
    "anger": (-0.51, 0.59),
    "disgust": (-0.60, 0.35),
    "fear": (-0.64, 0.60),
    "happiness": (0.76, 0.48),
    "sadness": (-0.63, -0.27),
    "surprise": (0.40, 0.67),
}


def _default_costs():
    points = np.array([EXPRESSION_COORDINATES[name] for name in EXPRESSIONS])
    distances = np.linalg.norm(points[:, None] - points, axis=-1)
    costs = 0.5 + 0.5 * distances / distances.max()
    np.fill_diagonal(costs, 0)
    costs.setflags(write=False)
    return costs


# Cost of predicting the column for a label of the row: one half for the mistake, and up to one half
# more in proportion to the distance of the expressions in the plane of valence and arousal. Thus
# similarity is what people rate as similar, and confusing anger with fear still has a cost.
DEFAULT_COSTS = _default_costs()


def cost_sensitive_accuracy(labels, predictions, costs=DEFAULT_COSTS):
    """Computes one minus the mean cost of the predictions.

    If every mistake costs 1, this is the accuracy. Paper D asks for a measure that penalizes
    mistakes between similar classes less harshly, but names no costs; `DEFAULT_COSTS` are ours.

    Args:
        labels: Integers `[samples]`, indices into `EXPRESSIONS`.
        predictions: Integers `[samples]`, or probabilities `[samples, classes]`.
        costs: `costs[label, prediction]`, numbers `[classes, classes]` in [0, 1] with 0 on the
            diagonal.

    Returns:
        Float in [0, 1]; 1 is perfect.

    Raises:
        ValueError: If the costs or shapes break these rules, or there are no samples.

    Example:

    >>> anger, fear, happiness = 1, 3, 4
    >>> round(cost_sensitive_accuracy([anger], [fear]), 2)
    0.46
    >>> round(cost_sensitive_accuracy([anger], [happiness]), 2)
    0.1

    References: Paper D, section 5; Russell and Mehrabian (1977).
    """
    costs = np.asarray(costs, np.float64)
    square = costs.ndim == 2 and costs.shape[0] == costs.shape[1]
    if not square or not ((costs >= 0) & (costs <= 1)).all() or np.diag(costs).any():
        raise ValueError(
            "`costs` must be a square matrix of numbers in [0, 1] with 0 on the diagonal. "
            f"Received: shape {costs.shape}, starting with {costs.reshape(-1)[:3].tolist()}. Scale "
            "them."
        )
    labels, predictions = np.asarray(labels), np.asarray(predictions)
    if predictions.ndim == 2:
        predictions = predictions.argmax(axis=1)
    _check_classes(labels, predictions, len(costs))
    return float(1 - costs[labels, predictions].mean())


def _check_classes(labels, predictions, classes):
    both = (labels, predictions)
    if (
        labels.shape != predictions.shape
        or labels.ndim != 1
        or not len(labels)
        or any(not np.issubdtype(array.dtype, np.integer) for array in both)
        or any(array.min() < 0 or array.max() >= classes for array in both)
    ):
        raise ValueError(
            f"Labels and predictions must be integers from 0 to {classes - 1}, one pair per "
            f"sample. Received: shapes {labels.shape} and {predictions.shape}. Leave out samples "
            "without a label."
        )

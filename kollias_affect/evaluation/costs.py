"""Accuracy in which some mistakes weigh more than others, which paper D's discussion asks for."""

import numpy as np

from kollias_affect.tasks import EXPRESSIONS

# Mean ratings of valence and arousal of the words (Russell & Mehrabian, 1977).
PLACES = {
    "neutral": (0.0, 0.0),
    "anger": (-0.51, 0.59),
    "disgust": (-0.60, 0.35),
    "fear": (-0.64, 0.60),
    "happiness": (0.76, 0.48),
    "sadness": (-0.63, -0.27),
    "surprise": (0.40, 0.67),
}


def _default():
    places = np.array([PLACES[name] for name in EXPRESSIONS])
    distances = np.linalg.norm(places[:, None] - places, axis=-1)
    costs = 0.5 + 0.5 * distances / distances.max()
    np.fill_diagonal(costs, 0)
    costs.setflags(write=False)
    return costs


# Cost of taking row for column: one half for being wrong, and up to one half more by how far
# apart the two lie in valence and arousal. So "similar" is what people rate as similar, and
# confusing neighbours such as anger and fear still costs something.
DEFAULT_COSTS = _default()


def cost_sensitive_accuracy(labels, predictions, costs=DEFAULT_COSTS):
    """One minus the mean cost of the predictions; the accuracy if every mistake costs 1.

    Paper D's conclusion asks for a measure "that penalizes" mistakes between similar classes
    "less harshly" and names no costs; `DEFAULT_COSTS` are ours.

    Args:
        labels: integers `[samples]`, indices into `EXPRESSIONS`.
        predictions: integers `[samples]`, or probabilities `[samples, classes]`.
        costs: `[classes, classes]` in [0, 1], 0 on the diagonal; `costs[label, prediction]`.

    Returns:
        float in [0, 1]; 1 is perfect.

    Raises:
        ValueError: if the costs or the shapes break these rules, or there are no samples.

    References: paper D §5; Russell & Mehrabian (1977).
    """
    costs = np.asarray(costs, np.float64)
    square = costs.ndim == 2 and costs.shape[0] == costs.shape[1]
    if not square or not ((costs >= 0) & (costs <= 1)).all() or np.diag(costs).any():
        raise ValueError(
            "`costs` must be a square of numbers in [0, 1] with 0 on the diagonal. Received: "
            f"shape {costs.shape}, such as {costs.reshape(-1)[:3].tolist()}. Scale them."
        )
    labels, predictions = np.asarray(labels), np.asarray(predictions)
    if predictions.ndim == 2:
        predictions = predictions.argmax(axis=1)
    both = [labels, predictions]
    if (
        labels.shape != predictions.shape
        or labels.ndim != 1
        or not len(labels)
        or any(not np.issubdtype(each.dtype, np.integer) for each in both)
        or any(each.min() < 0 or each.max() >= len(costs) for each in both)
    ):
        raise ValueError(
            f"Labels and predictions must be integers from 0 to {len(costs) - 1}, one pair per "
            f"sample. Received: shapes {labels.shape} and {predictions.shape}. Leave out what has "
            "no label."
        )
    return float(1 - costs[labels, predictions].mean())

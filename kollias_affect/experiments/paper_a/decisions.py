"""From the outputs of frames to decisions for clips (paper A §IV.C, "frame aggregation")."""

import keras
import numpy as np

from kollias_affect.adaptation.adapted import scale_of
from kollias_affect.adaptation.centroids import squared_distances
from kollias_affect.adaptation.decision import video_decision
from kollias_affect.layers import CentroidOutputs

# Names of the predictors, and of the scores that they have for each frame.
SCORES = {"outputs": "outputs", "centroids": "proximity"}


def predictor_of(lam):
    """Returns the predictor that the tables use for a λ.

    λ = 0 does not train the output layer, so the nearest centroid predicts.

    Args:
        lam: λ in [0, 1].

    Returns:
        One of `SCORES`.
    """
    return "centroids" if lam == 0 else "outputs"


def with_proximity(outputs, centroids, settings):
    """Adds what the centroids say about every frame.

    Args:
        outputs: Dict of arrays with `representation`, see `Part.outputs`.
        centroids: `Centroids`.
        settings: `Settings`; f and its scale are those of the training.

    Returns:
        Dict with two more arrays: `distances`, V (eq. 7), and `proximity`, 1 - f(V) as
        `adaptation.centroid_classifier` gives it; float32 `[frames, classes]`.
    """
    x = outputs["representation"]
    layer = CentroidOutputs(
        len(centroids), settings.normalization, scale_of(centroids, settings.scale)
    )
    layer.build((None, x.shape[-1]))
    layer.set_weights([centroids.values])
    distances = squared_distances(x.astype(np.float64), centroids.values).astype(np.float32)
    proximity = keras.ops.convert_to_numpy(layer(x))
    return {**outputs, "distances": distances, "proximity": proximity}


def decide(frames, by, rule):
    """Returns the labels and predicted classes, one for each clip or frame.

    Args:
        frames: Dict of arrays of `with_proximity`.
        by: Predictor, one of `SCORES`.
        rule: Rule that combines the frames of a clip, see `Settings.decision`. The mean of the
            centroids is that of 1 - f(V).

    Returns:
        `(labels, predicted)`, int64 `[clips]` or `[frames]`. The label of a clip is the most
        frequent label of its frames.
    """
    scores = frames[SCORES[by]]
    clips = np.unique(frames["clips"])
    if rule == "frames" or len(clips) == len(scores):
        return frames["labels"], scores.argmax(axis=1)
    labels, predicted = [], []
    for clip in clips:
        inside = frames["clips"] == clip
        labels.append(np.bincount(frames["labels"][inside]).argmax())
        predicted.append(video_decision(scores[inside], rule))
    return np.array(labels), np.array(predicted)


def accuracy(frames, by, rule):
    """Returns the share of right decisions, see `decide`."""
    labels, predicted = decide(frames, by, rule)
    return float((labels == predicted).mean())

"""Paper A's network (§IV.A, table I) on the features of a fixed backbone."""

import keras
import numpy as np

from kollias_affect import initializers, models
from kollias_affect.adaptation import adapted
from kollias_affect.adaptation.data import targets
from kollias_affect.tasks import EXPRESSIONS


def build_network(settings, units, classes, seed):
    """Builds blocks 6 to 8 of table I and the output layer.

    Args:
        settings: `experiment.Settings`.
        units: Number of features of a frame.
        classes: Number of classes.
        seed: Seed of the initial weights.

    Returns:
        `keras.Model` from `images`, `[batch, length, 1, 1, units]`, to the outputs of the task,
        `[batch, length, classes]`, and `"representation"`, `[batch, length, 128]`.
    """
    features = keras.Input((1, 1, units), name="features")
    fixed = keras.Model(features, keras.layers.Identity(name="pool5")(features), name="fixed")
    initializer = initializers.papers(seed) if settings.initializer == "papers" else None
    model = models.cnn_rnn(
        fixed,
        "expression",
        landmarks=False,
        length=settings.length,
        representation=True,
        hidden_units=settings.hidden_units,
        dropout=settings.dropout,
        rnn_dropout=settings.rnn_dropout,
        initializer=initializer,
        output_activation="linear",
    )
    if classes == len(EXPRESSIONS):
        return model
    model = adapted.with_classes(model, classes, "classes")
    if initializer is not None:
        _initialize(model.get_layer("classes"), initializer)
    return model


def _initialize(layer, initializer):
    """Draws the weights of a layer as those of the other layers are drawn."""
    rules = (initializer[f"{name}_initializer"] for name in ("kernel", "bias"))
    layer.set_weights(
        [
            np.asarray(keras.initializers.get(rule)(weight.shape))
            for rule, weight in zip(rules, layer.weights, strict=True)
        ]
    )


def train_network(model, part, lam, settings, centroids=None, seed=0):
    """Trains a network by E_tot (eq. 9) for `settings.steps` batches.

    Args:
        model: Network of `build_network`; its weights change.
        part: `Part` to train on.
        lam: Weight λ of E_a, in [0, 1].
        settings: `experiment.Settings`.
        centroids: `Centroids` for E_b, or `None` if λ is 1.
        seed: Seed of the shuffling.

    Returns:
        `model`.
    """
    classes, scale = len(part.classes), settings.scale
    if centroids is None:  # E_b has the weight 0: any centroids will do
        units = model.output[adapted.REPRESENTATION].shape[-1]
        centroids, scale = np.zeros((classes, units)), 1.0
    adapted.compile_adapted(
        model, centroids, lam, settings.normalization, settings.learning_rate, scale=scale
    )
    batches = part.batches(settings.length, settings.batch_size, settings.balanced, seed)
    data = targets(batches, classes, adapted.task_of(model)).prefetch(2)
    model.fit(data, steps_per_epoch=settings.steps, shuffle=False, verbose=0)
    return model

"""Paper A's network (§IV.A, table I) on the features of a fixed backbone."""

import keras
import numpy as np

from kollias_affect import features, initializers, models, training
from kollias_affect.adaptation import adapted
from kollias_affect.adaptation.data import targets
from kollias_affect.models.parts import is_model_of_frames
from kollias_affect.tasks import EXPRESSIONS

CHECKS = 10  # of a training whose step is chosen


def split_network(model):
    """Splits a trained CNN-RNN into the fixed CNN and what NetA and NetB start from.

    Args:
        model: Network of windows from `kollias_affect.models`, of any task.

    Returns:
        `(cnn, start)`: `keras.Model` of images, and `keras.Model` of features with the output
        `"representation"` besides that of the task.

    Raises:
        ValueError: If the model has several outputs, or not one CNN.
    """
    model = adapted.with_representation(model)
    for layer in filter(is_model_of_frames, model.layers):
        layer.trainable = False
    return features.split(model)


def start_network(start, classes, seed):
    """Copies the layers of a trained network behind its CNN, with a new linear output.

    Args:
        start: Second model of `split_network`.
        classes: Number of classes.
        seed: Seed of the new output layer.

    Returns:
        `keras.Model` with the outputs `"classes"` and `"representation"`.
    """
    keras.utils.set_random_seed(seed)
    model = adapted.with_classes(adapted.copy(start), classes, "classes")
    model.trainable = True
    return model


def build_network(settings, units, classes, seed):
    """Builds blocks 6 to 8 of table I and the output layer.

    Args:
        settings: `Settings`.
        units: Number of features of a frame.
        classes: Number of classes.
        seed: Seed of the initial weights.

    Returns:
        `keras.Model` from `images`, `[batch, length, 1, 1, units]`, to the outputs of the task,
        `[batch, length, classes]`, and `"representation"`, `[batch, length, 128]`.
    """
    pixel = keras.Input((1, 1, units), name="features")
    fixed = keras.Model(pixel, keras.layers.Identity(name="pool5")(pixel), name="fixed")
    initializer = None
    if settings.initializer != "keras":
        initializer = initializers.papers(seed, rnn=settings.initializer == "papers-rnn")
    model = models.cnn_rnn(
        fixed,
        "expression",
        landmarks=False,
        length=settings.length,
        representation=True,
        hidden_units=settings.hidden_units,
        dropout=settings.dropout,
        rnn_dropout=settings.rnn_dropout,
        rnn=settings.rnn,
        rnn_units=settings.rnn_units,
        rnn_layers=settings.rnn_layers,
        initializer=initializer,
        output_activation="linear",
    )
    if settings.task == "expression" and classes == len(EXPRESSIONS):
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


def train_network(model, part, lam, settings, centroids=None, seed=0, score=None):
    """Trains a network by E_tot (eq. 9) for `settings.steps` batches.

    Args:
        model: Network of `build_network`; its weights change.
        part: `Part` to train on.
        lam: Weight λ of E_a, in [0, 1].
        settings: `Settings`.
        centroids: `Centroids` for E_b, or `None` if λ is 1.
        seed: Seed of the shuffling.
        score: Function of the model that returns a number; the step with the highest of ten is
            kept. `None` keeps the last step.

    Returns:
        Dict with `step`, the number of batches that `model` has seen, and `score`, its number.
    """
    classes, scale = len(part.classes), settings.scale
    if centroids is None:  # E_b has the weight 0: any centroids will do
        units = model.output[adapted.REPRESENTATION].shape[-1]
        centroids, scale = np.zeros((classes, units)), 1.0
    adapted.compile_adapted(
        model, centroids, lam, settings.normalization, settings.learning_rate, scale=scale
    )
    batches = part.batches(model, settings.length, settings.batch_size, settings.balanced, seed)
    data = targets(batches, classes, adapted.task_of(model)).prefetch(2)
    keep = [] if score is None else [KeepBest(score, settings.steps)]
    with training.gradients_released():
        model.fit(data, steps_per_epoch=settings.steps, shuffle=False, verbose=0, callbacks=keep)
    return keep[0].best if keep else {"step": settings.steps, "score": None}


class KeepBest(keras.callbacks.Callback):
    """Keeps the weights of the best of ten evenly spaced steps of a training.

    Args:
        score: Function of the model that returns a number.
        steps: Number of batches of the training.
    """

    def __init__(self, score, steps):
        super().__init__()
        self.score = score
        self.checked = set(np.linspace(0, steps, CHECKS + 1).round().astype(int)[1:].tolist())
        self.best = {"step": 0, "score": -np.inf}
        self._weights = None

    def on_train_batch_end(self, batch, logs=None):
        """Scores the network after the batches that are checked."""
        if batch + 1 in self.checked:
            score = self.score(self.model)
            if score > self.best["score"]:
                self.best = {"step": batch + 1, "score": float(score)}
                self._weights = self.model.get_weights()

    def on_train_end(self, logs=None):
        """Takes the best weights."""
        if self._weights is not None:
            self.model.set_weights(self._weights)

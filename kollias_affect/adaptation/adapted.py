"""Paper A's networks: compiled for the centroids of others, read through them, copied."""

import numbers

import keras

from kollias_affect import _checks, losses, metrics
from kollias_affect.layers import CentroidOutputs
from kollias_affect.layers.centroid_outputs import centroid_values, positive_scale

REPRESENTATION = "representation"


def task_of(model):
    """Name of the output beside the representation.

    Raises:
        ValueError: if the model's outputs are not these two.
    """
    outputs = model.output if isinstance(model.output, dict) else {}
    if len(outputs) != 2 or REPRESENTATION not in outputs:
        raise ValueError(
            f"The model must have two named outputs, a task's and {REPRESENTATION!r}. Received: "
            f"{sorted(outputs) or model.output_names}. Build it with `models.cnn_rnn(..., "
            "representation=True)`."
        )
    return next(name for name in outputs if name != REPRESENTATION)


def compile_adapted(
    model,
    centroids,
    lam,
    normalization="softmax",
    learning_rate=1e-3,
    optimizer=None,
    scale=1.0,
):
    """Compiles a model for paper A's E_tot = lam * E_a + (1 - lam) * E_b.

    E_a is the mean squared error of the task's outputs, E_b `losses.CentroidLoss` of the
    representation; both are means over the frames that have weight. `targets` makes the labels.
    A weight of 0 stops a gradient, not the decay of weights that some optimizers do.
    Both ways of predicting are in the logs: `<task>_accuracy` and, by the nearest centroid,
    `representation_accuracy`.

    Args:
        model: NetA, with a task's output, `[..., classes]`, and `"representation"`,
            `[..., units]`, such as `models.cnn_rnn("vgg_face", "expression",
            representation=True, output_activation="linear")`, which is the paper's.
        centroids: of NetB: `Centroids`, or an array `[classes, units]`.
        lam: λ in [0, 1]. 1 is training without the centroids, 0 by them alone.
        normalization: `"softmax"` or `"linear"`, see `losses.CentroidLoss`.
        learning_rate: of Adam. Default: the paper's.
        optimizer: instead of Adam.
        scale: see `losses.CentroidLoss`: a number, or `"centroids"` for that of `centroids`.

    Returns:
        `model`.

    Raises:
        ValueError: if λ is outside [0, 1], or the centroids do not fit the model.

    References: paper A eq. 5, 8 and 9, §IV.
    """
    if not isinstance(lam, numbers.Real) or not 0 <= lam <= 1:
        raise ValueError(
            f"`lam` must be a number from 0 to 1. Received: lam={lam!r}. The paper tries 0, 0.25, "
            "0.5, 0.75 and 1."
        )
    task = task_of(model)
    _check_fit(model, task, centroids)
    e_b = losses.CentroidLoss(centroids, normalization, scale_of(centroids, scale))
    model.compile(
        keras.optimizers.Adam(learning_rate) if optimizer is None else optimizer,
        loss={task: keras.losses.MeanSquaredError("mean_with_sample_weight"), REPRESENTATION: e_b},
        loss_weights={task: float(lam), REPRESENTATION: 1 - float(lam)},
        weighted_metrics={
            task: [keras.metrics.CategoricalAccuracy("accuracy")],
            REPRESENTATION: [metrics.CentroidAccuracy(centroids)],
        },
    )
    return model


def centroid_classifier(model, centroids, normalization="softmax", scale=1.0):
    """A model that classifies by the nearest centroid.

    Args:
        model: with a `"representation"`, `[..., units]`; its layers are shared, not copied.
        centroids: `Centroids`, or an array `[classes, units]`.
        normalization, scale: see `layers.centroid_outputs.centroid_outputs`.

    Returns:
        `keras.Model` from the model's inputs to 1 - f(V), `[..., classes]`: the output of the
        nearest centroid is the largest; they lie in [0, 1] and add up to `classes - 1`, so they
        are no probabilities. The output layer bears the name of the task.

    References: paper A §III, eq. 8.
    """
    task = task_of(model)
    _check_fit(model, task, centroids)
    values = centroid_values(centroids)
    layer = CentroidOutputs(len(values), normalization, scale_of(centroids, scale), name=task)
    outputs = layer(model.output[REPRESENTATION])
    layer.set_weights([values])
    return keras.Model(model.input, outputs, name=f"{model.name}_by_centroids")


def facets(model, centroids, lam, **options):
    """Copies of one network, each compiled for the centroids of another network (figure 3).

    Args:
        model: see `compile_adapted`; it stays as it is.
        centroids: dict from name to `Centroids`.
        lam, **options: of `compile_adapted`; an `optimizer` is given by name or config.

    Returns:
        dict from name to model, all with the weights of `model`.

    References: paper A §III, figure 3.
    """
    return {
        name: compile_adapted(copy(model), each, lam, **options) for name, each in centroids.items()
    }


def copy(model):
    """A model of its own with the same architecture and weights, not compiled."""
    clone = keras.models.clone_model(model)
    clone.set_weights(model.get_weights())
    return clone


def with_classes(model, classes, name):
    """The model's representation, and a new linear layer of other classes on it.

    Args:
        model: with a `"representation"`, `[..., units]`; its layers are shared, not copied.
        classes: how many.
        name: of the new output and its layer.

    Returns:
        `keras.Model` with the outputs `name`, `[..., classes]`, and `"representation"`.

    References: paper A §V (400 classes of valence and arousal).
    """
    old = task_of(model)
    _checks.positive_integer("classes", classes)
    taken = {layer.name for layer in model.layers} - {old}
    if name in taken:
        raise ValueError(
            f"`name` must not be the name of another layer, {sorted(taken)}. Received: {name!r}. "
            "Choose another."
        )
    hidden = model.output[REPRESENTATION]
    output = keras.layers.Dense(classes, "linear", dtype="float32", name=name)(hidden)
    return keras.Model(model.input, {name: output, REPRESENTATION: hidden}, name=model.name)


def scale_of(centroids, scale):
    """`scale` as a number; `"centroids"` stands for that of the centroids."""
    if isinstance(scale, str):
        _checks.one_of("scale", scale, ("centroids",))
        scale = getattr(centroids, "scale", None)
    return positive_scale(scale)


def _check_fit(model, task, centroids):
    shape = centroid_values(centroids).shape
    sizes = tuple(model.output[name].shape[-1] for name in (task, REPRESENTATION))
    if shape != sizes:
        raise ValueError(
            f"Centroids must have the shape [outputs of {task!r}, units of the representation], "
            f"{sizes}. Received: {shape}. Take those of a network with the same classes and the "
            "same last layer."
        )

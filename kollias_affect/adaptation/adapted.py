"""Paper A's NetA: compiled with the loss E_tot, classification by centroids, new classes."""

import numbers

import keras

from kollias_affect import _checks, losses, metrics, training
from kollias_affect.layers import CentroidOutputs
from kollias_affect.layers.centroid_outputs import centroid_values, positive_scale

REPRESENTATION = "representation"


def task_of(model):
    """Returns the name of the output that is not the representation.

    Args:
        model: `keras.Model` with a task's output and `"representation"`.

    Raises:
        ValueError: If the model has other outputs.
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
    normalization="linear",
    learning_rate=1e-3,
    optimizer=None,
    scale=1.0,
):
    """Compiles a model with paper A's loss, E_tot = lam * E_a + (1 - lam) * E_b (eq. 9).

    E_a (eq. 5) is the mean squared error of the task's outputs; E_b (eq. 8) is
    `losses.CentroidLoss` of the representation. Both are means over the frames that have a
    weight. `targets` makes the labels. A weight of 0 stops the gradient of a term, but not the
    weight decay of some optimizers. The logs hold the accuracy of both predictors:
    `<task>_accuracy` for the outputs and `representation_accuracy` for the nearest centroid.

    Args:
        model: NetA, with a task's output, `[..., classes]`, and `"representation"`,
            `[..., units]`. The paper's is `models.cnn_rnn("vgg_face", "expression",
            representation=True, output_activation="linear")`.
        centroids: NetB's `Centroids`, or an array `[classes, units]`.
        lam: λ in [0, 1]. 1 trains without the centroids, 0 with the centroids only.
        normalization: Normalization f, `"softmax"` or `"linear"`, see `losses.CentroidLoss`.
        learning_rate: Learning rate of Adam. Default: the paper's.
        optimizer: Keras optimizer that replaces Adam.
        scale: Scale of `losses.CentroidLoss`: a number, or `"centroids"` for
            `centroids.scale`.

    Returns:
        `model`.

    Raises:
        ValueError: If λ is outside [0, 1], or if the centroids do not fit the model.

    References: paper A §III, eq. 5, 8 and 9; §IV.A.
    """
    if not isinstance(lam, numbers.Real) or not 0 <= lam <= 1:
        raise ValueError(
            f"`lam` must be a number from 0 to 1. Received: lam={lam!r}. The paper uses 0, 0.25, "
            "0.5, 0.75 and 1."
        )
    task = task_of(model)
    _check_fit(model, task, centroids)
    e_b = losses.CentroidLoss(centroids, normalization, scale_of(centroids, scale))
    e_a = keras.losses.MeanSquaredError("mean_with_sample_weight")
    model.compile(
        keras.optimizers.Adam(learning_rate) if optimizer is None else optimizer,
        loss=training.over_replicas({task: e_a, REPRESENTATION: e_b}),
        loss_weights={task: float(lam), REPRESENTATION: 1 - float(lam)},
        weighted_metrics={
            task: [keras.metrics.CategoricalAccuracy("accuracy")],
            REPRESENTATION: [metrics.CentroidAccuracy(centroids)],
        },
    )
    return model


def centroid_classifier(model, centroids, normalization="linear", scale=1.0):
    """Returns a model that classifies by the nearest centroid.

    Args:
        model: `keras.Model` with the output `"representation"`, `[..., units]`. Its layers are
            shared, not copied.
        centroids: `Centroids`, or an array `[classes, units]`.
        normalization: Normalization f, see `layers.centroid_outputs.centroid_outputs`.
        scale: Scale of V, see `layers.centroid_outputs.centroid_outputs`.

    Returns:
        `keras.Model` from the model's inputs to 1 - f(V), `[..., classes]`. The output of the
        nearest centroid is the largest. The outputs lie in [0, 1] and sum to `classes - 1`, so
        they are not probabilities. The output layer has the name of the task.

    Raises:
        ValueError: If the centroids do not fit the model.

    References: paper A §III, eq. 6 to 8.
    """
    task = task_of(model)
    _check_fit(model, task, centroids)
    values = centroid_values(centroids)
    layer = CentroidOutputs(len(values), normalization, scale_of(centroids, scale), name=task)
    outputs = layer(model.output[REPRESENTATION])
    layer.set_weights([values])
    return keras.Model(model.input, outputs, name=f"{model.name}_by_centroids")


def facets(model, centroids, lam, **options):
    """Returns copies of one network, each compiled with the centroids of another network.

    Args:
        model: NetA, see `compile_adapted`. It does not change.
        centroids: Dict from a name to `Centroids`.
        lam: λ in [0, 1].
        **options: Arguments of `compile_adapted`. Pass an `optimizer` by name or config.

    Returns:
        Dict from the same names to models with the weights of `model`.

    References: paper A §III, figure 3.
    """
    return {
        name: compile_adapted(copy(model), values, lam, **options)
        for name, values in centroids.items()
    }


def copy(model):
    """Returns an uncompiled copy of a model with the same weights."""
    clone = keras.models.clone_model(model)
    clone.set_weights(model.get_weights())
    return clone


def with_representation(model, task=None):
    """Adds the last hidden outputs to a network, so that it can be NetA or NetB.

    Args:
        model: Any network of `kollias_affect.models`, trained or not: of expressions or of valence
            and arousal, of windows or single images, with one RNN or several. Its layers are
            shared, not copied.
        task: Name of the output to keep, for a network of several tasks.

    Returns:
        `keras.Model` with the outputs `task` and `"representation"`, X (eq. 4): the input of the
        output layer.

    Raises:
        ValueError: If the model has several outputs and `task` names none of them, or if its
            output is not that of a fully connected layer.

    Example:
        >>> from kollias_affect import adaptation, backbones, models
        >>> tiny = backbones.cnn_m((32, 32, 3), width=0.02)
        >>> options = {"rnn_units": 4, "hidden_units": 8, "length": 5}
        >>> model = models.multi_rnn(tiny, "valence_arousal", ("pool2", "fc1"), "2rnn", **options)
        >>> adapted = adaptation.with_representation(model)
        >>> {name: tensor.shape for name, tensor in adapted.output.items()}
        {'valence_arousal': (None, 5, 2), 'representation': (None, 5, 8)}

    References: paper A §III ("any new NetB"), eq. 1 and 4.
    """
    outputs = model.output if isinstance(model.output, dict) else {}
    if REPRESENTATION in outputs and len(outputs) == 2:
        return model
    names = [name for name in model.output_names if name != REPRESENTATION]
    if task is None and len(names) == 1:
        task = names[0]
    layer = next((layer for layer in model.layers if layer.name == task), None)
    if task not in names or not isinstance(layer, keras.layers.Dense):
        raise ValueError(
            "A representation is the input of the fully connected layer of one output. Received: "
            f"task={task!r} and a model with the outputs {names}. Pass the name of one of them, of "
            "a model from `kollias_affect.models`."
        )
    hidden = keras.layers.Identity(dtype="float32", name=REPRESENTATION)(layer.input)
    return keras.Model(model.input, {task: layer.output, REPRESENTATION: hidden}, name=model.name)


def with_classes(model, classes, name):
    """Replaces the output layer of a model by a linear one for other classes.

    Args:
        model: `keras.Model` with the output `"representation"`, `[..., units]`. Its layers are
            shared, not copied.
        classes: Number of classes.
        name: Name of the new output and its layer.

    Returns:
        `keras.Model` with the outputs `name`, `[..., classes]`, and `"representation"`.

    Raises:
        ValueError: If another layer has that name.

    References: paper A §V (400 classes of valence and arousal).
    """
    old = task_of(model)
    _checks.positive_integer("classes", classes)
    taken = {layer.name for layer in model.layers} - {old}
    if name in taken:
        raise ValueError(
            f"`name` must not be the name of another layer, {sorted(taken)}. Received: {name!r}. "
            "Choose another name."
        )
    hidden = model.output[REPRESENTATION]
    output = keras.layers.Dense(classes, "linear", dtype="float32", name=name)(hidden)
    return keras.Model(model.input, {name: output, REPRESENTATION: hidden}, name=model.name)


def scale_of(centroids, scale):
    """Returns `scale` as a number; `"centroids"` stands for `centroids.scale`."""
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
            f"{sizes}. Received: {shape}. Use the centroids of a network with the same "
            "classes and the same last hidden layer."
        )

"""Compiling: Adam, losses of one or several tasks, decay of the learning rate and the weights."""

import keras

from kollias_affect import _checks, losses, metrics
from kollias_affect.models.parts import leaves
from kollias_affect.tasks import label_field, names_of
from kollias_affect.training import objectives
from kollias_affect.training.global_batch import adam, over_replicas

LOSSES = ("ccc", "mse")


def compile_model(
    model,
    learning_rate,
    task="valence_arousal",
    level="frame",
    decay=None,
    loss="ccc",
    weight_decay=None,
    positive_weights=None,
    cosine=None,
    clip_norm=None,
    ema=None,
    **options,
):
    """Compiles a model as the papers do: Adam and the CCC loss, or cross entropy for expressions.

    Action units have the weighted binary cross entropy. The loss of several tasks is the weighted
    sum of theirs; labels and weights of the samples are dicts by task, as `windows.dataset` yields
    them. In the scope of a `tf.distribute` strategy losses and clipping are those of the global
    batch.

    Args:
        model: Model of `kollias_affect.models`; for the options `matching` and
            `loss_weights="uncertainty"` its `objectives.training_form`.
        learning_rate: Initial learning rate.
        task: Task of the model, one of `tasks.TASKS`, or several; it selects loss and metrics.
        level: Level of the CCC loss, see `losses.ccc_loss`.
        decay: `None` for a constant learning rate, or `(steps, rate)`: the learning rate is
            multiplied by `rate` after every `steps` batches (paper C: exponential decay).
        loss: Loss of valence and arousal: `"ccc"`, or `"mse"` as for paper C's baseline.
        weight_decay: `None`, or the factor of `decay_kernels`.
        positive_weights: Weights of present action units, see `losses.ActionUnitLoss`.
        cosine: `None`, or `(steps, warm_up)`: the learning rate rises from 0 during the first
            `warm_up` of the `steps` batches, then falls along half a cosine to 0. Without `decay`.
        clip_norm: `None`, or the largest norm of all gradients of a batch together.
        ema: `None`, or the momentum of a moving average of the weights, see
            `averaged.AveragedWeights`.
        **options: `loss_weights`, `focal`, `label_smoothing`, `soft_labels` and `matching` of
            `train`.

    Returns:
        `model`.

    Raises:
        ValueError: If an argument is out of range.

    Example:

    >>> from kollias_affect import backbones, models
    >>> backbone = backbones.cnn_m((32, 32, 3), width=0.02)
    >>> model = models.cnn(backbone, "valence_arousal", hidden_units=8)
    >>> compile_model(model, learning_rate=1e-4).loss["valence_arousal"].name
    'ccc_loss'

    References: Paper B, §5.4; paper C, §4.1.1 and §4.2.1.
    """
    _checks.one_of("loss", loss, LOSSES)
    learning_rate = _learning_rate(learning_rate, decay, cosine)
    decay_kernels(model, weight_decay)
    names = names_of(task)
    options = {name: value for name, value in options.items() if value}
    affect = losses.CCCLoss(level) if loss == "ccc" else loss
    by_task = {name: _loss(name, affect, options, positive_weights, names) for name in names}
    soft, several = objectives.takes_shares(options), len(names) > 1
    weights = options.get("loss_weights")
    if weights == objectives.UNCERTAINTY:
        for name in names:
            layer = model.get_layer(f"{name}_uncertainty")
            by_task[name] = objectives.UncertainLoss(by_task[name], layer)
    if "matching" in options:
        by_task[objectives.MATCHING] = losses.MatchingLoss(objectives.table(options["matching"]))
    if several:
        given = weights if isinstance(weights, dict) else {}
        weights = {name: given.get(name, 1.0) for name in by_task}
    model.compile(
        _optimizer(learning_rate, clip_norm, ema),
        loss=over_replicas(by_task),
        loss_weights=weights if several else None,
        weighted_metrics={name: metrics.for_task(name, soft) for name in names},
    )
    return model


def _learning_rate(rate, decay, cosine):
    """Returns the learning rate: a number, or a schedule of Keras."""
    rate = _checks.number_between("learning_rate", rate, 0, 10)
    if decay is not None and cosine is not None:
        raise ValueError(
            "One schedule changes the learning rate. Received: `decay` and a cosine. Leave one of "
            "them out."
        )
    if decay is not None:
        steps = _checks.positive_integer("decay steps", decay[0])
        factor = _checks.number_between("decay rate", decay[1], 0, 1)
        return keras.optimizers.schedules.ExponentialDecay(rate, steps, factor, staircase=True)
    if cosine is None:
        return rate
    steps, warm_up = cosine
    if not warm_up:
        return keras.optimizers.schedules.CosineDecay(rate, steps)
    return keras.optimizers.schedules.CosineDecay(
        0.0, max(1, steps - warm_up), warmup_target=rate, warmup_steps=warm_up
    )


def _optimizer(learning_rate, clip_norm, ema):
    options = {}
    if clip_norm is not None:
        options["global_clipnorm"] = _checks.number_between("clip_norm", clip_norm, 0, 1e6)
    if ema is not None:
        options |= {"use_ema": True, "ema_momentum": _checks.share("ema", ema)}
    return adam(learning_rate, **options)


def _loss(name, affect, options, positive_weights, names):
    """Returns the loss of one of the tasks `names`; `affect` is that of valence and arousal."""
    field, several = label_field(name), len(names) > 1
    if field == "expression":
        return objectives.expression_loss(options, several)
    if field == "action_units":
        return losses.ActionUnitLoss(positive_weights)
    if several and affect == "mse":
        return keras.losses.MeanSquaredError(reduction="mean_with_sample_weight")
    return affect


def decay_kernels(model, weight_decay):
    """Adds the weight decay of the authors' framework to the loss of a model, or removes it.

    `weight_decay / 2 * sum(w ** 2)` over the kernels of the convolutional and fully connected
    layers is added to the loss, so that their gradients grow by `weight_decay * w`. This is
    `slim.l2_regularizer` of TensorFlow 1, with which the authors build ResNet-50. It is the L2
    penalty, not the decoupled decay of `keras.optimizers.AdamW`, which came later: Adam rescales
    this gradient like any other. Frozen kernels, biases, normalization and recurrent layers do not
    decay. The logs show the loss with the penalty.

    The penalty is a property of the variables and not of the layers' configurations: saved models
    do not have it.

    Args:
        model: `keras.Model`. Compile it afterwards.
        weight_decay: Factor in (0, 1), or `None` to remove what an earlier call added.

    Raises:
        ValueError: If the factor is out of range.

    Example:

    >>> layers = [keras.Input((2,)), keras.layers.Dense(1, kernel_initializer="ones")]
    >>> model = keras.Sequential(layers)
    >>> decay_kernels(model, 0.1)
    >>> [round(float(loss), 3) for loss in model.losses]  # 0.1 / 2 * (1 + 1)
    [0.1]

    References: Paper C, §4.2.1 (a weight decay whose value is not printed); paper D, §3.3; the
        authors' code, `affwildnet/resnet-gru`.
    """
    if weight_decay is not None:
        weight_decay = _checks.number_between("weight_decay", weight_decay, 0, 1)
    for layer in leaves(model):
        kernel = getattr(layer, "kernel", None)
        if not isinstance(kernel, keras.Variable):  # recurrent layers have theirs in a cell
            continue
        if weight_decay is not None:
            kernel.regularizer = _WeightDecay(weight_decay / 2)
        elif isinstance(kernel.regularizer, _WeightDecay):
            kernel.regularizer = None


class _WeightDecay(keras.regularizers.L2):
    """The penalty of `decay_kernels`, which knows its own from that of a layer."""

"""New output layers for a trained network (paper C §5.2)."""

import keras

from kollias_affect import _checks, models
from kollias_affect.models.outputs import output_layer
from kollias_affect.tasks import names_of


def swap_head(model, task, activation=None, seed=0, keep=()):
    """Replaces the output layers of a model by new ones, for the same or other tasks.

    All other weights stay. Paper C transfers AffWildNet in this way from valence and arousal to
    the seven expressions of EmotiW. The card of the new model, `models.describe`, names the new
    task and outputs.

    Args:
        model: Model of `kollias_affect.models`. Its other layers are shared with the new model,
            not copied.
        task: One of `tasks.TASKS`, or several, whose outputs are then a dict.
        activation: Activation of the new layers, see `output_activation` of `models.cnn`.
        seed: Seed of the new layers' weights.
        keep: Tasks of the model, of `task`, whose output layers stay.

    Returns:
        `keras.Model`, not compiled, with the inputs and the name of `model`. It also has the
        other outputs of `model`, such as `"representation"`.

    Raises:
        ValueError: If the task is unknown, or if the model has no output layer of a known task.

    References: paper C §5.2.
    """
    names, old = names_of(task), models.tasks_of(models.describe(model))
    for name in keep:
        _checks.one_of("keep", name, [name for name in names if name in old])
    found = {layer.name: layer for layer in model.layers if layer.name in old}
    if len(found) < len(old):
        raise ValueError(
            f"The outputs {list(old)} must come from layers of these names. Received: "
            f"{model.name!r} with the layers {[layer.name for layer in model.layers]}. Build it "
            "with `kollias_affect.models`."
        )
    seed = _checks.integer_between("seed", seed, 0, 2**32 - 1)
    hidden = next(iter(found.values())).input
    outputs = {}
    for number, name in enumerate(names):
        if name in keep:
            outputs[name] = found[name].output
            continue
        initializer = keras.initializers.GlorotUniform((seed + number) % 2**32)
        outputs[name] = output_layer(name, activation, kernel_initializer=initializer)(hidden)
    if isinstance(model.output, dict):
        others = {name: value for name, value in model.output.items() if name not in old}
        outputs = {**outputs, **others}
    several = len(outputs) > 1
    return keras.Model(model.input, outputs if several else outputs[names[0]], name=model.name)

"""Another task for a trained network: a new output layer on the same hidden one."""

import keras

from kollias_affect import _checks, models
from kollias_affect.models.outputs import output_layer


def swap_head(model, task, activation=None, seed=0):
    """A model for another task, with a new output layer and all other weights kept.

    Paper C takes AffWildNet from valence and arousal to the seven expressions of EmotiW. The
    card of the new model, `models.describe`, names the new task and outputs.

    Args:
        model: of `kollias_affect.models`. Its other layers are shared with the new model, not
            copied.
        task: one of `tasks.TASKS`; the same task again gives a new head too.
        activation: see `models.cnn`, `output_activation`.
        seed: of the new layer's weights.

    Returns:
        `keras.Model`, not compiled, with the model's inputs and name. Other outputs, such as
        `"representation"`, are kept.

    Raises:
        ValueError: if the task is unknown, or the model has no output layer of a known task.

    References: paper C §5.2.
    """
    old = models.describe(model)["task"]
    layer = next((layer for layer in model.layers if layer.name == old), None)
    if layer is None:
        raise ValueError(
            f"The output {old!r} must come from a layer of that name. Received: {model.name!r} "
            f"with the layers {[each.name for each in model.layers]}. Build it with "
            "`kollias_affect.models`."
        )
    seed = _checks.integer_between("seed", seed, 0, 2**32 - 1)
    initializer = keras.initializers.GlorotUniform(seed)
    output = output_layer(task, activation, kernel_initializer=initializer)(layer.input)
    if isinstance(model.output, dict):
        kept = {name: value for name, value in model.output.items() if name != old}
        output = {task: output, **kept}
    return keras.Model(model.input, output, name=model.name)

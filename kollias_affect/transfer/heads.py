"""A new output layer for a trained network (paper C §5.2)."""

import keras

from kollias_affect import _checks, models
from kollias_affect.models.outputs import output_layer


def swap_head(model, task, activation=None, seed=0):
    """Replaces the output layer of a model by a new one, for the same or another task.

    All other weights stay. Paper C transfers AffWildNet in this way from valence and arousal to
    the seven expressions of EmotiW. The card of the new model, `models.describe`, names the new
    task and outputs.

    Args:
        model: Model of `kollias_affect.models`. Its other layers are shared with the new model,
            not copied.
        task: One of `tasks.TASKS`.
        activation: Activation of the new layer, see `output_activation` of `models.cnn`.
        seed: Seed of the new layer's weights.

    Returns:
        `keras.Model`, not compiled, with the inputs and the name of `model`. It also has the
        other outputs of `model`, such as `"representation"`.

    Raises:
        ValueError: If the task is unknown, or if the model has no output layer of a known task.

    References: paper C §5.2.
    """
    old = models.describe(model)["task"]
    layer = next((layer for layer in model.layers if layer.name == old), None)
    if layer is None:
        raise ValueError(
            f"The output {old!r} must come from a layer of that name. Received: {model.name!r} "
            f"with the layers {[layer.name for layer in model.layers]}. Build it with "
            "`kollias_affect.models`."
        )
    seed = _checks.integer_between("seed", seed, 0, 2**32 - 1)
    initializer = keras.initializers.GlorotUniform(seed)
    output = output_layer(task, activation, kernel_initializer=initializer)(layer.input)
    if isinstance(model.output, dict):
        others = {name: value for name, value in model.output.items() if name != old}
        output = {task: output, **others}
    return keras.Model(model.input, output, name=model.name)

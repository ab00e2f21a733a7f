"""The output layer of each task."""

from keras import layers

from kollias_affect import _checks
from kollias_affect.tasks import TASKS, label_field, names_of

_ACTIVATIONS = {"valence_arousal": "linear", "expression": "softmax", "action_units": "sigmoid"}


def output_layer(task, activation=None, **options):
    """Creates the output layer of a task, which has the name of the task.

    It has linear units for valence and arousal (papers B and C), a softmax over the expressions,
    and a sigmoid for each action unit. It computes in float32 under a mixed precision policy, too.

    Args:
        task: One of `tasks.TASKS`.
        activation: Activation. Default: that of the task.
        **options: Further arguments of `keras.layers.Dense`, such as initializers.

    Returns:
        `keras.layers.Dense`.

    Raises:
        ValueError: If the task is unknown.
    """
    names, _ = TASKS[_checks.one_of("task", task, TASKS)]
    if activation is None:
        activation = _ACTIVATIONS[label_field(task)]
    return layers.Dense(len(names), activation, dtype="float32", name=task, **options)


def output_layers(task, activation=None, initializer=None):
    """Creates the output layers of one or several tasks.

    Args:
        task: One of `tasks.TASKS`, or several, see `tasks.names_of`. One task in a tuple is that
            task.
        activation: Activation of all output layers, or a dict of activations by task. Default:
            those of the tasks.
        initializer: Mapping of initializers, such as `initializers.PerLayer`, of which every layer
            gets its own draw. Default: those of Keras.

    Returns:
        Function from a tensor to the output of one task, or to a dict of the outputs by task.

    Raises:
        ValueError: If a task is unknown, or two tasks have outputs of one name.
    """
    names = names_of(task)
    if not isinstance(activation, dict):
        activation = dict.fromkeys(names, activation)
    initializer = {} if initializer is None else initializer
    created = {name: output_layer(name, activation.get(name), **initializer) for name in names}

    def apply(x):
        outputs = {name: layer(x) for name, layer in created.items()}
        return outputs if len(outputs) > 1 else outputs[names[0]]

    return apply

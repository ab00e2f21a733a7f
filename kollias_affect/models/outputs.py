"""The output layer of each task."""

from keras import layers

from kollias_affect import _checks
from kollias_affect.tasks import TASKS


def output_layer(task, activation=None, **options):
    """Creates the output layer of a task, which has the name of the task.

    It has linear units for valence and arousal (papers B and C) and a softmax over `EXPRESSIONS`.
    It computes in float32 under a mixed precision policy, too.

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
        activation = "softmax" if task == "expression" else "linear"
    return layers.Dense(len(names), activation, dtype="float32", name=task, **options)

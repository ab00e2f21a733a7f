"""What a model can be asked for: its output layer, and how to read it."""

from keras import layers

from kollias_affect import _checks
from kollias_affect.tasks import TASKS


def output_layer(task, activation=None, **options):
    """The output layer of `task`, which bears its name.

    Linear units for valence and arousal (papers B and C), softmax over `EXPRESSIONS`, in
    float32 also under a mixed precision policy.

    Args:
        task: one of `tasks.TASKS`.
        activation: instead of the task's own.
        **options: of `keras.layers.Dense`, such as initializers.
    """
    names, _ = TASKS[_checks.one_of("task", task, TASKS)]
    if activation is None:
        activation = "softmax" if task == "expression" else "linear"
    return layers.Dense(len(names), activation, dtype="float32", name=task, **options)

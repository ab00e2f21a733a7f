"""What a model can be asked for: its output layer, and how to read it."""

from keras import layers

from kollias_affect import EXPRESSIONS, _checks

# Names of the outputs of each task, and their range.
TASKS = {
    "valence_arousal": (("valence", "arousal"), (-1, 1)),
    "valence": (("valence",), (-1, 1)),
    "arousal": (("arousal",), (-1, 1)),
    "expression": (EXPRESSIONS, (0, 1)),
}


def output_layer(task, activation=None, **options):
    """The output layer of `task`, which bears its name.

    Linear units for valence and arousal (papers B and C), softmax over `EXPRESSIONS`, in
    float32 also under a mixed precision policy.

    Args:
        task: one of `TASKS`.
        activation: instead of the task's own.
        **options: of `keras.layers.Dense`, such as initializers.
    """
    names, _ = TASKS[_checks.one_of("task", task, TASKS)]
    if activation is None:
        activation = "softmax" if task == "expression" else "linear"
    return layers.Dense(len(names), activation, dtype="float32", name=task, **options)

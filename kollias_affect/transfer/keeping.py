"""A model of several tasks that is trained for expressions alone, and keeps its other outputs.

References: Li and Hoiem, "Learning without forgetting" (ECCV 2016): outputs without labels are held
at those of the network before the training. Here by their squared distance.
"""

import keras
from keras import ops

TASK = "expression"
# Squared distances of outputs in [-1, 1] are small beside a cross entropy.
WEIGHT = 10.0


def training_form(model):
    """Returns the form of a model that `staged` trains: one output, expressions.

    The loss of a model with other outputs grows by `WEIGHT` times their mean squared distance to
    what the model said before. Without that, they would no longer fit the layers below them.

    Args:
        model: `keras.Model` with the output `expression`.

    Returns:
        `keras.Model` that shares the weights of `model`; `model` itself if it has no other output.
    """
    others = [name for name in model.output_names if name != TASK]
    if not others:
        return model
    copy = keras.models.clone_model(model)
    copy.set_weights(model.get_weights())
    before = keras.Model(copy.input, copy.output, name="outputs_before")
    before.trainable = False
    inputs = {x.name: keras.Input(x.shape[1:], name=x.name) for x in model.inputs}
    found, expected = model(inputs), before(inputs, training=False)
    values = [found[TASK], *(found[n] for n in others), *(expected[n] for n in others)]
    return keras.Model(inputs, _HeldOutputs(name=TASK)(values), name=f"{model.name}_held")


class _HeldOutputs(keras.layers.Layer):
    """Returns its first input, and adds the distances of the others, in pairs, to the loss."""

    def call(self, values):
        """Returns the expressions."""
        expression, *others = values
        half = len(others) // 2
        for now, before in zip(others[:half], others[half:], strict=True):
            self.add_loss(WEIGHT * ops.mean(ops.square(now - ops.stop_gradient(before))))
        return expression

    def compute_output_shape(self, input_shape):
        """Returns the shape of the expressions."""
        return input_shape[0]

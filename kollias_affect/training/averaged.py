"""The moving average of the weights in validation, and in the model that is saved."""

import keras


class AveragedWeights(keras.callbacks.Callback):
    """Puts the moving average of the weights into the model from each validation on.

    The optimizer keeps the average (`use_ema`). Whatever follows the validation in an epoch sees
    it: scores, TensorBoard, the saved model. `RawWeights` brings the trained weights back, before
    the backup. The statistics of batch normalization are those of the trained weights.

    References: Polyak and Juditsky (1992); Tarvainen and Valpola (NeurIPS 2017) for the moving
        average.
    """

    def __init__(self):
        super().__init__()
        self.raw = None

    def on_test_begin(self, logs=None):
        """Replaces the trained weights by their average."""
        if self.raw is None:
            variables = self.model.trainable_variables
            self.raw = [keras.ops.convert_to_numpy(variable) for variable in variables]
            self.model.optimizer.finalize_variable_values(variables)

    def restore(self):
        """Brings the trained weights back."""
        if self.raw is not None:
            for variable, value in zip(self.model.trainable_variables, self.raw, strict=True):
                variable.assign(value)
            self.raw = None


class RawWeights(keras.callbacks.Callback):
    """Brings the trained weights back at the end of an epoch.

    Args:
        averaged: `AveragedWeights` that replaced them.
    """

    def __init__(self, averaged):
        super().__init__()
        self.averaged = averaged

    def on_epoch_end(self, epoch, logs=None):
        """Brings the trained weights back."""
        self.averaged.restore()

"""Early stopping that resumes: what it waits for is read from the log of the run."""

import csv
import math
import types
from pathlib import Path

import keras


class Patience(keras.callbacks.EarlyStopping):
    """Ends a training after some epochs without a better score.

    Args:
        monitor: Name of the quantity in the logs that is maximised.
        patience: Epochs without a better score after which the training ends.
        log: csv file of the logs of a run, whose earlier epochs count.
    """

    def __init__(self, monitor, patience, log):
        super().__init__(monitor, patience=patience, mode="max", verbose=0)
        self.log = Path(log)

    def get_monitor_value(self, logs):
        """Returns the score; one that is no number is the worst."""
        value = super().get_monitor_value(logs)
        return value if value is None or math.isfinite(value) else -math.inf

    def on_train_begin(self, logs=None):
        """Counts the epochs before an interruption."""
        super().on_train_begin(logs)
        for epoch, score in enumerate(self._scores()):
            self.on_epoch_end(epoch, {self.monitor: score})

    def epochs_of(self, epochs):
        """Returns `epochs`, or the epochs in the log if the training has ended already."""
        # A model would train one more batch: only its flag is needed.
        replay = type(self)(self.monitor, self.patience, self.log)
        replay.set_model(types.SimpleNamespace(stop_training=False))
        replay.on_train_begin()
        return min(epochs, len(self._scores())) if replay.model.stop_training else epochs

    def _scores(self):
        """Returns the score of every epoch in the log."""
        if not self.log.exists():
            return []
        with open(self.log, newline="") as file:
            return [float(row[self.monitor]) for row in csv.DictReader(file)]

"""What `model.fit` needs to be killed and started again: defaults and callbacks."""

import csv
import json
import os
from pathlib import Path

import keras

from kollias_affect import _files, losses, metrics, models

# Paper B §5.4: with the CNN fixed, and end to end (1e-4 or 1e-5).
LEARNING_RATES = {"frozen": 1e-3, "end-to-end": 1e-4}


def compile_model(model, learning_rate, task="valence_arousal", level="frame", decay=None):
    """Compiles a model as the papers do: Adam, CCC loss (cross entropy for expressions).

    Args:
        model: of `kollias_affect.models`.
        learning_rate: initial rate.
        task: the model's task; chooses loss and metrics.
        level: of the CCC loss.
        decay: `None` for a constant rate, or `(steps, rate)`: the rate is multiplied by `rate`
            every `steps` batches, in steps (paper C: exponential decay).

    Returns:
        `model`.
    """
    if decay is not None:
        steps, rate = decay
        learning_rate = keras.optimizers.schedules.ExponentialDecay(
            learning_rate, steps, rate, staircase=True
        )
    loss = "sparse_categorical_crossentropy" if task == "expression" else losses.CCCLoss(level)
    model.compile(
        keras.optimizers.Adam(learning_rate),
        loss={task: loss},
        weighted_metrics={task: metrics.for_task(task)},
    )
    return model


def callbacks(out_dir, monitor="val_ccc"):
    """The callbacks of a training run that leaves everything in one folder.

    `out_dir/best.keras` is the model of the best epoch by `monitor`, `out_dir/log.csv` one row
    per epoch, `out_dir/tensorboard/` what TensorBoard shows, and `out_dir/backup/` the state
    from which a killed run goes on: call `fit` again with the same arguments.

    Args:
        out_dir: folder of the run.
        monitor: what is to be as large as possible.

    Returns:
        list of Keras callbacks.
    """
    out_dir = Path(out_dir)
    out_dir.mkdir(parents=True, exist_ok=True)
    _forget_unfinished_epochs(out_dir / "log.csv", out_dir / "backup" / "training_metadata.json")
    return [
        keras.callbacks.TensorBoard(out_dir / "tensorboard"),
        BestModel(out_dir / "best.keras", monitor),
        keras.callbacks.CSVLogger(out_dir / "log.csv", append=True),
        AtomicBackup(str(out_dir / "backup"), delete_checkpoint=False),  # last: an epoch is done
    ]


class AtomicBackup(keras.callbacks.BackupAndRestore):
    """`BackupAndRestore` whose files are whole at every moment, also while they are replaced."""

    def _save_model(self):
        os.makedirs(self.backup_dir, exist_ok=True)
        temporary = os.path.join(self.backup_dir, "next.weights.h5")
        self.model.save_weights(temporary, overwrite=True)
        os.replace(temporary, self._weights_path)
        state = {"epoch": self._current_epoch, "batch": self._last_batch_seen}
        _files.write_json(self._training_metadata_path, state)


class BestModel(keras.callbacks.Callback):
    """Saves the model, with its card, whenever `monitor` is better than ever.

    The best value is read back from the file, so that a run that goes on does not replace a
    better model by a worse one.

    Args:
        path: `.keras` file.
        monitor: name in the logs, to be as large as possible.
    """

    def __init__(self, path, monitor="val_ccc"):
        super().__init__()
        self.path = Path(path)
        self.monitor = monitor
        self.best = None

    def on_train_begin(self, logs=None):
        """Takes up the best value so far."""
        if self.path.exists():
            self.best = (models.read_card(self.path) or {}).get(self.monitor)

    def on_epoch_end(self, epoch, logs=None):
        """Saves the model if this epoch is the best."""
        if self.monitor not in (logs or {}):
            raise ValueError(
                f"`monitor` must be in the logs: {sorted(logs or {})}. Received: "
                f"monitor={self.monitor!r}. Pass `validation_data` to `fit`, and that metric to "
                "`compile`."
            )
        value = float(logs[self.monitor])
        if self.best is None or value > self.best:
            self.best = value
            models.save(self.model, self.path, epoch=epoch + 1, **{self.monitor: value})


def _forget_unfinished_epochs(log, state):
    """Drops the rows of epochs that will be run again, because their backup was not reached."""
    if not log.exists():
        return
    epochs = json.loads(state.read_text())["epoch"] if state.exists() else 0
    with open(log, newline="") as file:
        header, *rows = list(csv.reader(file)) or [[]]
    kept = [row for row in rows if len(row) == len(header) and int(row[0]) < epochs]
    if len(kept) < len(rows):
        with _files.atomic(log) as temporary, open(temporary, "w", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows([header, *kept])

"""What a run writes and prints while it trains."""

import sys
import time
from pathlib import Path

import keras

from kollias_affect import evaluation
from kollias_affect._texts import printable
from kollias_affect.training.resuming import (
    AtomicBackup,
    BestModel,
    InPlace,
    drop_unfinished_epochs,
)


def callbacks(
    out_dir,
    monitor="val_ccc",
    clips=None,
    settings=None,
    model=None,
    backup_every=1,
    shown=None,
    **metadata,
):
    """Returns the callbacks of a training run that writes everything to one folder.

    `out_dir/best.keras` is the model of the best epoch by `monitor`, `out_dir/log.csv` has one row
    per epoch, `out_dir/tensorboard/` is the log directory of TensorBoard, and `out_dir/backup/`
    holds the state from which a killed run resumes when `fit` is called again with the same
    arguments. The training stops if the folder is removed or moved meanwhile.

    Args:
        out_dir: Folder of the run.
        monitor: Name of the quantity in the logs that is maximised.
        clips: Validation clips for `evaluation.AffectTensorBoard`. Default: none, so that
            TensorBoard shows Keras' scalars only.
        settings: Dict of hyper-parameters for TensorBoard. Of the entries `training` and
            `validation`, lists of `_runs.describe_clip`, the number of frames is shown.
        model: Model that is saved and shown. Default: the model that `fit` trains. It must share
            the weights of that model.
        shown: Model that TensorBoard shows, if it is another one with the same weights.
        backup_every: Epochs from one backup to the next. A resumed run repeats the epochs since the
            last backup.
        **metadata: Further entries of the model's card, see `models.save`.

    Returns:
        list of Keras callbacks.

    Example:

    >>> import tempfile
    >>> [type(callback).__name__ for callback in callbacks(tempfile.mkdtemp())]
    ['InPlace', 'LayerGraphTensorBoard', 'BestModel', 'CSVLogger', 'AtomicBackup']
    """
    out_dir = Path(out_dir)
    out_dir.mkdir(parents=True, exist_ok=True)
    drop_unfinished_epochs(out_dir / "log.csv", AtomicBackup.epochs_done(out_dir / "backup"))
    return [
        InPlace(out_dir),  # first: nothing is written where the folder was
        tensorboard(out_dir / "tensorboard", clips, settings or {}, shown or model),
        BestModel(out_dir / "best.keras", monitor, model, **metadata),
        keras.callbacks.CSVLogger(out_dir / "log.csv", append=True),
        AtomicBackup(out_dir / "backup", backup_every),  # last: the epoch is complete
    ]


def progress_line(name, done, epochs):
    """Returns where a training goes on.

    Args:
        name: Name of the run.
        done: Number of finished epochs.
        epochs: Number of all epochs.

    Example:

    >>> progress_line("run", 6, 20)
    'run resumes at epoch 7 of 20.'
    """
    name = printable(name)
    if done >= epochs:
        return f"{name}: all {epochs} epochs are finished."
    return f"{name} {'resumes' if done else 'begins'} at epoch {done + 1} of {epochs}."


def epoch_output(verbose=None):
    """Chooses how `fit` reports its epochs.

    Args:
        verbose: `verbose` of `keras.Model.fit`, or `None` for progress bars on a terminal and one
            line an epoch elsewhere.

    Returns:
        `(verbose, callbacks)` to pass to `fit`.

    Example:

    >>> epoch_output(2)
    (2, [])
    """
    if verbose is not None:
        return verbose, []
    return (1, []) if sys.stdout.isatty() else (0, [EpochLines()])


class EpochLines(keras.callbacks.Callback):
    """Prints one plain line an epoch, for output that is no terminal."""

    def on_epoch_begin(self, epoch, logs=None):
        """Starts the clock."""
        self.start = time.monotonic()

    def on_epoch_end(self, epoch, logs=None):
        """Prints the epoch, its duration, and the logs."""
        seconds = time.monotonic() - self.start
        values = "  ".join(f"{name} {value:.4f}" for name, value in (logs or {}).items())
        print(f"epoch {epoch + 1}/{self.params['epochs']}  {seconds:.1f} s  {values}", flush=True)


def tensorboard(folder, clips, settings, model):
    """Returns the callback; it shows the number of frames for the clips in the settings."""
    if clips is None:
        return evaluation.LayerGraphTensorBoard(folder, model)
    shown = dict(settings)
    for name in ("training", "validation"):
        if name in shown:
            shown[f"{name} frames"] = sum(frames for _, frames, _ in shown.pop(name))
    return evaluation.AffectTensorBoard(folder, clips, hyper_parameters=shown, model=model)

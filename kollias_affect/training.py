"""Training that resumes after a kill: compiling, callbacks, and a complete run."""

import csv
import math
import os
import sys
import time
from pathlib import Path

import keras
import numpy as np

from kollias_affect import _checks, _files, _runs, evaluation, losses, metrics, models, windows
from kollias_affect import features as feature_files
from kollias_affect.datasets import sampling

# Paper B §5.4: with the CNN frozen, and end to end (1e-4 or 1e-5).
LEARNING_RATES = {"frozen": 1e-3, "end-to-end": 1e-4}
# What a run writes besides its settings.
RUN_FILES = ("best.keras", "log.csv", "backup")


def compile_model(
    model, learning_rate, task="valence_arousal", level="frame", decay=None, loss="ccc"
):
    """Compiles a model as the papers do: Adam and the CCC loss, or cross entropy for expressions.

    Args:
        model: Model of `kollias_affect.models`.
        learning_rate: Initial learning rate.
        task: Task of the model, one of `tasks.TASKS`; it selects loss and metrics.
        level: Level of the CCC loss, see `losses.ccc_loss`.
        decay: `None` for a constant learning rate, or `(steps, rate)`: the learning rate is
            multiplied by `rate` after every `steps` batches (paper C: exponential decay).
        loss: Loss of valence and arousal: `"ccc"`, or `"mse"` as for paper C's baseline.

    Returns:
        `model`.

    Raises:
        ValueError: If an argument is out of range.

    Example:

    >>> from kollias_affect import backbones, models
    >>> backbone = backbones.cnn_m((32, 32, 3), width=0.02)
    >>> model = models.cnn(backbone, "valence_arousal", hidden_units=8)
    >>> compile_model(model, learning_rate=1e-4).loss["valence_arousal"].name
    'ccc_loss'

    References: Paper B, §5.4; paper C, §4.1.1 and §4.2.
    """
    _checks.one_of("loss", loss, ("ccc", "mse"))
    if decay is not None:
        steps = _checks.positive_integer("decay steps", decay[0])
        rate = _checks.number_between("decay rate", decay[1], 0, 1)
        learning_rate = keras.optimizers.schedules.ExponentialDecay(
            learning_rate, steps, rate, staircase=True
        )
    if task == "expression":
        loss = "sparse_categorical_crossentropy"
    elif loss == "ccc":
        loss = losses.CCCLoss(level)
    model.compile(
        keras.optimizers.Adam(learning_rate),
        loss={task: loss},
        weighted_metrics={task: metrics.for_task(task)},
    )
    return model


def train(
    model,
    training,
    validation,
    out_dir,
    epochs=20,
    learning_rate=None,
    batch_size=4,
    stride=None,
    level="frame",
    decay=None,
    loss="ccc",
    cache=False,
    features=None,
    seed=0,
    verbose=None,
):
    """Trains a model on clips. A second call with the same arguments resumes the run.

    Writes the files of `callbacks` and `settings.json` to `out_dir`. One process at a time works
    in a folder.

    Args:
        model: Newly built model of `kollias_affect.models`, of windows.
        training: List of `Clip` with labels.
        validation: List of `Clip` with labels, without a subject of `training`.
        out_dir: Folder of the run.
        epochs: Number of epochs, those before an interruption included.
        learning_rate: Initial learning rate. Default: paper B's, 1e-3 with a frozen backbone and
            1e-4 end to end.
        batch_size: Windows per batch.
        stride: Stride of the training windows, see `windows.dataset`.
        level, decay, loss: See `compile_model`.
        cache: See `windows.dataset`.
        features: Folder for the cached outputs of a frozen CNN. After the first epoch the CNN does
            not run again, see `features.of_clips`.
        seed: Seed of the order of the windows and of dropout.
        verbose: `verbose` of `keras.Model.fit`. Default: progress bars on a terminal, one line an
            epoch elsewhere.

    Returns:
        `(model, card)` of the best epoch, as `models.load` returns them.

    Raises:
        ValueError: If a subject is in both sets, no frame of the validation counts, or `out_dir`
            holds a run with other settings.
        OSError: If another process works in `out_dir`, or it cannot be written.
    """
    epochs = _checks.positive_integer("epochs", epochs)
    _check_data(training, validation)
    settings = _settings(
        model, training, validation, learning_rate,
        features=features, batch_size=batch_size, stride=stride, level=level, decay=decay,
        loss=loss, seed=_checks.integer_between("seed", seed, 0, 2**32 - 1),
    )  # fmt: skip
    if settings["length"] is None:
        raise ValueError(
            "`train` takes models of windows. Received: a model of single frames. Build it with "
            "`length=`; it then treats each frame of a window separately."
        )
    monitor = "val_accuracy" if settings["task"] == "expression" else "val_ccc"
    # A folder that is refused gets no lock file.
    _runs.check_folder(out_dir, settings, RUN_FILES, required=("training",))
    out_dir = _checks.writable_folder("out_dir", out_dir)
    with _runs.Lock(out_dir):
        verbose, lines = epoch_output(verbose)
        with windows.naming_bad_images([*training, *validation]):
            runner, data, validation_data = _prepared(
                model, training, validation, out_dir, settings, cache, features, bool(verbose)
            )
            # Only now: a run that is refused leaves the folder free.
            _runs.start_folder(out_dir, settings, RUN_FILES, required=("training",))
            runner.fit(
                data,
                validation_data=validation_data,
                epochs=epochs,
                shuffle=False,  # of batches; the windows are shuffled already
                callbacks=[
                    SeedEpochs(settings["seed"]),
                    *callbacks(out_dir, monitor, validation, settings, model),
                    *lines,
                ],
                verbose=verbose,
            )
    return load_best(out_dir, monitor)


def _check_data(training, validation):
    """Raises `ValueError` if the clips do not suit a training."""
    sampling.refuse_common_subjects(training, validation, "training and validation")
    if not any(clip.valid.any() for clip in validation):
        raise ValueError(
            "Validation needs at least one frame that counts, with a face and a label. Received: "
            f"{[clip.key for clip in validation[:5]]} without any. Choose other validation clips, "
            "or another seed if they are drawn at random."
        )


def describe_run(model, training, validation, **options):
    """Returns the settings of a run: JSON content that its result depends on.

    Args:
        model: `keras.Model` of `kollias_affect.models`.
        training, validation: Lists of `Clip`.
        **options: Further settings.
    """
    card = models.describe(model)
    return {
        **{name: card[name] for name in ("task", "length", "landmarks")},
        "size": card["image"]["size"],
        "model": models.fingerprint(model),
        "training": [_runs.describe_clip(clip) for clip in training],
        "validation": [_runs.describe_clip(clip) for clip in validation],
        **options,
    }


def _settings(model, training, validation, learning_rate, features, **options):
    frozen = any(not layer.trainable for layer in model.layers)
    if learning_rate is None:
        learning_rate = LEARNING_RATES["frozen" if frozen else "end-to-end"]
    if features is not None:
        options["features"] = True
    return describe_run(
        model,
        training,
        validation,
        layers=_layer_sizes(model),
        learning_rate=_checks.number_between("learning_rate", learning_rate, 0, 10),
        frozen=frozen,
        **options,
    )


def _prepared(model, training, validation, out_dir, settings, cache, features, progress):
    """The compiled model, the training data from the next epoch on, and the validation data."""
    cached = (None, None)
    if features is not None:
        cnn, model = feature_files.split(model)
        cached = [
            feature_files.of_clips(cnn, clips, features, settings["size"], progress)
            for clips in (training, validation)
        ]
    model = models.fast(model)
    options = {name: settings[name] for name in ("task", "level", "decay", "loss")}
    compile_model(model, settings["learning_rate"], **options)
    options = {
        name: settings[name] for name in ("task", "length", "landmarks", "size", "batch_size")
    }
    data = windows.dataset(
        training,
        stride=settings["stride"],
        shuffle=True,
        seed=settings["seed"],
        first_epoch=AtomicBackup.epochs_done(out_dir / "backup"),
        features=cached[0],
        cache=cache,
        **options,
    )
    validation_data = windows.dataset(validation, features=cached[1], cache=cache, **options)
    return model, data, validation_data


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


def load_best(out_dir, monitor):
    """Returns the model and the card of the best epoch of a run.

    Args:
        out_dir: `Path` of the run's folder.
        monitor: Name of the quantity that chose the epoch.

    Raises:
        ValueError: If that quantity was NaN in every epoch.
    """
    if not (out_dir / "best.keras").exists():
        raise ValueError(
            f"Training must reach a finite {monitor}. Received: NaN in every epoch, see "
            f"{out_dir / 'log.csv'}. Choose a smaller learning rate and another folder."
        )
    return models.load(out_dir / "best.keras")


def callbacks(
    out_dir,
    monitor="val_ccc",
    clips=None,
    settings=None,
    model=None,
    backup_every=1,
    **metadata,
):
    """Returns the callbacks of a training run that writes everything to one folder.

    `out_dir/best.keras` is the model of the best epoch by `monitor`, `out_dir/log.csv` has one row
    per epoch, `out_dir/tensorboard/` is the log directory of TensorBoard, and `out_dir/backup/`
    holds the state from which a killed run resumes when `fit` is called again with the same
    arguments.

    Args:
        out_dir: Folder of the run.
        monitor: Name of the quantity in the logs that is maximised.
        clips: Validation clips for `evaluation.AffectTensorBoard`. Default: none, so that
            TensorBoard shows Keras' scalars only.
        settings: Dict of hyper-parameters for TensorBoard. Of the entries `training` and
            `validation`, lists of `_runs.describe_clip`, the number of frames is shown.
        model: Model that is saved and shown. Default: the model that `fit` trains. It must share
            the weights of that model.
        backup_every: Epochs from one backup to the next. A resumed run repeats the epochs since the
            last backup.
        **metadata: Further entries of the model's card, see `models.save`.

    Returns:
        list of Keras callbacks.

    Example:

    >>> import tempfile
    >>> [type(callback).__name__ for callback in callbacks(tempfile.mkdtemp())]
    ['TensorBoard', 'BestModel', 'CSVLogger', 'AtomicBackup']
    """
    out_dir = Path(out_dir)
    out_dir.mkdir(parents=True, exist_ok=True)
    _drop_unfinished_epochs(out_dir / "log.csv", AtomicBackup.epochs_done(out_dir / "backup"))
    return [
        _tensorboard(out_dir / "tensorboard", clips, settings or {}, model),
        BestModel(out_dir / "best.keras", monitor, model, **metadata),
        keras.callbacks.CSVLogger(out_dir / "log.csv", append=True),
        AtomicBackup(out_dir / "backup", backup_every),  # last: the epoch is complete
    ]


class AtomicBackup(keras.callbacks.BackupAndRestore):
    """`BackupAndRestore` with a single file, `epoch-<completed epochs>.weights.h5`.

    The file holds weights and optimizer and appears atomically, by a rename. A run that is killed
    at any moment resumes from the end of an epoch, with the right number of epochs.

    Args:
        backup_dir: Folder of the file.
        every: Epochs from one backup to the next. The last epoch always has a backup.
    """

    def __init__(self, backup_dir, every=1):
        super().__init__(str(backup_dir), delete_checkpoint=False)
        self.every = every

    def is_due(self, epoch):
        """Returns whether this epoch, counted from 0, ends with a backup."""
        return (epoch + 1) % self.every == 0 or epoch + 1 == self.params["epochs"]

    def on_epoch_end(self, epoch, logs=None):
        """Saves the state if a backup is due."""
        if self.is_due(epoch):
            super().on_epoch_end(epoch, logs)

    @staticmethod
    def epochs_done(backup_dir):
        """Returns the completed epochs of the backup in a folder; 0 if there is none."""
        numbers = [int(path.name[6:-11]) for path in Path(backup_dir).glob("epoch-*.weights.h5")]
        return max(numbers, default=0)

    def _path(self, epochs):
        return Path(self.backup_dir) / f"epoch-{epochs}.weights.h5"

    def _save_model(self):
        temporary = Path(self.backup_dir) / "next.weights.h5"
        temporary.parent.mkdir(parents=True, exist_ok=True)
        self.model.save_weights(temporary, overwrite=True)
        os.replace(temporary, self._path(self._current_epoch))
        for path in temporary.parent.glob("epoch-*.weights.h5"):
            if path != self._path(self._current_epoch):
                path.unlink()

    def _load_model(self):
        epochs = self.epochs_done(self.backup_dir)
        if epochs:
            if not self.model.optimizer.built:
                self.model.optimizer.build(self.model.trainable_variables)
            self.model.load_weights(self._path(epochs))
            self.model._initial_epoch = epochs


class SeedEpochs(keras.callbacks.Callback):
    """Sets all random states by seed and epoch, so that a resumed run equals an uninterrupted one.

    Args:
        seed: Seed of the run.
    """

    def __init__(self, seed=0):
        super().__init__()
        self.seed = seed

    def on_epoch_begin(self, epoch, logs=None):
        """Sets the state of every seed generator, including those of nested models."""
        states = [state for state in self.model.variables if state.name == "seed_generator_state"]
        for number, state in enumerate(states):
            random = np.random.default_rng([self.seed, epoch, number])
            state.assign(random.integers(2**31, size=2))


class BestModel(keras.callbacks.Callback):
    """Saves the model with its card whenever `monitor` reaches a new maximum.

    The maximum is read from an existing file, so that a resumed run does not replace a better model
    by a worse one.

    Args:
        path: `.keras` file.
        monitor: Name of the quantity in the logs that is maximised.
        saved: Model that is saved. Default: the model that is trained.
        **metadata: Further entries of the card, see `models.save`.
    """

    def __init__(self, path, monitor="val_ccc", saved=None, **metadata):
        super().__init__()
        self.saved = saved
        self.metadata = metadata
        self.path = Path(path)
        self.monitor = monitor
        self.best = None

    def on_train_begin(self, logs=None):
        """Reads the maximum of an earlier part of the run."""
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
        if math.isfinite(value) and (self.best is None or value > self.best):
            self.best = value
            metadata = {**self.metadata, "epoch": epoch + 1, self.monitor: value}
            models.save(self.saved or self.model, self.path, **metadata)


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


def _tensorboard(folder, clips, settings, model):
    """Returns the callback; it shows the number of frames for the clips in the settings."""
    if clips is None:
        return keras.callbacks.TensorBoard(folder)
    shown = dict(settings)
    for name in ("training", "validation"):
        if name in shown:
            shown[f"{name} frames"] = sum(frames for _, frames, _ in shown.pop(name))
    return evaluation.AffectTensorBoard(folder, clips, hyper_parameters=shown, model=model)


def _layer_sizes(model):
    """Units of the model's own layers, and rates of its dropout layers, by name."""
    configs = ((layer.name, layer.get_config()) for layer in model.layers)
    return {n: c.get("units", c.get("rate")) for n, c in configs if {"units", "rate"} & set(c)}


def _drop_unfinished_epochs(log, epochs):
    """Drops the rows of epochs that run again because their backup was not written."""
    if not log.exists():
        return
    with open(log, newline="") as file:
        header, *rows = list(csv.reader(file)) or [[]]
    complete = [row for row in rows if len(row) == len(header) and int(row[0]) < epochs]
    if len(complete) < len(rows):
        with _files.atomic(log) as temporary, open(temporary, "w", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows([header, *complete])

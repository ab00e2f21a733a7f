"""Training that can be killed and started again: defaults, callbacks, and a whole run."""

import csv
import hashlib
import json
import math
import os
from pathlib import Path

import keras
import numpy as np

from kollias_affect import _checks, _files, evaluation, losses, metrics, models, windows
from kollias_affect import features as feature_files
from kollias_affect.datasets import sampling

# Paper B §5.4: with the CNN fixed, and end to end (1e-4 or 1e-5).
LEARNING_RATES = {"frozen": 1e-3, "end-to-end": 1e-4}


def compile_model(
    model, learning_rate, task="valence_arousal", level="frame", decay=None, loss="ccc"
):
    """Compiles a model as the papers do: Adam, CCC loss (cross entropy for expressions).

    Args:
        model: of `kollias_affect.models`.
        learning_rate: initial rate.
        task: the model's task; chooses loss and metrics.
        level: of the CCC loss.
        decay: `None` for a constant rate, or `(steps, rate)`: the rate is multiplied by `rate`
            every `steps` batches, in steps (paper C: exponential decay).
        loss: for valence and arousal `"ccc"`, or `"mse"` as for paper C's baseline (§4.1.1).

    Returns:
        `model`.
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
    verbose=1,
):
    """Trains a model on clips; called again with the same arguments, it goes on where it was.

    Writes to `out_dir` what `callbacks` says, and `settings.json`.

    Args:
        model: freshly built model of `kollias_affect.models`.
        training, validation: lists of `Clip` with labels, without a common subject.
        out_dir: folder of the run.
        epochs: in all, the ones before an interruption included.
        learning_rate: Default: paper B's, 1e-3 with a frozen backbone and 1e-4 end to end.
        batch_size: windows per batch.
        stride: of the training windows, see `windows.dataset`.
        level, decay, loss: see `compile_model`.
        cache, seed: see `windows.dataset`.
        features: folder in which to keep what a frozen CNN says of each frame; after the first
            epoch the CNN does not run again. See `features.of_clips`.
        verbose: of `keras.Model.fit`.

    Returns:
        `(model, card)` of the best epoch, as `models.load` returns them.

    Raises:
        ValueError: if a subject is on both sides, no frame of the validation counts, or `out_dir`
            holds a run with other settings.
    """
    sampling.refuse_common_subjects(training, validation, "training and validation")
    if not any(clip.valid.any() for clip in validation):
        raise ValueError(
            "Validation needs at least one frame that counts, with a face and a label. Received: "
            f"{[clip.key for clip in validation[:5]]} without any. Choose other clips for it, or "
            "another seed where they are drawn."
        )
    epochs = _checks.positive_integer("epochs", epochs)
    card = models.describe(model)
    if card["length"] is None:
        raise ValueError(
            "`train` takes models of windows. Received: a model of single frames. Build it with "
            "`length=`, so that every frame of a window is treated for itself."
        )
    runner = model
    if features is not None:
        cnn, runner = feature_files.split(model)
    frozen = any(not layer.trainable for layer in model.layers)
    if learning_rate is None:
        learning_rate = LEARNING_RATES["frozen" if frozen else "end-to-end"]
    settings = {
        **{name: card[name] for name in ("task", "length", "landmarks")},
        "size": card["image"]["size"],
        "layers": _sizes(model),
        "model": models.fingerprint(model),
        "learning_rate": _checks.number_between("learning_rate", learning_rate, 0, 10),
        "frozen": frozen,
        **({"features": True} if features is not None else {}),
        "batch_size": batch_size,
        "stride": stride,
        "level": level,
        "decay": decay,
        "loss": loss,
        "seed": _checks.integer_between("seed", seed, 0, 2**32 - 1),
        "training": [contents(clip) for clip in training],
        "validation": [contents(clip) for clip in validation],
    }
    out_dir = _checks.writable_folder("out_dir", out_dir)
    refuse_other_settings(out_dir, settings)
    options = {
        "length": card["length"],
        "batch_size": batch_size,
        "landmarks": card["landmarks"],
        "task": card["task"],
        "size": card["image"]["size"],
        "cache": cache,
    }
    runner = models.fast(runner)
    compile_model(runner, settings["learning_rate"], card["task"], level, decay, loss)
    monitor = "val_accuracy" if card["task"] == "expression" else "val_ccc"
    kept = [None, None]
    if features is not None:
        kept = [
            feature_files.of_clips(cnn, clips, features, options["size"], bool(verbose))
            for clips in (training, validation)
        ]
    with windows.naming_bad_images([*training, *validation]):
        data = windows.dataset(
            training,
            stride=stride,
            shuffle=True,
            seed=seed,
            first_epoch=AtomicBackup.epochs_done(out_dir / "backup"),
            features=kept[0],
            **options,
        )
        validation_data = windows.dataset(validation, features=kept[1], **options)
        _files.write_json(out_dir / "settings.json", settings)
        runner.fit(
            data,
            validation_data=validation_data,
            epochs=epochs,
            shuffle=False,  # of batches; the windows are shuffled already
            callbacks=[SeedEpochs(seed), *callbacks(out_dir, monitor, validation, settings, model)],
            verbose=verbose,
        )
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
    **facts,
):
    """The callbacks of a training run that leaves everything in one folder.

    `out_dir/best.keras` is the model of the best epoch by `monitor`, `out_dir/log.csv` one row
    per epoch, `out_dir/tensorboard/` what TensorBoard shows, and `out_dir/backup/` the state
    from which a killed run goes on: call `fit` again with the same arguments.

    Args:
        out_dir: folder of the run.
        monitor: what is to be as large as possible.
        clips: the validation clips; with them TensorBoard shows what
            `evaluation.AffectTensorBoard` says, without them Keras' scalars alone.
        settings: dict of hyper-parameters to show beside them; lists of `contents` are shown
            as their number of frames.
        model: what is saved and shown, if it is not the model that `fit` trains but one that
            shares its weights.
        backup_every: epochs from one backup to the next; a run that goes on repeats those since.
        **facts: more entries of the model's card, see `models.save`.

    Returns:
        list of Keras callbacks.
    """
    out_dir = Path(out_dir)
    out_dir.mkdir(parents=True, exist_ok=True)
    _forget_unfinished_epochs(out_dir / "log.csv", AtomicBackup.epochs_done(out_dir / "backup"))
    return [
        _tensorboard(out_dir / "tensorboard", clips, settings or {}, model),
        BestModel(out_dir / "best.keras", monitor, model, **facts),
        keras.callbacks.CSVLogger(out_dir / "log.csv", append=True),
        AtomicBackup(out_dir / "backup", backup_every),  # last: an epoch is done
    ]


class AtomicBackup(keras.callbacks.BackupAndRestore):
    """`BackupAndRestore` whose state is one file, `epoch-<epochs done>.weights.h5`.

    It appears whole, by being renamed, and holds weights and optimizer; so a run that is killed
    at any moment goes on from an epoch's end, with that epoch counted.

    Args:
        backup_dir: its folder.
        every: epochs from one to the next; the last epoch has one too.
    """

    def __init__(self, backup_dir, every=1):
        super().__init__(str(backup_dir), delete_checkpoint=False)
        self.every = every

    def is_due(self, epoch):
        """Whether there is a backup at the end of this epoch, counted from 0."""
        return (epoch + 1) % self.every == 0 or epoch + 1 == self.params["epochs"]

    def on_epoch_end(self, epoch, logs=None):
        """Saves the state, if it is time."""
        if self.is_due(epoch):
            super().on_epoch_end(epoch, logs)

    @staticmethod
    def epochs_done(backup_dir):
        """How many epochs the backup in a folder has done; 0 if there is none."""
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
    """Makes all chance a function of seed and epoch, so that a run that goes on repeats itself.

    Args:
        seed: of the run.
    """

    def __init__(self, seed=0):
        super().__init__()
        self.seed = seed

    def on_epoch_begin(self, epoch, logs=None):
        """Sets the state of every generator, those of nested models included."""
        states = [state for state in self.model.variables if state.name == "seed_generator_state"]
        for number, state in enumerate(states):
            random = np.random.default_rng([self.seed, epoch, number])
            state.assign(random.integers(2**31, size=2))


class BestModel(keras.callbacks.Callback):
    """Saves the model, with its card, whenever `monitor` is better than ever.

    The best value is read back from the file, so that a run that goes on does not replace a
    better model by a worse one.

    Args:
        path: `.keras` file.
        monitor: name in the logs, to be as large as possible.
        saved: what is saved, if not the model that is trained.
        **facts: more entries of the card, see `models.save`.
    """

    def __init__(self, path, monitor="val_ccc", saved=None, **facts):
        super().__init__()
        self.saved = saved
        self.facts = facts
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
        if math.isfinite(value) and (self.best is None or value > self.best):
            self.best = value
            facts = {**self.facts, "epoch": epoch + 1, self.monitor: value}
            models.save(self.saved or self.model, self.path, **facts)


def _tensorboard(folder, clips, settings, model):
    """The callback; of the clips in the settings it shows the number of frames."""
    if clips is None:
        return keras.callbacks.TensorBoard(folder)
    shown = dict(settings)
    for name in ("training", "validation"):
        if name in shown:
            shown[f"{name} frames"] = sum(frames for _, frames, _ in shown.pop(name))
    return evaluation.AffectTensorBoard(folder, clips, hyper_parameters=shown, model=model)


def _sizes(model):
    """Units of the model's own layers, and rates of its dropouts, by name."""
    known = ((layer.name, layer.get_config()) for layer in model.layers)
    return {n: c.get("units", c.get("rate")) for n, c in known if {"units", "rate"} & set(c)}


def contents(clip):
    """Name, number of frames, and a fingerprint of the labels of a clip."""
    content = hashlib.sha256(clip.valid.tobytes())
    for labels in (clip.valence_arousal, clip.expression):
        content.update(b"" if labels is None else labels.tobytes())
    return [clip.key, len(clip), content.hexdigest()[:16]]


def refuse_other_settings(out_dir, settings):
    """Raises if a folder holds something else, or a run whose `settings.json` differs.

    Args:
        out_dir: folder of the run, which need not exist.
        settings: JSON content; has an entry `training`.

    Raises:
        FileExistsError, ValueError: as said above.
    """
    path = out_dir / "settings.json"
    ours = path.exists()
    try:
        before = json.loads(path.read_text()) if ours else {}
        ours = not ours or "training" in before
    except (ValueError, TypeError):
        ours = False
    others = [name for name in ("best.keras", "log.csv", "backup") if (out_dir / name).exists()]
    if not ours or (others and not before):
        raise FileExistsError(
            f"A training run needs a folder of its own. {out_dir} holds files that `train` did not "
            "write. Choose another folder."
        )
    changed = _differences(before, json.loads(json.dumps(settings))) if before else []
    if changed:
        raise ValueError(
            f"A folder holds one training run. {path} was made with another {', '.join(changed)}. "
            "Repeat the settings to go on with that run, or choose another folder."
        )


def _differences(before, now):
    """Names of what differs, with both values where they are short."""
    if isinstance(before, dict) and isinstance(now, dict):
        names = sorted({*before, *now})
        inner = {name: _differences(before.get(name), now.get(name)) for name in names}
        return [
            name + value if value[:1] in ("", " ") else f"{name}.{value}"
            for name in names
            for value in inner[name]
        ]
    if before == now:
        return []
    short = all(isinstance(value, (int, float, str, type(None))) for value in (before, now))
    return [f" ({before}, now {now})" if short else ""]


def _forget_unfinished_epochs(log, epochs):
    """Drops the rows of epochs that will be run again, because their backup was not reached."""
    if not log.exists():
        return
    with open(log, newline="") as file:
        header, *rows = list(csv.reader(file)) or [[]]
    kept = [row for row in rows if len(row) == len(header) and int(row[0]) < epochs]
    if len(kept) < len(rows):
        with _files.atomic(log) as temporary, open(temporary, "w", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows([header, *kept])

"""Callbacks by which a killed run resumes and equals an uninterrupted one."""

import csv
import logging
import math
import os
import re
from pathlib import Path

import h5py
import keras
import numpy as np

from kollias_affect import _files, _runs, _untrusted, models

_log = logging.getLogger(__name__)
_BACKUP = re.compile(r"epoch-(\d{1,9})\.weights\.h5", re.ASCII)


class AtomicBackup(keras.callbacks.BackupAndRestore):
    """`BackupAndRestore` with files `epoch-<completed epochs>.weights.h5`, the last two of them.

    A file holds weights and optimizer and appears atomically, by a rename; `epoch-<n>.json` beside
    it has its checksum. A run that is killed at any moment resumes from the end of an epoch, with
    the right number of epochs. If the last file is damaged, it resumes from the one before.
    Files with other names are ignored.

    Args:
        backup_dir: Folder of the file.
        every: Epochs from one backup to the next. The last epoch always has a backup.
        writes: `False` resumes only, for a worker beside the one that writes.
    """

    def __init__(self, backup_dir, every=1, writes=True):
        super().__init__(str(backup_dir), delete_checkpoint=False)
        self.every, self.writes = every, writes

    def is_due(self, epoch):
        """Returns whether this epoch, counted from 0, ends with a backup."""
        return (epoch + 1) % self.every == 0 or epoch + 1 == self.params["epochs"]

    def on_train_begin(self, logs=None):
        """Makes the folder, and restores the last backup."""
        Path(self.backup_dir).mkdir(parents=True, exist_ok=True)
        super().on_train_begin(logs)
        if self.writes:
            self._remove_old()  # which a run that was killed meanwhile left

    def on_epoch_end(self, epoch, logs=None):
        """Saves the state if a backup is due."""
        if self.writes and self.is_due(epoch):
            super().on_epoch_end(epoch, logs)

    @staticmethod
    def epochs_done(backup_dir):
        """Returns the completed epochs of the last whole backup in a folder; 0 if there is none."""
        files = AtomicBackup._files(backup_dir)
        for epochs in sorted(files, reverse=True):
            if _is_whole(files[epochs]):
                return epochs
            _log.warning("The backup %s is damaged. The one before it counts.", files[epochs])
        return 0

    @staticmethod
    def _files(backup_dir):
        """Returns a dict from the number of epochs to the backup; other files are ignored."""
        names = ((path, _BACKUP.fullmatch(path.name)) for path in Path(backup_dir).glob("epoch-*"))
        return {int(match[1]): path for path, match in names if match}

    def _path(self, epochs):
        return Path(self.backup_dir) / f"epoch-{epochs}.weights.h5"

    def _save_model(self):
        temporary = Path(self.backup_dir) / "next.weights.h5"
        path = self._path(self._current_epoch)
        needs = _files.stored_size([*self.model.variables, *self.model.optimizer.variables])
        with _files.writing(path, needs, temporary):
            self.model.save_weights(temporary, overwrite=True)
            _files.write_json(_record_of(path), {"sha256": _files.sha256(temporary)})
            os.replace(temporary, path)
        self._remove_old()

    def _remove_old(self):
        """Removes all backups but the last two."""
        files = self._files(self.backup_dir)
        for epochs in sorted(files)[:-2]:
            _record_of(files[epochs]).unlink(missing_ok=True)
            files[epochs].unlink()

    def _load_model(self):
        epochs = self.epochs_done(self.backup_dir)
        if epochs:
            if not self.model.optimizer.built:
                self.model.optimizer.build(self.model.trainable_variables)
            self.model.load_weights(self._path(epochs))
            self.model._initial_epoch = epochs


class InPlace(keras.callbacks.Callback):
    """Stops the training when the folder of its run was removed or moved.

    It looks before and after every epoch. It comes first, because later callbacks would create
    the folder again and write to it.

    Args:
        folder: Folder of the run, which exists when the training begins.
    """

    def __init__(self, folder):
        super().__init__()
        self.folder = Path(folder)
        self._witnesses = []

    def on_train_begin(self, logs=None):
        """Notes what must stay."""
        paths = (self.folder, self.folder / _runs.SETTINGS, self.folder / _runs.LOCK)
        self._witnesses = [path for path in paths if path.exists()]

    def on_epoch_begin(self, epoch, logs=None):
        """Raises `FileNotFoundError` if something of it is missing."""
        if not all(path.exists() for path in self._witnesses):
            raise _runs.gone(self.folder)

    def on_test_begin(self, logs=None):
        """Looks before the validation, too."""
        self.on_epoch_begin(None)

    def on_epoch_end(self, epoch, logs=None):
        """Looks before anything of the epoch is written."""
        self.on_epoch_begin(epoch)


def _record_of(path):
    return path.with_name(path.name.removesuffix(".weights.h5") + ".json")


def _is_whole(path):
    """Whether a backup has its checksum; without a record, whether it is readable."""
    record = _record_of(path)
    try:
        if record.exists():
            return _untrusted.read_json(record)["sha256"] == _files.sha256(path)
        with h5py.File(path, "r"):
            return True
    except (OSError, ValueError, KeyError, TypeError):
        return False


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


def drop_unfinished_epochs(log, epochs):
    """Drops the rows of epochs that run again because their backup was not written.

    The other lines stay byte for byte. If no epoch is finished, the whole file goes: its header may
    have been cut, too.

    Args:
        log: `Path` of the csv file of a run; it may be missing.
        epochs: Number of finished epochs.
    """
    if not log.exists():
        return
    if not epochs:
        log.unlink()
        return
    header, *rows = log.read_bytes().splitlines(keepends=True) or [b""]
    columns = len(_cells(header))
    complete = [row for row in rows if len(_cells(row)) == columns and _is_before(row, epochs)]
    if len(complete) < len(rows):
        with _files.atomic(log) as temporary:
            temporary.write_bytes(b"".join([header, *complete]))


def _cells(line):
    """Returns the cells of a line of a csv file."""
    return next(csv.reader([line.decode("utf-8", "replace")]), [])


def _is_before(row, epochs):
    epoch = (_cells(row) or [""])[0]
    return epoch.isdecimal() and int(epoch) < epochs

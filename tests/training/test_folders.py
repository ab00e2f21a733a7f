"""The folder of a training: it stays in place, the disk has room, and a resumed run says where."""

import shutil

import keras
import numpy as np
import pytest

from kollias_affect import _files, _runs, training
from kollias_affect.training import resuming


@pytest.fixture(scope="module")
def fit():
    """Returns a function that trains a small model with the callbacks of a run in a folder."""
    x = np.random.default_rng(0).normal(size=(8, 64)).astype("float32")

    def fit(folder, *more, epochs=3):
        model = keras.Sequential([keras.Input((64,)), keras.layers.Dense(64, name="out")])
        model.compile("adam", "mse", run_eagerly=True)
        callbacks = [
            training.InPlace(folder),
            training.AtomicBackup(folder / "backup"),
            keras.callbacks.CSVLogger(folder / "log.csv", append=True),
        ]
        return model.fit(x, x, epochs=epochs, verbose=0, callbacks=[*callbacks, *more])

    return fit


def at_batch_of_epoch(number, do):
    """A callback that calls `do` while an epoch runs, which are counted from 0."""
    epochs = []
    return keras.callbacks.LambdaCallback(
        on_epoch_begin=lambda epoch, logs: epochs.append(epoch),
        on_train_batch_end=lambda batch, logs: do() if epochs[-1] == number and not batch else None,
    )


def test_a_training_stops_within_an_epoch_when_its_folder_is_removed(fit, tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    remove = at_batch_of_epoch(1, lambda: shutil.rmtree(folder))
    with pytest.raises(FileNotFoundError, match=r"must stay in its place.*run, which was removed"):
        fit(folder, remove, epochs=9)
    assert not folder.exists()  # nor made again with half a run in it


def test_a_training_goes_on_in_the_folder_that_was_moved_back(fit, tmp_path):
    folder, away = tmp_path / "run", tmp_path / "away"
    folder.mkdir()
    (folder / _runs.SETTINGS).touch()

    def replace():  # by a folder of somebody else
        folder.rename(away)
        folder.mkdir()

    with pytest.raises(FileNotFoundError, match="moved"):
        fit(folder, at_batch_of_epoch(1, replace))
    assert list(folder.iterdir()) == []
    folder.rmdir()
    away.rename(folder)
    assert fit(folder).epoch == [1, 2]


def test_a_backup_without_room_is_refused_with_the_room_that_it_needs(
    fit, tmp_path, small_files, monkeypatch
):
    # Adam has two moments for each of the 64 * 65 weights: 50 kB, and 64 KiB with their names.
    with pytest.raises(_files.DiskFullError, match=r"epoch-1\.weights\.h5.*least \d+\.\d kB"):
        fit(tmp_path)
    assert not list((tmp_path / "backup").iterdir())


def test_a_run_that_found_no_room_resumes_when_there_is_some(fit, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        replace = training.resuming.os.replace

        def full(source, target):
            if "epoch-2" in str(target):
                raise OSError(28, "No space left on device")
            replace(source, target)

        patch.setattr(training.resuming.os, "replace", full)
        with pytest.raises(_files.DiskFullError):
            fit(tmp_path)
    assert fit(tmp_path).epoch == [1, 2]


def test_a_run_that_was_killed_before_it_removed_old_backups_removes_them(fit, tmp_path):
    fit(tmp_path)
    for name in ("epoch-1.weights.h5", "epoch-1.json"):
        (tmp_path / "backup" / name).write_bytes(
            (tmp_path / "backup" / "epoch-2.json").read_bytes()
        )
    fit(tmp_path)  # All epochs are finished.
    names = {path.name for path in (tmp_path / "backup").iterdir()}
    assert names == {f"epoch-{n}.{end}" for n in (2, 3) for end in ("json", "weights.h5")}


@pytest.mark.parametrize(
    ("done", "line"),
    [
        (0, "run begins at epoch 1 of 20."),
        (6, "run resumes at epoch 7 of 20."),
        (20, "run: all 20 epochs are finished."),
    ],
)
def test_a_run_says_where_it_goes_on(done, line):
    assert training.progress_line("run", done, 20) == line


@pytest.mark.parametrize(
    ("cut", "finished", "kept"), [(0, 2, 2), (0, 1, 1), (12, 2, 2), (12, 3, 2), (0, 3, 3)]
)
def test_the_log_of_a_resumed_run_keeps_the_finished_epochs_byte_for_byte(
    tmp_path, cut, finished, kept
):
    log = tmp_path / "log.csv"
    logger = keras.callbacks.CSVLogger(log, append=True)
    logger.on_train_begin()
    for epoch in range(3):
        logger.on_epoch_end(epoch, {"loss": 0.125 * epoch, "val_loss": 0.25})
    logger.on_train_end()
    whole = log.read_bytes()
    log.write_bytes(whole[: len(whole) - cut])  # A full disk cuts the last line.
    resuming.drop_unfinished_epochs(log, finished)
    assert log.read_bytes() == b"".join(whole.splitlines(keepends=True)[: 1 + kept])


def test_a_log_whose_header_was_cut_begins_again(tmp_path):
    log = tmp_path / "log.csv"
    log.write_bytes(b"epoch,lo")
    resuming.drop_unfinished_epochs(log, 0)
    logger = keras.callbacks.CSVLogger(log, append=True)
    logger.on_train_begin()
    logger.on_epoch_end(0, {"loss": 0.5, "val_loss": 0.25})
    logger.on_train_end()
    assert log.read_text().splitlines() == ["epoch,loss,val_loss", "0,0.5,0.25"]

"""Options of a training that suit every task, and that they resume."""

import csv
import json

import keras
import numpy as np
import pytest

from kollias_affect import training
from kollias_affect.training import run
from kollias_affect.training.stopping import Patience


@pytest.fixture(scope="module", autouse=True)
def eager(eager_functions):
    """Tiny networks train faster without the compilation of a graph."""


@pytest.fixture(autouse=True)
def without_pictures(plain_tensorboard):
    """Leaves the pictures of TensorBoard out."""


def tiny():
    keras.utils.set_random_seed(0)
    images = keras.Input((8, 8, 3), name="images")
    x = keras.layers.GlobalAveragePooling2D(name="pool")(images)  # names are settings of a run
    x = keras.layers.Dropout(0.2, name="dropout")(x)
    outputs = keras.layers.Dense(2, name="valence_arousal")(x)
    return keras.Model({"images": images}, outputs, name="tiny")


@pytest.fixture
def clips(make_clip):
    parts = [make_clip(key, 6, 100 * i, size=8) for i, key in enumerate("ab")]
    return parts[:1], parts[1:]


def scores(folder):
    with open(folder / "log.csv", newline="") as file:
        return [float(row["val_ccc"]) for row in csv.DictReader(file)]


REFINED = {
    "learning_rate": 0.01, "batch_size": 2, "schedule": "cosine", "warm_up": 0.5, "clip_norm": 1.0,
    "ema": 0.5, "augment": "standard", "verbose": 0,
}  # fmt: skip


def test_a_refined_training_resumes_and_equals_an_uninterrupted_one(clips, tmp_path, monkeypatch):
    expected, _ = training.train(tiny(), *clips, tmp_path / "whole", 3, **REFINED)

    class Killed(training.SeedEpochs):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 2:
                raise KeyboardInterrupt
            super().on_epoch_begin(epoch, logs)

    with monkeypatch.context() as patch:
        patch.setattr(run, "SeedEpochs", Killed)
        with pytest.raises(KeyboardInterrupt):
            training.train(tiny(), *clips, tmp_path / "resumed", 3, **REFINED)
    found, _ = training.train(tiny(), *clips, tmp_path / "resumed", 3, **REFINED)
    assert scores(tmp_path / "resumed") == scores(tmp_path / "whole")
    for one, other in zip(found.get_weights(), expected.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    settings = json.loads((tmp_path / "whole" / "settings.json").read_text())
    assert {name: settings[name] for name in ("schedule", "epochs", "ema", "clip_norm")} == {
        "schedule": "cosine", "epochs": 3, "ema": 0.5, "clip_norm": 1.0,
    }  # fmt: skip
    assert settings["augment"]["flip"] == 0.5


def test_the_saved_model_is_the_average_of_the_weights_and_the_backup_the_weights(clips, tmp_path):
    """The average is computed by hand from the weights after each step of Adam."""
    steps = []

    class Record(training.SeedEpochs):
        def on_train_batch_end(self, batch, logs=None):
            steps.append([v.numpy() for v in self.model.trainable_variables])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run, "SeedEpochs", Record)
        model, _ = training.train(
            tiny(), *clips, tmp_path / "run", 1, ema=0.9, batch_size=2, verbose=0
        )
    average = steps[0]  # the optimizer starts with the weights after the first step
    for weights in steps[1:]:
        average = [0.9 * a + 0.1 * w for a, w in zip(average, weights, strict=True)]
    for found, expected in zip(model.trainable_variables, average, strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-6)
    trained = training.compile_model(tiny(), 1e-3, ema=0.9)
    trained.optimizer.build(trained.trainable_variables)
    trained.load_weights(tmp_path / "run" / "backup" / "epoch-1.weights.h5")
    for found, expected in zip(trained.trainable_variables, steps[-1], strict=True):
        np.testing.assert_array_equal(found, expected)


def test_a_cosine_rises_from_0_and_falls_to_0():
    model = training.compile_model(tiny(), 0.2, cosine=(10, 2))
    rates = [float(model.optimizer._learning_rate(step)) for step in range(11)]
    # Loshchilov and Hutter (2017), eq. 5, after a linear rise of two steps.
    fall = [0.1 * (1 + np.cos(np.pi * step / 8)) for step in range(9)]
    np.testing.assert_allclose(rates, [0, 0.1, *fall], atol=1e-7)


def test_gradients_are_scaled_down_together():
    optimizer = training.compile_model(tiny(), 1.0, clip_norm=1.0).optimizer
    gradients = [np.array([3.0], np.float32), np.array([4.0], np.float32)]
    clipped = optimizer._clip_gradients([keras.ops.convert_to_tensor(g) for g in gradients])
    np.testing.assert_allclose(np.concatenate(clipped), [0.6, 0.8], rtol=1e-6)


def write_log(path, values):
    rows = [f"{epoch},{value}" for epoch, value in enumerate(values)]
    path.write_text("\n".join(["epoch,val_ccc", *rows]) + "\n")
    return path


@pytest.mark.parametrize(
    ("values", "patience", "expected"),
    [
        ([0.1, 0.2, 0.1, 0.1], 2, 4),  # the second of two worse epochs ended the training
        ([0.1, 0.2, 0.1], 2, 20),
        ([0.3, 0.2, 0.4, 0.3], 2, 20),
        (["nan", 0.1, "nan", "nan"], 2, 4),
        (["nan", "nan", 0.1], 3, 20),
        ([], 1, 20),
    ],
)
def test_a_training_that_has_ended_stays_ended(tmp_path, values, patience, expected):
    log = write_log(tmp_path / "log.csv", values)
    assert Patience("val_ccc", patience, log).epochs_of(20) == expected


def test_patience_counts_the_epochs_before_an_interruption(clips, tmp_path, monkeypatch):
    worse = iter([0.5, 0.4, 0.3, 0.2, 0.1])

    class Worse(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            logs["val_ccc"] = next(worse)

    monkeypatch.setattr(run, "_scores", lambda *_: [Worse()])
    options = {"patience": 3, "verbose": 0, "batch_size": 6}
    training.train(tiny(), *clips, tmp_path / "run", 2, **options)  # as if killed after two epochs
    _, card = training.train(tiny(), *clips, tmp_path / "run", 9, **options)
    assert scores(tmp_path / "run") == [0.5, 0.4, 0.3, 0.2] and card["epoch"] == 1
    training.train(tiny(), *clips, tmp_path / "run", 9, **options)
    assert len(scores(tmp_path / "run")) == 4


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"schedule": "linear"}, "must be one of"),
        ({"warm_up": 1}, "beginning of a schedule"),
        ({"schedule": "cosine", "warm_up": 2}, "must be shorter than the training"),
        ({"schedule": "cosine", "warm_up": -1}, "number of epochs of at least 0"),
        ({"schedule": "cosine", "decay": (10, 0.5)}, "Leave one of them out"),
        ({"clip_norm": 0}, "must be a number above 0"),
        ({"ema": 1}, "below 1"),
        ({"patience": 0}, "at least 1"),
        ({"augment": "strong"}, "must be 'standard'"),
        ({"augment": "standard", "features": "cache"}, "computed once"),
    ],
)
def test_refinements_out_of_range_are_refused(clips, tmp_path, options, message):
    with pytest.raises(ValueError, match=message):
        training.train(tiny(), *clips, tmp_path / "run", 2, **options)
    assert not (tmp_path / "run").exists()

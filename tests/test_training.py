import csv
import json
import os
import re
import signal
import subprocess
import sys
import textwrap

import cv2
import keras
import numpy as np
import pytest

from kollias_affect import _runs, backbones, datasets, evaluation, models, training, windows
from kollias_affect.clip import Clip
from kollias_affect.datasets import frames_csv

TINY = {"length": 4, "width": 0.02, "input_shape": (32, 32, 3), "rnn_units": 6, "hidden_units": 8}


@pytest.fixture(scope="module", autouse=True)
def eager():
    """Tiny networks train faster without the compilation of a graph."""
    with pytest.MonkeyPatch.context() as patch:
        compile_model = keras.Model.compile
        patch.setattr(
            keras.Model,
            "compile",
            lambda self, *args, **kwargs: compile_model(self, *args, run_eagerly=True, **kwargs),
        )
        yield


def tiny():
    keras.utils.set_random_seed(0)
    return models.affwildnet(**TINY, initializer=None)


def log(folder):
    with open(folder / "log.csv", newline="") as file:
        return list(csv.DictReader(file))


def clips_in(folder):
    """A clip for training and one for validation, of frames with random labels."""
    folder.mkdir()
    image = folder / "face.png"
    cv2.imwrite(str(image), np.full((32, 32, 3), 99, np.uint8))
    random = np.random.default_rng(0)
    return [
        Clip(
            key,
            [str(image)] * frames,
            valence_arousal=random.uniform(-1, 1, (frames, 2)),
            landmarks=random.uniform(-1, 1, (frames, 68, 2)),
        )
        for key, frames in (("a", 12), ("b", 9))
    ]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Folder, clips, model and card of a run of two epochs, shared by the tests of this module."""
    folder = tmp_path_factory.mktemp("finished")
    clips = clips_in(folder / "clips")
    model, card = training.train(tiny(), clips[:1], clips[1:], folder / "run", epochs=2, verbose=0)
    return folder / "run", clips, model, card


def test_a_run_writes_model_log_and_tensorboard(finished):
    folder, clips, model, card = finished
    rows = log(folder)
    assert [int(row["epoch"]) for row in rows] == [0, 1]
    assert {"ccc", "val_ccc", "val_ccc_valence", "val_ccc_arousal", "val_mse"} <= set(rows[0])
    assert list((folder / "tensorboard").rglob("events.*"))
    best = max(rows, key=lambda row: float(row["val_ccc"]))
    assert card["val_ccc"] == pytest.approx(float(best["val_ccc"]), abs=1e-6)
    data = windows.dataset(clips[1:], length=4, size=32)
    training.compile_model(model, 1e-3)
    assert model.evaluate(data, verbose=0, return_dict=True)["ccc"] == pytest.approx(
        card["val_ccc"], abs=1e-5
    )


def test_an_epoch_is_one_plain_line_where_there_is_no_terminal(finished, capsys):
    folder, clips, *_ = finished
    training.train(tiny(), clips[:1], clips[1:], folder, epochs=3)
    printed = capsys.readouterr().out
    first, line = printed.split("\n", 1)
    assert first == f"{folder} resumes at epoch 3 of 3."
    assert re.fullmatch(r"epoch 3/3  \d+\.\d s  (\w+ -?\d+\.\d{4}(  |\n))+", line)


def test_a_second_run_in_the_folder_is_refused_while_the_first_one_runs(finished):
    folder, clips, *_ = finished
    before = (folder / "log.csv").read_bytes()
    with _runs.Lock(folder), pytest.raises(OSError, match="One process at a time"):
        training.train(tiny(), clips[:1], clips[1:], folder, epochs=9)
    assert (folder / "log.csv").read_bytes() == before


KILLED = """
    import os, pathlib, signal, sys
    import keras
    from kollias_affect import datasets, models, training

    out, moment = pathlib.Path(sys.argv[1]), sys.argv[2]
    clips = datasets.load("frames_csv", sys.argv[3])

    def die(*args, **kwargs):
        os.kill(os.getpid(), signal.SIGKILL)

    batches = 0
    def count(batch, logs=None):
        global batches
        batches += 1
        if moment == "mid-epoch" and batches == 8:
            die()

    compile_model = keras.Model.compile
    keras.Model.compile = lambda self, *a, **k: compile_model(self, *a, run_eagerly=True, **k)
    training.output.tensorboard = lambda *args: keras.callbacks.Callback()  # pictures take time
    original = training.run.callbacks
    def callbacks(*args, **kwargs):
        counter = keras.callbacks.LambdaCallback(on_train_batch_end=count)
        return [*original(*args, **kwargs), counter]
    training.run.callbacks = callbacks
    replace = os.replace
    def dying_replace(source, target):
        name = pathlib.Path(target).name
        if moment == "before " + name:
            die()
        replace(source, target)
        if moment == "after " + name:
            die()
    os.replace = dying_replace

    keras.utils.set_random_seed(0)
    model = models.affwildnet(length=4, width=0.02, input_shape=(32, 32, 3), rnn_units=6,
                              hidden_units=8, initializer=None)
    training.train(model, clips[:1], clips[1:], out, epochs=4, batch_size=1, verbose=0)
    print("batches", batches)
"""


def killed(out, moment, clips):
    command = [sys.executable, "-c", textwrap.dedent(KILLED), str(out), moment, str(clips)]
    return subprocess.run(command, capture_output=True, text=True)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    """File of the clips, and losses of four epochs of them without an interruption."""
    folder = tmp_path_factory.mktemp("uninterrupted")
    clips = clips_in(folder / "clips")
    frames_csv.write(clips, folder / "clips.csv")
    clips = datasets.load("frames_csv", folder / "clips.csv")
    training.train(tiny(), clips[:1], clips[1:], folder / "run", epochs=4, batch_size=1, verbose=0)
    return folder / "clips.csv", [float(row["loss"]) for row in log(folder / "run")]


@pytest.mark.parametrize(
    "moment",
    [
        "mid-epoch",
        pytest.param("before epoch-2.weights.h5", marks=pytest.mark.nightly),
        pytest.param("after epoch-2.weights.h5", marks=pytest.mark.nightly),
    ],
)
def test_a_killed_run_resumes_and_equals_an_uninterrupted_run(tmp_path, uninterrupted, moment):
    clips, losses = uninterrupted
    assert killed(tmp_path / "run", moment, clips).returncode == -signal.SIGKILL
    ran = killed(tmp_path / "run", "never", clips)
    assert ran.returncode == 0, ran.stderr[-2000:]
    assert 0 < int(ran.stdout.split()[-1]) < 4 * 3  # not from the start: 3 batches an epoch
    rows = log(tmp_path / "run")
    assert [int(row["epoch"]) for row in rows] == [0, 1, 2, 3]
    # The same windows, dropout and optimizer: the same losses.
    assert np.allclose([float(row["loss"]) for row in rows], losses, atol=1e-4)


def test_a_finished_run_trains_no_further(finished):
    folder, clips, *_ = finished
    before = (folder / "best.keras").read_bytes(), log(folder)
    training.train(tiny(), clips[:1], clips[1:], folder, epochs=2, verbose=0)
    assert ((folder / "best.keras").read_bytes(), log(folder)) == before


def test_the_best_model_survives_a_worse_continuation(tmp_path):
    callback = training.BestModel(tmp_path / "best.keras")
    callback.set_model(tiny())
    callback.on_train_begin()
    callback.on_epoch_end(0, {"val_ccc": 0.5})
    continued = training.BestModel(tmp_path / "best.keras")
    continued.set_model(tiny())
    continued.on_train_begin()
    before = (tmp_path / "best.keras").read_bytes()
    continued.on_epoch_end(1, {"val_ccc": 0.4})
    assert (tmp_path / "best.keras").read_bytes() == before
    continued.on_epoch_end(2, {"val_ccc": 0.6})
    assert models.read_card(tmp_path / "best.keras")["epoch"] == 3


def test_monitor_that_is_not_logged(tmp_path):
    callback = training.BestModel(tmp_path / "best.keras")
    with pytest.raises(ValueError, match="validation_data"):
        callback.on_epoch_end(0, {"loss": 1.0})


class Compiled(Exception):
    """Carries the model that `fit` was called on."""


def fit(model, *args, **kwargs):
    raise Compiled(model)


@pytest.mark.parametrize(
    ("options", "frozen", "rate", "batch", "loss"),
    [
        # Paper C, section 4.2.1: 0.001, and batches of 80 frames.
        ({}, False, 1e-3, 20, "ccc"),
        # Paper B, section 5.4: 0.001 and 0.0001, and batches of 4 sequences of 80 frames.
        ({"settings": "B"}, True, 1e-3, 80, "ccc"),
        ({"settings": "B"}, False, 1e-4, 80, "ccc"),
        # Paper C, section 4.1.1.
        ({"settings": "C-baseline"}, False, 1e-3, 20, "mse"),
        ({"learning_rate": 0.5, "batch_size": 3, "loss": "mse"}, False, 0.5, 3, "mse"),
    ],
)
def test_settings_are_those_of_the_papers_and_arguments_override_them(
    make_clip, tmp_path, monkeypatch, options, frozen, rate, batch, loss
):
    monkeypatch.setattr(keras.Model, "fit", fit)
    clips = [make_clip("a", 8), make_clip("b", 8, 100)]
    with pytest.raises(Compiled) as caught:
        model = models.affwildnet(**TINY, frozen=frozen)
        training.train(model, clips[:1], clips[1:], tmp_path / "run", epochs=1, **options)
    settings = json.loads((tmp_path / "run" / "settings.json").read_text())
    assert (settings["learning_rate"], settings["batch_size"]) == (rate, batch)
    model = caught.value.args[0]
    assert float(model.optimizer.learning_rate) == pytest.approx(rate)
    compiled = model.loss["valence_arousal"]
    assert getattr(compiled, "name", compiled) == {"ccc": "ccc_loss", "mse": "mse"}[loss]


def test_exponential_decay():
    model = training.compile_model(tiny(), 1e-3, decay=(10, 0.5))
    schedule = model.optimizer._learning_rate
    assert np.allclose([schedule(step) for step in (0, 9, 10, 20)], [1e-3, 1e-3, 5e-4, 2.5e-4])


def test_expression_models_learn_from_weighted_frames(make_clip, tmp_path):
    clips = [
        make_clip("a", 8, valence_arousal=None, expression=[4] * 7 + [-1], valid=[1] * 7 + [0]),
        make_clip("b", 8, 100, valence_arousal=None, expression=[4] * 8),
    ]
    model = models.affwildnet(task="expression", **TINY, initializer=None)
    _, card = training.train(
        model, clips[:1], clips[1:], tmp_path, epochs=3, learning_rate=0.1, verbose=0
    )
    assert card["val_accuracy"] == 1


def test_subject_on_both_sides_is_refused(make_clip, tmp_path):
    clips = [make_clip("a", 8, subject="s"), make_clip("b", 8, 100, subject="s")]
    with pytest.raises(ValueError, match="No subject may be in both"):
        training.train(tiny(), clips[:1], clips[1:], tmp_path)


def test_other_settings_in_the_same_folder_are_refused(finished):
    folder, clips, *_ = finished
    with pytest.raises(ValueError, match=r"differs in `learning_rate` \(0.001, now 0.5\)"):
        training.train(tiny(), clips[:1], clips[1:], folder, epochs=1, learning_rate=0.5)


def test_mixed_precision_keeps_outputs_and_loss_in_single():
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    try:
        model = training.compile_model(models.affwildnet(**TINY, initializer=None), 1e-3)
        random = np.random.default_rng(0)
        x = {
            "images": random.uniform(-1, 1, (2, 4, 32, 32, 3)),
            "landmarks": random.uniform(-1, 1, (2, 4, 136)),
        }
        history = model.fit(x, random.uniform(-1, 1, (2, 4, 2)), verbose=0)
        assert np.isfinite(history.history["loss"]).all()
        assert model.output.dtype == "float32"
    finally:
        keras.mixed_precision.set_global_policy("float32")


def test_a_refused_run_leaves_the_folder_free(make_clip, tmp_path):
    clips = [make_clip("a", 8), make_clip("b", 8, 100)]
    long = models.affwildnet(**{**TINY, "length": 9})
    with pytest.raises(ValueError, match="longest of 1 clips"):
        training.train(long, clips[:1], clips[1:], tmp_path)
    assert not (tmp_path / "settings.json").exists()


def test_other_labels_are_other_settings(finished):
    folder, clips, *_ = finished
    other = clips[0].labelled(valence_arousal=np.zeros((12, 2)))
    with pytest.raises(ValueError, match="differs in the clips that train"):
        training.train(tiny(), [other], clips[1:], folder, epochs=1)


def test_another_network_is_another_run(finished):
    folder, clips, *_ = finished
    other = models.affwildnet(**TINY, initializer=None, dropout=0.1)
    with pytest.raises(ValueError, match=r"`dropout` \(0.5, now 0.1\). Repeat"):
        training.train(other, clips[:1], clips[1:], folder, epochs=1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"epochs": 0}, "`epochs` must be"),
        ({"learning_rate": -1}, "`learning_rate` must be"),
        ({"learning_rate": 0}, "`learning_rate` must be"),
        ({"decay": (0, 0.5)}, "`decay steps` must be"),
        ({"decay": (10, -1)}, "`decay rate` must be"),
        ({"level": "clip"}, "`level` must be"),
        ({"weight_decay": 0}, "`weight_decay` must be"),
        ({"weight_decay": 2}, "`weight_decay` must be"),
        ({"choose_by": "video"}, "`choose_by` must be one of"),
        ({"loss": "mae"}, "`loss` must be one of"),
        ({"stride": 0}, "`stride` must be"),
        ({"settings": "D"}, "`settings` must be one of"),
    ],
)
def test_bad_arguments(make_clip, tmp_path, options, message):
    clips = [make_clip("a", 8), make_clip("b", 8, 100)]
    with pytest.raises(ValueError, match=message):
        training.train(tiny(), clips[:1], clips[1:], tmp_path, **options)


def test_a_score_that_is_no_number_is_never_the_best(tmp_path):
    callback = training.BestModel(tmp_path / "best.keras")
    callback.set_model(tiny())
    callback.on_train_begin()
    callback.on_epoch_end(0, {"val_ccc": float("nan")})
    assert not (tmp_path / "best.keras").exists()
    callback.on_epoch_end(1, {"val_ccc": 0.5})
    assert models.read_card(tmp_path / "best.keras")["val_ccc"] == 0.5


@pytest.fixture
def backups(tmp_path):
    """Folder after three epochs."""
    backup = training.AtomicBackup(tmp_path / "backup")
    backup.set_params({"epochs": 3})
    backup.set_model(training.compile_model(tiny(), 1e-3))
    for epoch in range(3):
        backup.on_epoch_end(epoch)
    return tmp_path / "backup"


def test_the_last_two_backups_stay(backups):
    assert sorted(os.listdir(backups)) == [
        *("epoch-2.json", "epoch-2.weights.h5", "epoch-3.json", "epoch-3.weights.h5")
    ]
    assert training.AtomicBackup.epochs_done(backups) == 3


@pytest.mark.parametrize("damage", ["cut", "value", "empty"])
def test_a_damaged_backup_gives_way_to_the_one_before(backups, damage, caplog):
    path = backups / "epoch-3.weights.h5"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 255
    path.write_bytes({"cut": content[:900], "empty": b"", "value": content}[damage])
    assert training.AtomicBackup.epochs_done(backups) == 2
    assert "epoch-3.weights.h5 is damaged. The one before it counts." in caplog.text
    model = training.compile_model(tiny(), 1e-3)
    resumed = training.AtomicBackup(backups)
    resumed.set_model(model)
    resumed.on_train_begin()
    assert model._initial_epoch == 2


def test_other_files_beside_the_backups_are_ignored(backups):
    for name in ("epoch-x.weights.h5", "epoch--9.weights.h5", "epoch-7.weights.h5.old", "epoch-8"):
        (backups / name).write_bytes(b"not ours")
    assert training.AtomicBackup.epochs_done(backups) == 3


def test_backups_may_be_rarer_and_the_last_epoch_has_one(tmp_path):
    backup = training.AtomicBackup(tmp_path / "backup", every=2)
    backup.set_params({"epochs": 5})
    backup.set_model(training.compile_model(tiny(), 1e-3))
    done = []
    for epoch in range(5):
        backup.on_epoch_end(epoch)
        done.append(training.AtomicBackup.epochs_done(tmp_path / "backup"))
    assert done == [0, 2, 2, 4, 5]


def kernels(model):
    """Kernels of the layers that convolve or multiply, but not of recurrent ones."""
    layers = [*model.layers, *model.get_layer("cnn_m").layers]
    kinds = (keras.layers.Conv2D, keras.layers.Dense)
    return [layer.kernel for layer in layers if isinstance(layer, kinds)]


def decaying(frozen=False):
    keras.utils.set_random_seed(0)
    options = {**TINY, "backbone": "cnn_m", "dropout": 0, "rnn_dropout": 0, "frozen": frozen}
    return models.affwildnet(**options, initializer=None)


def test_weight_decay_adds_half_the_squares_of_the_trained_kernels_to_the_loss():
    factor = 0.01
    for frozen in (False, True):
        model = decaying(frozen)
        trained = [kernel for kernel in kernels(model) if kernel.trainable]
        assert len(trained) == (2 if frozen else 2 + 5)  # fc1, the output, and CNN-M's
        penalty = factor / 2 * sum(float((kernel.numpy() ** 2).sum()) for kernel in trained)
        x = {"images": np.zeros((1, 4, 32, 32, 3)), "landmarks": np.zeros((1, 4, 136))}
        y = np.random.default_rng(0).uniform(-1, 1, (1, 4, 2))
        losses = [
            training.compile_model(model, 1e-3, weight_decay=decay).evaluate(x, y, verbose=0)[0]
            for decay in (None, factor, None)
        ]
        assert losses[1] - losses[0] == pytest.approx(penalty, rel=1e-4)
        assert losses[2] == losses[0]  # it is removed again


def test_weight_decay_shrinks_kernels_only_and_is_not_saved(make_clip, tmp_path):
    # Constant labels: the CCC has no gradient, and only the penalty moves the weights.
    clips = [make_clip(k, 8, i, valence_arousal=np.zeros((8, 2))) for i, k in enumerate("ab")]
    model = decaying()
    before = {v.path: v.numpy() for v in model.variables}
    training.train(
        model, clips[:1], clips[1:], tmp_path, epochs=1, weight_decay=0.5, learning_rate=1e-3,
        verbose=0,
    )  # fmt: skip
    decayed = {kernel.path for kernel in kernels(model)}
    for variable in model.trainable_variables:
        change = np.abs(variable.numpy()) - np.abs(before[variable.path])
        if variable.path in decayed:
            # The first step of Adam has the size of the learning rate, whatever the gradient.
            large = np.abs(before[variable.path]) > 0.01
            assert np.allclose(change[large], -1e-3, atol=1e-5)
        else:
            assert np.allclose(change, 0, atol=1e-7), variable.path
    assert json.loads((tmp_path / "settings.json").read_text())["weight_decay"] == 0.5
    assert models.load(tmp_path / "best.keras")[0].losses == []


UTTERANCES = {"a": (0.1, 0.3), "b": (-0.6, 0.8), "c": (0.5, 0.1)}


@pytest.fixture
def utterances(make_clip):
    """A clip for training, and three utterances for validation, the first of two sequences."""
    frames = {"a": 83, "b": 6, "c": 5}
    clips = [
        make_clip(key, n, 90 * i, size=32, missing=(3, 81), valence_arousal=[UTTERANCES[key]] * n)
        for i, (key, n) in enumerate(frames.items())
    ]
    return [make_clip("training", 8, size=32), *clips]


def ccc(labels, values):
    """The formula of paper B, eq. 2."""
    covariance = np.mean((labels - labels.mean()) * (values - values.mean()))
    distance = (labels.mean() - values.mean()) ** 2
    return 2 * covariance / (labels.var() + values.var() + distance)


@pytest.mark.parametrize(
    ("choose_by", "cached", "precision"),
    [
        ("sequence", True, "float32"),
        ("utterance", False, "float32"),
        ("utterance", True, "mixed_bfloat16"),
    ],
)
def test_the_epoch_is_chosen_by_sequences_or_utterances(
    utterances, tmp_path, plain_tensorboard, choose_by, cached, precision
):
    keras.utils.set_random_seed(0)
    keras.config.set_dtype_policy(precision)
    try:
        model = models.affwildnet(**TINY, initializer=None, frozen=cached)
    finally:
        keras.config.set_dtype_policy("float32")
    options = {"features": tmp_path / "features"} if cached else {}
    best, card = training.train(
        model, utterances[:1], utterances[1:], tmp_path / "run", epochs=2, learning_rate=1e-2,
        choose_by=choose_by, verbose=0, **options,
    )  # fmt: skip
    name = f"val_{choose_by}_ccc"
    rows = log(tmp_path / "run")
    chosen = max(rows, key=lambda row: float(row[name]))
    assert card["epoch"] == int(chosen["epoch"]) + 1
    frames = evaluation.predict(best, utterances[1:])
    # Sequences of 80 frames; frames without a face do not count.
    halves = {k: [v[i : i + 80] for i in range(0, len(v), 80)] for k, v in frames.items()}
    if choose_by == "sequence":
        values = np.array([np.nanmean(h, axis=0) for key in UTTERANCES for h in halves[key]])
        labels = np.array([UTTERANCES[key] for key in UTTERANCES for _ in halves[key]])
    else:
        medians = {k: [np.nanmedian(h, axis=0) for h in parts] for k, parts in halves.items()}
        values = np.array([np.mean(medians[key], axis=0) for key in UTTERANCES])
        labels = np.array(list(UTTERANCES.values()))
    expected = [ccc(labels[:, i], values[:, i]) for i in range(2)]
    tolerance = 1e-4 if precision == "float32" else 0.02  # rounding to 8 bits
    assert float(chosen[name]) == pytest.approx(np.mean(expected), abs=tolerance)
    for dimension, value in zip(("valence", "arousal"), expected, strict=True):
        assert float(chosen[f"{name}_{dimension}"]) == pytest.approx(value, abs=tolerance)
    assert card[name] == float(chosen[name])
    assert json.loads((tmp_path / "run" / "settings.json").read_text())["choose_by"] == choose_by


def test_the_utterances_score_resumes_and_is_on_the_epochs_line(utterances, tmp_path, capsys):
    def run(epochs):
        return training.train(
            tiny(), utterances[:1], utterances[1:], tmp_path, epochs, choose_by="utterance"
        )

    run(1)
    first = log(tmp_path)
    run(2)
    assert log(tmp_path)[:1] == first and len(log(tmp_path)) == 2
    printed = capsys.readouterr().out
    assert printed.count("val_utterance_ccc ") == 2
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(tmp_path / "tensorboard" / "validation"))
    events.Reload()
    assert "epoch_utterance_ccc" in events.Tags()["tensors"]


def test_expressions_are_chosen_by_the_accuracy_of_utterances(
    make_clip, tmp_path, plain_tensorboard
):
    clips = [
        make_clip(key, 8, 10 * i, size=32, valence_arousal=None, expression=[4 * (i % 2)] * 8)
        for i, key in enumerate("abc")
    ]
    model = models.affwildnet(task="expression", **TINY, initializer=None)
    _, card = training.train(
        model, clips[:1], clips[1:], tmp_path, epochs=1, choose_by="utterance", verbose=0
    )
    assert card["val_utterance_accuracy"] in (0, 0.5, 1)  # two utterances


def test_a_model_of_single_frames_is_trained_on_single_frames(
    make_clip, tmp_path, plain_tensorboard
):
    clips = [make_clip(key, 8, 50 * i, size=32) for i, key in enumerate("ab")]
    keras.utils.set_random_seed(0)
    single = models.cnn(
        backbones.cnn_m((32, 32, 3), width=0.02), "valence_arousal", hidden_units=(8,)
    )
    keras.utils.set_random_seed(0)
    windows_of_one = models.cnn(
        backbones.cnn_m((32, 32, 3), width=0.02), "valence_arousal", hidden_units=(8,), length=1
    )
    rows = []
    for name, model in (("single", single), ("windows", windows_of_one)):
        best, _ = training.train(
            model, clips[:1], clips[1:], tmp_path / name, epochs=1, choose_by="sequence",
            batch_size=3, verbose=0,
        )  # fmt: skip
        rows.append(log(tmp_path / name))
        assert best.output_shape == model.output_shape
    losses = [[float(row["loss"]) for row in part] for part in rows]
    assert np.allclose(*losses, atol=1e-5)
    scores = [float(part[-1]["val_sequence_ccc"]) for part in rows]
    assert scores[0] == pytest.approx(scores[1], abs=1e-5)


def test_what_is_recorded_is_a_setting_and_stays_with_the_model(make_clip, tmp_path, monkeypatch):
    clips = [make_clip("a", 8), make_clip("b", 8, 100)]

    def run(start):
        return training.train(
            tiny(), clips[:1], clips[1:], tmp_path, epochs=1, record={"start": start}, verbose=0
        )

    assert run("weights 1234")[1]["start"] == "weights 1234"
    with pytest.raises(ValueError, match=r"differs in `start` \(weights 1234, now weights 5678\)"):
        run("weights 5678")


@pytest.mark.parametrize("name", ["settings.json", "best.keras", "log.csv"])
def test_folders_of_something_else_are_refused(make_clip, tmp_path, name):
    clips = [make_clip("a", 8), make_clip("b", 8, 100)]
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / name).write_text("[1]")
    with pytest.raises(FileExistsError, match="needs a folder of its own"):
        training.train(tiny(), clips[:1], clips[1:], tmp_path / "run")
    assert (tmp_path / "run" / name).read_text() == "[1]"
    assert [path.name for path in (tmp_path / "run").iterdir()] == [name]

"""Trainings on several devices equal those on one, and workers that are lost can be replaced."""

import csv
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from kollias_affect import training, windows
from kollias_affect.training import devices, global_batch

SCRIPT = Path(__file__).with_name("shared_run.py")
REFINED = {"clip_norm": 0.5, "ema": 0.8, "augment": "standard"}


def logs(folder):
    with open(folder / "log.csv", newline="") as file:
        return [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]


def assert_equal_runs(folder, first, second):
    """The same losses and metrics in every epoch, and the same weights at the end."""
    rows = logs(folder / first), logs(folder / second)
    assert [row["epoch"] for row in rows[0]] == [row["epoch"] for row in rows[1]]
    for one, other in zip(*rows, strict=True):
        assert one == pytest.approx(other, rel=5e-5, abs=2e-5), (first, second)
    weights = [np.load(folder / f"{name}.npz") for name in (first, second)]
    assert len(weights[0].files) == len(weights[1].files) > 6
    for name in weights[0].files:
        # Adam enlarges rounding errors of gradients near 0: 2 % of one of its steps of 0.01.
        np.testing.assert_allclose(weights[0][name], weights[1][name], atol=2e-4)


def run(folder, runs, *more):
    command = [sys.executable, SCRIPT, folder, json.dumps(runs), *more]
    ran = subprocess.run(command, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr[-3000:]


def test_two_devices_train_as_one(tmp_path):
    """With uneven parts, weights that differ, batch normalization and all refinements."""
    options = {**REFINED, "schedule": "cosine", "warm_up": 0.5}
    run(tmp_path, [["one", "one", 1, options], ["two", "mirrored", 1, options]], "two")
    assert_equal_runs(tmp_path, "one", "two")


@pytest.mark.nightly
@pytest.mark.parametrize("options", [{}, REFINED])
@pytest.mark.parametrize("strategies", [("one", "mirrored"), ("mirrored", "one")])
def test_a_run_resumes_with_another_number_of_devices(tmp_path, strategies, options):
    runs = [["one", "one", 3], ["two", strategies[0], 1], ["two", strategies[1], 3]]
    run(tmp_path, [[*each, options] for each in runs], "two")
    assert_equal_runs(tmp_path, "one", "two")
    rows = logs(tmp_path / "one")
    assert abs(rows[2]["loss"] - rows[0]["loss"]) > 1e-3  # it learnt something


@pytest.fixture
def jax(monkeypatch):
    """Two devices of Keras' JAX backend."""
    pytest.importorskip("jax", reason="JAX is not a dependency")
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    monkeypatch.setenv("XLA_FLAGS", "--xla_force_host_platform_device_count=2")


@pytest.mark.nightly
def test_two_devices_of_jax_train_as_one_and_their_run_resumes_on_one(jax, monkeypatch, tmp_path):
    monkeypatch.setenv("FRAMES", "16")
    run(tmp_path, [["one", "one", 2], ["two", "mirrored", 1], ["two", "one", 2]])
    assert_equal_runs(tmp_path, "one", "two")


@pytest.mark.nightly
def test_on_jax_a_rest_that_would_change_the_training_is_refused(jax, tmp_path):
    with pytest.raises(AssertionError, match="last batch of 1 windows for 2 devices"):
        run(tmp_path, [["two", "mirrored", 1]])
    assert not (tmp_path / "two" / "settings.json").exists()


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def start_workers(folder, runs_of_workers):
    """Starts a worker process on loopback for each list of runs; returns them."""
    workers = {"worker": [f"127.0.0.1:{port}" for port in free_ports(len(runs_of_workers))]}
    started = []
    for index, runs in enumerate(runs_of_workers):
        task = {"cluster": workers, "task": {"type": "worker", "index": index}}
        command = [sys.executable, SCRIPT, folder, json.dumps(runs)]
        environment = {**os.environ, "TF_CONFIG": json.dumps(task)}
        started.append(
            subprocess.Popen(
                command, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
            )
        )
    return started


def end(processes):
    """Waits for processes; returns their exit codes and what they wrote to standard error."""
    errors = [process.communicate(timeout=600)[1] for process in processes]
    return [process.returncode for process in processes], errors


@pytest.fixture(scope="module")
def one(tmp_path_factory):
    """Folder of the clips and of a run on one device."""
    folder = tmp_path_factory.mktemp("workers")
    run(folder, [["one", "one", 3]])
    return folder


@pytest.mark.nightly
def test_two_workers_train_as_one_device_and_one_writes(one):
    codes, errors = end(start_workers(one, [[["workers", "multiworker", 3]]] * 2))
    assert codes == [0, 0], errors[0][-2000:] + errors[1][-2000:]
    for index in "01":  # every worker ends with the same weights
        (one / f"workers{index}.npz").replace(one / "workers.npz")
        assert_equal_runs(one, "one", "workers")
    assert len(logs(one / "workers")) == 3  # two writers would have doubled the rows
    assert len(list((one / "workers" / "tensorboard" / "train").glob("events.*"))) == 1


@pytest.mark.nightly
@pytest.mark.parametrize("killed", [0, 1])
def test_after_the_kill_of_a_worker_the_same_command_resumes(one, killed):
    name = f"killed{killed}"
    # So many epochs that the kill comes before the end.
    workers = start_workers(one, [[[name, "auto", 400]]] * 2)
    backup = one / name / "backup"
    until = time.monotonic() + 300
    while not list(backup.glob("epoch-*.weights.h5")) and time.monotonic() < until:
        time.sleep(0.05)
    workers[killed].send_signal(signal.SIGKILL)
    codes, errors = end(workers)
    assert codes[killed] == -signal.SIGKILL
    assert codes[1 - killed] not in (0, -signal.SIGKILL)
    if codes[1 - killed] == 1:
        assert "Start the same command on all machines again" in errors[1 - killed]
    done = training.AtomicBackup.epochs_done(backup)
    assert 0 < done < 400
    epochs = done + 1
    run(one, [[f"whole{killed}", "one", epochs]])
    codes, errors = end(start_workers(one, [[[name, "auto", epochs]]] * 2))
    assert codes == [0, 0], errors[0][-2000:] + errors[1][-2000:]
    rows = logs(one / name), logs(one / f"whole{killed}")
    assert [row["epoch"] for row in rows[0]] == list(range(epochs))
    assert rows[0][-1] == pytest.approx(rows[1][-1], abs=1e-3)


@pytest.mark.nightly
def test_workers_that_lack_patience_end_together_and_stay_ended(one):
    """The first worker alone has the score of several tasks."""
    runs = [[["patient", "multiworker", 60, {**REFINED, "patience": 1}]]] * 2
    for _ in range(2):
        codes, errors = end(start_workers(one, runs))
        assert codes == [0, 0], errors[0][-2000:] + errors[1][-2000:]
        scores = [row["val_score"] for row in logs(one / "patient")]
        assert 1 < len(scores) < 60 and scores[-1] <= max(scores[:-1])


@pytest.mark.nightly
def test_workers_with_other_settings_are_refused(one):
    runs = [["differ", "multiworker", 1, {"batch_size": size}] for size in (4, 2)]
    codes, errors = end(start_workers(one, [[runs[0]], [runs[1]]]))
    assert codes == [1, 1]
    assert all("the settings or clips differ" in error for error in errors), errors
    assert not (one / "differ" / "settings.json").exists()


@pytest.mark.parametrize("parts", [1, 2, 4])
def test_the_parts_of_all_processes_are_the_batches(make_clip, parts):
    """Each window is read by one process, and none reads windows of another batch."""
    clips = [make_clip(frames=21)]
    options = {"length": 2, "batch_size": 4, "shuffle": True, "seed": 5, "landmarks": False}
    options |= {"size": 8, "augment": "flip=0.5,colour=0.3"}  # the same, whoever reads the window

    def images_and_labels(part):
        data = windows.dataset(clips, part=part, **options)
        epochs = [list(data.as_numpy_iterator()) for _ in range(2)]
        return [[(inputs["images"], labels) for inputs, labels, _ in epoch] for epoch in epochs]

    complete = images_and_labels(None)
    divided = [images_and_labels((number, parts)) for number in range(parts)]
    for epoch in range(2):
        for number, batch in enumerate(complete[epoch]):
            found = [d[epoch][number] for d in divided if number < len(d[epoch])]
            for values, expected in zip(zip(*found, strict=True), batch, strict=True):
                np.testing.assert_array_equal(np.concatenate(values), expected)


def test_a_batch_that_parts_do_not_divide_is_refused(make_clip):
    with pytest.raises(ValueError, match=r"multiple of the parts.*Choose 6"):
        windows.dataset([make_clip(frames=9)], length=1, batch_size=5, part=(0, 3))


def test_the_number_of_batches(make_clip):
    clips = [make_clip(frames=9), make_clip(frames=4)]
    for length, stride, size in ((2, None, 3), (2, 1, 4), (1, None, 5)):
        data = windows.dataset(clips, length, stride, size)
        assert windows.batches(clips, length, stride, size) == len(list(data))


def test_the_optimizer_of_several_devices_takes_the_steps_of_adam():
    """On one device, with gradients that are clipped and some that are not."""
    start = np.array([1.0, -2.0], np.float32)
    variables = []
    for kind in (keras.optimizers.Adam, global_batch.SharedAdam):
        variable = keras.Variable(start)
        optimizer = kind(0.1, global_clipnorm=1.0, use_ema=True, ema_momentum=0.9)
        for gradient in ([3.0, 4.0], [0.1, -0.2], [-5.0, 0.0]):
            optimizer.apply([tf.constant(gradient)], [variable])
        variables.append([variable, *optimizer.variables])
    for expected, found in zip(*variables, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-7)


class Strategy:
    """What `choose` asks of a strategy."""

    def __init__(self, count):
        self.num_replicas_in_sync = count


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "addresses of all workers"),
        ("{", "must be JSON"),
        ("[]", "must be JSON"),
        ('{"cluster": {"worker": ["a:1"]}}', "must be JSON"),
        ('{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 1}}', "index"),
        ('{"cluster": {"ps": ["b:1"], "worker": ["a:1"]}, "task": {"type": "ps", "index": 0}}',
         "addresses of the workers"),
    ],
)  # fmt: skip
def test_workers_need_addresses(monkeypatch, content, message):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    if content is not None:
        monkeypatch.setenv("TF_CONFIG", content)
    with pytest.raises(ValueError, match=message):
        training.connect("multiworker")


def test_workers_connect_before_the_first_tensor(monkeypatch):
    task = {"cluster": {"worker": ["127.0.0.1:1", "127.0.0.1:2"]}}
    task["task"] = {"type": "worker", "index": 0}
    monkeypatch.setenv("TF_CONFIG", json.dumps(task))
    np.asarray(tf.constant(1))  # starts TensorFlow
    with pytest.raises(ValueError, match=r"Call `training\.connect"):
        training.connect("auto")
    assert training.connect("one") == "one"


@pytest.mark.parametrize("strategy", ["multiworker", "auto"])
def test_work_that_one_machine_does_refuses_several(monkeypatch, strategy):
    task = {"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "worker", "index": 0}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(task))
    with pytest.raises(ValueError, match=r"A search runs on one machine.*Choose auto"):
        devices.refuse_workers(strategy, "A search")
    monkeypatch.delenv("TF_CONFIG")
    devices.refuse_workers("auto", "A search")


def test_unknown_strategies_are_refused():
    with pytest.raises(ValueError, match="strategy"):
        training.connect("tpu")


def test_one_device_is_chosen_where_there_is_one(monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    for name in ("auto", "one"):
        assert type(devices.choose(name, 1)) is devices.OneDevice


def test_a_batch_needs_a_window_for_each_device(monkeypatch):
    monkeypatch.setattr(devices.tf.distribute, "Strategy", Strategy)
    with pytest.raises(ValueError, match="batch size such as 3"):
        devices.choose(Strategy(3), 2)
    assert devices.choose(Strategy(3), 4).count == 3  # parts of 2 and 1

"""Every temporal head with every set of tasks: it trains, saves, loads, streams and exports.

The whole grid runs nightly, one cell by default. `test_temporal.py` tests each head more closely.
"""

import itertools
import json
import subprocess
import sys

import keras
import numpy as np
import pytest

from kollias_affect import backbones, models, runtime, training
from kollias_affect.models.streaming import SequenceRunner
from kollias_affect.tasks import TASKS, label_field, tasks_of
from kollias_affect.training import objectives

LENGTH, SIZE, CLIPS = 5, 32, 2
SMALL = {"tcn": {"head_layers": 2}, "transformer": {"context": 4}, "mlp": {"context": 3}}
SETS = (
    *((task,) for task in TASKS),
    ("valence_arousal", "expression"),
    ("valence_arousal", "expression_8"),
    ("valence_arousal", "action_units"),
    ("expression", "action_units"),
    ("valence", "expression_8", "action_units"),
    ("valence_arousal", "expression", "action_units"),
)
GRID = list(itertools.product(models.HEADS, SETS, (True, False)))
DEFAULT = [("tcn", ("valence_arousal", "expression", "action_units"), True)]


def case(head, tasks, causal):
    name = f"{head}-{'+'.join(tasks)}-{'causal' if causal else 'centred'}"
    marks = () if (head, tasks, causal) in DEFAULT else pytest.mark.nightly
    return pytest.param(head, tasks, causal, id=name, marks=marks)


@pytest.fixture(scope="module")
def backbone():
    """A small CNN whose frozen weights make frames differ; all models of the grid share it."""
    network = backbones.cnn_m((SIZE, SIZE, 3), width=0.02)
    random = np.random.default_rng(1)
    for weight in network.weights:
        shape = tuple(weight.shape)
        if "variance" in weight.path or "gamma" in weight.path:
            weight.assign(random.uniform(0.5, 1.5, shape))
        else:
            scale = 1.5 / np.sqrt(np.prod(shape[:-1])) if len(shape) > 1 else 0.3
            weight.assign(random.normal(size=shape) * scale)
    return network


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """Folder of the saved models with their inputs and outputs, and the names of the files."""
    return tmp_path_factory.mktemp("models"), []


def windows_of(frames=LENGTH):
    return np.random.default_rng(2).uniform(-1, 1, (CLIPS, frames, SIZE, SIZE, 3)).astype("float32")


def labels_of(tasks):
    """Labels and weights by task; the last frame of one clip has no label of the first task."""
    random, labels = np.random.default_rng(3), {}
    for task in tasks:
        names, shape = TASKS[task][0], (CLIPS, LENGTH)
        labels[task] = {
            "expression": random.integers(0, len(names), shape),
            "action_units": random.integers(0, 2, (*shape, len(names))).astype("float32"),
            "valence_arousal": random.uniform(-1, 1, (*shape, len(names))).astype("float32"),
        }[label_field(task)]
    weights = {task: np.ones((CLIPS, LENGTH), "float32") for task in tasks}
    weights[tasks[0]][0, -1] = 0
    return labels, weights


def by_task(outputs, tasks):
    outputs = outputs if isinstance(outputs, dict) else {tasks[0]: outputs}
    return {task: np.asarray(outputs[task]) for task in tasks}


def check_equal(found, expected, tasks, atol=1e-5):
    found, expected = by_task(found, tasks), by_task(expected, tasks)
    for task in tasks:
        assert found[task].shape == expected[task].shape
        np.testing.assert_allclose(found[task], expected[task], atol=atol)


def check_trains(model, tasks):
    """A few steps lower the losses of all tasks together, and move every output layer."""
    options = {"loss_weights": "uncertainty"} if len(tasks) > 1 else {}
    form = objectives.training_form(model, options)
    training.compile_model(form, 3e-3, tasks if options else tasks[0], **options)
    form.run_eagerly = True  # A graph would take longer than the test.
    images, (labels, weights) = {"images": windows_of()}, labels_of(tasks)
    if not options:
        labels, weights = labels[tasks[0]], weights[tasks[0]]
    before = {task: model.get_layer(task).get_weights()[0] for task in tasks}
    losses = [form.train_on_batch(images, labels, sample_weight=weights)[0] for _ in range(4)]
    assert np.isfinite(losses).all() and losses[-1] < losses[0]
    for task in tasks:
        assert np.abs(model.get_layer(task).get_weights()[0] - before[task]).max() > 1e-4


def check_streams(model, tasks, causal):
    """A causal head run by chunks equals one window; a centred one is refused."""
    if not causal:
        with pytest.raises(ValueError, match="frame by frame"):
            SequenceRunner(model)
        return
    images = windows_of()[:1]
    run = SequenceRunner(model, 1)
    chunks = [by_task(run({"images": images[:, t : t + 1]}), tasks) for t in range(LENGTH)]
    joined = {task: np.concatenate([c[task] for c in chunks], axis=1) for task in tasks}
    check_equal(joined, model({"images": images}), tasks)


def check_exports(model, tasks, causal, folder):
    """An ONNX file of windows, and of streams if causal, equals Keras; its card names the tasks."""
    images, expected = windows_of(), model({"images": windows_of()})
    models.export(model, folder / "windows.onnx")
    exported = runtime.OnnxModel(folder / "windows.onnx")
    check_equal(exported.predict_on_batch({"images": images}), expected, tasks)
    assert set(tasks_of(exported.card)) == set(tasks)
    if causal:
        models.export(model, folder / "stream.onnx", stream=True)
        run = runtime.SequenceRunner(runtime.OnnxModel(folder / "stream.onnx"))
        parts = [by_task(run({"images": images[:1, t : t + 1]}), tasks) for t in range(LENGTH)]
        joined = {task: np.concatenate([part[task] for part in parts], axis=1) for task in tasks}
        check_equal(joined, {t: v[:1] for t, v in by_task(expected, tasks).items()}, tasks)


@pytest.mark.parametrize(("head", "tasks", "causal"), [case(*each) for each in GRID])
def test_a_head_trains_saves_loads_streams_and_exports(
    head, tasks, causal, backbone, saved, tmp_path
):
    keras.utils.set_random_seed(0)
    task = tasks if len(tasks) > 1 else tasks[0]
    options = {"length": LENGTH, "causal": causal, "head_dropout": 0, "frozen": True}
    model = models.temporal(backbone, task, head, 8, **options, **SMALL.get(head, {}))
    check_trains(model, tasks)
    path = saved[0] / f"{head}-{'+'.join(tasks)}-{causal}.keras"
    models.save(model, path)
    outputs = by_task(model({"images": windows_of()}), tasks)
    check_equal(keras.saving.load_model(path)({"images": windows_of()}), outputs, tasks)
    assert models.tasks_of(models.read_card(path)) == {task: TASKS[task] for task in tasks}
    np.savez(path.with_suffix(".npz"), **outputs)
    saved[1].append(path.name)
    check_streams(model, tasks, causal)
    check_exports(model, tasks, causal, tmp_path)


LOAD = """
import json, pathlib, sys
import keras, numpy as np
images = np.load(sys.argv[2])
for path in map(pathlib.Path, json.loads(sys.argv[1])):
    if path.name.startswith(("transformer", "mlp")):
        import kollias_affect
    elif "kollias_affect" in sys.modules:
        raise SystemExit("the plain ones must come first")
    outputs = keras.saving.load_model(path)({"images": images})
    expected = np.load(path.with_suffix(".npz"))
    for task in expected:
        found = outputs[task] if isinstance(outputs, dict) else outputs
        np.testing.assert_allclose(found, expected[task], atol=1e-5)
"""


@pytest.mark.nightly
def test_the_files_of_the_grid_load_in_a_process_with_plain_keras(saved, tmp_path):
    """Transformers and averages are layers of the package; the others need no import of it."""
    folder, names = saved
    assert names, "run this test with the grid above"
    names.sort(key=lambda name: name.startswith(("transformer", "mlp")))
    np.save(tmp_path / "images.npy", windows_of())
    paths = json.dumps([str(folder / name) for name in names])
    command = [sys.executable, "-c", LOAD, paths, str(tmp_path / "images.npy")]
    ran = subprocess.run(command, capture_output=True, text=True, cwd=folder)
    assert ran.returncode == 0, ran.stderr[-3000:]

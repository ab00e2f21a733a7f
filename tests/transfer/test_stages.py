import csv
import inspect
import itertools
import json
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from kollias_affect import EXPRESSIONS, _runs, evaluation, models, training
from kollias_affect.transfer import Stage, keeping, network, optimization, stage_report, staged
from kollias_affect.transfer.stages import _with_expressions

QUIET = {"batch_size": 7, "verbose": 0}
OPTIONS = {**QUIET, "published": {"validation": 0.485, "test": 0.556}, "metadata": {"a": 1}}


def log(folder):
    with open(folder / "log.csv", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module", autouse=True)
def short_steps():
    """Divides the learning rate by 10 after every epoch."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(optimization, "EPOCHS_PER_STEP", 1)
        yield


@pytest.fixture(scope="module")
def stages(pictures):
    return [
        Stage("A+1", pictures("a", 14), pictures("b", 7), epochs=1, learning_rate=0.02),
        Stage("B", pictures("c", 14), pictures("d", 14), epochs=2, learning_rate=0.02),
    ]


@pytest.fixture(scope="module")
def run(stages, tiny, tmp_path_factory):
    """Folder and table of a run of the two stages."""
    out = tmp_path_factory.mktemp("staged") / "run"
    return out, staged(tiny(), stages, out, **OPTIONS).table


def test_a_run_of_two_stages_leaves_models_and_one_report(run):
    out, result = run
    for folder, epochs in (("1-A+1", 1), ("2-B", 2)):
        card = models.read_card(out / folder / "best.keras")
        assert card["stage"] == folder and card["a"] == 1 and 1 <= card["epoch"] <= epochs
        assert len(log(out / folder)) == epochs
        assert (out / folder / "confusion-target.png").stat().st_size > 10_000
    table = pd.read_csv(out / "report.csv", index_col="stage")
    assert list(table.index) == ["A+1", "B"] == list(result.index)
    assert list(table["epochs"]) == [1, 2] and list(table["training frames"]) == [14, 14]
    assert table.loc["B", "paper D test accuracy"] == 0.556
    assert np.isnan(table.loc["A+1", "paper D test accuracy"])
    assert set(EXPRESSIONS) < set(table.columns)
    assert (out / "report.md").read_text().count("\n") == 4
    counts = pd.read_csv(out / "distributions.csv", index_col=0)
    assert counts.loc["A+1 training"].tolist() == [2] * 7 and len(counts) == 4
    assert (out / "distributions.png").stat().st_size > 10_000


def test_the_default_batch_is_that_of_krizhevsky_et_al():
    assert inspect.signature(staged).parameters["batch_size"].default == 128


def test_the_report_says_what_the_sets_of_a_stage_are(pictures, tiny, tmp_path, quick):
    sets = (pictures("a", 7), pictures("b", 14))
    stage = Stage("A", *sets, epochs=1, text="training = seven, validation = fourteen.")
    table = staged(tiny(), [stage], tmp_path / "run", **QUIET).table
    assert table.loc["A", "validation frames"] == 14
    report = (tmp_path / "run" / "report.md").read_text()
    assert report.endswith("\n\n- A: training = seven, validation = fourteen.\n")


def test_ten_crops_score_the_report_and_leave_the_training_as_it_is(pictures, tmp_path, quick):
    stage = Stage("A", pictures("a", 7, 48), pictures("b", 14, 48), epochs=1)
    scored = []
    with pytest.MonkeyPatch.context() as patch:
        counts = stage_report.confusion_counts
        patch.setattr(
            stage_report,
            "confusion_counts",
            lambda model, clips: scored.append(model.name) or counts(model, clips),
        )
        for ten_crops in (False, True):
            model = network("alexnet", 48, 0.02)
            staged(model, [stage], tmp_path / "run", ten_crops=ten_crops, **QUIET)
    # The second call only scores again.
    assert scored == ["alexnet", "alexnet_ten_crops"]
    assert "mean output of ten crops" in (tmp_path / "run" / "report.md").read_text()


def test_ten_crops_of_a_model_without_crops_are_refused_before_training(stages, tiny, tmp_path):
    with pytest.raises(ValueError, match="Ten crops need a model of `transfer.network`"):
        staged(tiny(), stages, tmp_path / "run", ten_crops=True, **OPTIONS)
    assert not (tmp_path / "run").exists()


def test_the_rate_falls_within_each_stage(run):
    out, _ = run
    rates = [[float(row["learning_rate"]) for row in log(out / name)] for name in ("1-A+1", "2-B")]
    assert np.allclose(rates[0], [0.02]) and np.allclose(rates[1], [0.02, 0.002])


def test_scores_are_those_of_the_best_models(run, stages):
    out, table = run
    target = stages[1].validation
    for i, stage in enumerate(stages, start=1):
        model, card = models.load(out / f"{i}-{stage.name}" / "best.keras")
        assert table.loc[stage.name, "accuracy"] == pytest.approx(card["val_accuracy"], abs=1e-6)
        scores = evaluation.scores(target, evaluation.predict(model, target), "expression")
        expected = scores.loc["all", "accuracy"]
        assert table.loc[stage.name, "target accuracy"] == pytest.approx(expected)
        recalls = scores.loc[list(EXPRESSIONS), "recall"]
        assert np.allclose(table.loc[stage.name, list(EXPRESSIONS)].astype(float), recalls)
        counts = pd.read_csv(out / f"{i}-{stage.name}" / "confusion-target.csv", index_col=0)
        assert counts.to_numpy().sum() == 14
        assert np.allclose(np.diag(counts) / counts.sum(axis=1), recalls)


def test_a_stage_starts_from_the_best_model_before_and_trains_what_is_not_frozen(
    stages, tiny, tmp_path, quick, capsys
):
    """The run starts from a model of windows for valence and arousal."""
    start, cnn = tiny("valence_arousal", length=1), {"cnn": True}
    options = {"epochs": 1, "learning_rate": 0.5}
    sets = (stages[1].training, stages[1].validation)
    parts = [
        Stage("frozen", *sets, frozen=cnn, new_head=True, **options),
        Stage("free", *sets, **options),
        Stage("again", *sets, frozen=cnn, **options),
    ]
    kernels = [start.get_layer("backbone").get_layer("conv1").get_weights()[0]]
    result = staged(start, parts, tmp_path / "run", batch_size=7)
    lines = capsys.readouterr().out.splitlines()  # one an epoch, as this is not a terminal
    assert lines[0] == "Stage 1-frozen begins at epoch 1 of 1."
    assert lines[1].startswith("epoch 1/1") and len(lines) == 6
    assert result.card["task"] == "expression" and result.card["length"] == 1
    for name in ("1-frozen", "2-free", "3-again"):
        model, _ = models.load(tmp_path / "run" / name / "best.keras")
        kernels.append(model.get_layer("backbone").get_layer("conv1").get_weights()[0])
    same = [np.array_equal(a, b) for a, b in itertools.pairwise(kernels)]
    assert same == [True, False, True]


def test_another_task_needs_a_new_head(stages, tiny, tmp_path):
    with pytest.raises(ValueError, match="new_head=True"):
        staged(tiny("valence_arousal"), stages, tmp_path / "run", **QUIET)


def test_a_broken_second_dataset_stops_the_run_before_the_first_stage(
    stages, pictures, tiny, tmp_path
):
    second = Stage("B", pictures("e", 14), stages[1].validation, 1)
    broken = second.training[3].paths[0]
    with open(broken, "wb") as file:
        file.write(b"not a picture")
    with pytest.raises(ValueError, match=f"Every frame must be an image.*{broken}"):
        staged(tiny(), [stages[0], second], tmp_path / "run", **QUIET)
    assert not (tmp_path / "run").exists()
    Path(broken).unlink()
    with pytest.raises(ValueError, match="missing or cannot be decoded"):
        staged(tiny(), [stages[0], second], tmp_path / "run", **QUIET)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("problem", ["no labels", "leak", "leak to target", "empty", "names"])
def test_invalid_sets_are_refused(problem, stages, tiny, tmp_path):
    a, b = stages
    target, message = None, "No picture may be in"
    if problem == "no labels":
        b = Stage("B", [c.labelled(expression=None) for c in b.training], b.validation)
        message = "must have clips with expressions"
    elif problem == "empty":
        b = Stage("B", b.training, [])
        message = "must have clips with expressions"
    elif problem == "leak":
        b = Stage("B", b.training, b.training[:2])
    elif problem == "leak to target":
        target = a.training[:2]
    else:
        b, message = Stage("A+1", b.training, b.validation), "names must differ"
    with pytest.raises(ValueError, match=message):
        staged(tiny(), [a, b], tmp_path / "run", target=target, **QUIET)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "options", [{"name": "a/b"}, {"name": ""}, {"epochs": 0}, {"learning_rate": -1}]
)
def test_invalid_stages_are_refused(options):
    with pytest.raises(ValueError, match="Received"):
        Stage(**{"name": "a", "training": [], "validation": [], **options})


def test_other_settings_in_the_same_folder_are_refused_before_anything_runs(run, stages, tiny):
    out, _ = run
    a, b = stages
    other = Stage("B", b.training, b.validation, 1, learning_rate=0.5)
    with pytest.raises(ValueError, match=r"`learning_rate` \(0.02, now 0.5\)"):
        staged(tiny(), [a, other], out, **OPTIONS)
    longer = Stage("A+1", a.training, a.validation, 5, learning_rate=0.02)
    with pytest.raises(ValueError, match="epochs_before"):
        staged(tiny(), [longer, b], out, **OPTIONS)
    with pytest.raises(ValueError, match="facts"):
        staged(tiny(), stages, out, **{**OPTIONS, "metadata": {"start": "other"}})


def test_a_second_run_at_the_same_time_is_refused(run, stages, tiny):
    out, _ = run
    with _runs.Lock(out), pytest.raises(OSError, match="One process at a time"):
        staged(tiny(), stages, out, **OPTIONS)


def test_files_of_others_are_refused(stages, tiny, tmp_path):
    (tmp_path / "1-A+1").mkdir()
    (tmp_path / "1-A+1" / "log.csv").touch()
    with pytest.raises(FileExistsError, match="did not write"):
        staged(tiny(), stages, tmp_path, **OPTIONS)


# Trains the stages in a process that kills itself in the second epoch of the second stage.
KILLED = """
import json, os, signal, sys
from pathlib import Path
import keras
sys.path.insert(0, sys.argv[1])
from conftest import build_tiny
from kollias_affect import evaluation, transfer
from kollias_affect.clip import Clip

content = json.loads(Path(sys.argv[2]).read_text())
fit, batches = keras.Model.fit, []

def count(batch, logs=None):
    batches.append(batch)
    if len(batches) == 6:  # two batches an epoch
        os.kill(os.getpid(), signal.SIGKILL)

def counting_fit(self, *args, callbacks, **kwargs):
    counter = keras.callbacks.LambdaCallback(on_train_batch_end=count)
    return fit(self, *args, callbacks=[*callbacks, counter], **kwargs)

def clips(parts):
    return [Clip(key, paths, expression=labels) for key, paths, labels in parts]

keras.Model.fit = counting_fit
evaluation.AffectTensorBoard = lambda *_, **__: keras.callbacks.Callback()
transfer.optimization.EPOCHS_PER_STEP = 1
stages = [
    transfer.Stage(name, clips(train), clips(validation), epochs, 0.02)
    for name, train, validation, epochs in content["stages"]
]
transfer.staged(build_tiny(), stages, Path(sys.argv[3]), **content["options"])
"""


def test_a_killed_run_resumes_as_if_it_had_not_been_killed(run, stages, tiny, tmp_path, quick):
    complete, out, arguments = run[0], tmp_path / "run", tmp_path / "arguments.json"

    def plain(clips):
        return [(clip.key, list(map(str, clip.paths)), clip.expression.tolist()) for clip in clips]

    content = [(s.name, plain(s.training), plain(s.validation), s.epochs) for s in stages]
    arguments.write_text(json.dumps({"stages": content, "options": OPTIONS}))
    command = [sys.executable, "-c", KILLED, Path(__file__).parent, arguments, out]
    process = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    assert process.returncode == -signal.SIGKILL, process.stderr[-2000:]
    assert training.AtomicBackup.epochs_done(out / "2-B" / "backup") == 1
    first = (out / "1-A+1" / "best.keras").stat().st_mtime_ns
    staged(tiny(), stages, out, **OPTIONS)
    assert (out / "1-A+1" / "best.keras").stat().st_mtime_ns == first
    for name in ("1-A+1", "2-B"):
        losses = [[float(row["loss"]) for row in log(folder / name)] for folder in (out, complete)]
        assert np.allclose(*losses, atol=1e-4)
    assert (out / "report.csv").read_text() == (complete / "report.csv").read_text()


@pytest.mark.nightly
def test_a_run_keeps_the_other_outputs_of_a_model_of_several_tasks(stages, tiny, tmp_path, quick):
    start = tiny(("valence_arousal", "expression"))
    expected = models.tasks_of(models.describe(start))
    result = staged(start, [stages[1]], tmp_path / "run", **QUIET)
    assert models.tasks_of(result.card) == expected
    assert result.table.loc["B", "accuracy"] == pytest.approx(result.card["val_accuracy"], abs=1e-6)
    assert set(result.model.output_names) == set(expected)


def test_the_loss_holds_the_other_outputs_at_what_they_were(tiny):
    """A bias that moves valence by 0.3 and arousal by 0.1 has the mean squared distance 0.05."""
    model = tiny(("valence_arousal", "expression"))
    form = keeping.training_form(model)
    images = {"images": np.random.default_rng(0).uniform(-1, 1, (4, 16, 16, 3)).astype("float32")}
    assert np.array_equal(form(images), model(images)["expression"])
    assert float(sum(form.losses)) == pytest.approx(0, abs=1e-9)
    model.get_layer("valence_arousal").bias.assign([0.3, -0.1])
    form(images)
    assert float(sum(form.losses)) == pytest.approx(keeping.WEIGHT * 0.05, rel=1e-4)
    trained = [id(variable) for variable in form.trainable_variables]
    assert trained == [id(variable) for variable in model.trainable_variables]
    assert form.output_names == ["expression"]
    assert keeping.training_form(tiny()).output_names == ["expression"]


def test_a_new_head_for_expressions_leaves_the_other_outputs(tiny):
    old = tiny(("valence_arousal", "action_units"))
    new = _with_expressions(old, new_head=True, seed=0)
    assert set(new.output_names) == {"valence_arousal", "action_units", "expression"}
    images = np.random.default_rng(0).uniform(-1, 1, (2, 16, 16, 3)).astype("float32")
    for name in ("valence_arousal", "action_units"):
        assert np.array_equal(new({"images": images})[name], old({"images": images})[name])

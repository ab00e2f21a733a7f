import csv
import inspect
import itertools
import os
import signal
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from kollias_affect import EXPRESSIONS, evaluation, models, training
from kollias_affect.transfer import Stage, optimization, staged

QUIET = {"batch_size": 7, "verbose": 0}


def log(folder):
    with open(folder / "log.csv", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def stages(pictures):
    return [
        Stage("A+1", pictures("a", 28), pictures("b", 7), epochs=2, learning_rate=0.02),
        Stage("B", pictures("c", 14), pictures("d", 14), epochs=1, learning_rate=0.02),
    ]


@pytest.fixture(scope="module")
def run(stages, tiny, tmp_path_factory):
    """Folder and table of a run of the two stages."""
    out = tmp_path_factory.mktemp("staged") / "run"
    published = {"validation": 0.485, "test": 0.556}
    return out, staged(tiny(), stages, out, published=published, facts={"a": 1}, **QUIET).table


def test_a_run_of_two_stages_leaves_models_and_one_report(run):
    out, given = run
    for folder, epochs in (("1-A+1", 2), ("2-B", 1)):
        card = models.read_card(out / folder / "best.keras")
        assert card["stage"] == folder and card["a"] == 1 and 1 <= card["epoch"] <= epochs
        assert len(log(out / folder)) == epochs
        assert (out / folder / "confusion-target.png").stat().st_size > 10_000
    table = pd.read_csv(out / "report.csv", index_col="stage")
    assert list(table.index) == ["A+1", "B"] == list(given.index)
    assert list(table["epochs"]) == [2, 1] and list(table["training frames"]) == [28, 14]
    assert table.loc["B", "paper D test accuracy"] == 0.556
    assert np.isnan(table.loc["A+1", "paper D test accuracy"])
    assert set(EXPRESSIONS) < set(table.columns)
    assert (out / "report.md").read_text().count("\n") == 4
    counts = pd.read_csv(out / "distributions.csv", index_col=0)
    assert counts.loc["A+1 training"].tolist() == [4] * 7 and len(counts) == 4
    assert (out / "distributions.png").stat().st_size > 10_000


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


def test_a_stage_begins_with_the_best_model_before_and_trains_all_that_is_not_frozen(
    stages, tiny, tmp_path, pictures
):
    sets, cnn = (stages[1].training, stages[1].validation), {"cnn": True}
    start = tiny()
    parts = [
        Stage("frozen", *sets, epochs=1, learning_rate=0.5, frozen=cnn),
        Stage("free", *sets, epochs=1, learning_rate=0.5),
        Stage("again", *sets, epochs=1, learning_rate=0.5, frozen=cnn),
    ]
    kernels = [start.get_layer("backbone").get_layer("conv1").get_weights()[0]]
    staged(start, parts, tmp_path / "run", **QUIET)
    for name in ("1-frozen", "2-free", "3-again"):
        model, _ = models.load(tmp_path / "run" / name / "best.keras")
        kernels.append(model.get_layer("backbone").get_layer("conv1").get_weights()[0])
    same = [np.array_equal(a, b) for a, b in itertools.pairwise(kernels)]
    assert same == [True, False, True]


def test_from_valence_and_arousal_to_expressions(stages, tiny, tmp_path):
    with pytest.raises(ValueError, match="new_head=True"):
        staged(tiny("valence_arousal"), stages, tmp_path / "run", **QUIET)
    first = Stage("A", stages[0].training, stages[0].validation, 1, new_head=True)
    result = staged(tiny("valence_arousal"), [first], tmp_path / "run", **QUIET)
    assert result.card["task"] == "expression"


def test_models_of_windows_are_trained_too(stages, tiny, tmp_path):
    result = staged(tiny(length=1), stages[:1], tmp_path / "run", **QUIET)
    assert result.card["length"] == 1


def test_a_broken_second_dataset_stops_the_run_before_the_first_stage(
    stages, pictures, tiny, tmp_path
):
    second = Stage("B", pictures("e", 14), stages[1].validation, 1)
    broken = second.training[3].paths[0]
    with open(broken, "wb") as file:
        file.write(b"no picture")
    with pytest.raises(ValueError, match=f"Every frame must be an image.*{broken}"):
        staged(tiny(), [stages[0], second], tmp_path / "run", **QUIET)
    assert not (tmp_path / "run").exists()
    os.unlink(broken)
    with pytest.raises(ValueError, match="missing or cannot be decoded"):
        staged(tiny(), [stages[0], second], tmp_path / "run", **QUIET)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("problem", ["no labels", "leak", "leak to target", "empty", "names"])
def test_stages_that_cannot_be(problem, stages, tiny, tmp_path):
    a, b = stages
    target, message = None, "No picture may be in"
    if problem == "no labels":
        b = Stage("B", [c.labelled(expression=None) for c in b.training], b.validation)
        message = "must have clips with an expression"
    elif problem == "empty":
        b = Stage("B", b.training, [])
        message = "must have clips with an expression"
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
def test_bad_stages(options):
    with pytest.raises(ValueError, match="Received"):
        Stage(**{"name": "a", "training": [], "validation": [], **options})


def test_other_settings_in_the_same_folder_are_refused_before_anything_runs(run, stages, tiny):
    out, _ = run
    a, b = stages
    how = {**QUIET, "facts": {"a": 1}}
    other = Stage("B", b.training, b.validation, 1, learning_rate=0.5)
    with pytest.raises(ValueError, match=r"learning_rate \(0.02, now 0.5\)"):
        staged(tiny(), [a, other], out, **how)
    longer = Stage("A+1", a.training, a.validation, 5, learning_rate=0.02)
    with pytest.raises(ValueError, match="epochs_before"):
        staged(tiny(), [longer, b], out, **how)
    with pytest.raises(ValueError, match="facts"):
        staged(tiny(), stages, out, facts={"start": "other"}, **QUIET)


def test_the_rate_falls_within_each_stage(pictures, tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(optimization, "EPOCHS_PER_STEP", 2)
    stage = Stage("A", pictures("a", 7), pictures("b", 7), epochs=3, learning_rate=0.01)
    staged(tiny(), [stage], tmp_path / "run", **QUIET)
    rates = [float(row["learning_rate"]) for row in log(tmp_path / "run" / "1-A")]
    assert np.allclose(rates, [0.01, 0.01, 0.001])


def train(out, kill_at=None):
    """A run of two stages of four batches each, killed after so many batches."""
    import os
    import signal

    import cv2
    import keras
    import numpy as np

    from kollias_affect import transfer
    from kollias_affect.clip import Clip

    def clips(name, count):
        paths = [out.parent / f"{name}{i}.png" for i in range(count)]
        for i, path in enumerate(paths):
            if not path.exists():
                cv2.imwrite(str(path), np.full((64, 64, 3), 20 + 30 * (i % 7), np.uint8))
        return [Clip(path.stem, [path], expression=[i % 7]) for i, path in enumerate(paths)]

    if kill_at is not None:
        fit, batches = keras.Model.fit, []

        def count(batch, logs=None):
            batches.append(batch)
            if len(batches) == kill_at:
                os.kill(os.getpid(), signal.SIGKILL)

        def counting_fit(self, *args, callbacks, **kwargs):
            counter = keras.callbacks.LambdaCallback(on_train_batch_end=count)
            return fit(self, *args, callbacks=[*callbacks, counter], **kwargs)

        keras.Model.fit = counting_fit

    keras.utils.set_random_seed(0)
    stages = [
        transfer.Stage(name, clips(f"{name}-train", 14), clips(f"{name}-test", 7), 2, 0.05)
        for name in "AB"
    ]
    model = transfer.network("alexnet", 48, 0.02)
    transfer.staged(model, stages, out, batch_size=7, verbose=0)


def losses(out):
    return [[float(row["loss"]) for row in log(out / name)] for name in ("1-A", "2-B")]


def test_a_killed_run_goes_on_as_if_it_had_not_been(tmp_path):
    whole, out = tmp_path / "whole", tmp_path / "run"
    train(whole)
    # In the second epoch of the second stage.
    code = f"{inspect.getsource(train)}\nimport pathlib, sys\ntrain(pathlib.Path(sys.argv[1]), 7)"
    ran = subprocess.run([sys.executable, "-c", code, str(out)], capture_output=True, text=True)
    assert ran.returncode == -signal.SIGKILL, ran.stderr[-2000:]
    assert training.AtomicBackup.epochs_done(out / "2-B" / "backup") == 1
    first = (out / "1-A" / "best.keras").stat().st_mtime_ns
    train(out)
    assert (out / "1-A" / "best.keras").stat().st_mtime_ns == first
    assert np.allclose(losses(out), losses(whole), atol=1e-4)
    assert (out / "report.csv").read_text() == (whole / "report.csv").read_text()

"""Trainings of several tasks on clips that lack labels."""

import csv
import zipfile

import cv2
import keras
import numpy as np
import pytest

from kollias_affect import backbones, models, tasks, training
from kollias_affect.clip import Clip
from kollias_affect.training import objectives

THREE = ("valence_arousal", "expression", "action_units")


@pytest.fixture(scope="module", autouse=True)
def eager(plain_tensorboard):
    """Tiny networks train faster without the compilation of a graph."""
    with pytest.MonkeyPatch.context() as patch:
        compile_model = keras.Model.compile
        patch.setattr(
            keras.Model,
            "compile",
            lambda self, *args, **kwargs: compile_model(self, *args, run_eagerly=True, **kwargs),
        )
        yield


def tiny(task=THREE, length=None):
    keras.utils.set_random_seed(0)
    backbone = backbones.cnn_m((32, 32, 3), width=0.02)
    return models.cnn(backbone, task, landmarks=False, hidden_units=6, length=length)


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    """Six clips of one person each; each lacks at least one kind of labels."""
    image = tmp_path_factory.mktemp("clips") / "face.png"
    cv2.imwrite(str(image), np.full((32, 32, 3), 99, np.uint8))
    random, frames = np.random.default_rng(0), 8
    made = []
    for number in range(6):
        labels = {
            "valence_arousal": random.uniform(-1, 1, (frames, 2)),
            "expression": random.integers(0, 7, frames),
            "action_units": random.integers(0, 2, (frames, 12)).astype(float),
        }
        for name in (THREE[number % 3], *(THREE[:1] if number == 5 else ())):
            del labels[name]
        made.append(Clip(f"clip{number}", [str(image)] * frames, **labels))
    return made


def run(clips, folder, epochs=2, task=THREE, length=None, **options):
    return training.train(
        tiny(task, length), clips[:3], clips[3:], folder, epochs, 1e-3, 4, verbose=0, **options
    )


def log(folder):
    with open(folder / "log.csv", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def finished(clips, tmp_path_factory):
    folder = tmp_path_factory.mktemp("finished") / "run"
    options = {"loss_weights": "uncertainty", "matching": "published", "label_smoothing": 0.1}
    return folder, options, run(clips, folder, unit_weights="balanced", **options)


def test_the_best_epoch_is_that_of_the_sum_of_the_scores(finished):
    folder, _, (_, card) = finished
    rows = log(folder)
    parts = ("valence_arousal_ccc", "expression_macro_f1", "action_units_f1")
    for row in rows:
        total = sum(float(row[f"val_{part}"]) for part in parts)
        assert float(row["val_score"]) == pytest.approx(total, abs=1e-6)
    best = max(rows, key=lambda row: float(row["val_score"]))
    assert card["epoch"] == int(best["epoch"]) + 1
    assert card["val_score"] == pytest.approx(float(best["val_score"]), abs=1e-6)
    assert card["task"] == sorted(THREE)


def test_the_saved_model_has_nothing_that_only_training_needs(finished):
    folder, _, (model, _) = finished
    assert sorted(model.output) == sorted(THREE)
    with zipfile.ZipFile(folder / "best.keras") as archive:
        assert b"kollias_affect" not in archive.read("config.json")


def test_a_resumed_run_equals_an_uninterrupted_one(finished, clips, tmp_path):
    folder, options, _ = finished
    run(clips, tmp_path / "run", epochs=1, unit_weights="balanced", **options)
    run(clips, tmp_path / "run", epochs=2, unit_weights="balanced", **options)
    assert log(tmp_path / "run") == log(folder)


def test_frames_without_a_label_do_not_change_the_score_of_a_task(finished, clips, tmp_path):
    """The validation scores equal those of the model on the labelled clips alone."""
    _, _, (model, card) = finished
    one = keras.Model(model.input, model.output["valence_arousal"])
    labelled = [clip for clip in clips[3:] if clip.valence_arousal is not None]
    from kollias_affect import evaluation

    table = evaluation.scores(labelled, evaluation.predict(one, labelled), "valence_arousal")
    best = log(finished[0])[card["epoch"] - 1]
    expected = float(best["val_valence_arousal_ccc"])
    assert table.loc["mean", "CCC"] == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(
    "options",
    [
        {"focal": 2.0, "class_weights": "balanced", "balance_tasks": True},
        {"soft_labels": True, "class_weights": "effective", "loss_weights": {"expression": 0.5}},
    ],
)
def test_all_losses_train(clips, tmp_path, options):
    _, card = run(clips, tmp_path / "run", epochs=1, length=4, **options)
    assert np.isfinite(card["val_score"])


@pytest.mark.parametrize(
    ("task", "monitor"), [("expression_8", "val_macro_f1"), ("action_units", "val_f1")]
)
def test_one_of_the_new_tasks_trains_alone(clips, tmp_path, task, monitor):
    labelled = [clip for clip in clips if tasks.known(clip, task).any()]
    _, card = training.train(tiny(task), labelled[:2], labelled[2:], tmp_path / "run", 1, verbose=0)
    assert np.isfinite(card[monitor]) and card["task"] == task


def test_every_task_needs_labels_to_train_and_to_validate(clips, tmp_path):
    with pytest.raises(ValueError, match="without labels of 'valence_arousal'"):
        training.train(tiny(), [clips[0]], clips[3:], tmp_path / "run")
    with pytest.raises(ValueError, match="a label of valence_arousal"):
        training.train(tiny(), clips[:3], [clips[3]], tmp_path / "run")


@pytest.mark.parametrize(
    ("task", "options", "message"),
    [
        ("valence", {"loss_weights": "uncertainty"}, "for several tasks"),
        ("valence", {"focal": 2}, "for expressions"),
        (("expression", "valence"), {"matching": "published"}, "expressions and action units"),
        (("expression", "valence"), {"loss_weights": {"arousal": 1}}, "a number for each task"),
        (("expression", "valence"), {"loss_weights": {"valence": -1}}, "above 0"),
        (("expression", "valence"), {"label_smoothing": 1}, "below 1"),
        ("expression", {"class_weights": "equal"}, "must be one of"),
        (("expression", "action_units"), {"matching": "no.csv"}, "existing file"),
    ],
)
def test_options_that_do_not_suit_the_tasks_are_refused(task, options, message):
    with pytest.raises((ValueError, OSError), match=message):
        objectives.chosen(task, options)


def test_the_weight_of_a_task_is_learnt_from_its_loss_alone():
    model = tiny(("expression", "valence"))
    form = training.training_form(model, {"loss_weights": "uncertainty"})
    training.compile_model(
        form, 1e-2, ("expression", "valence"), loss="mse", loss_weights="uncertainty"
    )
    layer = form.get_layer("valence_uncertainty")
    layer.log_variance.assign(np.log(4.0))
    images = np.zeros((4, 32, 32, 3), np.float32)
    labels = {"expression": np.zeros(4, int), "valence": np.full((4, 1), 0.5)}
    weights = {"expression": np.zeros(4), "valence": np.ones(4)}
    prediction = model.predict_on_batch({"images": images})["valence"]
    error = np.mean((prediction - 0.5) ** 2)
    logs = form.test_on_batch({"images": images}, labels, weights, return_dict=True)
    # exp(-log 4) error + log(4) / 2; the task without labels adds nothing.
    assert logs["loss"] == pytest.approx(error / 4 + np.log(2), abs=1e-5)
    assert set(map(id, model.trainable_variables)) < set(map(id, form.trainable_variables))


def test_the_published_table_is_that_of_du_et_al():
    table = training.published_units("expression_8")
    units = list(tasks.ACTION_UNITS)
    row = dict(zip(units, table[tasks.EXPRESSIONS.index("fear")], strict=True))
    present = {name: p for name, p in row.items() if p}
    assert present == {"AU1": 1, "AU2": 0.57, "AU4": 1, "AU25": 1, "AU26": 0.33}
    assert np.isnan(table[[0, 7]]).all() and np.isfinite(table[1:7]).all()


def test_a_table_of_ones_own_is_read_by_its_header(tmp_path):
    path = tmp_path / "units.csv"
    path.write_text("expression,AU12,AU4\nhappiness,0.9,0.1\n")
    table = training.read_units(path)
    assert table[4, [2, 6, 0]].tolist() == [0.1, 0.9, 0] and np.isnan(table[0]).all()
    for wrong in ("joy,0.9,0.1", "fear,2,0", "fear,x,0", "fear,0.5"):
        path.write_text(f"expression,AU12,AU4\n{wrong}\n")
        with pytest.raises(ValueError, match="Correct that row"):
            training.read_units(path)

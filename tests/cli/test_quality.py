"""The commands `search`, `ensemble` and `calibrate`, and options of `train` for all tasks."""

import json

import pytest

from kollias_affect import models
from kollias_affect.cli import names

TINY = "--network cnn --backbone cnn_m --size 32 --width 0.02 --hidden-units 4 --no-landmarks"


@pytest.fixture(scope="module", autouse=True)
def eager(eager_functions):
    """Tiny networks train faster without the compilation of a graph."""


@pytest.fixture(scope="module")
def seeds(ok, synthetic_root, tmp_path_factory):
    """Files of two trainings, with every option for all tasks."""
    folder, files = tmp_path_factory.mktemp("seeds"), []
    options = "--schedule cosine --warm-up 0.5 --clip-norm 1 --ema 0.5 --patience 1 --batch-size 8"
    for seed in range(2):
        ok("train", synthetic_root, "--dataset", "synthetic", "--option", "subjects=2", "--option",
           "clips_per_subject=1", "--option", "frames=24", *TINY.split(), *options.split(),
           "--augment", "flip=0.5,colour=0.2", "--epochs", 2, "--seed", seed,
           "--out", folder / str(seed))  # fmt: skip
        files.append(folder / str(seed) / "best.keras")
    return files


@pytest.fixture
def data(synthetic_root):
    texts = "--option subjects=2 --option clips_per_subject=1 --option frames=24"
    return [synthetic_root, "--dataset", "synthetic", *texts.split()]


def test_options_of_a_training_are_in_its_settings(seeds):
    settings = json.loads((seeds[0].parent / "settings.json").read_text())
    expected = {"schedule": "cosine", "warm_up": 0.5, "clip_norm": 1.0, "ema": 0.5, "patience": 1}
    assert expected.items() <= settings.items()
    assert settings["augment"]["colour"] == 0.2 and settings["augment"]["blur"] == 0


def test_an_ensemble_is_calibrated_and_its_intervals_are_measured(ok, seeds, data, tmp_path):
    out = ok("ensemble", *seeds, "--out", tmp_path / "both.keras")
    assert "mean of the outputs of 2 models" in out
    ok("ensemble", *seeds, "--by", "weights", "--out", tmp_path / "soup.keras")
    assert models.read_card(tmp_path / "soup.keras")["averaged"] == "weights"
    out = ok("calibrate", tmp_path / "both.keras", *data, "--fit-split", "train", "--coverage", 0.5,
             "--out", tmp_path / "sure.keras")  # fmt: skip
    assert "times the predicted deviation" in out and "coverage 0.5 by 1 videos, 2" in out
    card = models.read_card(tmp_path / "sure.keras")
    assert card["synthetic"] and len(card["members"]) == 2 and card["uncertainty"]["distance"]
    out = ok("evaluate", tmp_path / "sure.keras", *data, "--split", "train", "--intervals")
    assert all(name in out for name in ("coverage", "target", "unfamiliar", "size"))


@pytest.mark.nightly
def test_a_search_trains_and_names_the_best_model(ok, data, tmp_path):
    pytest.importorskip("optuna", reason="Optuna is not installed")
    options = ["--vary", "learning-rate=1e-4:1e-2:log", "--trials", 2, "--epochs", 1]
    command = ["search", *data, *TINY.split(), *options, "--out", tmp_path / "search"]
    out = ok(*command)
    assert "Trial 2 of 2: learning_rate" in out and "Best model:" in out
    best = tmp_path / "search" / "trial-001" / "best.keras"
    assert best.exists() and (tmp_path / "search" / "trials.csv").exists()
    assert "Trial" not in ok(*command)  # it has ended


def test_what_does_not_fit_is_refused(refused, seeds, data, tmp_path):
    out = ["--out", tmp_path / "out.keras"]
    assert "at least two models" in refused("ensemble", seeds[0], *out)
    assert "must be a .keras file" in refused("ensemble", *seeds, "--out", tmp_path / "out.h5")
    text = refused("calibrate", seeds[0], *data, "--unfamiliar", 0, *out)
    assert "at least 9 videos to calibrate. Received: 1" in text
    assert "needs a calibrated model" in refused("evaluate", seeds[0], *data, "--intervals")
    run = ["--out", tmp_path / "run"]
    assert "must be one of" in refused("search", *data, "--vary", "dropuot=0:1", *run)
    assert "must rise" in refused("search", *data, "--vary", "dropout=1:0", *run)
    text = refused("search", *data, "--vary", "dropout=0:0.5", "--dropout", 0.5, *run)
    assert "Leave one of the two out" in text
    text = refused("train", *data, "--augment", "flips=1", *run)
    assert "must be one of" in text and "occlusion" in text
    text = refused("train", *data, "--backbone", "vgg", *run)
    assert names.BACKBONES[0] in text
    assert "does not exist" in refused("train", *data, "--backbone", tmp_path / "no.keras", *run)
    assert not (tmp_path / "run").exists()


@pytest.mark.nightly
def test_a_model_of_images_becomes_a_backbone(ok, data, tmp_path):
    import keras

    images = keras.Input((24, 24, 3))
    keras.Model(images, keras.layers.Conv2D(3, 5, 4)(images)).save(tmp_path / "own.keras")
    ok("train", *data, "--network", "cnn", "--backbone", tmp_path / "own.keras", "--size", 32,
       "--no-landmarks", "--hidden-units", 4, "--epochs", 1, "--out", tmp_path / "run")  # fmt: skip
    settings = json.loads((tmp_path / "run" / "settings.json").read_text())
    assert "backbone from own.keras, sha256" in settings["start"]

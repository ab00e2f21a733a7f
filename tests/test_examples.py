"""Every example runs on little data."""

import contextlib
import csv
import io
import runpy
import subprocess
import sys
from pathlib import Path

import cv2
import h5py
import keras
import numpy as np
import pytest
import skimage.data

from kollias_affect import EXPRESSIONS, datasets

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = ROOT / "examples"


def run(name, *arguments):
    """Runs an example in this process, and returns its output."""
    printed = io.StringIO()
    policy = keras.config.dtype_policy()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(printed):
        patch.setattr(sys, "argv", [name, *map(str, arguments)])
        patch.syspath_prepend(EXAMPLES)
        try:
            runpy.run_path(str(EXAMPLES / name), run_name="__main__")
        finally:
            keras.config.set_dtype_policy(policy)
    return printed.getvalue()


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.stem)
def test_examples_explain_their_arguments(path, capsys):
    with pytest.raises(SystemExit) as exit:
        run(path.name)
    assert exit.value.code == 2 and "required" in capsys.readouterr().err
    with pytest.raises(SystemExit) as exit:
        run(path.name, "--help")
    assert exit.value.code == 0


@pytest.fixture(scope="module")
def trained(tmp_path_factory, synthetic_root):
    """The folder and the output of the training example, on the clips of `synthetic_root`."""
    out = tmp_path_factory.mktemp("example")
    load, settings = datasets.load, {"subjects": 2, "clips_per_subject": 1, "frames": 24}

    def load_few(name, root, split):
        assert (name, root) == ("synthetic", out / "clips")
        return load(name, synthetic_root, split, **settings)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(datasets, "load", load_few)
        printed = run("train_on_synthetic_clips.py", out, 1)
    return out, printed


def test_training_example(trained):
    out, printed = trained
    assert "CCC" in printed and (out / "run" / "best.keras").exists()


def test_prediction_example(trained, face_video, tmp_path):
    out, _ = trained
    printed = run("predict_a_video.py", out / "run" / "best.keras", face_video, tmp_path)
    assert "valence" in printed


def test_streaming_example(trained, face_video):
    out, _ = trained
    printed = run("stream_from_a_camera.py", out / "run" / "best.keras", face_video).splitlines()
    assert len(printed) == 24 and all("arousal" in line for line in printed)
    assert sum("nan" in line for line in printed) == 4  # the face is hidden in four frames


@pytest.mark.nightly
def test_an_example_runs_in_a_fresh_process(trained, face_video, tmp_path):
    out, _ = trained
    command = [sys.executable, EXAMPLES / "predict_a_video.py"]
    command += [out / "run" / "best.keras", face_video, tmp_path]
    ran = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr[-2000:]
    assert "valence" in ran.stdout


@pytest.fixture(scope="module")
def collections(tmp_path_factory):
    """Small versions of FER-2013, a collection of photographs and CK+.

    All of them show one face, with another brightness for each expression.
    """
    root = tmp_path_factory.mktemp("collections")
    face = skimage.data.astronaut()[:200, 120:320]
    random = np.random.default_rng(0)

    def shade(number, size):
        light = face * (0.5 + number / 14) + random.normal(0, 4, face.shape)
        return cv2.resize(light.clip(0, 255).astype(np.uint8)[..., ::-1], (size, size))

    def write(path, image):
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), image)

    rows = ["image,emotion"]
    for number, name in enumerate(EXPRESSIONS):
        for i in range(10):
            write(root / "fer" / "train" / name / f"Training_{i}.jpg", shade(number, 48))
        for i in range(2):
            write(root / "fer" / "test" / name / f"PublicTest_{i}.jpg", shade(number, 48))
            image = f"person{'ab'[i]}_{number}.jpg"
            write(root / "photos" / "images" / image, shade(number, 200))
            rows.append(f"{image},{name}")
    (root / "photos" / "legend.csv").write_text("\n".join(rows) + "\n")
    labels = np.repeat(np.arange(7), 6)
    with h5py.File(root / "ck48.h5", "w") as file:
        file["data_label"] = labels
        file["data_pixel"] = np.stack([shade(i, 48)[..., 0] for i in labels])
    return root


@pytest.mark.nightly  # tests/experiments/paper_a runs the same experiment
@pytest.mark.usefixtures("eager_functions")
def test_adaptation_example(collections, tmp_path):
    data = collections / "fer", collections / "photos", collections / "ck48.h5"
    small = ["--width", 0.05, "--epochs", 1, "--batch-size", 64]
    small += ["--steps", 1, "--seeds", 1, "--pairs", 1, "--variants", 2, "--lambdas", 0, 1]
    printed = run("adapt_faces.py", *data, tmp_path / "run", *small)
    assert "14 pictures: 14 with a face" in printed
    assert (tmp_path / "run" / "fer2013_to_facial_expressions" / "report.md").exists()
    study = (tmp_path / "run" / "study.md").read_text()
    assert study.count("fer2013 → facial_expressions") == 3 and "small lambdas" in study
    protocols = (tmp_path / "run" / "protocols.md").read_text()
    assert protocols.count("held-out") == 1 and protocols.count("| paper") == 1


@pytest.mark.nightly  # tests/test_train_fer2013.py checks the parts of the script
@pytest.mark.usefixtures("eager_functions")
def test_training_of_the_shipped_network(collections, tmp_path):
    data, first, second = collections / "fer", tmp_path / "first", tmp_path / "second"
    small = ["--width", 0.05, "--batch-size", 32, "--size", 48, "--backup-every", 2]
    printed = run("train_fer2013.py", data, first, *small, "--epochs=1")
    assert "val_accuracy" in printed
    resumed = run("train_fer2013.py", data, first, *small, "--epochs=2")
    assert "Epoch 2/2" in resumed and "Epoch 1/" not in resumed
    # The training is complete: the same command does nothing.
    repeated = run("train_fer2013.py", data, first, *small, "--epochs=2")
    assert "Epoch" not in repeated
    wider = first / "best.keras"
    small = ["--width", 0.04, "--batch-size", 32, "--epochs=1", "--start", wider]
    small += ["--teachers", wider, "--frozen-blocks", 1]
    run("train_fer2013.py", data, second, *small)
    with open(second / "log.csv", newline="") as file:
        [row] = csv.DictReader(file)
    assert 0 <= float(row["val_accuracy"]) <= 1
    model = keras.saving.load_model(second / "best.keras")
    assert model.inputs[0].shape == (None, 48, 48, 3)
    # The frozen filters are some of those that the training started at.
    before, after = first_filters(keras.saving.load_model(wider)), first_filters(model)
    assert after and after <= before


def first_filters(model):
    """Returns the filters of conv1_1 as a set of tuples."""
    for name in ("grey_vgg_face", "vgg_face", "conv1_1"):
        model = model.get_layer(name)
    return {tuple(filter) for filter in model.get_weights()[0].reshape(27, -1).T.tolist()}

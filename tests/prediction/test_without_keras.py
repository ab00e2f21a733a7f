"""The models that ship run without TensorFlow, and exported ones as the models they came from."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from kollias_affect import models, prediction
from kollias_affect.prediction import predictor

HEAVY = ("tensorflow", "keras", "sklearn", "skimage")


def imported_by(arguments, modules):
    """Runs `kollias-affect` in a new process; returns which of the modules it imported."""
    code = (
        "import sys\nfrom kollias_affect.cli import main\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code, end.code\n"
        f"print('imported', [m for m in {modules!r} if m in sys.modules])"
    )
    command = [sys.executable, "-c", code, *map(str, arguments)]
    ran = subprocess.run(command, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr[-3000:]
    assert ran.stderr == ""
    return ran.stdout.splitlines()[-1]


def test_the_shipped_model_predicts_images_without_tensorflow(face, save_image, tmp_path):
    path = save_image(tmp_path / "face.png", face)
    out = tmp_path / "out"
    imported = imported_by(["predict", path, "--out", out], (*HEAVY, "matplotlib"))
    assert imported == "imported []"
    assert len(pd.read_csv(out / "predictions.csv")) == 1


@pytest.mark.nightly
def test_the_shipped_model_predicts_videos_without_tensorflow(face_video, tmp_path):
    imported = imported_by(["predict", face_video, "--out", tmp_path / "out"], HEAVY)
    assert imported == "imported []"


@pytest.fixture(scope="module")
def exported(model, tmp_path_factory):
    path = tmp_path_factory.mktemp("exported") / "tiny.onnx"
    models.export(model, path)
    return path


def test_an_exported_model_predicts_images_as_keras_does(
    exported, model, pair, save_image, tmp_path
):
    path = save_image(tmp_path / "pair.png", pair)
    tables = [
        prediction.predict_images(file, [path], tmp_path / file.suffix, annotate=False)[0]
        for file in (model, exported)
    ]
    assert tables[0]["success"].sum() == 2
    pd.testing.assert_frame_equal(*tables, atol=1e-4, rtol=0)


# A file with its own length or states, and a clip that ends inside of a window and of a batch.
@pytest.mark.parametrize(
    ("options", "mode"),
    [
        ({}, "overlap"),
        ({}, "windows"),
        ({"batch": 3, "length": 5}, "windows"),
        ({"stream": True}, "stream"),
        ({"stream": True, "length": 4, "batch": 2}, "stream"),
    ],
)
def test_clips_have_the_outputs_of_keras(options, mode, save_model, make_clip, tmp_path):
    from kollias_affect import backbones

    path, file = tmp_path / "windows.onnx", tmp_path / "windows.keras"
    backbone = backbones.cnn_m((32, 32, 3), width=0.02)
    model = models.cnn_rnn(backbone, "valence_arousal", length=5, rnn_units=4, hidden_units=6)
    models.save(model, file)
    models.export(file, path, **options)
    clip = make_clip(frames=13, missing=(0, 6), size=32)
    outputs = [predictor.load(each).outputs_of_clip(clip, mode) for each in (file, path)]
    expected, found = (values["valence_arousal"] for values in outputs)
    assert np.isnan(expected[[0, 6]]).all() and np.nanstd(expected) > 0
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_other_files_are_refused_with_a_remedy(exported, tmp_path):
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(exported.read_bytes()[:1000])
    with pytest.raises(ValueError, match=r"Export the model again"):
        predictor.load(broken)
    with pytest.raises(FileNotFoundError, match=r"\.onnx"):
        predictor.load(tmp_path / "no such file")

"""The command `kollias-affect export`."""

import numpy as np
import pytest

from kollias_affect import runtime


def test_a_model_becomes_an_onnx_file_that_predict_runs(ok, model, face_video, tmp_path):
    path = tmp_path / "tiny.onnx"
    printed = ok("export", model, "--out", path, "--weights", "float16")
    assert "largest difference from Keras" in printed and str(path) in printed
    out = tmp_path / "out"
    assert "24 frames" in ok("predict", path, face_video, "--out", out, "--no-annotate")


def test_the_shipped_network_is_exported_by_its_name(ok, tmp_path):
    path = tmp_path / "shipped.onnx"
    ok("export", "expression_vgg_fer2013", "--out", path, "--batch", "1")
    exported = runtime.OnnxModel(path)
    assert exported.batch == 1
    assert exported.card["crop"] == runtime.CROPS["eyes"]  # of the file, not the default
    assert exported({"images": np.zeros((1, 48, 48, 3), np.float32)}).shape == (1, 7)


def test_int8_is_calibrated_by_clips_and_prints_its_loss(ok, model, synthetic_root, tmp_path):
    path = tmp_path / "int8.onnx"
    printed = ok(
        "export", model, "--out", path, "--weights", "int8",
        "--dataset", "synthetic", "--calibrate", synthetic_root, "--option", "subjects=2",
        "--option", "clips_per_subject=1", "--option", "frames=24",
    )  # fmt: skip
    assert "lowest CCC with float32" in printed and "did not calibrate" in printed
    assert path.is_file()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--weights", "int8"], "--calibrate"),
        (["--stream"], "single frames"),
        (["--format", "pickle"], "--format"),
        (["--batch", "0"], "--batch"),
    ],
)
def test_what_cannot_be_exported_is_refused(refused, tmp_path, arguments, message):
    path = tmp_path / "model.onnx"
    name = "expression_vgg_fer2013"  # a model of single frames
    assert message in refused("export", name, "--out", path, *arguments)
    assert not path.exists()


def test_a_missing_package_is_named(refused, model, monkeypatch, tmp_path):
    monkeypatch.setitem(__import__("sys").modules, "onnx", None)
    printed = refused("export", model, "--out", tmp_path / "model.onnx")
    assert "kollias-affect[export]" in printed

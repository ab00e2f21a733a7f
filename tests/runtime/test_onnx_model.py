"""ONNX files that were damaged, changed or made elsewhere are refused with a clear error."""

import json
import os
import subprocess
import sys

import numpy as np
import onnx
import pytest

from kollias_affect import catalogue, runtime
from kollias_affect.runtime import onnx_model


@pytest.fixture
def shipped():
    return catalogue.runtime_file("expression_vgg_fer2013")


def changed(path, target, change):
    """Writes a copy of an ONNX file after `change(proto, card)`."""
    proto = onnx.load(path)
    card = json.loads(proto.metadata_props[0].value)
    change(proto, card)
    onnx.helper.set_model_props(proto, {runtime.CARD: json.dumps(card)})
    target.write_bytes(proto.SerializeToString())
    return target


@pytest.mark.parametrize(
    "content",
    [lambda b: b[: len(b) // 2], lambda b: b"PK\x03\x04" + b[4:], lambda b: b"not a model" * 9],
    ids=["cut", "another kind", "text"],
)
def test_a_damaged_file_is_refused(content, shipped, tmp_path):
    path = tmp_path / "model.onnx"
    path.write_bytes(content(shipped.read_bytes()))
    with pytest.raises(ValueError, match=r"ONNX file that ONNX Runtime can load.*model\.onnx"):
        runtime.OnnxModel(path)


def test_a_file_without_a_card_is_refused(shipped, tmp_path):
    proto = onnx.load(shipped)
    del proto.metadata_props[:]
    (tmp_path / "model.onnx").write_bytes(proto.SerializeToString())
    with pytest.raises(ValueError, match="card"):
        runtime.OnnxModel(tmp_path / "model.onnx")


def _wrong_size(proto, card):
    card["image"]["size"] = 64


def _huge(proto, card):
    card["image"]["size"] = 60_000
    for axis in (1, 2):
        proto.graph.input[0].type.tensor_type.shape.dim[axis].dim_value = 60_000


def _more_outputs(proto, card):
    card["outputs"] = [*card["outputs"], "contempt"]


def _another_input(proto, card):
    card["landmarks"] = True


def _no_task(proto, card):
    card["task"] = "lies"


@pytest.mark.parametrize("change", [_wrong_size, _huge, _more_outputs, _another_input, _no_task])
def test_a_file_that_does_not_fit_its_card_is_refused(change, shipped, tmp_path):
    path = changed(shipped, tmp_path / "model.onnx", change)
    with pytest.raises(ValueError, match=r"card|can load"):
        runtime.OnnxModel(path)


def test_weights_in_another_file_are_not_read(shipped, tmp_path):
    proto = onnx.load(shipped)
    secret = tmp_path / "secret"
    secret.write_bytes(bytes(8_000_000))
    weight = max(proto.graph.initializer, key=lambda w: len(w.raw_data))
    weight.ClearField("raw_data")
    weight.data_location = onnx.TensorProto.EXTERNAL
    weight.external_data.add(key="location", value="secret")
    (tmp_path / "model.onnx").write_bytes(proto.SerializeToString())
    with pytest.raises(ValueError, match="can load"):
        runtime.OnnxModel(tmp_path / "model.onnx")


def test_a_file_beyond_the_limit_is_refused_before_it_is_read(shipped, monkeypatch):
    monkeypatch.setattr(runtime.onnx_model, "MAX_BYTES", 1_000_000)
    with pytest.raises(ValueError, match="smaller than 2 GiB"):
        runtime.OnnxModel(shipped)


def test_inputs_that_do_not_fit_are_named(shipped):
    with pytest.raises(ValueError, match=r"must fit the model.*\(1, 40, 40, 3\)"):
        runtime.OnnxModel(shipped)({"images": np.zeros((1, 40, 40, 3), np.float32)})


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.onnx"):
        runtime.OnnxModel(tmp_path / "none.onnx")


def test_the_telemetry_of_onnx_runtime_is_off_before_it_is_imported():
    """It reports to its maker otherwise."""
    code = """
import os, sys, kollias_affect.catalogue as catalogue
from kollias_affect.runtime import OnnxModel
assert "onnxruntime" not in sys.modules
OnnxModel(catalogue.runtime_file())
print(os.environ["ORT_DISABLE_TELEMETRY"])
"""
    environment = {n: v for n, v in os.environ.items() if n != "ORT_DISABLE_TELEMETRY"}
    command = [sys.executable, "-c", code]
    process = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert process.stdout.strip() == "1", process.stderr


def test_what_a_user_says_about_telemetry_stays(monkeypatch):
    monkeypatch.setenv("ORT_DISABLE_TELEMETRY", "0")
    onnx_model.without_telemetry()
    assert os.environ["ORT_DISABLE_TELEMETRY"] == "0"

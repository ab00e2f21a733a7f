"""Fuzzing that coverage guides: images, csv, npy, tar and checkpoints (`guided.py`)."""

import os
import re
import subprocess
import sys

import guided
import pytest
from readers import READERS

RUNS = {kind: 300 if READERS[name].heavy else 2000 for kind, name in guided.TARGETS.items()}


def test_whole_files_and_damaged_ones_end_as_they_must(tmp_path):
    """What the fuzzer calls: no Atheris is needed for it."""
    target = guided.Target("cache", tmp_path)
    (whole,) = target.corpus()
    assert target.run(whole) == "read" and target.run(b"") == "read"
    assert target.run(whole[:-1]) == "error"
    assert target.run(whole[:200] + b"\xff" + whole[201:]) == "error"


def test_a_failure_of_a_reader_ends_the_fuzzing(tmp_path, monkeypatch):
    target = guided.Target("cache", tmp_path)

    def read(folder):
        raise KeyError("broken")

    monkeypatch.setattr(target, "reader", type(target.reader)(None, read))
    with pytest.raises(KeyError):
        target.run(b"\0x")


@pytest.mark.nightly
@pytest.mark.parametrize("kind", guided.TARGETS)
def test_inputs_that_coverage_guides_are_read_or_clear_errors(kind, tmp_path):
    pytest.importorskip("atheris", reason="Atheris does not install here")
    command = [sys.executable, guided.HERE, kind, "--runs", str(RUNS[kind])]
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "-1", "TF_CPP_MIN_LOG_LEVEL": "3"}
    process = subprocess.run(
        command, capture_output=True, text=True, errors="replace", cwd=tmp_path, env=environment
    )
    assert process.returncode == 0, process.stderr[-3000:]
    done = re.search(r"stat::number_of_executed_units:\s*(\d+)", process.stderr)
    assert int(done[1]) >= RUNS[kind]

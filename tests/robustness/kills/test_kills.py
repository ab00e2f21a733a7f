"""Killed runs end as runs that nobody killed.

`.ci/nightly` runs `campaign.py` with 200 kills over all commands and prints the counts.
"""

import importlib
import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest

CAMPAIGN = Path(__file__).with_name("campaign.py")
# Imports of the others take longer than the kills.
QUICK = ("unpacking", "annotate")

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="the campaign needs pidfd and /proc"
)


def kill(number, seed, names=()):
    """Runs the campaign; returns what it printed last."""
    command = [sys.executable, str(CAMPAIGN), "--kills", str(number), "--seed", str(seed)]
    command += ["--full", str(number // 2)]
    command += [argument for name in names for argument in ("--command", name)]
    done = subprocess.run(command, capture_output=True, text=True)
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_some_killed_runs_of_the_quick_commands_lose_nothing():
    assert kill(8, 0, QUICK) == {"kills": 8, "lost": 0}


def write_model(path, address, number, weight):
    """Writes what the campaign reads of a model file, as Keras does in some process."""
    config = {"layers": [{"name": "fc", "dtype": {"shared_object_id": address}}, {"name": number}]}
    arrays = io.BytesIO()
    with h5py.File(arrays, "w") as file:
        file["layers/fc/vars/0"] = np.array([1, weight], "float32")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("metadata.json", json.dumps({"date_saved": str(address)}))
        archive.writestr("config.json", json.dumps(config))
        archive.writestr("model.weights.h5", arrays.getvalue())


@pytest.mark.parametrize(
    ("address", "number", "weight", "equal"),
    [
        (140345228632976, "reshape_2", 1, True),
        (140345228471568, "reshape", np.nextafter(np.float32(1), np.float32(2)), False),
        (140345228471568, "concat", 1, False),
    ],
)
def test_models_are_compared_bit_for_bit_but_for_numbers_of_a_process(
    tmp_path, monkeypatch, address, number, weight, equal
):
    monkeypatch.syspath_prepend(CAMPAIGN.parent)
    content_of = importlib.import_module("campaign").content_of
    write_model(tmp_path / "whole.keras", 140345127804752, "reshape", 1)
    write_model(tmp_path / "resumed.keras", address, number, weight)
    same = content_of(tmp_path / "whole.keras") == content_of(tmp_path / "resumed.keras")
    assert same is equal

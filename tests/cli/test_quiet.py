"""Commands print nothing but their own texts: no log of TensorFlow, no bars, no warnings."""

import os
import subprocess
import sys

import numpy as np
import pytest

COMMANDS = {
    "annotations": "annotations list {store}",
    "data": "data synthetic {root} --option subjects=2 --option clips_per_subject=1 "
    "--option frames=24",
    "evaluate": "evaluate {model} {root}/validation.csv",
    "export": "export {model} --out {out}/model.onnx",
    "extract": "extract {video} --out {out}/crops",
    "predict": "predict {video} --model {model} --out {out}/predicted --no-annotate",
    "show": "weights show expression_vgg_fer2013",
    "table": "table",
    "train": "train {root}/train.csv --validation {root}/validation.csv --out {out}/run {small}",
}
# What the environment of a command lacks. Nothing can be made in /proc, not even by root.
NOWHERE = "/proc/nowhere"
LACKING = {
    "nothing": {},
    "HOME": {"HOME": None, "XDG_CACHE_HOME": None, "XDG_CONFIG_HOME": None},
    "a HOME to write": {"HOME": NOWHERE, "XDG_CACHE_HOME": None, "XDG_CONFIG_HOME": None},
    "a TMPDIR to write": {"TMPDIR": NOWHERE, "TEMP": NOWHERE, "TMP": NOWHERE},
    "a HOME and TMPDIR to write": {"HOME": NOWHERE, "TMPDIR": NOWHERE},
}


def run_lacking(lacking, *arguments):
    """Runs a command in an environment without something."""
    environment = {**os.environ, **LACKING[lacking]}
    environment = {name: value for name, value in environment.items() if value is not None}
    environment.pop("MPLCONFIGDIR", None)
    command = [sys.executable, "-m", "kollias_affect", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env=environment)


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="there is no /proc")
def test_plots_need_no_home_to_write(write_video, tmp_path):
    """matplotlib makes a folder elsewhere, and would say so."""
    video = write_video([np.full((64, 64, 3), 90, np.uint8)] * 3)
    command = ["predict", video, "--out", tmp_path / "out", "--no-annotate"]
    process = run_lacking("a HOME and TMPDIR to write", *command)
    assert process.stderr == "" and process.returncode == 0
    assert (tmp_path / "out" / "video.png").exists()


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """Folder of an empty store of annotations."""
    from kollias_affect.annotations.store import Store

    folder = tmp_path_factory.mktemp("store")
    Store(folder).close()
    return folder


@pytest.mark.nightly
@pytest.mark.parametrize("lacking", LACKING)
@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_writes_nothing_to_standard_error(
    name, lacking, model, face_video, synthetic_root, store, small, tmp_path
):
    if lacking != "nothing" and not os.path.isdir("/proc/self"):
        pytest.skip("there is no /proc, in which nothing can be made")
    line = COMMANDS[name].format(
        model=model, video=face_video, root=synthetic_root, out=tmp_path, store=store,
        small=" ".join(small),
    )  # fmt: skip
    process = run_lacking(lacking, *line.split())
    assert process.returncode == 0, process.stderr
    assert process.stderr == "" and "\r" not in process.stdout and "\x1b" not in process.stdout
    assert "WARNING" not in process.stdout and process.stdout.strip()

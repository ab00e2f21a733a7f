"""Commands print nothing but their own texts: no log of TensorFlow, no bars, no warnings."""

import subprocess
import sys

import pytest

COMMANDS = {
    "data": "data synthetic {root} --option subjects=2 --option clips_per_subject=1 "
    "--option frames=24",
    "evaluate": "evaluate {model} {root}/validation.csv",
    "extract": "extract {video} --out {out}/crops",
    "predict": "predict {video} --model {model} --out {out}/predicted --no-annotate",
    "show": "weights show expression_vgg_fer2013",
    "table": "table",
    "train": "train {root}/train.csv --validation {root}/validation.csv --out {out}/run {small}",
}


@pytest.mark.nightly
@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_writes_nothing_to_standard_error(
    name, model, face_video, synthetic_root, small, tmp_path
):
    line = COMMANDS[name].format(
        model=model, video=face_video, root=synthetic_root, out=tmp_path, small=" ".join(small)
    )
    command = [sys.executable, "-m", "kollias_affect", *line.split()]
    process = subprocess.run(command, capture_output=True, text=True)
    assert process.returncode == 0, process.stderr
    assert process.stderr == "" and "\r" not in process.stdout and "\x1b" not in process.stdout
    assert "WARNING" not in process.stdout and process.stdout.strip()

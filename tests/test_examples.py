"""Every example runs, on little data."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from kollias_affect import datasets

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = ROOT / "examples"


def run(name, *arguments):
    command = [sys.executable, EXAMPLES / name, *map(str, arguments)]
    ran = subprocess.run(command, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr[-2000:]
    return ran.stdout


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """What the training example leaves; its clips are kept small by shortening the script."""
    out = tmp_path_factory.mktemp("example")
    small = ", subjects=4, clips_per_subject=1, frames=24)"
    script = (EXAMPLES / "train_on_synthetic_clips.py").read_text()
    shortened = re.sub(r'("(?:train|validation)")\)', rf"\1{small}", script)
    assert shortened.count(small) == 2
    (out / "script.py").write_text(shortened)
    command = [sys.executable, str(out / "script.py"), str(out), "1"]
    ran = subprocess.run(command, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr[-2000:]
    return out, ran.stdout


def test_training_example(trained):
    out, printed = trained
    assert "CCC" in printed and (out / "run" / "best.keras").exists()


def test_prediction_example(trained, face_video, tmp_path):
    out, _ = trained
    printed = run("predict_a_video.py", out / "run" / "best.keras", face_video, tmp_path)
    assert "valence" in printed


def test_python_of_the_readme_names_what_exists():
    """The README's Python block runs, up to the files that only its reader has."""
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.S)
    assert blocks
    for block in blocks:
        compile(block, "README.md", "exec")
        for room, name in re.findall(
            r"\b(datasets|windows|models|losses|metrics|training)\.(\w+)", block
        ):
            import kollias_affect

            assert hasattr(getattr(kollias_affect, room), name), f"{room}.{name}"
    assert datasets.DATASETS

"""Every example runs, on little data."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

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


ROOMS = "datasets|evaluation|faces|inference|initializers|losses|metrics|models|training|windows"


@pytest.mark.parametrize("page", ["README.md", "docs/data.md", "docs/faces.md", "docs/training.md"])
def test_python_of_the_pages_names_what_exists(page):
    """In a fresh process: a name must not be there only because a test imported its module."""
    text = (ROOT / page).read_text()
    for block in re.findall(r"```python\n(.*?)```", text, re.S):
        compile(block, page, "exec")
    names = sorted(set(re.findall(rf"(?<![\w./])((?:{ROOMS})(?:\.[A-Za-z]\w*)+)", text)))
    names = [name for name in names if not name.endswith((".md", ".csv", ".png", ".py"))]
    code = f"""
import functools, kollias_affect
for name in {names!r}:
    functools.reduce(getattr, name.split("."), kollias_affect)
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr[-500:]
    assert names or page == "docs/limits.md"

"""The isolated environment of the oracle: Python 3.11, TensorFlow 2.15.1, tensorflow-addons 0.23.0.

tensorflow-addons cannot be imported beside Keras 3, so it runs in an environment and a process of
its own. The environment takes about 600 MB and a minute or two. It is made on demand only:

    KOLLIAS_AFFECT_PARITY=1 pytest tests/parity

makes it in a temporary folder that is removed afterwards; with `KOLLIAS_AFFECT_PARITY_ENV=FOLDER`
it is made in (or found in) that folder and stays there. Where it exists, the tests always run.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

PACKAGES = {"tensorflow": "2.15.1", "tensorflow-addons": "0.23.0"}
FOLDER, DEMAND = "KOLLIAS_AFFECT_PARITY_ENV", "KOLLIAS_AFFECT_PARITY"


def run(command, timeout=600, env=None):
    """Returns `(succeeded, what was printed)`."""
    try:
        # -I: the variables and the folders of the calling Python stay out.
        command = [command[0], "-I", *command[1:]]
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, env=env)
    except (OSError, subprocess.TimeoutExpired) as error:
        return False, str(error)
    return done.returncode == 0, done.stdout + done.stderr


def python_311():
    """An interpreter of version 3.11, or `None`."""
    for candidate in (sys.executable, shutil.which("python3.11")):
        code = "import sys, venv; print(sys.version_info[:2] == (3, 11))"
        if candidate and run([candidate, "-c", code]) == (True, "True\n"):
            return candidate
    return None


def is_complete(folder):
    """Whether `folder` is an environment with the packages and all that they need."""
    python = str(folder / "bin" / "python")
    code = (
        f"from importlib.metadata import version; print({{p: version(p) for p in {[*PACKAGES]}}})"
    )
    return (
        run([python, "-c", code]) == (True, f"{PACKAGES}\n")
        and run([python, "-m", "pip", "check"])[0]
    )


def make(folder):
    """Makes the environment, or finishes one that was begun; skips where that cannot be done."""
    python = python_311()
    if python is None:
        pytest.skip("the oracle needs Python 3.11: neither this Python nor `python3.11` is one")
    made, said = run([python, "-m", "venv", str(folder)])
    if not made:
        pytest.skip(f"Python 3.11 cannot make an environment: {said[-500:]}")
    pins = [f"{name}=={version}" for name, version in PACKAGES.items()]
    pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", *pins]
    installed, said = run(pip, timeout=1800)
    if not installed:
        pytest.skip(f"{' and '.join(pins)} cannot be installed: {said[-500:]}")
    assert is_complete(folder), f"{folder} lacks packages after a successful installation"


@pytest.fixture(scope="session")
def oracle_python():
    """The Python interpreter of the oracle's environment."""
    kept = os.environ.get(FOLDER)
    if kept and is_complete(Path(kept).absolute()):
        yield str(Path(kept).absolute() / "bin" / "python")
        return
    if os.environ.get(DEMAND) != "1":
        pytest.skip(
            f"no environment with tensorflow-addons; {DEMAND}=1 makes one (600 MB, needs Python "
            f"3.11), {FOLDER}=FOLDER says where it is kept"
        )
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(kept or temporary).absolute()
        make(folder)
        yield str(folder / "bin" / "python")


@pytest.fixture(scope="session")
def run_oracle(oracle_python):
    """Returns a function that runs a script of this folder in the oracle's environment."""

    def oracle(script, *arguments):
        # On the CPU: GPUs round the factors of float32 products to TF32.
        env = {**os.environ, "CUDA_VISIBLE_DEVICES": "-1", "TF_CPP_MIN_LOG_LEVEL": "3"}
        path = str(Path(__file__).with_name(script))
        succeeded, said = run([oracle_python, path, *map(str, arguments)], env=env)
        assert succeeded, said[-3000:]

    return oracle

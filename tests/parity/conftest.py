"""The isolated environment of the oracle: Python 3.11, TensorFlow 2.15.1, tensorflow-addons 0.23.0.

tensorflow-addons cannot be imported beside Keras 3, so it runs in a separate environment and
process. The environment takes about 600 MB and one or two minutes. It is created on demand only:

    KOLLIAS_AFFECT_PARITY=1 pytest tests/parity

creates it in a temporary folder that is removed afterwards. `KOLLIAS_AFFECT_PARITY_ENV=FOLDER`
creates it in that folder, where it stays. If that environment exists, the tests always run.
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
    """Returns whether a command succeeded, and its output."""
    try:
        # -I isolates the command from the variables and folders of this Python.
        command = [command[0], "-I", *command[1:]]
        process = subprocess.run(command, capture_output=True, text=True, timeout=timeout, env=env)
    except (OSError, subprocess.TimeoutExpired) as error:
        return False, str(error)
    return process.returncode == 0, process.stdout + process.stderr


def python_311():
    """Returns an interpreter of version 3.11, or `None`."""
    for candidate in (sys.executable, shutil.which("python3.11")):
        code = "import sys, venv; print(sys.version_info[:2] == (3, 11))"
        if candidate and run([candidate, "-c", code]) == (True, "True\n"):
            return candidate
    return None


def is_complete(folder):
    """Whether `folder` is an environment with the packages and their requirements."""
    python = str(folder / "bin" / "python")
    code = (
        f"from importlib.metadata import version; print({{p: version(p) for p in {[*PACKAGES]}}})"
    )
    return (
        run([python, "-c", code]) == (True, f"{PACKAGES}\n")
        and run([python, "-m", "pip", "check"])[0]
    )


def make(folder):
    """Creates or completes the environment; skips the test where that is impossible."""
    python = python_311()
    if python is None:
        pytest.skip("the oracle needs Python 3.11: neither this Python nor `python3.11` is one")
    created, output = run([python, "-m", "venv", str(folder)])
    if not created:
        pytest.skip(f"Python 3.11 cannot create an environment: {output[-500:]}")
    pins = [f"{name}=={version}" for name, version in PACKAGES.items()]
    pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", *pins]
    installed, output = run(pip, timeout=1800)
    if not installed:
        pytest.skip(f"{' and '.join(pins)} cannot be installed: {output[-500:]}")
    assert is_complete(folder), f"{folder} lacks packages after a successful installation"


@pytest.fixture(scope="session")
def oracle_python():
    """The Python interpreter of the oracle's environment."""
    permanent = os.environ.get(FOLDER)
    if permanent and is_complete(Path(permanent).absolute()):
        yield str(Path(permanent).absolute() / "bin" / "python")
        return
    if os.environ.get(DEMAND) != "1":
        pytest.skip(
            f"no environment with tensorflow-addons; {DEMAND}=1 creates one (600 MB, needs "
            f"Python 3.11), and {FOLDER}=FOLDER sets its folder"
        )
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(permanent or temporary).absolute()
        make(folder)
        yield str(folder / "bin" / "python")


@pytest.fixture(scope="session")
def run_oracle(oracle_python):
    """Returns a function that runs a script of this folder in the oracle's environment."""

    def oracle(script, *arguments):
        # On the CPU, because GPUs round float32 products to TF32.
        env = {**os.environ, "CUDA_VISIBLE_DEVICES": "-1", "TF_CPP_MIN_LOG_LEVEL": "3"}
        path = str(Path(__file__).with_name(script))
        succeeded, output = run([oracle_python, path, *map(str, arguments)], env=env)
        assert succeeded, output[-3000:]

    return oracle

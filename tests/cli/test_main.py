"""The group of commands: help, errors, and what is printed into a file."""

import subprocess
import sys

import pytest

from kollias_affect.cli import main
from kollias_affect.cli._group import message_of, raise_errors


def test_help_names_every_command(ok):
    output = ok("--help")
    assert {"demo", "extract", "data", "train", "evaluate", "predict", "submit", "adapt",
            "finetune", "table", "weights"} <= set(main.commands)  # fmt: skip
    for command in main.commands:
        assert command in output
        assert "Usage" in ok(command, "--help")


def test_nothing_but_the_result_is_printed_into_a_file():
    """Neither TensorFlow's log nor escape sequences."""
    command = [sys.executable, "-m", "kollias_affect", "weights", "list"]
    process = subprocess.run(command, capture_output=True, text=True, check=True)
    assert process.stderr == "" and "\x1b" not in process.stdout
    assert process.stdout.split()[:2] == ["name", "kind"]


def test_errors_of_files_name_the_file():
    message = message_of(PermissionError(13, "Permission denied", "a.csv"))
    assert "Permission denied. Received: a.csv." in message
    assert message_of(ValueError("text")) == "text"


def test_errors_of_several_inputs_are_one_message():
    raise_errors({})
    with pytest.raises(ValueError, match="^first\0second$"):  # lines: see test_escapes.py
        raise_errors({"a": ValueError("first"), "b": OSError("second")})


def test_debug_shows_the_traceback(run, tmp_path):
    result = run("--debug", "data", "ck48", tmp_path / "none")
    assert isinstance(result.exception, FileNotFoundError)

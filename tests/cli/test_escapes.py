"""Names of files do not reach the terminal as orders, nor a spreadsheet as formulas."""

import logging
import os
import warnings

import click
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from PIL import Image

from kollias_affect.cli import main
from kollias_affect.cli._group import ErrorGroup, raise_errors
from kollias_affect.prediction import read_table

RAW = "\x1b[2J\n\x9b31m\t\u202egp.png"
ESCAPED = "\\x1b[2J\\n\\x9b31m\\t\\u202egp.png"


def fail(error):
    """Returns what a command prints that raises `error`."""

    @click.group(cls=ErrorGroup)
    def commands():
        pass

    @commands.command()
    def read():
        raise error

    result = CliRunner().invoke(commands, ["read"])
    assert result.exit_code == 2
    return result.output


@pytest.mark.parametrize("kind", [ValueError, lambda text: OSError(2, "none", text)])
def test_control_characters_of_a_name_are_written_out_in_the_message(kind):
    printed = fail(kind(f"Received: {RAW}"))
    assert ESCAPED in printed and "\x1b" not in printed and "\n\x9b" not in printed


def test_the_steps_of_a_remedy_and_several_errors_have_lines():
    assert "get them:\n  1. a\n  2. b" in fail(ValueError("To get them:\n  1. a\n  2. b"))
    try:
        raise_errors({"a": ValueError(f"Received: {RAW}"), "b": ValueError("Received: b")})
    except ValueError as error:
        assert f"Error: Received: {ESCAPED}\nError: Received: b" in fail(error)


@pytest.fixture
def face(tmp_path):
    """Returns a function that writes a grey picture with a name."""
    folder = tmp_path / "faces"
    folder.mkdir()

    def write(name):
        file = folder / name
        Image.fromarray(np.full((64, 64, 3), 90, np.uint8)).save(file, "PNG")
        return file

    return write


def test_the_lines_of_predict_have_no_control_characters(face, ok, tmp_path):
    file = face(RAW)
    printed = ok("predict", file.parent, "--cropped", "--out", tmp_path / "out", "--no-annotate")
    line = next(line for line in printed.splitlines() if ESCAPED in line)
    assert line.startswith(f"{ESCAPED}: 1 face: ") and "\x1b" not in printed
    # The table has the name itself.
    assert read_table(tmp_path / "out" / "predictions.csv")["input"].tolist() == [RAW]


def test_tables_on_the_terminal_have_no_control_characters(face, ok):
    file = face(RAW)
    rows = {"clip": RAW, "image": [f"faces/{file.name}"], "valence": 0.1, "arousal": 0.2}
    table = file.parent.parent / "frames.csv"
    pd.DataFrame(rows).to_csv(table, index=False)
    printed = ok("data", "frames_csv", table, "--statistics")
    assert "valence" in printed and "\x1b" not in printed and "\x9b" not in printed


def test_warnings_and_the_log_have_no_control_characters(capfd, monkeypatch):
    @main.command("speak")
    def speak():
        logging.getLogger("kollias_affect.x").warning("Ignored %s.", RAW)
        warnings.warn(f"Ignored {RAW}", stacklevel=1)

    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", [])
    monkeypatch.setattr(warnings, "formatwarning", warnings.formatwarning)
    monkeypatch.setattr(warnings, "showwarning", warnings.showwarning)
    try:
        with pytest.raises(SystemExit), warnings.catch_warnings():
            warnings.simplefilter("always")
            main(["speak"])
    finally:
        del main.commands["speak"]
    printed = capfd.readouterr().err
    assert f"Ignored {ESCAPED}." in printed and "\x1b" not in printed and "\x9b" not in printed


def test_a_name_that_is_no_text_is_printed(capsys):
    from kollias_affect.cli._terminal import echo

    echo(os.fsdecode(b"a\xff.png"))
    assert capsys.readouterr().out == "a\\xff.png\n"


def test_excel_safe_tables_have_no_formulas_and_the_package_reads_the_names(face, ok, tmp_path):
    names = ["=1+1.png", "@a.png", "-b.png", "'=c.png", "d.png"]
    for name in names:
        face(name)
    command = ["predict", tmp_path / "faces", "--cropped", "--no-annotate", "--out"]
    ok(*command, tmp_path / "safe", "--excel-safe")
    ok(*command, tmp_path / "plain")
    for file in ("predictions.csv", "summary.csv"):
        lines = (tmp_path / "safe" / file).read_text(encoding="utf-8-sig").splitlines()[1:]
        assert sorted(line.split(",")[0] for line in lines) == sorted(
            ["'=1+1.png", "'@a.png", "'-b.png", "''=c.png", "d.png"]
        )
        assert (tmp_path / "safe" / file).read_bytes().startswith(b"\xef\xbb\xbf")
        safe, plain = (read_table(tmp_path / out / file) for out in ("safe", "plain"))
        pd.testing.assert_frame_equal(safe, plain)
        assert sorted(plain["input"]) == sorted(names)
    # Its own tables are replaced, whatever they look like.
    ok(*command, tmp_path / "safe")


def test_excel_safe_is_for_csv(face, refused, tmp_path):
    command = ["predict", face("a.png"), "--out", tmp_path, "--excel-safe", "--format", "json"]
    assert "--format json" in refused(*command)

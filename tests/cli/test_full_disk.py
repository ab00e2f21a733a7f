"""A full disk ends a command with one message and exit code 2."""

import errno
import os
import sqlite3

import click
import pytest
from click.testing import CliRunner

from kollias_affect import _files
from kollias_affect.cli._group import ErrorGroup

NO_ROOM = errno.ENOSPC, os.strerror(errno.ENOSPC)


@pytest.fixture
def end(tmp_path):
    """Returns a function that runs a command which raises an error."""

    def end(error, name="train"):
        @click.group(cls=ErrorGroup)
        @click.option("--debug", is_flag=True)
        def main(debug):
            pass

        @main.command(name)
        def command():
            raise error

        return CliRunner().invoke(main, [name])

    return end


@pytest.mark.parametrize(
    "error",
    [
        _files.DiskFullError("/tmp/run/best.keras", 2_500_000),
        OSError(*NO_ROOM, "/tmp/run/best.keras"),
        OSError(*NO_ROOM),
        sqlite3.OperationalError("database or disk is full"),
        RuntimeError("Unable to flush file (errno = 28, No space left on device)"),
    ],
)
def test_whoever_finds_the_disk_full_there_is_one_message(end, error):
    result = end(error)
    assert result.exit_code == 2
    (line,) = [line for line in result.output.splitlines() if line.startswith("Error:")]
    assert "need room on the disk" in line and line.endswith("The same command resumes.")
    assert ("best.keras" in line) == ("best.keras" in str(error))
    assert ("at least 2.5 MB are needed" in line) == (getattr(error, "needs", 0) > 0)


def test_a_command_that_does_not_resume_does_not_say_so(end):
    assert "resumes" not in end(OSError(*NO_ROOM), "export").output


def test_other_errors_keep_their_traceback(end):
    result = end(RuntimeError("a bug"))
    assert isinstance(result.exception, RuntimeError) and result.exit_code == 1

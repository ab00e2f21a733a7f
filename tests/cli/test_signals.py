"""Signals end a command with one message and without processes left over."""

import os
import signal
import subprocess
import sys

import pytest

COMMAND = """
import multiprocessing, signal, sys, time
import click

# A parent in the background may have passed on that some signals are ignored.
signal.signal(signal.SIGHUP, signal.SIG_DFL)
signal.signal(signal.SIGTERM, signal.SIG_DFL)
signal.signal(signal.SIGINT, signal.default_int_handler)

from kollias_affect.cli._group import ErrorGroup

@click.group(cls=ErrorGroup)
def main():
    pass

@main.command()
def train():
    worker = multiprocessing.get_context("fork").Process(target=time.sleep, args=(60,))
    worker.start()
    print(worker.pid, flush=True)
    time.sleep(60)

main(["train"])
"""


@pytest.mark.parametrize("name, code", [("SIGTERM", 143), ("SIGHUP", 129), ("SIGINT", 130)])
def test_a_signal_ends_the_command_and_its_workers_with_one_message(name, code):
    process = subprocess.Popen(
        [sys.executable, "-c", COMMAND],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        worker = int(process.stdout.readline())
        if name == "SIGINT":  # a terminal sends it to the worker too
            os.kill(worker, signal.SIGKILL)
        process.send_signal(getattr(signal, name))
        _, errors = process.communicate(timeout=20)
    finally:
        process.kill()
    assert process.returncode == code
    assert errors.splitlines() == ["Stopped. The same command resumes."]
    with pytest.raises(ProcessLookupError):
        os.kill(worker, 0)

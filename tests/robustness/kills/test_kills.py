"""Killed runs end as runs that nobody killed.

`.ci/nightly` runs `campaign.py` with 200 kills over all commands and prints the counts.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest

CAMPAIGN = Path(__file__).with_name("campaign.py")
# Imports of the others take longer than the kills.
QUICK = ("unpacking", "annotate")

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="the campaign needs pidfd and /proc"
)


def kill(number, seed, names=()):
    """Runs the campaign; returns what it printed last."""
    command = [sys.executable, str(CAMPAIGN), "--kills", str(number), "--seed", str(seed)]
    command += ["--full", str(number // 2)]
    command += [argument for name in names for argument in ("--command", name)]
    done = subprocess.run(command, capture_output=True, text=True)
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_some_killed_runs_of_the_quick_commands_lose_nothing():
    assert kill(8, 0, QUICK) == {"kills": 8, "lost": 0}

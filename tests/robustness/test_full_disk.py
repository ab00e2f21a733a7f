"""Commands on a disk that is really full: one message, exit code 2, and they resume.

The disk is a small file system in memory, which only the superuser can mount.
"""

import os
import subprocess
import sys

import pytest

pytestmark = [
    pytest.mark.nightly,
    pytest.mark.skipif(
        sys.platform != "linux" or os.geteuid() != 0, reason="only root can mount a file system"
    ),
]


@pytest.fixture
def disk(tmp_path):
    """Returns a folder on a file system, and a function that changes its size in kilobytes."""
    folder = tmp_path / "disk"
    folder.mkdir()

    def mount(*options):
        command = ["mount", "-t", "tmpfs", "-o", ",".join(options), "tmpfs", str(folder)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f"no file system can be mounted: {done.stderr.strip()}")

    mount("size=64k")
    yield folder, lambda size: mount("remount", f"size={size}k")
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def run(*arguments):
    command = [sys.executable, "-m", "kollias_affect", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True)


def check(arguments, out, disk, sizes):
    """Runs a command on ever larger disks, on which it ends with a message, until it is done."""
    folder, resize = disk
    for size in sizes:
        resize(size)
        done = run(*arguments)
        assert done.returncode == 2, (size, done.stdout, done.stderr)
        errors = [line for line in done.stderr.splitlines() if line.startswith("Error:")]
        assert len(errors) == 1 and "need room on the disk" in errors[0], done.stderr
        assert str(folder) in errors[0] and "Traceback" not in done.stderr
    resize(64_000)
    done = run(*arguments)
    assert done.returncode == 0, done.stderr
    assert not list(out.rglob("*.partial*"))


@pytest.mark.parametrize("command", ["extract", "predict"])
def test_a_read_only_disk_is_refused_with_one_message(command, disk, face_video):
    folder, _ = disk
    (folder / "out").mkdir()
    subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)
    done = run(command, face_video, "--out", folder / "out")
    assert done.returncode == 2, done.stderr
    (error,) = [line for line in done.stderr.splitlines() if line.startswith("Error:")]
    assert str(folder) in error and "can be written" in error


def test_training_on_a_full_disk_ends_with_one_message_and_resumes(disk, synthetic_root):
    """HDF5 once ended the process with a fault here."""
    out = disk[0] / "run"
    arguments = ["train", synthetic_root, "--dataset", "synthetic", "--out", out, "--epochs", 2]
    for name in ("subjects", "clips_per_subject", "frames"):
        value = {"subjects": 2, "clips_per_subject": 1, "frames": 24}[name]
        arguments += ["--option", f"{name}={value}"]
    arguments += ["--backbone", "cnn_m", "--width", 0.02, "--hidden-units", 8, "--rnn-units", 4]
    arguments += ["--length", 8]
    check(arguments, out, disk, (64, 250, 450, 700, 900))


def test_extraction_on_a_full_disk_ends_with_one_message_and_resumes(disk, face_video):
    out = disk[0] / "out"
    check(["extract", face_video, "--out", out], out, disk, (32, 64, 96))


def test_predictions_on_a_full_disk_end_with_one_message_and_resume(disk, face_video):
    out = disk[0] / "out"
    check(["predict", face_video, "--out", out], out, disk, (64, 160))

import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from kollias_affect import faces
from kollias_affect.faces import batch

BOX = faces.Box(44, 40, 100, 100, 1.0)


@pytest.fixture
def videos(synthetic_root):
    """Two synthetic videos, whose crops are in `synthetic_root / "crops"`."""
    return sorted((synthetic_root / "videos").glob("*.mp4"))


def markers(folder):
    return {path.name: path.stat().st_mtime_ns for path in folder.glob("*.json")}


def assert_same_files(folder, expected):
    for path in folder.rglob("*"):
        if path.is_file():
            assert path.read_bytes() == (expected / path.relative_to(folder)).read_bytes()


def test_overwriting_processes_extract_each_good_video_once(synthetic_root, videos, tmp_path):
    """One video is broken; the outputs of the others are those of one process."""
    out = shutil.copytree(synthetic_root / "crops", tmp_path / "out")
    bad = tmp_path / "bad.mp4"
    bad.write_text("no video")
    first = markers(out)
    clips, errors = faces.extract_many([bad, *videos], out, 2, progress=False, overwrite=True)
    assert [len(clip) for clip in clips.values()] == [24, 24]
    assert list(errors) == [str(bad)] and "FFmpeg can read" in str(errors[str(bad)])
    second = markers(out)
    assert first.keys() == second.keys() and all(first[name] != second[name] for name in first)
    assert_same_files(out, synthetic_root / "crops")
    faces.extract_many(videos, out, 1, progress=False)
    assert markers(out) == second


def test_videos_of_one_name_are_refused(face_video, tmp_path):
    shutil.copy(face_video, tmp_path / face_video.name)
    with pytest.raises(ValueError, match="different names"):
        faces.extract_many([face_video, tmp_path / face_video.name], tmp_path / "out")


@pytest.mark.parametrize("terminal", [False, True])
def test_a_terminal_shows_the_number_of_frames(face_video, tmp_path, capsys, monkeypatch, terminal):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal)
    faces.extract_many([face_video], tmp_path, detector=lambda image: [BOX])
    shown = capsys.readouterr().err
    assert "24/24" in shown if terminal else not shown


def test_a_callable_detector_works_with_many_videos(synthetic_root, videos, tmp_path):
    def find(image):
        return faces.detect(image)

    clips, errors = faces.extract_many(videos, tmp_path, 2, False, detector=find)
    expected = [faces.read(synthetic_root / "crops", Path(video).stem) for video in videos]
    assert not errors and list(map(str, videos)) == [*map(str, clips)]
    for clip, known in zip(clips.values(), expected, strict=True):
        assert np.array_equal(clip.valid, known.valid) and clip.valid.sum() == 20


def test_after_the_parent_is_killed_the_same_command_resumes(synthetic_root, videos, tmp_path):
    code = f"""
from kollias_affect import faces
faces.extract_many({list(map(str, videos))!r}, {str(tmp_path)!r}, 2, progress=False)
"""
    with subprocess.Popen([sys.executable, "-c", code]) as process:
        for _ in range(400):
            time.sleep(0.05)
            if len(list(tmp_path.glob(".*.partial/journal.jsonl"))) == 2:
                break
        process.send_signal(signal.SIGKILL)
    clips, errors = faces.extract_many(videos, tmp_path, 1, progress=False)
    assert not errors and len(clips) == 2
    assert_same_files(tmp_path, synthetic_root / "crops")


def test_a_process_that_ends_affects_only_its_video(videos, tmp_path, caplog):
    workers = batch._Workers(1)

    def kill(frames):
        workers.processes[0].kill()

    broken = workers.submit(str(videos[0]), tmp_path, kill, {})
    good = workers.submit(str(videos[1]), tmp_path, lambda frames: None, {})
    with pytest.raises(RuntimeError, match="Run the same command again"):
        broken.result()
    assert len(good.result()) == 24 and len(workers.processes) == 2
    with caplog.at_level("INFO", "kollias_affect.progress"):
        again = workers.submit(str(videos[0]), tmp_path, lambda frames: None, {})
        assert len(again.result()) == 24
    (message,) = caplog.messages
    assert message.startswith(f"{videos[0].name} resumes at frame ")
    workers.stop()


def test_no_processes(face_video, tmp_path):
    with pytest.raises(ValueError, match="`processes` must be"):
        faces.extract_many([face_video], tmp_path, processes=-1)

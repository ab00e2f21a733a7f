import shutil

import pytest

from kollias_affect import faces


def test_one_bad_video_does_not_stop_the_others(synthetic_root, tmp_path):
    videos = sorted((synthetic_root / "videos").glob("*.mp4"))
    bad = tmp_path / "bad.mp4"
    bad.write_text("no video")
    clips, errors = faces.extract_many([bad, *videos], tmp_path / "out", 2, progress=False)
    assert [len(clip) for clip in clips.values()] == [24, 24]
    assert list(errors) == [str(bad)] and "FFmpeg can read" in str(errors[str(bad)])


def test_parallel_and_serial_runs_give_the_same_files(synthetic_root, tmp_path):
    videos = sorted((synthetic_root / "videos").glob("*.mp4"))
    faces.extract_many(videos, tmp_path / "serial", 1, progress=False)
    for path in (tmp_path / "serial").rglob("*"):
        if path.is_file():
            other = synthetic_root / "crops" / path.relative_to(tmp_path / "serial")
            assert path.read_bytes() == other.read_bytes()


def test_videos_of_one_name_are_refused(face_video, tmp_path):
    shutil.copy(face_video, tmp_path / face_video.name)
    with pytest.raises(ValueError, match="different names"):
        faces.extract_many([face_video, tmp_path / face_video.name], tmp_path / "out")


def test_progress_counts_frames(face_video, tmp_path, capsys):
    faces.extract_many([face_video], tmp_path)
    assert "24/24" in capsys.readouterr().err


def test_overwriting_many_videos_works_on_each_once(synthetic_root, tmp_path):
    videos = sorted((synthetic_root / "videos").glob("*.mp4"))
    faces.extract_many(videos, tmp_path, 2, progress=False)
    first = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*.json")}
    faces.extract_many(videos, tmp_path, 2, progress=False, overwrite=True)
    second = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*.json")}
    faces.extract_many(videos, tmp_path, 2, progress=False)
    third = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*.json")}
    assert first.keys() == second.keys() and all(first[p] != second[p] for p in first)
    assert second == third


def test_a_callable_detector_works_with_many_videos(synthetic_root, tmp_path):
    videos = sorted((synthetic_root / "videos").glob("*.mp4"))
    box = faces.Box(70, 80, 100, 100, 1.0)
    clips, errors = faces.extract_many(videos, tmp_path, 2, False, detector=lambda image: [box])
    assert not errors and all(clip.valid.all() for clip in clips.values())


def test_after_the_parent_is_killed_the_same_command_goes_on(synthetic_root, tmp_path):
    import signal
    import subprocess
    import sys
    import time

    videos = [str(path) for path in sorted((synthetic_root / "videos").glob("*.mp4"))]
    code = f"""
from kollias_affect import faces
faces.extract_many({videos!r}, {str(tmp_path)!r}, 2, progress=False)
"""
    with subprocess.Popen([sys.executable, "-c", code]) as process:
        for _ in range(200):
            time.sleep(0.05)
            if len(list(tmp_path.glob(".*.partial/journal.jsonl"))) == 2:
                break
        process.send_signal(signal.SIGKILL)
    clips, errors = faces.extract_many(videos, tmp_path, 2, progress=False)
    assert not errors and len(clips) == 2
    for path in tmp_path.rglob("*.*"):
        assert (
            path.read_bytes()
            == (synthetic_root / "crops" / path.relative_to(tmp_path)).read_bytes()
        )


def test_no_processes(face_video, tmp_path):
    with pytest.raises(ValueError, match="`processes` must be"):
        faces.extract_many([face_video], tmp_path, processes=-1)

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

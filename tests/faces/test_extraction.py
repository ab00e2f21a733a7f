import csv
import json
import signal
import subprocess
import sys
import textwrap

import cv2
import numpy as np
import pytest

from kollias_affect import faces
from kollias_affect.faces import work

PHOTOGRAPH_BOX = faces.Box(70, 80, 100, 100, 1.0)


def files(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def rows(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def whole(face_video, tmp_path_factory):
    """Outputs of a run that was not interrupted."""
    out = tmp_path_factory.mktemp("whole")
    faces.extract(face_video, out)
    return out


def test_every_decoded_frame_has_a_row_and_every_face_an_image(whole, face_video):
    table = rows(whole / "subject01_1.csv")
    assert list(table[0]) == list(work.COLUMNS)
    assert [int(row["frame"]) for row in table] == list(range(1, 25))
    assert np.allclose([float(row["timestamp"]) for row in table], np.arange(24) / 25)
    found = {f"{int(row['frame']):05d}.jpg" for row in table if row["success"] == "1"}
    assert {path.name for path in (whole / "subject01_1").iterdir()} == found
    assert 15 <= len(found) <= 20  # four frames are hidden
    assert {row["input"] for row in table} == {"subject01_1.mp4"}


def test_frames_without_a_face_have_rows_without_a_box(whole):
    hidden = [row for row in rows(whole / "subject01_1.csv") if row["success"] == "0"]
    assert len(hidden) >= 4
    assert {row["FaceRectX"] for row in hidden} == {row["face_id"] for row in hidden} == {""}


def test_landmarks_are_given_in_the_crop_and_in_the_frame(whole, face_video):
    clip = faces.read(whole, "subject01_1")
    with np.load(whole / "subject01_1.npz") as arrays:
        assert set(arrays) == {"landmarks", "landmarks_in_frame"}
        in_frame = arrays["landmarks_in_frame"]
    assert clip.landmarks.shape == in_frame.shape == (24, 68, 2)
    assert np.isnan(clip.landmarks[~clip.valid]).all()
    image = next(frame.image for frame in faces.Video(face_video))
    crop, moved = faces.align(image, in_frame[0])
    assert np.allclose(faces.normalize(moved), clip.landmarks[0], atol=1e-5)
    stored = cv2.imread(clip.paths[0])[:, :, ::-1]
    assert np.abs(stored.astype(int) - crop).mean() < 3  # what JPEG loses


def test_eye_centres_lie_on_the_prototype(whole):
    clip = faces.read(whole, "subject01_1")
    pixels = (clip.landmarks[clip.valid] + 1) / 2 * 95
    eyes = np.stack([faces.anchors(points)[:2] for points in pixels])
    assert np.linalg.norm(eyes - faces.prototype()[:2], axis=-1).mean() < 1.5


def test_settings_and_versions_are_recorded(whole):
    marker = json.loads((whole / "subject01_1.json").read_text())
    assert marker["settings"]["detector"] == "hog" and "dlib-bin" in marker["versions"]
    assert marker["broken"] is None and marker["people"] == ["subject01_1"]


def test_the_same_video_gives_the_same_bytes(whole, face_video, tmp_path):
    faces.extract(face_video, tmp_path)
    assert files(tmp_path) == files(whole)


KILLED = """
    import os, signal, sys
    from kollias_affect.faces import extraction, work

    video, out, moment = sys.argv[1:]
    count = 0

    def strike(name):
        def wrapped(*args, _original=getattr(work.Work, name), **kwargs):
            if moment == "before " + name:
                os.kill(os.getpid(), signal.SIGKILL)
            result = _original(*args, **kwargs)
            if moment == "after " + name:
                os.kill(os.getpid(), signal.SIGKILL)
            return result
        setattr(work.Work, name, wrapped)

    strike("begin")
    strike("_withdraw")
    strike("_refuse_foreign")
    strike("_publish_crops")
    strike("_publish_tables")
    strike("publish")

    def on_frame(frames):
        global count
        count += frames
        if moment == f"frame {count}":
            os.kill(os.getpid(), signal.SIGKILL)

    original = work._write_jpeg
    def half(path, image):
        original(path, image)
        if moment == "half a crop" and path.name == "00006.jpg":
            path.write_bytes(path.read_bytes()[:100])
            os.kill(os.getpid(), signal.SIGKILL)
    work._write_jpeg = half
    extraction.extract(video, out, on_frame=on_frame)
"""


@pytest.mark.parametrize(
    "moment",
    [
        "frame 1",
        "after begin",
        "frame 9",
        "half a crop",
        "before publish",
        "after _publish_crops",
        "before _publish_tables",
        "after _publish_tables",
    ],
)
def test_resume_gives_the_same_files(whole, face_video, tmp_path, moment):
    command = [sys.executable, "-c", textwrap.dedent(KILLED), face_video, tmp_path, moment]
    assert subprocess.run(command).returncode == -signal.SIGKILL
    assert not (tmp_path / "subject01_1.json").exists()
    worked_on = []
    faces.extract(face_video, tmp_path, on_frame=worked_on.append)
    assert files(tmp_path) == files(whole)


@pytest.fixture(scope="module")
def tracked(face_video, tmp_path_factory):
    """Outputs with a detection in every fifth frame, of a run that was not interrupted."""
    out = tmp_path_factory.mktemp("tracked")
    faces.extract(face_video, out, detect_every=5)
    return out


def test_followed_landmarks_lie_where_those_of_detections_do(whole, tracked):
    reference, followed = (
        np.load(out / "subject01_1.npz")["landmarks_in_frame"] for out in (whole, tracked)
    )
    there, wanted = (np.isfinite(points[:, 0, 0]) for points in (followed, reference))
    assert there[wanted].all()  # none is lost
    eyes = np.stack([faces.anchors(points)[:2] for points in reference[wanted]])
    distance = np.linalg.norm(followed - reference, axis=2).mean(axis=1)[wanted]
    assert (distance / np.linalg.norm(eyes[:, 1] - eyes[:, 0], axis=1)).mean() < 0.02
    assert np.count_nonzero(distance) > 0  # else nothing was followed


def test_hidden_faces_are_not_followed(whole, tracked, face_video):
    flat = [frame.index for frame in faces.Video(face_video) if frame.image.std() < 10]
    assert len(flat) == 4
    table = rows(tracked / "subject01_1.csv")
    assert {table[index - 1]["success"] for index in flat} == {"0"}


def test_a_detector_is_asked_in_some_frames_only(face_video, tmp_path):
    calls = []

    def detector(image):
        calls.append(1)
        return faces.detect(image)

    faces.extract(face_video, tmp_path, detector=detector, detect_every=5)
    assert len(calls) < 16  # 24 frames: every fifth, and where there is no face


@pytest.mark.parametrize(
    "moment",
    ["frame 1", "frame 4", "frame 8", "half a crop", "before publish", "after _publish_crops"],
)
def test_resume_while_faces_are_followed_gives_the_same_files(
    tracked, face_video, tmp_path, moment
):
    code = textwrap.dedent(KILLED).replace("on_frame=on_frame", "on_frame=on_frame, detect_every=5")
    command = [sys.executable, "-c", code, face_video, tmp_path, moment]
    assert subprocess.run(command).returncode == -signal.SIGKILL
    faces.extract(face_video, tmp_path, detect_every=5)
    assert files(tmp_path) == files(tracked)


def bright(image):
    """Stands for a detector: a face in every picture that is not dark."""
    return [PHOTOGRAPH_BOX] if image.mean() > 50 else []


@pytest.mark.parametrize("stop", [3, 7, 9, 14, 15, 22, 25])
def test_resume_where_there_is_nobody_gives_the_same_files(write_video, tmp_path, stop):
    pictures = [np.full((240, 240, 3), 0 if i < 21 else 200, np.uint8) for i in range(26)]
    video = write_video(pictures)
    options = {"detector": bright, "detect_every": 4}
    faces.extract(video, tmp_path / "whole", **options)
    assert [row["success"] for row in rows(tmp_path / "whole" / "video.csv")] == (
        ["0"] * 21 + ["1"] * 5
    )

    class Stop(Exception):
        pass

    seen = []

    def count(done):
        seen.append(done)
        if len(seen) == stop:
            raise Stop

    with pytest.raises(Stop):
        faces.extract(video, tmp_path / "out", on_frame=count, **options)
    faces.extract(video, tmp_path / "out", **options)
    assert files(tmp_path / "out") == files(tmp_path / "whole")


@pytest.mark.parametrize(("before", "now"), [(1, 5), (5, 1), (5, 3)])
def test_another_detect_every_does_not_pass_for_finished(face_video, tmp_path, before, now):
    options = {"detector": lambda image: [PHOTOGRAPH_BOX]}
    faces.extract(face_video, tmp_path, detect_every=before, **options)
    with pytest.raises(ValueError, match=f"was made with detect_every={before} not {now}. "):
        faces.extract(face_video, tmp_path, detect_every=now, **options)


def test_a_torn_line_of_the_journal_is_written_again(whole, face_video, tmp_path):
    class Stop(Exception):
        pass

    def stop(done, seen=[0]):  # noqa: B006 - counts calls
        seen[0] += done
        if seen[0] == 8:
            raise Stop

    with pytest.raises(Stop):
        faces.extract(face_video, tmp_path, on_frame=stop)
    journal = tmp_path / ".subject01_1.partial" / "journal.jsonl"
    journal.write_bytes(journal.read_bytes()[:-20])
    faces.extract(face_video, tmp_path)
    assert files(tmp_path) == files(whole)


def test_a_finished_video_is_not_worked_on_again(whole, face_video):
    before = {path: path.stat().st_mtime_ns for path in whole.rglob("*")}
    clip = faces.extract(face_video, whole, on_frame=lambda frames: pytest.fail("worked again"))
    assert len(clip) == 24
    assert {path: path.stat().st_mtime_ns for path in whole.rglob("*")} == before


def test_other_settings_do_not_pass_for_finished(face_video, tmp_path):
    faces.extract(face_video, tmp_path, detector=lambda image: [PHOTOGRAPH_BOX])
    with pytest.raises(ValueError, match="was made with .*size=96 not 48.*overwrite"):
        faces.extract(face_video, tmp_path, size=48, detector=lambda image: [PHOTOGRAPH_BOX])
    clip = faces.extract(
        face_video, tmp_path, size=48, detector=lambda image: [PHOTOGRAPH_BOX], overwrite=True
    )
    assert cv2.imread(clip.paths[0]).shape == (48, 48, 3)


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("name", ["subject01_1/thesis.txt", "subject01_1.csv", "subject01_1.npz"])
def test_files_that_are_not_ours_are_left_alone(face_video, tmp_path, name, overwrite):
    foreign = tmp_path / name
    foreign.parent.mkdir(exist_ok=True)
    foreign.write_text("years of work")
    with pytest.raises(FileExistsError, match="Move it away"):
        faces.extract(
            face_video, tmp_path, overwrite=overwrite, on_frame=lambda done: pytest.fail("too late")
        )
    assert foreign.read_text() == "years of work"


@pytest.mark.parametrize(
    "content", ['{"people": ["../other"], "settings": {}, "broken": null}', "[]", '{"a": 1}', "?"]
)
def test_a_marker_that_is_not_ours_is_refused(face_video, tmp_path, content):
    other = tmp_path / "other"
    other.mkdir()
    (other / "00001.jpg").touch()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "subject01_1.json").write_text(content)
    for overwrite in (False, True):
        with pytest.raises(ValueError, match="was not written by an extraction"):
            faces.extract(face_video, tmp_path / "out", overwrite=overwrite)
    assert (other / "00001.jpg").exists()


def test_overwriting_keeps_what_was_put_beside_the_crops(face_video, tmp_path):
    options = {"detector": lambda image: [PHOTOGRAPH_BOX]}
    faces.extract(face_video, tmp_path, **options)
    (tmp_path / "subject01_1" / "notes.txt").write_text("mine")
    with pytest.raises(FileExistsError, match="Move it away"):
        faces.extract(face_video, tmp_path, overwrite=True, **options)
    assert (tmp_path / "subject01_1" / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize("moment", ["after _withdraw", "before _refuse_foreign"])
def test_a_killed_overwrite_does_not_pass_for_finished(whole, face_video, tmp_path, moment):
    faces.extract(face_video, tmp_path, size=48)
    code = textwrap.dedent(KILLED).replace("on_frame=on_frame", "on_frame=on_frame, overwrite=True")
    command = [sys.executable, "-c", code, face_video, tmp_path, moment]
    assert subprocess.run(command).returncode == -signal.SIGKILL
    faces.extract(face_video, tmp_path)
    assert files(tmp_path) == files(whole)


def test_a_run_killed_while_publishing_may_be_begun_anew_with_other_settings(
    whole, face_video, tmp_path
):
    code = textwrap.dedent(KILLED).replace("on_frame=on_frame", "on_frame=on_frame, size=48")
    command = [sys.executable, "-c", code, face_video, tmp_path, "after _publish_tables"]
    assert subprocess.run(command).returncode == -signal.SIGKILL
    faces.extract(face_video, tmp_path)
    assert files(tmp_path) == files(whole)


def test_a_damaged_journal_is_continued_behind_its_last_good_line(whole, face_video, tmp_path):
    command = [sys.executable, "-c", textwrap.dedent(KILLED), face_video, tmp_path, "frame 9"]
    assert subprocess.run(command).returncode == -signal.SIGKILL
    journal = tmp_path / ".subject01_1.partial" / "journal.jsonl"
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join([*lines[:5], b"\xff\x00\n", *lines[6:]]))
    faces.extract(face_video, tmp_path)
    assert files(tmp_path) == files(whole)


def test_boxes_without_a_face_in_them_are_no_faces(face_video, tmp_path):
    strange = [faces.Box(5, 5, 1, 1, 1.0), faces.Box(-(10**5), -(10**5), 3 * 10**5, 3 * 10**5, 0.5)]
    clip = faces.extract(face_video, tmp_path, detector=lambda image: strange)
    assert len(clip) == 24


def test_time_stamps_that_jump_back_are_moved_and_reported(tmp_path, write_video, caplog):
    noise = np.random.default_rng(0).integers(0, 255, (20, 48, 64, 3), np.uint8)
    part = write_video(list(noise), "part.ts").read_bytes()
    (tmp_path / "joined.ts").write_bytes(part + part)
    clip = faces.extract(tmp_path / "joined.ts", tmp_path / "out")
    assert len(clip) > 30 and (np.diff(clip.times) > 0).all()
    assert "jump back" in caplog.text


@pytest.mark.parametrize(
    "options",
    [
        {"size": 1},
        {"size": 40000},
        {"size": "x"},
        {"longest_side": -5},
        {"faces": "some"},
        {"detect_every": 0},
        {"detect_every": 2.5},
    ],
)
def test_bad_arguments(face_video, tmp_path, options):
    with pytest.raises(ValueError, match=rf"`{next(iter(options))}` must be"):
        faces.extract(face_video, tmp_path, **options)
    assert list(tmp_path.iterdir()) == []


def test_video_without_a_face_has_a_full_table_and_no_crops(write_video, tmp_path):
    video = write_video([np.full((64, 64, 3), 90, np.uint8)] * 7)
    clip = faces.extract(video, tmp_path / "out")
    assert len(clip) == 7 and not clip.valid.any()
    assert len(rows(tmp_path / "out" / "video.csv")) == 7
    assert list((tmp_path / "out" / "video").iterdir()) == []


def test_all_faces_have_a_folder_and_a_table_each(face_video, write_video, tmp_path):
    pictures = [frame.image for frame in faces.Video(face_video)][:5]
    video = write_video([np.hstack([p, p]) for p in pictures])
    left, right = faces.extract(video, tmp_path / "out", faces="all")
    assert (left.key, right.key) == ("video_left", "video_right")
    assert len(left) == len(right) == 5 and left.valid.all() and right.valid.all()
    table = rows(tmp_path / "out" / "video_left.csv")
    assert len({row["face_id"] for row in table}) == 1
    assert all(int(row["FaceRectX"]) < 200 for row in table)
    assert faces.extract(video, tmp_path / "out", faces="all")[1].paths == right.paths


def test_people_of_short_clips_are_named_too(face_video, tmp_path):
    [clip] = faces.extract(face_video, tmp_path, faces="all")
    assert clip.key == "subject01_1"


def test_two_processes_do_not_work_on_one_video(face_video, tmp_path, monkeypatch):
    monkeypatch.setattr(work, "LOCK_SECONDS", 0)

    def again(frames):
        with pytest.raises(OSError, match="One process at a time"):
            faces.extract(face_video, tmp_path)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        faces.extract(face_video, tmp_path, on_frame=again)


def test_output_that_cannot_be_written_is_refused(face_video, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="`out_dir` must be a folder that can be written"):
        faces.extract(face_video, tmp_path / "file")


@pytest.fixture(scope="module")
def real(shared_videos, tmp_path_factory):
    """The clips of the real videos, by name."""
    out = tmp_path_factory.mktemp("real")
    clips, errors = faces.extract_many(sorted(shared_videos.iterdir()), out, progress=False)
    assert not errors
    return {clip.key: clip for clip in clips.values()}


@pytest.mark.parametrize("name", ["single_face", "WolfgangLanger_Pexels"])
def test_real_faces_are_found_and_lie_on_the_prototype(real, name):
    clip = real[name]
    assert clip.valid.mean() >= 0.95
    pixels = (clip.landmarks[clip.valid] + 1) / 2 * 95
    eyes = np.stack([faces.anchors(points)[:2] for points in pixels])
    assert np.linalg.norm(eyes - faces.prototype()[:2], axis=-1).mean() <= 1.5


def test_real_crops_are_where_the_face_is(real):
    leaves, comes, nobody = (real[name] for name in ("face_noface", "noface_face", "no_face"))
    assert len(leaves) == len(comes) == 169 and len(nobody) == 95
    assert not nobody.valid.any()
    # A face in the first (last) seconds alone: one change in the whole clip, near the middle.
    assert leaves.valid[:60].all() and not leaves.valid[90:].any()
    assert not comes.valid[:90].any() and comes.valid[110:-1].all()


def test_a_process_that_waited_finds_the_video_finished(whole, face_video, tmp_path):
    code = """
import sys
from kollias_affect import faces
print(len(faces.extract(*sys.argv[1:])))
"""
    command = [sys.executable, "-c", code, str(face_video), str(tmp_path)]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    assert [process.communicate()[0].strip() for process in both] == ["24", "24"]
    assert files(tmp_path) == files(whole)

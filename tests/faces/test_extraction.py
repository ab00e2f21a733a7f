import csv
import json
import signal
import subprocess
import sys

import cv2
import numpy as np
import pytest

from kollias_affect import faces
from kollias_affect.faces import extraction, extraction_run

PHOTOGRAPH_BOX = faces.Box(44, 40, 100, 100, 1.0)


def photograph_box(image):
    """A detector that returns the box of the face of the synthetic videos in every image."""
    return [PHOTOGRAPH_BOX]


def visible(image):
    """A detector that is quick: one box in every image that shows something."""
    return [PHOTOGRAPH_BOX] if image.std() > 10 else []


visible.__module__ = "detectors_of_tests"  # the name that `KILLER` gives it, too


class Stop(Exception):
    """Interrupts an extraction in this process."""


def stop_after(frames):
    """Returns a function for `on_frame` that interrupts after a number of frames."""
    calls = []

    def on_frame(count):
        calls.append(count)
        if len(calls) == frames:
            raise Stop

    return on_frame


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
def complete(face_video, tmp_path_factory):
    """Outputs of an uninterrupted run."""
    out = tmp_path_factory.mktemp("complete")
    faces.extract(face_video, out)
    return out


def test_every_decoded_frame_has_a_row_and_every_face_an_image(complete, face_video):
    table = rows(complete / "subject01_1.csv")
    assert list(table[0]) == list(faces.COLUMNS)
    assert [int(row["frame"]) for row in table] == list(range(1, 25))
    assert np.allclose([float(row["timestamp"]) for row in table], np.arange(24) / 25)
    crops = {f"{int(row['frame']):05d}.jpg" for row in table if row["success"] == "1"}
    assert {path.name for path in (complete / "subject01_1").iterdir()} == crops
    assert 15 <= len(crops) <= 20  # The face is hidden in four frames.
    assert {row["input"] for row in table} == {"subject01_1.mp4"}


def test_frames_without_a_face_have_rows_without_a_box(complete):
    hidden = [row for row in rows(complete / "subject01_1.csv") if row["success"] == "0"]
    assert len(hidden) >= 4
    assert {row["FaceRectX"] for row in hidden} == {row["face_id"] for row in hidden} == {""}


def test_landmarks_are_given_in_the_crop_and_in_the_frame(complete, face_video):
    clip = faces.read(complete, "subject01_1")
    with np.load(complete / "subject01_1.npz") as arrays:
        assert set(arrays) == {"landmarks", "landmarks_in_frame"}
        in_frame = arrays["landmarks_in_frame"]
    assert clip.landmarks.shape == in_frame.shape == (24, 68, 2)
    assert np.isnan(clip.landmarks[~clip.valid]).all()
    image = next(frame.image for frame in faces.Video(face_video))
    crop, moved = faces.align(image, in_frame[0])
    assert np.allclose(faces.normalize(moved), clip.landmarks[0], atol=1e-5)
    stored = cv2.imread(clip.paths[0])[:, :, ::-1]
    assert np.abs(stored.astype(int) - crop).mean() < 3  # JPEG is lossy.


def test_eye_centres_lie_on_the_prototype(complete):
    clip = faces.read(complete, "subject01_1")
    pixels = (clip.landmarks[clip.valid] + 1) / 2 * 95
    eyes = np.stack([faces.anchors(points)[:2] for points in pixels])
    assert np.linalg.norm(eyes - faces.prototype()[:2], axis=-1).mean() < 1.5


def test_settings_and_versions_are_recorded(complete):
    marker = json.loads((complete / "subject01_1.json").read_text())
    assert marker["settings"]["detector"] == "blazeface_main" and "dlib-bin" in marker["versions"]
    assert marker["broken"] is None and marker["people"] == ["subject01_1"]


def test_the_same_video_gives_the_same_bytes(complete, face_video, tmp_path):
    faces.extract(face_video, tmp_path)
    assert files(tmp_path) == files(complete)


# A process that reads lists of jobs, forks a child for each job of a list, and prints the exit
# codes. A child extracts a video with `visible`. It kills itself at the named moment, or exits with
# the number of frames. Forks share the import and the model, which take longer than an extraction.
KILLER = """
import json, os, signal, sys
import cv2
from kollias_affect import faces
from kollias_affect.faces import extraction_run, landmarks
from kollias_affect.faces.extraction_run import ExtractionRun
from kollias_affect.faces.publication import Publication

def kill():
    os.kill(os.getpid(), signal.SIGKILL)

def strike(owner, name, moment):
    original = getattr(owner, name)
    def wrapped(*args, **kwargs):
        if moment == "before " + name:
            kill()
        result = original(*args, **kwargs)
        if moment == "after " + name:
            kill()
        return result
    setattr(owner, name, wrapped)

def extract(video, out, moment, options):
    for name in ("begin", "publish"):
        strike(ExtractionRun, name, moment)
    for name in ("start", "withdraw", "refuse_foreign", "add_crops", "add_files"):
        strike(Publication, name, moment)
    count = 0
    def on_frame(frames):
        nonlocal count
        count += frames
        if moment == f"frame {count}":
            kill()
    original = extraction_run.write_crop
    def half(path, image):
        original(path, image)
        if moment == "half a crop" and path.name == "00006.jpg":
            path.write_bytes(path.read_bytes()[:100])
            kill()
    extraction_run.write_crop = half
    return faces.extract(video, out, detector=visible, on_frame=on_frame, **options)

def visible(image):
    return [faces.Box(44, 40, 100, 100, 1.0)] if image.std() > 10 else []

def fork(job):
    child = os.fork()
    if child == 0:
        frames = 0
        try:
            frames = len(extract(*job))
        finally:
            os._exit(frames)
    return child

visible.__module__ = "detectors_of_tests"
cv2.setNumThreads(1)
landmarks._predictor()
for line in sys.stdin:
    children = [fork(job) for job in json.loads(line)]
    codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    print(json.dumps(codes), flush=True)
"""


@pytest.fixture(scope="module")
def run_jobs(face_video):
    """Returns a function that lets `KILLER` run jobs and returns their exit codes."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-c", KILLER], **pipes) as process:

        def run(*jobs):
            process.stdin.write(json.dumps([[str(face_video), *job] for job in jobs]) + "\n")
            process.stdin.flush()
            return json.loads(process.stdout.readline())

        yield run
        process.stdin.close()


@pytest.fixture
def killed_extract(run_jobs):
    """Returns a function that extracts `face_video` and is killed at a moment."""

    def extract(out, moment, **options):
        assert run_jobs((str(out), moment, options)) == [-signal.SIGKILL]

    return extract


@pytest.fixture(scope="module")
def uninterrupted(face_video, tmp_path_factory):
    """Outputs of an uninterrupted run with the quick detector."""
    out = tmp_path_factory.mktemp("uninterrupted")
    faces.extract(face_video, out, visible)
    return out


@pytest.mark.parametrize(
    "moment",
    [
        "frame 1",
        "after begin",
        "frame 9",
        "half a crop",
        "before publish",
        "after start",
        "after add_crops",
        "before add_files",
        "after add_files",
    ],
)
def test_resume_gives_the_same_files(uninterrupted, killed_extract, face_video, tmp_path, moment):
    killed_extract(tmp_path, moment)
    assert not (tmp_path / "subject01_1.json").exists()
    faces.extract(face_video, tmp_path, visible)
    assert files(tmp_path) == files(uninterrupted)


@pytest.fixture(scope="module")
def tracked(face_video, tmp_path_factory):
    """Outputs of an uninterrupted run with a detection in every fifth frame."""
    out = tmp_path_factory.mktemp("tracked")
    faces.extract(face_video, out, detect_every=5)
    return out


def test_tracked_landmarks_agree_with_detected_ones(complete, tracked):
    reference, moved = (
        np.load(out / "subject01_1.npz")["landmarks_in_frame"] for out in (complete, tracked)
    )
    in_tracked, wanted = (np.isfinite(points[:, 0, 0]) for points in (moved, reference))
    assert in_tracked[wanted].all()  # No face is lost.
    eyes = np.stack([faces.anchors(points)[:2] for points in reference[wanted]])
    distance = np.linalg.norm(moved - reference, axis=2).mean(axis=1)[wanted]
    assert (distance / np.linalg.norm(eyes[:, 1] - eyes[:, 0], axis=1)).mean() < 0.02
    assert np.count_nonzero(distance) > 0  # Some faces were tracked.


def test_hidden_faces_are_not_tracked(complete, tracked, face_video):
    flat = [frame.index for frame in faces.Video(face_video) if frame.image.std() < 10]
    assert len(flat) == 4
    table = rows(tracked / "subject01_1.csv")
    assert {table[index - 1]["success"] for index in flat} == {"0"}


def test_the_detector_runs_on_some_frames_only(face_video, tmp_path):
    calls = []

    def detector(image):
        calls.append(1)
        return faces.detect(image)

    faces.extract(face_video, tmp_path, detector=detector, detect_every=5)
    assert len(calls) < 16  # of 24 frames: every fifth, and those without a face


@pytest.fixture(scope="module")
def tracked_uninterrupted(face_video, tmp_path_factory):
    """Outputs of an uninterrupted run with the quick detector in every fifth frame."""
    out = tmp_path_factory.mktemp("tracked_uninterrupted")
    faces.extract(face_video, out, visible, detect_every=5)
    return out


@pytest.mark.parametrize(
    "moment",
    ["frame 1", "frame 4", "frame 8", "half a crop", "before publish", "after add_crops"],
)
def test_resume_while_faces_are_tracked_gives_the_same_files(
    tracked_uninterrupted, killed_extract, face_video, tmp_path, moment
):
    killed_extract(tmp_path, moment, detect_every=5)
    faces.extract(face_video, tmp_path, visible, detect_every=5)
    assert files(tmp_path) == files(tracked_uninterrupted)


def bright(image):
    """A detector that returns a face in every image that is not dark."""
    return [PHOTOGRAPH_BOX] if image.mean() > 50 else []


@pytest.mark.parametrize("stop", [3, 7, 9, 14, 15, 22, 25])
def test_resume_without_faces_gives_the_same_files(write_video, tmp_path, stop):
    pictures = [np.full((240, 240, 3), 0 if i < 21 else 200, np.uint8) for i in range(26)]
    video = write_video(pictures)
    options = {"detector": bright, "detect_every": 4}
    faces.extract(video, tmp_path / "complete", **options)
    assert [row["success"] for row in rows(tmp_path / "complete" / "video.csv")] == (
        ["0"] * 21 + ["1"] * 5
    )

    with pytest.raises(Stop):
        faces.extract(video, tmp_path / "out", on_frame=stop_after(stop), **options)
    faces.extract(video, tmp_path / "out", **options)
    assert files(tmp_path / "out") == files(tmp_path / "complete")


@pytest.mark.parametrize(("before", "now"), [(1, 5), (5, 1), (5, 3)])
def test_another_detect_every_is_refused(face_video, tmp_path, before, now):
    options = {"detector": photograph_box}
    faces.extract(face_video, tmp_path, detect_every=before, **options)
    with pytest.raises(ValueError, match=rf"differs in detect_every \({before}, now {now}\)\."):
        faces.extract(face_video, tmp_path, detect_every=now, **options)


def test_a_torn_line_of_the_journal_is_written_again(uninterrupted, face_video, tmp_path, caplog):
    with pytest.raises(Stop):
        faces.extract(face_video, tmp_path, visible, on_frame=stop_after(8))
    journal = tmp_path / ".subject01_1.partial" / "journal.jsonl"
    journal.write_bytes(journal.read_bytes()[:-20])
    with caplog.at_level("INFO", "kollias_affect.progress"):
        faces.extract(face_video, tmp_path, visible)
    assert caplog.messages == [f"{face_video.name} resumes at frame 8."]
    assert files(tmp_path) == files(uninterrupted)


def test_a_finished_video_is_not_extracted_again(complete, face_video):
    before = {path: path.stat().st_mtime_ns for path in complete.rglob("*")}
    clip = faces.extract(
        face_video, complete, on_frame=lambda frames: pytest.fail("extracted again")
    )
    assert len(clip) == 24
    assert {path: path.stat().st_mtime_ns for path in complete.rglob("*")} == before


def test_crops_whose_table_has_the_earlier_score_are_to_be_extracted_again(face_video, tmp_path):
    faces.extract(face_video, tmp_path, detector=photograph_box)
    marker = tmp_path / f"{face_video.stem}.json"
    content = json.loads(marker.read_text())
    del content["settings"]["table"]  # as written by the version with `confidence`
    marker.write_text(json.dumps(content))
    with pytest.raises(ValueError, match=r"differs in table \(1, now 2\).*overwrite"):
        faces.extract(face_video, tmp_path, detector=photograph_box)


def test_other_settings_are_refused_and_may_be_overwritten(face_video, tmp_path):
    faces.extract(face_video, tmp_path, detector=photograph_box)
    with pytest.raises(ValueError, match=r"differs in size \(96, now 48\).*overwrite"):
        faces.extract(face_video, tmp_path, size=48, detector=photograph_box)
    clip = faces.extract(face_video, tmp_path, size=48, detector=photograph_box, overwrite=True)
    assert cv2.imread(clip.paths[0]).shape == (48, 48, 3)


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("name", ["subject01_1/thesis.txt", "subject01_1.csv", "subject01_1.npz"])
def test_other_files_are_left_alone(face_video, tmp_path, name, overwrite):
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
def test_another_file_with_the_name_of_the_marker_is_refused(face_video, tmp_path, content):
    other = tmp_path / "other"
    other.mkdir()
    (other / "00001.jpg").touch()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "subject01_1.json").write_text(content)
    for overwrite in (False, True):
        with pytest.raises(ValueError, match="was not written by an extraction"):
            faces.extract(face_video, tmp_path / "out", overwrite=overwrite)
    assert (other / "00001.jpg").exists()


def test_overwriting_keeps_other_files_beside_the_crops(face_video, tmp_path):
    options = {"detector": photograph_box}
    faces.extract(face_video, tmp_path, **options)
    (tmp_path / "subject01_1" / "notes.txt").write_text("mine")
    with pytest.raises(FileExistsError, match="Move it away"):
        faces.extract(face_video, tmp_path, overwrite=True, **options)
    assert (tmp_path / "subject01_1" / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize("moment", ["after withdraw", "before refuse_foreign"])
def test_a_killed_overwrite_is_not_taken_for_finished(
    uninterrupted, killed_extract, face_video, tmp_path, moment
):
    faces.extract(face_video, tmp_path, visible, size=48)
    killed_extract(tmp_path, moment, overwrite=True)
    faces.extract(face_video, tmp_path, visible)
    assert files(tmp_path) == files(uninterrupted)


def test_a_run_killed_while_publishing_may_be_restarted_with_other_settings(
    uninterrupted, killed_extract, face_video, tmp_path
):
    killed_extract(tmp_path, "after add_files", size=48)
    faces.extract(face_video, tmp_path, visible)
    assert files(tmp_path) == files(uninterrupted)


def test_a_damaged_journal_is_resumed_behind_its_last_good_line(
    uninterrupted, face_video, tmp_path
):
    with pytest.raises(Stop):
        faces.extract(face_video, tmp_path, visible, on_frame=stop_after(9))
    journal = tmp_path / ".subject01_1.partial" / "journal.jsonl"
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join([*lines[:5], b"\xff\x00\n", *lines[6:]]))
    faces.extract(face_video, tmp_path, visible)
    assert files(tmp_path) == files(uninterrupted)


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


def test_two_processes_do_not_extract_one_video(face_video, tmp_path, monkeypatch):
    monkeypatch.setattr(extraction_run, "LOCK_SECONDS", 0)

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
    """Returns a function that extracts a real video."""
    out = tmp_path_factory.mktemp("real")
    return lambda name: faces.extract(shared_videos / name, out)


@pytest.mark.parametrize(
    "name",
    ["single_face.mp4", pytest.param("WolfgangLanger_Pexels.mp4", marks=pytest.mark.nightly)],
)
def test_real_faces_are_found_and_lie_on_the_prototype(real, name):
    clip = real(name)
    assert clip.valid.mean() >= 0.95
    pixels = (clip.landmarks[clip.valid] + 1) / 2 * 95
    eyes = np.stack([faces.anchors(points)[:2] for points in pixels])
    assert np.linalg.norm(eyes - faces.prototype()[:2], axis=-1).mean() <= 1.5


@pytest.mark.nightly
def test_real_crops_are_where_the_face_is(real):
    names = ("face_noface.mov", "noface_face.mov", "no_face.mp4")
    leaves, comes, nobody = (real(name) for name in names)
    assert len(leaves) == len(comes) == 169 and len(nobody) == 95
    assert not nobody.valid.any()
    # A face in the first (last) seconds only: one change, near the middle.
    assert leaves.valid[:60].all() and not leaves.valid[90:].any()
    assert not comes.valid[:90].any() and comes.valid[110:-1].all()


def test_a_process_that_waited_finds_the_video_finished(uninterrupted, run_jobs, tmp_path):
    job = (str(tmp_path), "never", {})
    assert run_jobs(job, job) == [24, 24]
    assert files(tmp_path) == files(uninterrupted)


@pytest.mark.parametrize(
    "landmarks",
    [
        np.array(["text"] * 2),
        np.float32(3),
        np.array([None, {}], object),
        np.zeros((3, 68, 2), np.float32),
        np.zeros((2, 68, 2), int),
    ],
)
def test_damaged_landmarks_are_refused_by_name(tmp_path, landmarks):
    lines = ["frame,timestamp,success", "1,0.0,1", "2,0.04,0"]
    (tmp_path / "a.csv").write_text("\n".join(lines) + "\n")
    np.savez(tmp_path / "a.npz", landmarks=landmarks)
    with pytest.raises(ValueError, match=r"Landmarks must be complete.*a\.npz.*again"):
        extraction.read(tmp_path, "a")


def test_a_damaged_table_of_faces_is_refused_by_name(tmp_path):
    (tmp_path / "a.csv").write_text("frame,timestamp\n1,0.0\n")
    with pytest.raises(ValueError, match=r"table of faces must be complete.*a\.csv"):
        extraction.read(tmp_path, "a")

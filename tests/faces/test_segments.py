"""Segments of a video, extracted apart and joined: the files are those of one pass."""

import json
import random

import numpy as np
import pytest
import skimage.data
from moving_faces import ASTRONAUT, absence, contents, cut, shot, squares, write, write_frames

from kollias_affect import faces
from kollias_affect.faces import extraction_run, frame_journal, segments, video


def head(image):
    """Detector of a head in front of the grey scene of `shot`."""
    columns = np.flatnonzero(np.ptp(image, axis=(0, 2)) > 80)
    if len(columns) > 100:
        yield int(columns[0]) + 60, 65, 80, 80, 1.0


PEOPLE = {"detector": head, "size": 48, "faces": "all"}
SQUARES = {"detector": squares, "faces": "all", "size": 48}


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    """Video of 22 frames in which a face is absent and returns elsewhere; and its outputs."""
    face = cut(skimage.data.astronaut(), ASTRONAUT)
    root = tmp_path_factory.mktemp("people")
    pictures = shot(face, 10) + absence(0.4) + shot(face[:, ::-1], 250, shade=0.8)
    path = write_frames(root / "people.mp4", pictures)
    faces.extract(path, root / "expected", **PEOPLE)
    return path, contents(root / "expected")


def extract_in_segments(path, out, length, options):
    bounds = segments.plan(path, out, length, **options)
    assert len(bounds) > 1
    for bound in random.Random(0).sample(bounds, len(bounds)):
        segments.extract_segment(path, out, *bound, **options)
    segments.join(path, out, bounds, **options)


@pytest.mark.parametrize("length", [3, 8])
def test_tracks_and_people_across_the_cuts_are_those_of_one_pass(people, tmp_path, length):
    path, expected = people
    extract_in_segments(path, tmp_path, length, PEOPLE)
    assert contents(tmp_path) == expected  # and nothing hidden is left


def test_boxes_follow_pictures_that_change_their_size_as_in_one_pass(tmp_path):
    path = write(tmp_path / "a.ts", (160, 120), (404, 302), (320, 120))
    faces.extract(path, tmp_path / "expected", **SQUARES)
    extract_in_segments(path, tmp_path / "out", 4, SQUARES)
    assert contents(tmp_path / "out") == contents(tmp_path / "expected")


def test_where_a_video_breaks_is_noted_as_in_one_pass(tmp_path):
    path = write(tmp_path / "a.ts", (320, 240), (160, 120))
    content = bytearray(path.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 400] = bytes(400)
    path.write_bytes(content[:-1000])
    faces.extract(path, tmp_path / "expected", **SQUARES)
    assert json.loads((tmp_path / "expected" / "a.json").read_text())["broken"]
    extract_in_segments(path, tmp_path / "out", 4, SQUARES)
    assert contents(tmp_path / "out") == contents(tmp_path / "expected")


class Killed(BaseException):
    """Stands for the end of a process."""


def kill_at(monkeypatch, owner, name, call):
    """Lets the call number `call` of a function end the process, once."""
    original, calls = getattr(owner, name), []

    def counted(*args, **kwargs):
        calls.append(None)
        if len(calls) == call:
            raise Killed
        return original(*args, **kwargs)

    monkeypatch.setattr(owner, name, counted)


@pytest.mark.parametrize(
    ("owner", "name", "call"),
    [
        (segments, "write_crop", 4),
        (frame_journal.FrameJournal, "add", 5),
        (segments.Segment, "finish", 2),
        (extraction_run.ExtractionRun, "adopt", 3),
        (frame_journal.FrameJournal, "add", 22 + 9),  # crops were moved, their line is missing
        (extraction_run.ExtractionRun, "publish", 1),
    ],
)
def test_a_killed_worker_resumes_and_the_files_are_the_same(
    people, tmp_path, monkeypatch, owner, name, call
):
    path, expected = people
    kill_at(monkeypatch, owner, name, call)
    with pytest.raises(Killed):
        extract_in_segments(path, tmp_path, 8, PEOPLE)
    extract_in_segments(path, tmp_path, 8, PEOPLE)
    assert contents(tmp_path) == expected


def test_one_pass_goes_on_behind_segments_that_were_joined(people, tmp_path, monkeypatch):
    path, expected = people
    kill_at(monkeypatch, extraction_run.ExtractionRun, "adopt", 20)
    with pytest.raises(Killed):
        extract_in_segments(path, tmp_path, 8, PEOPLE)
    faces.extract(path, tmp_path, **PEOPLE)
    assert contents(tmp_path) == expected


def test_segments_go_on_behind_one_pass_that_was_killed(people, tmp_path, monkeypatch):
    path, expected = people
    kill_at(monkeypatch, extraction_run.ExtractionRun, "add", 19)
    with pytest.raises(Killed):
        faces.extract(path, tmp_path, **PEOPLE)
    extract_in_segments(path, tmp_path, 8, PEOPLE)
    assert contents(tmp_path) == expected


def test_finished_videos_are_not_divided_and_overwriting_begins_again(people, tmp_path):
    path, expected = people
    extract_in_segments(path, tmp_path, 8, PEOPLE)
    assert segments.plan(path, tmp_path, 8, **PEOPLE) == []
    bounds = segments.plan(path, tmp_path, 8, overwrite=True, **PEOPLE)
    assert len(bounds) == 3 and not (tmp_path / "people.json").exists()
    assert segments.plan(path, tmp_path, 8, overwrite=True, **PEOPLE) == bounds
    extract_in_segments(path, tmp_path, 8, PEOPLE)
    assert contents(tmp_path) == expected


def test_short_videos_and_tracked_ones_are_not_divided(people, tmp_path):
    path, _ = people
    assert segments.plan(path, tmp_path, 15, **PEOPLE) == []
    assert segments.plan(path, tmp_path, 14, **PEOPLE) == [(0, 14), (14, None)]
    assert segments.plan(path, tmp_path, 5, detect_every=2, **PEOPLE) == []


def test_segments_of_another_version_are_refused(people, tmp_path, monkeypatch):
    path, _ = people
    bounds = segments.plan(path, tmp_path, 8, **PEOPLE)
    for bound in bounds:
        segments.extract_segment(path, tmp_path, *bound, **PEOPLE)
    monkeypatch.setattr(segments, "header_of", lambda settings: {"versions": "others"})
    with pytest.raises(ValueError, match="same versions"):
        segments.join(path, tmp_path, bounds, **PEOPLE)


def test_a_segment_that_is_missing_is_named(people, tmp_path):
    path, _ = people
    bounds = segments.plan(path, tmp_path, 8, **PEOPLE)
    with pytest.raises(FileNotFoundError, match="shares"):
        segments.join(path, tmp_path, bounds, **PEOPLE)


def test_only_chosen_frames_are_converted(people):
    path, _ = people
    frames = list(video.Video(path, only={2, 22}))
    assert [f.index for f in frames if f.image is not None] == [2, 22] and len(frames) == 22
    every = [f.image for f in video.Video(path)]
    assert np.array_equal(frames[1].image, every[1])

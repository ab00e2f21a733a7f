import types

import numpy as np
import pytest

from kollias_affect.faces import Box
from kollias_affect.faces.between_detections import FaceTracker
from kollias_affect.faces.cropping import AlignedFace

RANDOM = np.random.default_rng(0)
PATTERN = RANDOM.integers(0, 256, (6, 6, 3), np.uint8).repeat(8, axis=0).repeat(8, axis=1)
OTHER = np.ascontiguousarray(PATTERN[::-1])
FLAT = np.full_like(PATTERN, 128)
SHAPE = RANDOM.uniform(0.2, 0.8, (68, 2))  # of points in a box of side 1


class Scene:
    """Frames that are numbers, with faces at known places.

    `places[i]` maps the name of a face to its true box in frame i; `looks` returns its crop.
    Landmarks are found in any box that overlaps the face, as by the real predictor.
    """

    def __init__(self, places, looks=lambda frame, name: PATTERN, missed=()):
        self.places, self.looks, self.missed = places, looks, missed
        self.searched = []

    def detect(self, frame):
        self.searched.append(frame)
        there = {} if frame in self.missed else self.places[frame]
        return [self._face(frame, name, Box(*box, 1.5)) for name, box in there.items()]

    def look(self, frame, box):
        for name, place in self.places[frame].items():
            if abs(place[0] - box.x) < place[2] / 2:
                return self._face(frame, name, box)
        return AlignedFace(box, np.float32(SHAPE * box.width + box[:2]), SHAPE, FLAT)

    def _face(self, frame, name, box):
        x, y, side, _ = self.places[frame][name]
        return AlignedFace(box, np.float32(SHAPE * side + (x, y)), SHAPE, self.looks(frame, name))

    def run(self, every):
        tracker = FaceTracker(every, self.detect, self.look)
        return [tracker.faces(frame) for frame in range(len(self.places))]


def run(scene, every):
    """Runs the tracker as an extraction does.

    Returns the frames with a detection, the number of faces in each frame, and whether each frame
    had no detection.
    """
    frames = [types.SimpleNamespace(image=i, grid=None) for i in range(len(scene.places))]
    results = list(FaceTracker(every, scene.detect, scene.look).run(frames))
    assert [frame.image for frame, _, _ in results] == list(range(len(frames)))
    return (
        scene.searched,
        [len(faces) for _, faces, _ in results],
        [other for _, _, other in results],
    )


def still(count, **faces):
    return [faces or {"a": (100, 100, 80, 80)}] * count


def test_without_tracking_the_detector_runs_on_every_frame():
    scene = Scene(still(7))
    assert [tracked for _, tracked in scene.run(1)] == [False] * 7
    assert scene.searched == list(range(7))


def test_the_detector_runs_on_every_fifth_frame():
    scene = Scene(still(12))
    results = scene.run(5)
    assert scene.searched == [0, 5, 10]
    assert [tracked for _, tracked in results] == [i not in (0, 5, 10) for i in range(12)]
    assert all(len(faces) == 1 for faces, _ in results)


def test_a_tracked_face_keeps_the_score_of_its_detection():
    assert {face.box.score for faces, _ in Scene(still(4)).run(5) for face in faces} == {1.5}


def test_the_box_stays_while_the_face_hardly_moves():
    places = [{"a": (100 + (i % 2), 100, 80, 80)} for i in range(5)]
    boxes = [faces[0].box[:4] for faces, _ in Scene(places).run(5)]
    assert boxes == [(100, 100, 80, 80)] * 5


def test_the_box_moves_and_grows_with_the_face():
    places = [{"a": (100 + 10 * i, 100, 80 + 8 * i, 80 + 8 * i)} for i in range(5)]
    scene = Scene(places)
    boxes = [faces[0].box[:4] for faces, _ in scene.run(5)]
    assert scene.searched == [0]
    assert np.allclose(boxes, [place["a"] for place in places], atol=1)


@pytest.mark.parametrize("look", [FLAT, OTHER])
def test_a_face_that_looks_different_is_detected_again(look):
    scene = Scene(still(10), looks=lambda frame, name: look if frame >= 3 else PATTERN)
    scene.run(8)
    # It is detected again in frame 3 with its new look; a flat crop can never be tracked.
    assert scene.searched == [0, 3] if look is OTHER else list(range(3, 10))


def test_a_hidden_face_is_not_tracked():
    places = still(3) + [{}] * 4 + still(3)
    results = Scene(places).run(5)
    assert [len(faces) for faces, _ in results] == [len(place) for place in places]


def test_the_detector_runs_on_every_frame_until_there_is_a_face():
    scene = Scene([{}] * 4 + still(3))
    assert [len(faces) for faces, _ in scene.run(5)] == [0] * 4 + [1] * 3
    assert scene.searched == [0, 1, 2, 3, 4]


def test_the_detector_runs_until_a_missed_face_is_detected_again():
    two = {"a": (100, 100, 80, 80), "b": (400, 100, 80, 80)}
    scene = Scene([two] * 9)
    detect = scene.detect

    def without_b(frame):
        faces = detect(frame)
        return faces[:1] if frame == 4 else faces

    scene.detect = without_b
    results = scene.run(4)
    assert scene.searched == [0, 4, 5]
    assert [len(faces) for faces, _ in results] == [2, 2, 2, 2, 1, 2, 2, 2, 2]


def test_the_detector_looks_for_a_face_that_left_for_a_few_frames():
    both = {"a": (100, 100, 80, 80), "b": (400, 100, 80, 80)}
    scene = Scene([both] * 4 + [{"a": both["a"]}] * 12)
    scene.run(4)
    # Lost in frame 4; frames 3 to 0 are forgotten after frame 7.
    assert scene.searched[:5] == [0, 4, 5, 6, 7] and 8 not in scene.searched


def test_new_faces_are_found_at_the_next_detection():
    both = {"a": (100, 100, 80, 80), "b": (400, 100, 80, 80)}
    results = Scene([{"a": both["a"]}] * 2 + [both] * 6).run(5)
    assert [len(faces) for faces, _ in results] == [1, 1, 1, 1, 1, 2, 2, 2]


def test_tiny_boxes_are_no_error():
    tiny = Scene([{"a": (5, 5, 1, 1)}, {"a": (5, 5, 0, 0)}, {"a": (5, 5, 0, 0)}, {}])
    assert len(tiny.run(4)) == 4


def test_without_faces_the_detector_runs_on_every_fourth_frame():
    searched, counts, others = run(Scene([{}] * 21), 4)
    assert searched == [0, 1, 2, 3, 7, 11, 15, 19, 20]
    assert counts == [0] * 21
    assert [i for i, other in enumerate(others) if not other] == searched


@pytest.mark.parametrize("first", range(4, 16))
def test_no_frame_of_a_new_face_is_lost(first):
    _, counts, _ = run(Scene([{}] * first + still(20 - first)), 4)
    assert counts == [0] * first + [1] * (20 - first)


def test_the_number_of_held_frames_is_bounded():
    searched, _, _ = run(Scene([{}] * 1100), 1000)
    assert searched[1000:1003] == [1015, 1031, 1047]


def test_without_tracking_no_frame_is_held():
    assert run(Scene([{}] * 9), 1)[0] == list(range(9))

import numpy as np
import pytest

from kollias_affect.faces import Box
from kollias_affect.faces.identity import IdentityTracker, Track, main_face, people, persons


def box(x, side=100):
    return Box(x, 50, side, side, 1.0)


def track(frames, rate=10, **options):
    """Returns the ids of the boxes of each frame, and the tracker."""
    tracker = IdentityTracker(**options)
    return [tracker.update(boxes, i / rate) for i, boxes in enumerate(frames)], tracker


def test_a_moving_face_keeps_its_id():
    ids, _ = track([[box(10 * i)] for i in range(50)])
    assert ids == [[0]] * 50


def test_ids_do_not_depend_on_the_order_of_boxes():
    frames = [[box(0), box(300)], [box(302), box(2)], [box(4), box(304)]]
    ids, _ = track(frames)
    assert ids == [[0, 1], [1, 0], [0, 1]]


def test_a_missed_face_keeps_its_id():
    ids, _ = track([[box(0)]] + [[]] * 20 + [[box(5)]])
    assert ids[-1] == [0]


def test_after_its_memory_a_face_has_a_new_id():
    ids, _ = track([[box(0)]] + [[]] * 40 + [[box(5)]], memory=3.0)
    assert ids[-1] == [1]


def test_at_low_frame_rates_the_frame_before_is_remembered():
    ids, _ = track([[box(0)]] * 5, rate=1 / 60)
    assert ids == [[0]] * 5


def test_fast_faces_keep_their_id():
    ids, _ = track([[box(70 * i)] for i in range(10)])
    assert ids == [[0]] * 10


def test_one_track_takes_one_box_per_frame():
    ids, _ = track([[box(0)], [box(5), box(10)]])
    assert sorted(ids[1]) == [0, 1]


def test_the_longest_face_is_the_main_one():
    _, tracker = track([[box(0, 50), box(300, 200)]] * 5 + [[box(0, 50)]] * 20)
    assert main_face(tracker.tracks).face_id == 0


def test_of_equally_long_faces_the_largest_is_the_main_one_even_if_a_frame_is_missed():
    _, tracker = track([[box(0, 50), box(300, 200)]] * 19 + [[box(0, 50)]])
    assert main_face(tracker.tracks).face_id == 1


def test_no_face_has_no_main_face():
    assert main_face([]) is None
    assert people([], "video") == {"video": None}


def test_people_are_named_as_aff_wild2_does():
    def names(*places):
        _, tracker = track([[box(x) for x in places]] * 12)
        return {name: track.face_id for name, track in people(tracker.tracks, "v").items()}

    assert names(0) == {"v": 0}
    assert names(300, 0) == {"v_left": 1, "v_right": 0}
    assert set(names(0, 300, 600)) == {"v_face0", "v_face1", "v_face2"}


def test_people_who_are_not_seen_together_are_not_left_and_right():
    _, tracker = track([[box(0)]] * 12 + [[box(400)]] * 12)
    assert list(people(tracker.tracks, "v")) == ["v_face0", "v_face1"]


def test_short_tracks_are_no_people():
    _, tracker = track([[box(0), box(300)]] * 2 + [[box(0)]] * 20)
    assert list(people(tracker.tracks, "v")) == ["v"]


COPY = np.random.default_rng(0).integers(0, 256, (16, 16), np.uint8)
OTHER = np.random.default_rng(1).integers(0, 256, (16, 16), np.uint8)


def tracks_of(*spans, places=None):
    """Returns tracks with these first and last frames, at 10 frames a second."""
    tracks = []
    for i, (first, last) in enumerate(spans):
        place = box(0 if places is None else places[i])
        tracks.append(Track(i, place, first / 10, last / 10, last - first + 1, 1.0, 1.0, place))
        tracks[-1].parts = (i,)
    for a in tracks:
        a.others = {
            b.face_id for b in tracks if b is not a and a.first <= b.time and b.first <= a.time
        }
    return tracks


def groups(tracks, *vectors, **options):
    """Returns the tracks of each person, whose descriptors are numbers on a line."""
    features = {
        track.face_id: np.pad(np.reshape(vector, (-1, 1)), ((0, 0), (0, 127)))
        for track, vector in zip(tracks, vectors, strict=True)
    }
    found = persons(tracks, lambda track: features[track.face_id], **options)
    assert [person.face_id for person in found] == list(range(len(found)))
    return [person.parts for person in found]


def test_another_face_at_the_same_place_is_another_track():
    tracker = IdentityTracker()
    ids = [
        tracker.update([box(0)], i / 10, [copy]) for i, copy in enumerate([COPY, COPY, OTHER, COPY])
    ]
    assert ids == [[0], [0], [1], [0]]


def test_a_person_who_comes_back_elsewhere_is_the_same():
    tracks = tracks_of((0, 9), (10, 19), (200, 209), places=(0, 0, 400))
    assert groups(tracks, 0.0, 5.0, 0.45) == [(0, 2), (1,)]


@pytest.mark.parametrize(
    ("first", "place", "same"),
    [(10, 0, True), (10, 50, True), (10, 400, False), (109, 0, True), (110, 0, False)],
)
def test_a_face_that_goes_on_at_its_place_may_look_a_little_different(first, place, same):
    tracks = tracks_of((0, 9), (first, 120), places=(0, place))
    assert groups(tracks, 0.0, 0.53) == ([(0, 1)] if same else [(0,), (1,)])


def test_faces_that_are_seen_together_are_two_people_however_alike_they_are():
    tracks = tracks_of((0, 9), (5, 20), (30, 40))
    assert groups(tracks, 0.0, 0.0, 0.1) == [(0, 2), (1,)]


def test_a_person_is_not_joined_to_one_of_a_group_that_was_seen_with_another():
    # 0 and 2 are joined first; 1 is as near to 2, but was seen together with 0.
    tracks = tracks_of((0, 9), (5, 12), (30, 40))
    assert groups(tracks, 0.0, 0.3, 0.1) == [(0, 2), (1,)]


def test_chains_are_not_one_person():
    tracks = tracks_of((0, 1), (200, 201), (400, 401), places=(0, 300, 600))
    assert groups(tracks, 0.0, 0.4, 0.8) == [(0, 1), (2,)]


def test_tracks_are_compared_by_the_mean_over_their_pictures():
    tracks = tracks_of((0, 1), (200, 201), places=(0, 300))
    assert groups(tracks, [0.0, 0.2], [0.5, 0.5]) == [(0, 1)]  # (0.5 + 0.3) / 2
    assert groups(tracks, [0.0, 0.0], [0.5, 0.7]) == [(0,), (1,)]


def test_tracks_without_pictures_stay_alone():
    tracks = tracks_of((0, 1), (200, 201), (400, 401))
    assert groups(tracks, [], 0.0, 0.1) == [(0,), (1, 2)]


@pytest.mark.parametrize(
    ("last", "place", "joined"), [(11, 0, True), (13, 0, False), (11, 400, False)]
)
def test_a_brief_interruption_of_a_face_at_its_place_is_of_the_same_person(last, place, joined):
    # The face is seen in frames 0 to 9 and again in frame 20; what is between looks different.
    tracks = tracks_of((0, 20), (10, last), places=(0, place))
    tracks[0].others = tracks[1].others = set()
    assert groups(tracks, 0.0, 9.0) == ([(0, 1)] if joined else [(0,), (1,)])


def test_a_joined_track_counts_all_frames():
    (person,) = persons(tracks_of((0, 9), (20, 24)), lambda track: np.zeros((1, 128)))
    assert (person.first, person.time, person.frames, person.area) == (0, 2.4, 15, 2)


def test_one_track_needs_no_descriptors():
    (person,) = persons(tracks_of((0, 9)), None)
    assert person.parts == (0,)
    assert persons([], None) == []

from kollias_affect.faces import Box
from kollias_affect.faces.identity import IdentityTracker, main_face, people


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

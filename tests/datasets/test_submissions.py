"""Files that the challenges take: what is written, what is refused, round trips."""

import csv

import numpy as np
import pandas as pd
import pytest

from kollias_affect import EXPRESSIONS, evaluation
from kollias_affect.clip import Clip
from kollias_affect.datasets import omg, submissions

KEYS = ["b/utterance_4", "a/utterance_10", "a/utterance_2"]
HEADER = "Neutral,Anger,Disgust,Fear,Happiness,Sadness,Surprise,Other"


def clip(key, faces):
    """A clip with a face where the text has an x."""
    return Clip(key, [f"{n}.jpg" if face == "x" else "" for n, face in enumerate(faces)])


def test_omg_has_the_columns_and_the_order_of_the_challenge(tmp_path):
    values = {KEYS[2]: [0.5, 0.25], KEYS[0]: [-0.75, 0.125], KEYS[1]: [0.1, 0.9]}
    done = submissions.write("omg", tmp_path / "omg.csv", KEYS, values)
    assert (done.rows, done.without_face, done.clipped) == (3, 0, 0)
    assert (tmp_path / "omg.csv").read_text().splitlines() == [
        "video,utterance,arousal,valence",
        "b,utterance_4.mp4,0.125000,-0.750000",
        "a,utterance_10.mp4,0.900000,0.100000",
        "a,utterance_2.mp4,0.250000,0.500000",
    ]


def test_omg_round_trip_through_a_table_of_utterances(tmp_path):
    clips = [clip(KEYS[0], "xx"), clip(KEYS[1], "x"), clip(KEYS[2], "-x")]
    random = np.random.default_rng(0)
    predictions = {c.key: random.uniform(0, 1, (len(c), 2)) for c in clips}
    table = evaluation.aggregate(predictions, clips, by="utterance")
    submissions.write("omg", tmp_path / "omg.csv", clips, table)
    read = submissions.read("omg", tmp_path / "omg.csv", clips)
    assert [read[c.key].shape for c in clips] == [(2, 2), (1, 2), (2, 2)]
    again = evaluation.aggregate(read, clips, by="utterance")
    pd.testing.assert_frame_equal(again, table, atol=1e-6, rtol=0)


def test_omg_utterances_without_a_face_get_the_mean_of_the_others_and_are_counted(tmp_path):
    values = {KEYS[0]: [0.5, 0.2], KEYS[1]: [np.nan, np.nan], KEYS[2]: [-0.1, 0.6]}
    done = submissions.write("omg", tmp_path / "omg.csv", KEYS, values)
    assert done.without_face == 1
    rows = omg.read_predictions(tmp_path / "omg.csv", KEYS)
    np.testing.assert_allclose(rows[1], [0.2, 0.4], atol=1e-6)
    with pytest.raises(ValueError, match="at least one utterance with a face"):
        nothing = {key: [np.nan, np.nan] for key in KEYS}
        submissions.write("omg", tmp_path / "none.csv", KEYS, nothing)


def test_values_outside_the_range_of_the_labels_are_moved_to_its_end(tmp_path):
    values = {KEYS[0]: [-1.5, -0.25], KEYS[1]: [0.5, 0.5], KEYS[2]: [1.0, 1.0]}
    assert submissions.write("omg", tmp_path / "omg.csv", KEYS, values).clipped == 1
    rows = omg.read_predictions(tmp_path / "omg.csv", KEYS)
    np.testing.assert_array_equal(rows[0], [-1, 0])  # OMG's arousal is in [0, 1].
    person = clip("1-30-1280x720", "xx")
    affect = {person.key: [[1.5, -0.5], [0.25, -2.0]]}
    done = submissions.write("affwild2", tmp_path / "abaw", [person], affect)
    read = submissions.read("affwild2", tmp_path / "abaw", [person])[person.key]
    assert done.clipped == 2 and read.tolist() == [[1.0, -0.5], [0.25, -1.0]]


def test_missing_and_other_utterances_are_refused_and_nothing_is_written(tmp_path):
    values = {key: [0.5, 0.5] for key in KEYS}
    del values[KEYS[0]]
    values["c/utterance_1"] = [0.1, 0.1]
    with pytest.raises(ValueError) as error:
        submissions.write("omg", tmp_path / "omg.csv", KEYS, values)
    assert "none for ['b/utterance_4'] (1)" in str(error.value)
    assert "some for others ['c/utterance_1'] (1)" in str(error.value)
    with pytest.raises(ValueError, match=r"repeated \['b/utterance_4'\]"):
        submissions.write("omg", tmp_path / "omg.csv", KEYS[:1] * 2, {KEYS[0]: [0, 0]})
    with pytest.raises(ValueError, match="must be two numbers"):
        submissions.write(
            "omg", tmp_path / "omg.csv", KEYS, {key: np.zeros((4, 2)) for key in KEYS}
        )
    with pytest.raises(ValueError, match="`dataset` must be one of"):
        submissions.write("fer2013", tmp_path / "omg.csv", KEYS, values)
    assert not list(tmp_path.iterdir())


def test_other_files_are_never_replaced(tmp_path):
    (tmp_path / "notes.csv").write_text("mine\n")
    values = {key: [0.5, 0.5] for key in KEYS}
    with pytest.raises(FileExistsError, match=r"Received: .*notes.csv"):
        submissions.write("omg", tmp_path / "notes.csv", KEYS, values)
    for _ in range(2):  # an earlier submission is replaced
        submissions.write("omg", tmp_path / "omg.csv", KEYS, values)
    person = clip("105", "x")
    with pytest.raises(FileExistsError, match="new folder"):
        submissions.write("affwild2", tmp_path, [person], {"105": [[0, 0]]})
    assert (tmp_path / "notes.csv").read_text() == "mine\n"


AFFECT = [[0.5, 0.25], [np.nan, np.nan], [np.nan, np.nan], [-0.25, 1.0], [np.nan, np.nan]]


def test_affwild2_has_a_line_for_each_frame_and_marks_those_without_a_face(tmp_path):
    clips = [clip("video10_1_left", "x--x-"), clip("105", "xx")]
    predictions = {"105": [[0, 0], [1, -1]], "video10_1_left": AFFECT}
    done = submissions.write("affwild2", tmp_path / "out", clips, predictions)
    assert (done.rows, done.without_face) == (7, 3)
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == [
        *("105.txt", "video10_1_left.txt")
    ]
    assert (tmp_path / "out/video10_1_left.txt").read_text().splitlines() == [
        "valence,arousal", "0.500000,0.250000", "-5,-5", "-5,-5", "-0.250000,1.000000", "-5,-5",
    ]  # fmt: skip
    read = submissions.read("affwild2", tmp_path / "out", clips)
    np.testing.assert_array_equal(read["video10_1_left"], AFFECT)
    np.testing.assert_array_equal(read["105"], predictions["105"])


def test_affwild2_frames_without_a_face_can_be_interpolated(tmp_path):
    clips = [clip("105", "x--x-"), clip("106", "--")]
    nothing = np.full((2, 2), np.nan)
    predictions = {"105": AFFECT, "106": nothing}
    options = {"missing": "interpolate"}
    done = submissions.write("affwild2", tmp_path / "out", clips, predictions, **options)
    assert done.without_face == 5
    read = submissions.read("affwild2", tmp_path / "out", clips)
    expected = [[0.5, 0.25], [0.25, 0.5], [0, 0.75], [-0.25, 1], [-0.25, 1]]
    np.testing.assert_allclose(read["105"], expected, atol=1e-6)
    np.testing.assert_array_equal(read["106"], nothing)  # There is no face to fill from.
    with pytest.raises(ValueError, match="`missing` must be one of"):
        submissions.write("affwild2", tmp_path / "b", clips, predictions, missing="zeros")


@pytest.mark.parametrize(
    ("missing", "numbers"), [("mark", "4 -1 -1 -1 6"), ("interpolate", "4 4 4 6 6")]
)
def test_affwild2_expressions_are_numbers_of_the_database(tmp_path, missing, numbers):
    person = clip("105", "x---x")
    values = np.full((5, len(EXPRESSIONS)), np.nan)
    values[0], values[4] = np.eye(7)[EXPRESSIONS.index("happiness")], 0.1
    values[4, EXPRESSIONS.index("surprise")] = 0.4
    submissions.write("affwild2", tmp_path / "out", [person], {"105": values}, missing=missing)
    lines = (tmp_path / "out/105.txt").read_text().splitlines()
    assert lines == [HEADER, *numbers.split()]
    read = submissions.read("affwild2", tmp_path / "out", [person])["105"]
    known = np.isfinite(read).all(axis=1)
    assert [str(n) for n in np.where(known, read.argmax(axis=1), -1)] == numbers.split()


def test_affwild2_refuses_other_shapes_keys_and_files(tmp_path):
    person = clip("105", "xx")
    for values, message in (
        (np.zeros((3, 2)), "3 rows for 2 frames"),
        (np.zeros((2, 3)), r"shape \(2, 3\)"),
        (np.full((2, 2), np.inf), "must be"),
    ):
        with pytest.raises(ValueError, match=message):
            submissions.write("affwild2", tmp_path / "out", [person], {"105": values})
    outside = clip("../105", "x")
    with pytest.raises(ValueError):
        submissions.write("affwild2", tmp_path / "out", [outside], {"../105": [[0, 0]]})
    assert not list(tmp_path.iterdir())
    submissions.write("affwild2", tmp_path / "out", [person], {"105": np.zeros((2, 2))})
    with pytest.raises(ValueError, match=r"none for \['106'\]"):
        submissions.read("affwild2", tmp_path / "out", [person, clip("106", "x")])
    with pytest.raises(ValueError, match="with 2 for the 3 frames"):
        submissions.read("affwild2", tmp_path / "out", [clip("105", "xxx")])
    with pytest.raises(FileNotFoundError, match="a folder with a text file for each person"):
        submissions.read("affwild2", tmp_path / "none", [person])


def test_scores_of_a_read_submission_are_those_of_the_predictions(tmp_path):
    random = np.random.default_rng(0)
    labels = random.uniform(-1, 1, (9, 2)).astype(np.float32)
    person = clip("105", "xxx-xxxxx").labelled(valence_arousal=labels)
    values = np.where(person.has_image[:, None], 0.5 * labels, np.nan)
    submissions.write("affwild2", tmp_path / "out", [person], {"105": values})
    read = submissions.read("affwild2", tmp_path / "out", [person])
    pd.testing.assert_frame_equal(
        evaluation.scores([person], read), evaluation.scores([person], {"105": values}), atol=1e-5
    )


def test_rows_of_omg_are_those_that_csv_readers_see(tmp_path):
    """Round trip through the standard library's reader, not through that of this package."""
    values = {key: [0.5, 0.25] for key in KEYS}
    submissions.write("omg", tmp_path / "omg.csv", KEYS, values)
    with open(tmp_path / "omg.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [f"{row['video']}/{row['utterance']}" for row in rows] == [f"{k}.mp4" for k in KEYS]
    assert {(float(row["arousal"]), float(row["valence"])) for row in rows} == {(0.25, 0.5)}


UNITS = "AU1,AU2,AU4,AU6,AU7,AU10,AU12,AU15,AU23,AU24,AU25,AU26"


def outputs(*classes, count=8):
    """One-hot outputs; NaN for a frame without a face."""
    return np.stack([np.full(count, np.nan) if c is None else np.eye(count)[c] for c in classes])


def probabilities(*rows):
    """Probabilities of the action units; each row names those that are present."""
    return np.stack([[0.5 if u in row else 0.49 for u in range(12)] for row in rows])


def test_affwild2_has_other_as_the_eighth_expression(tmp_path):
    clips = [clip("105", "x-x")]
    submissions.write("affwild2", tmp_path / "out", clips, {"105": outputs(7, None, 4)})
    lines = (tmp_path / "out/105.txt").read_text().splitlines()
    assert lines == [HEADER, "7", "-1", "4"]
    read = submissions.read("affwild2", tmp_path / "out", clips)["105"]
    np.testing.assert_array_equal(read, outputs(7, None, 4))


@pytest.mark.parametrize(("missing", "second"), [("mark", "-1"), ("interpolate", "1")])
def test_affwild2_has_the_action_units_from_one_half_on(tmp_path, missing, second):
    clips, values = [clip("105", "x-x")], probabilities({0, 6}, (), {11})
    values[1] = np.nan
    done = submissions.write("affwild2", tmp_path / "out", clips, {"105": values}, missing=missing)
    lines = (tmp_path / "out/105.txt").read_text().splitlines()
    assert lines[0] == UNITS and lines[1] == "1,0,0,0,0,0,1,0,0,0,0,0"
    assert lines[2].startswith(f"{second},") and lines[3] == ",".join("0" * 11) + ",1"
    assert (done.rows, done.without_face) == (3, 1)
    read = submissions.read("affwild2", tmp_path / "out", clips)["105"]
    assert np.isnan(read[1]).all() == (missing == "mark")
    np.testing.assert_array_equal(read[[0, 2]], values[[0, 2]] >= 0.5)


def test_affwild2_has_a_folder_for_each_of_several_tasks(tmp_path):
    clips = [clip("105", "xx"), clip("106", "x-")]
    affect = {"105": np.zeros((2, 2)), "106": np.array([[2, 0], [np.nan, np.nan]])}
    units = {"105": probabilities((), {1}), "106": probabilities({1}, ())}
    predictions = {"valence_arousal": affect, "action_units": units}
    done = submissions.write("affwild2", tmp_path / "out", clips, predictions)
    assert (done.rows, done.without_face, done.clipped) == (8, 1, 1)
    for task, header in (("valence_arousal", "valence,arousal"), ("action_units", UNITS)):
        for key in ("105", "106"):
            assert (tmp_path / "out" / task / f"{key}.txt").read_text().startswith(header)


def test_the_multitask_challenge_has_a_line_for_each_image(tmp_path):
    clips = [Clip("105", ["105/00003.jpg", "", "105/00009.jpg"]), Clip("106", [""])]
    nothing = np.full((1, 12), np.nan)
    affect = np.array([[0.5, -0.25], [np.nan, np.nan], [1, 0]])
    units = probabilities({0}, (), {11})
    units[1] = np.nan
    predictions = {
        "valence_arousal": {"105": affect, "106": nothing[:, :2]},
        "expression_8": {"105": outputs(7, None, 0), "106": nothing[:, :8]},
        "action_units": {"105": units, "106": nothing},
    }
    path = tmp_path / "predictions.txt"
    done = submissions.write("affwild2_multitask", path, clips, predictions)
    assert (done.rows, done.without_face) == (2, 2)
    assert path.read_text().splitlines() == [
        "image,valence,arousal,expression,aus",
        "105/00003.jpg,0.500000,-0.250000,7,1,0,0,0,0,0,0,0,0,0,0,0",
        "105/00009.jpg,1.000000,0.000000,0,0,0,0,0,0,0,0,0,0,0,0,1",
    ]
    read = submissions.read("affwild2_multitask", path, clips)
    np.testing.assert_array_equal(read["valence_arousal"]["105"], affect)
    np.testing.assert_array_equal(read["expression_8"]["105"], outputs(7, None, 0))
    np.testing.assert_array_equal(read["action_units"]["105"][[0, 2]], units[[0, 2]] >= 0.5)
    assert np.isnan(read["action_units"]["106"]).all()
    del predictions["action_units"]
    with pytest.raises(ValueError, match="needs predictions of valence and arousal"):
        submissions.write("affwild2_multitask", tmp_path / "p.txt", clips, predictions)
    with pytest.raises(ValueError, match="not among them"):
        submissions.read("affwild2_multitask", path, clips[1:])

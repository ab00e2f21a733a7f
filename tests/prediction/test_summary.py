"""The summary and the lines of a prediction, from tables whose numbers are known."""

import pandas as pd
import pytest

from kollias_affect._texts import count
from kollias_affect.prediction import summarize
from kollias_affect.prediction.summary import face_text, line
from kollias_affect.tasks import TASKS

BOTH = {task: TASKS[task] for task in ("valence_arousal", "expression")}


def rows(name, faces):
    """Rows of frames of a fifth of a second: `(frame, face_id, valence, expression)`."""
    table = pd.DataFrame(faces, columns=["frame", "face_id", "valence", "expression"])
    table.insert(0, "input", name)
    table["timestamp"] = (table["frame"] - 1) / 5
    table["success"] = table["face_id"].notna().astype(int)
    table["face_id"] = table["face_id"].astype("Int64")
    table["valence"] = table["valence"].astype(float)
    table["arousal"] = -table["valence"]
    for expression in TASKS["expression"][0]:
        table[expression] = (table["expression"] == expression) * 0.7
    return table


@pytest.fixture
def film():
    faces = [(1, 0, 0.5, "anger"), (1, 4, -1.0, "fear"), (2, 0, 0.7, "anger")]
    return rows("film.mp4", [*faces, (3, None, None, None), (4, 0, 0.3, "neutral")])


def test_every_person_has_a_row_of_means_and_shares(film):
    table = summarize(pd.concat([film, rows("NA", [(1, None, None, None)])]), BOTH)
    assert table["input"].tolist() == ["film.mp4", "film.mp4", "NA"]
    assert table["face_id"].tolist()[:2] == [0, 4] and pd.isna(table["face_id"][2])
    assert table["frames"].tolist() == [4, 4, 1]
    assert table["frames_with_face"].tolist() == [3, 1, 0]
    assert table["valence"].tolist()[:2] == pytest.approx([0.5, -1.0])
    assert table["arousal"].tolist()[:2] == pytest.approx([-0.5, 1.0])
    assert table["expression"].tolist()[:2] == ["anger", "fear"]
    assert table.loc[0, ["anger", "neutral", "fear"]].tolist() == pytest.approx([2 / 3, 1 / 3, 0])
    assert table.loc[0, ["first", "last"]].tolist() == pytest.approx([0, 0.6])
    assert table.loc[2, "valence":].isna().all()


def test_a_video_has_one_line_with_people_means_and_shares(film):
    text = line(film, BOTH)
    assert text.startswith("4 frames, 3 with a face, 2 people: ")
    # Means over the four faces; half of them are angry.
    assert "valence +0.12, arousal -0.12; anger 50 %, neutral 25 %, fear 25 %" in text
    assert line(film[film["face_id"] == 4], BOTH).startswith("1 frame, 1 with a face, 1 person: ")
    assert line(film[film["success"] == 0], BOTH) == "1 frame, no face found: no outputs"


def test_a_face_has_one_text(film):
    assert face_text(film.iloc[0], BOTH) == "anger 0.70, valence +0.50, arousal -0.50"
    units = {"valence_arousal": TASKS["valence_arousal"]}
    without = film.drop(columns=["expression"])
    assert face_text(without.iloc[1], units) == "valence -1.00, arousal +1.00"


@pytest.mark.parametrize(
    ("number", "noun", "text"),
    [(0, "face", "0 faces"), (1, "person", "1 person"), (2, "person", "2 people"),
     (1, "entry", "1 entry"), (3, "entry", "3 entries"), (1234, "frame", "1,234 frames")],
)  # fmt: skip
def test_numbers_have_the_noun_that_fits(number, noun, text):
    assert count(number, noun) == text

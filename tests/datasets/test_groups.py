"""Files of groups of people."""

import pytest

from kollias_affect.clip import Clip
from kollias_affect.datasets import groups

CLIPS = [
    Clip("train/105", ["1.png"], subject="anna"),
    Clip("106_left", ["1.png"], subject="ben"),
    Clip("5b4/utterance_1", ["1.png"], subject="carl"),
]


def write(tmp_path, text):
    path = tmp_path / "groups.csv"
    path.write_text(text)
    return path


def test_rows_name_videos_or_keys_and_empty_cells_are_unknown(tmp_path):
    text = "Video,Age,gender,subject\n105.avi,young,f,anna\n5b4,,m,x\nother.mp4,old,f,y\n"
    assert groups.read(write(tmp_path, text), CLIPS) == {
        "train/105": {"age": "young", "gender": "f", "subject": "anna"},
        "5b4/utterance_1": {"gender": "m", "subject": "x"},
    }


def test_rows_may_name_the_persons_of_the_database(tmp_path):
    found = groups.read(write(tmp_path, "subject,gender\nben,m\nanna,f\n"), CLIPS)
    assert found["106_left"] == {"subject": "ben", "gender": "m"} and len(found) == 2


def test_ages_of_many_people_are_joined_to_tens(tmp_path):
    ages = [7, 19, 20, 29.5, 31, 44, 58, 63, 71]
    clips = [Clip(f"v{age}", ["1.png"]) for age in ages]
    rows = "".join(f"v{age},{age}\n" for age in ages)
    found = groups.read(write(tmp_path, f"video,age\n{rows}"), clips)
    expected = ["0-9", "10-19", "20-29", "20-29", "30-39", "40-49", "50-59", "60-69", "70-79"]
    assert [found[clip.key]["age"] for clip in clips] == expected
    few = groups.read(write(tmp_path, "video,score\nv7,1\nv19,2\n"), clips)
    assert few["v7"] == {"score": "1"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name,age\n105,3\n", "column video or subject"),
        ("video\n105\n", "column video or subject"),
        ("subject\nanna\n", "column video or subject"),
        ("video,age,age\n105,3,4\n", "different columns"),
        ("video;age\n105;3\n", "column video or subject"),
        ("video,age\n105,3\n105.mp4,4\n", "a video of its own.*line 3"),
        ("video,age\n,3\n", "a video of its own.*line 2"),
        ("video,age\nnone,3\n", "must have rows of the clips"),
        ("video,age\ntrain,3\n105,4\n", "must be of one video"),
    ],
)
def test_files_that_cannot_be_read_are_refused(tmp_path, text, message):
    with pytest.raises(ValueError, match=message):
        groups.read(write(tmp_path, text), CLIPS)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="groups"):
        groups.read(tmp_path / "none.csv", CLIPS)

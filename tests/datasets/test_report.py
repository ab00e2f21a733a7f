import numpy as np
import pytest

from kollias_affect.clip import Clip, Clips
from kollias_affect.datasets._report import LoadReport


@pytest.fixture
def report(tmp_path):
    return LoadReport("afew", tmp_path, None, "a folder of fish")


def affect(key="a", subject="s"):
    labels = [[0.5, -1], [0.25, 0], [np.nan, np.nan], [-0.75, 0.125]]
    return Clip(
        key,
        ["1", "2", "", "4"],
        valence_arousal=labels,
        expression=[0, 6, -1, 6],
        valid=[1, 1, 0, 1],
        subject=subject,
    )


def test_everything_is_counted(report):
    other = Clip("b", ["1", "2"], expression=[3, -1], valid=[1, 0], subject="s")
    clips = report.finish([other, affect()], lambda clip: "one video")
    assert [clip.key for clip in clips] == ["a", "b"] and clips.report is report
    assert (report.clips, report.videos, report.subjects) == (2, 1, 1)
    assert (report.frames, report.without_face, report.invalid) == (6, 1, 1)
    assert report.ranges == {"valence": (-0.75, 0.5), "arousal": (-1, 0.125)}
    assert list(report.classes.values()) == [1, 0, 0, 1, 0, 0, 2]


def test_what_is_printed(report):
    report.note("fish left out", "cod")
    report.note("fish left out", "hake", 2000)
    report.note("birds", "owl")
    report.finish([affect()])
    lines = [" ".join(line.split()) for line in str(report).splitlines()]
    assert lines[0].startswith("afew from /") and "split" not in lines[0]
    assert "frames without a face 1" in lines and "valence -0.750 to 0.500" in lines
    assert "surprise 2" in lines and "disgust 0" in lines
    assert lines[-2:] == ["2,001 fish left out: cod, hake …", "1 birds: owl"]


def test_labels_that_are_absent_are_not_printed(report):
    report.finish([Clip("a", ["1"])])
    assert "valence" not in str(report) and "neutral" not in str(report)
    assert "afew from" in str(report)


def test_three_examples_are_named(report):
    for number in range(5):
        report.note("fish", number)
    assert report.notes == {"fish": (5, ("0", "1", "2"))}


def test_no_clip_says_what_was_left_out_and_what_is_expected(tmp_path):
    report = LoadReport("afew", tmp_path, "train", "a folder of fish")
    report.note("fish left out", "cod")
    with pytest.raises(FileNotFoundError) as error:
        report.finish([])
    message = str(error.value)
    for part in ("'afew'", "a folder of fish", str(tmp_path), "'train'", "1 fish left out: cod"):
        assert part in message


def test_the_message_of_an_empty_result_is_short_and_starts_with_the_main_cause(report):
    report.note("fish, not 773 as published", "pond", 773)
    report.note("birds", "owl" * 200)
    report.note("fish left out", "cod", 7)
    with pytest.raises(
        FileNotFoundError, match="^Nothing could be read: 7 fish left out: cod …; 1 b"
    ) as e:
        report.finish([])
    assert len(str(e.value)) <= 600


def test_missing_root(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"a folder of fish.*nowhere, which does not exist"):
        LoadReport("afew", tmp_path / "nowhere", None, "a folder of fish")


def test_two_clips_of_one_name_are_refused(report):
    with pytest.raises(ValueError, match=r"different names. Received twice: \['a'\]"):
        report.finish([affect(), affect(), Clip("b", ["1"])])


def test_parts_of_clips_are_plain_lists(report):
    clips = report.finish([affect()])
    assert isinstance(clips, Clips) and type(clips[:1]) is list
    assert Clips([1]).report is None

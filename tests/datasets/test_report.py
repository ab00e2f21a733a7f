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


def test_finish_counts_clips_frames_and_labels(report):
    other = Clip("b", ["1", "2"], expression=[3, -1], valid=[1, 0], subject="s")
    clips = report.finish([other, affect()], lambda clip: "one video")
    assert [clip.key for clip in clips] == ["a", "b"] and clips.report is report
    assert (report.clips, report.videos, report.subjects) == (2, 1, 1)
    assert (report.frames, report.without_face, report.invalid) == (6, 1, 1)
    assert report.ranges == {"valence": (-0.75, 0.5), "arousal": (-1, 0.125)}
    assert list(report.classes.values()) == [1, 0, 0, 1, 0, 0, 2]


def test_text_of_a_report(report):
    report.note("fish left out", "cod")
    report.note("fish left out", "hake", 2000)
    report.note("birds", "owl")
    report.finish([affect()])
    lines = [" ".join(line.split()) for line in str(report).splitlines()]
    assert lines[0].startswith("afew from /") and "split" not in lines[0]
    assert "frames without a face 1" in lines and "valence -0.750 to 0.500" in lines
    assert "surprise 2" in lines and "disgust 0" in lines
    assert lines[-2:] == ["2,001 fish left out: cod, hake …", "1 birds: owl"]


def test_text_leaves_out_labels_that_no_clip_has(report):
    report.finish([Clip("a", ["1"])])
    assert "valence" not in str(report) and "neutral" not in str(report)
    assert "afew from" in str(report)


def test_three_examples_are_kept_per_reason(report):
    for number in range(5):
        report.note("fish", number)
    assert report.notes == {"fish": (5, ("0", "1", "2"))}


def test_an_empty_result_raises_an_error_with_causes_and_layout(tmp_path):
    report = LoadReport("afew", tmp_path, "train", "a folder of fish")
    report.note("fish left out", "cod")
    with pytest.raises(FileNotFoundError) as error:
        report.finish([])
    message = str(error.value)
    for part in ("'afew'", "a folder of fish", str(tmp_path), "'train'", "1 fish left out: cod"):
        assert part in message


def test_message_of_an_empty_result_is_short_and_starts_with_the_main_cause(report):
    report.note("fish, not 773 as published", "pond", 773)
    report.note("birds", "owl" * 200)
    report.note("fish left out", "cod", 7)
    with pytest.raises(
        FileNotFoundError, match="^Nothing could be read: 7 fish left out: cod …; 1 b"
    ) as e:
        report.finish([])
    assert len(str(e.value)) <= 600


def test_a_missing_root_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"a folder of fish.*nowhere, which does not exist"):
        LoadReport("afew", tmp_path / "nowhere", None, "a folder of fish")


def test_two_clips_with_one_key_are_refused(report):
    with pytest.raises(ValueError, match=r"different names. Received twice: \['a'\]"):
        report.finish([affect(), affect(), Clip("b", ["1"])])


def test_slices_of_clips_are_plain_lists(report):
    clips = report.finish([affect()])
    assert isinstance(clips, Clips) and type(clips[:1]) is list
    assert Clips([1]).report is None

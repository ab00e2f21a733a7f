import json

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest

from kollias_affect.annotations import formats
from kollias_affect.annotations.recordings import Recording

TIMES = np.arange(0, 4, 0.04)  # frames of the video
NOTHING = {"video": None, "person": "1", "annotator": "A1", "dimension": None}


def frame_times(video):
    return TIMES


def recordings(values, annotator="A1", person="1", video="clip.mp4", **more):
    """Valence and arousal at every frame, `[frames, 2]`."""
    return [
        Recording(video, person, annotator, dimension, TIMES, column, **more)
        for dimension, column in zip(("valence", "arousal"), np.transpose(values), strict=True)
    ]


def random_values(seed=0):
    return np.random.default_rng(seed).uniform(-1, 1, (len(TIMES), 2)).round(4)


def read(path, name, **defaults):
    return formats.read(path, name, {**NOTHING, **defaults}, frame_times)


@pytest.mark.parametrize("name", formats.WRITERS)
def test_what_is_written_is_read_again(tmp_path, name):
    values = random_values()
    (path,) = formats.write(recordings(values), tmp_path, name, frame_times)
    valence, arousal = read(path, name, video="clip.mp4")
    assert (valence.video, valence.person, valence.annotator) == ("clip.mp4", "1", "A1")
    assert (valence.dimension, arousal.dimension) == ("valence", "arousal")
    np.testing.assert_allclose(valence.times, TIMES, atol=1e-6)
    np.testing.assert_allclose(np.column_stack([valence.values, arousal.values]), values, atol=1e-5)


@hypothesis.given(
    st.lists(st.floats(-1, 1), min_size=1, max_size=30),
    st.text(min_size=1, max_size=9).filter(str.isprintable),
)
def test_the_long_table_keeps_every_bit_and_every_name(tmp_path_factory, values, name):
    times = np.linspace(0, 1, len(values)) ** 2
    written = Recording(f"{name}.mp4", name, name, "valence", times, np.array(values), take="t")
    folder = tmp_path_factory.mktemp("long")
    (path,) = formats.write([written], folder, "csv", frame_times)
    (again,) = read(path, "csv", person=None, annotator=None)
    assert (again.video, again.person, again.annotator) == (f"{name}.mp4", name, name)
    np.testing.assert_array_equal(again.times, times)
    np.testing.assert_array_equal(again.values, values)


@pytest.mark.parametrize("name", formats.WRITERS)
def test_dropped_frames_stay_dropped(tmp_path, name):
    dropped = ((1.0, 2.0),)
    written = recordings(random_values(), dropped=dropped)
    (path,) = formats.write(written, tmp_path, name, frame_times)
    for again in read(path, name, video="clip.mp4"):
        inside = (TIMES >= 1.0) & (TIMES <= 2.0)
        np.testing.assert_array_equal(np.isnan(again.at(TIMES)), inside)


def test_affwild2_marks_frames_without_a_value(tmp_path):
    written = recordings(random_values(), dropped=((0.0, 0.05),))
    (path,) = formats.write(written, tmp_path, "affwild2", frame_times)
    lines = path.read_text().splitlines()
    assert lines[0] == "valence,arousal" and len(lines) == 1 + len(TIMES)
    assert lines[1] == lines[2] == "-5,-5" and lines[3] != "-5,-5"


def test_afew_va_counts_frames_from_zero_and_values_to_ten(tmp_path):
    values = random_values()
    (path,) = formats.write(recordings(values), tmp_path, "afew_va", frame_times)
    content = json.loads(path.read_text())
    assert sorted(content["frames"]) == [f"{i:05d}" for i in range(len(TIMES))]
    assert content["frames"]["00003"]["valence"] == pytest.approx(10 * values[3, 0])
    assert content["video_id"] == "clip"


def test_labels_of_a_frames_csv_fit_extract(tmp_path):
    from kollias_affect.clip import Clip
    from kollias_affect.datasets import frames_csv

    values = random_values()
    written = recordings(values, dropped=((1.0, 2.0),))
    (path,) = formats.write(written, tmp_path, "frames_csv", frame_times)
    clip = frames_csv.label(Clip("clip", ["x.png"] * len(TIMES)), path)
    assert (~clip.valid).sum() == ((TIMES >= 1.0) & (TIMES <= 2.0)).sum()
    np.testing.assert_allclose(clip.valence_arousal[clip.valid], values[clip.valid], atol=1e-5)


def test_every_annotator_has_a_folder_and_every_person_a_file(tmp_path):
    written = [
        r
        for annotator in ("A1", "../../A2")
        for person in ("left", "right/..")
        for r in recordings(random_values(), annotator, person)
    ]
    paths = formats.write(written, tmp_path / "out", "affwild2", frame_times)
    names = {path.relative_to(tmp_path / "out").as_posix() for path in paths}
    assert names == {
        "A1/clip_left.txt", "A1/clip_right.txt", "A2/clip_left.txt", "A2/clip_right.txt"
    }  # fmt: skip
    assert {p.name for p in tmp_path.iterdir()} == {"out"}


def test_values_without_bounds_are_exported_as_a_table_only(tmp_path):
    written = recordings(5 * random_values(), mode="unbounded")
    (path,) = formats.write(written, tmp_path, "csv", frame_times)
    assert read(path, "csv")[0].mode == "unbounded"
    with pytest.raises(ValueError, match="--format csv"):
        formats.write(written, tmp_path, "affwild2", frame_times)


CARMA = """Time of Rating,02-Jan-2026 10:11:12
Multimedia File,clip.mp4
Lower Label,negative
Upper Label,positive
Minimum Value,-4
Maximum Value,4
Number of Steps,9
Second,Rating
%%%%%%,%%%%%%
1,0
2,4
3,NaN
4,-2"""


def test_carma_is_scaled_and_a_mean_counts_at_the_middle_of_its_bin(tmp_path):
    (tmp_path / "a.csv").write_text(CARMA)
    (found,) = read(tmp_path / "a.csv", "carma", dimension="valence")
    assert (found.video, found.dimension, found.annotator) == ("clip.mp4", "valence", "A1")
    assert found.times.tolist() == [0.5, 1.5, 3.5] and found.values.tolist() == [0, 1, -0.5]


def test_carma_does_not_say_its_dimension(tmp_path):
    (tmp_path / "a.csv").write_text(CARMA)
    with pytest.raises(ValueError, match="--dimension"):
        read(tmp_path / "a.csv", "carma")


DARMA = """Time of Rating,02-Jan-2026 10:11:12,,
Multimedia File,clip.mp4,,
Magnitude,100,,
Second,Valence,Arousal,Button
%%%%%%,%%%%%%,%%%%%%,%%%%%%
0.5,-100,50,0
1,20,0,1"""


def test_darma_has_valence_along_x_and_arousal_along_y(tmp_path):
    (tmp_path / "a.csv").write_text(DARMA)
    valence, arousal = read(tmp_path / "a.csv", "darma")
    assert valence.times.tolist() == [0.25, 0.75]
    assert valence.values.tolist() == [-1, 0.2] and arousal.values.tolist() == [0.5, 0]


ANNEMO = """"Friday, January 2nd, 2026, 3:04:05 PM",1767366245000,A2,clip.mp4,arousal,1,0.5,true
"Friday, January 2nd, 2026, 3:04:06 PM",1767366246000,A2,clip.mp4,arousal,2,-0.25,true
"Friday, January 2nd, 2026, 3:04:08 PM",1767366248000,A2,clip.mp4,arousal,3,-0.25,false
Social,A2,clip.mp4,agreement,4
"Friday, January 2nd, 2026, 3:05:05 PM",1767366305000,A2,other.mp4,valence,1,1,true
"""


def test_annemo_rests_between_its_lines(tmp_path):
    (tmp_path / "A2.csv").write_text(ANNEMO)
    arousal, valence = read(tmp_path / "A2.csv", "annemo", annotator=None)
    assert (arousal.annotator, arousal.video, arousal.dimension) == ("A2", "clip.mp4", "arousal")
    assert (valence.video, valence.dimension) == ("other.mp4", "valence")
    for time, value in (
        (0.0, 0.0),
        (0.96, 0.0),
        (1.0, 0.5),
        (1.9, 0.5),
        (2.0, -0.25),
        (3.0, -0.25),
    ):
        assert arousal.at(np.array([time]))[0] == value, time


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("csv", "a,b\n1,2\n", "columns time and value"),
        ("csv", "time,value\n0,x\n", "with numbers"),
        ("csv", "time,value,dimension\n0,1.5,valence\n", "in \\[-1, 1\\]"),
        ("affwild2", "valence,arousal\n1,2,3\n", "Aff-Wild2's format"),
        ("affwild2", "valence,arousal\n0,0\n", "1 rows in .*100 frames"),
        ("afew_va", "[]", "AFEW-VA's format"),
        ("afew_va", '{"frames": {"00900": {"valence": 0, "arousal": 0}}}', "901 rows"),
        ("frames_csv", "time,valence\n0,0\n", "valence and arousal"),
        ("carma", "Second,Rating\n1,2\n", "CARMA's files"),
        ("carma", CARMA.replace("Maximum Value,4\n", ""), "Maximum Value"),
        ("carma", CARMA.replace("2,4", "2,40"), "in \\[-1, 1\\]"),
        ("darma", DARMA.replace("100,,", "0,,"), "magnitude"),
        ("annemo", "a,b,c\n", "line 1"),
    ],
)
def test_files_of_another_format_are_refused(tmp_path, name, text, message):
    (tmp_path / "file").write_text(text)
    with pytest.raises(ValueError, match=message):
        read(tmp_path / "file", name, video="clip.mp4", dimension="valence")

import json
import os

import database_trees
import numpy as np
import pytest

from kollias_affect import faces
from kollias_affect.datasets import recola

RAW = "RECOLA-Annotation/emotional_behaviour"
CENTRED = "Ratings_affective_behaviour_CCC_centred"
SPACED = "time;FM1 ;FM2 ;FM3 ;FF1 ;FF2 ;FF3"
BOX = faces.Box(16, 16, 64, 64, 1.0)


@pytest.fixture
def root(tmp_path):
    (tmp_path / "recola").mkdir()
    return tmp_path / "recola"


def write(path, lines, end="\r\n"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes("".join(line + end for line in lines).encode())
    return path


def arff(name="train_1", values=(0.1, 0.2, 0.3), dimension="VALENCE"):
    """Lines in the format of the challenges, nine of them before the data."""
    rows = [f"{name},{i / 25:g},{value:.4f}" for i, value in enumerate(values)]
    attributes = ("Instance_name string", "frameTime numeric", "GoldStandard numeric")
    head = [f"@relation GOLDSTANDARD_{dimension}", "", *(f"@attribute {a}" for a in attributes)]
    return [*head, "", "", "@data", "", *rows]


def gold(root, names=("train_1",), frames=3, place="ratings_gold_standard"):
    for name in names:
        for dimension, level in (("valence", 0.1), ("arousal", -0.2)):
            values = level + np.arange(frames) / 1e5
            write(root / place / dimension / f"{name}.arff", arff(name, values))
    return root


def raw(root, names=("P16",), rows=("0;.1;.2;.3;.4;.5;.6", "0.04;.2;.2;.2;.2;.2;.2")):
    for name in names:
        for dimension in ("valence", "arousal"):
            sign = "" if dimension == "valence" else "-"
            signed = [row.replace(";", f";{sign}") for row in rows]
            write(root / RAW / dimension / f"{name}.csv", [SPACED, *signed], "\n")
    return root


def crops_of(folder, name, times, success=None):
    """Writes the files of `faces.extract`, without the images."""
    success = np.ones(len(times), int) if success is None else np.asarray(success, int)
    rows = [f"{i + 1},{t:.6f},{f}" for i, (t, f) in enumerate(zip(times, success, strict=True))]
    write(folder / f"{name}.csv", ["frame,timestamp,success", *rows], "\n")
    landmarks = np.zeros((len(times), 68, 2), np.float32)
    np.savez(folder / f"{name}.npz", landmarks=landmarks)
    (folder / f"{name}.json").write_text(json.dumps({"people": [name]}))
    return folder


def test_arff_with_crlf_and_a_string_attribute_gives_valence_first(root):
    (clip,) = clips = recola.load(gold(root))
    assert clip.key == clip.subject == "train_1"
    np.testing.assert_allclose(clip.times, [0, 0.04, 0.08])
    np.testing.assert_allclose(clip.valence_arousal, [[0.1, -0.2]] * 3, atol=1e-4)
    assert clip.valence_arousal.dtype == np.float32
    assert clip.paths == ["", "", ""] and not clip.valid.any()
    assert clips.report.frames == clips.report.without_face == 3
    assert clips.report.notes == {
        "recordings without a video or crops, labels alone": (1, ("train_1",))
    }


@pytest.mark.parametrize("place", ["labels/gs_1", "ratings_gold_standard"])
def test_the_challenges_have_different_folders(root, place):
    gold(root, place=place)
    assert len(recola.load(root)) == 1
    assert len(recola.load(root / place, ratings="gold_standard")) == 1


def test_root_may_be_above_or_inside(root, tmp_path):
    gold(root, place="labels/gs_1")
    (root / "readme.txt").touch()
    for place in (tmp_path, root, root / "labels", root / "labels/gs_1"):
        assert [clip.key for clip in recola.load(place)] == ["train_1"]


def test_a_raw_root_may_be_above_or_inside(root, tmp_path):
    raw(root)
    for place in (tmp_path, root, root / "RECOLA-Annotation", root / RAW):
        assert [clip.key for clip in recola.load(place)] == ["P16"]


def test_attributes_come_in_any_order_and_keywords_in_any_case(root):
    gold(root)
    head = ["% made by a program", "@RELATION x", "", "@ATTRIBUTE GoldStandard NUMERIC"]
    head += ["@ATTRIBUTE 'Instance_name' STRING", "@Attribute frameTime REAL", "@DATA"]
    rows = [f"0.5,'train_1',{i / 25:g}" for i in range(3)]
    write(root / "ratings_gold_standard/valence/train_1.arff", [*head, *rows, "%", "%", ""], "\n")
    (clip,) = recola.load(root)
    np.testing.assert_allclose(clip.valence_arousal[:, 0], 0.5)


def test_a_byte_order_mark_is_accepted(root):
    path = gold(root) / "ratings_gold_standard/valence/train_1.arff"
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert len(recola.load(root)) == 1


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("train_1,0.04", "3 fields .*'train_1,0.04' in line 11 of .*train_1.arff"),  # truncated
        ("train_1,0.04,0.1,0.2", "3 fields .* in line 11 of"),
        ("", "3 fields .* in line 11 of"),
        ("train_1,0.04,high", "2 numbers.*line 11 of .*train_1.arff"),
        ("train_1,0.04,?", "2 numbers.*line 11 of"),
        ("train_1,0.04,nan", r"in \[-1, 1\].*nan in line 11 of"),
        ("train_1,0.04,1.01", r"in \[-1, 1\].*1.01 in line 11 of"),
        ("train_1,0,0.1", "increase.*0.0 in line 11 of"),
        ("train_1,nan,0.1", "increase.*nan in line 11 of"),
        ("dev_1,0.04,0.1", "must have its name, train_1.*'dev_1' in line 11"),
    ],
)
def test_a_malformed_row_of_an_arff_is_named(root, row, message):
    lines = arff()
    lines[10] = row
    write(gold(root) / "ratings_gold_standard/valence/train_1.arff", lines)
    with pytest.raises(ValueError, match=message):
        recola.load(root)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (arff()[:6], "line @data .* with 6 lines"),
        (arff()[:9], "at least one row"),
        ([line for line in arff() if "frameTime" not in line], "without .'frameTime'."),
        ([], "line @data"),
    ],
)
def test_a_malformed_header_of_an_arff_is_named(root, content, message):
    write(gold(root) / "ratings_gold_standard/arousal/train_1.arff", content)
    with pytest.raises(ValueError, match=message):
        recola.load(root)


def test_a_latin_1_byte_is_named_with_its_line(root):
    path = gold(root) / "ratings_gold_standard/valence/train_1.arff"
    path.write_bytes(path.read_bytes().replace(b"@data", b"% \xe9\r\n@data"))
    with pytest.raises(ValueError, match="UTF-8.*line 8 has the byte 0xe9"):
        recola.load(root)


def test_times_of_valence_and_arousal_must_be_the_same(root):
    path = gold(root) / "ratings_gold_standard/arousal/train_1.arff"
    write(path, [line.replace(",0.08,", ",0.081,") for line in arff()])
    message = r"row 3 of the data, 0.08 s in .*valence/train_1.arff and 0.081 s in .*arousal/"
    with pytest.raises(ValueError, match=message):
        recola.load(root)
    write(path, arff()[:-1])
    with pytest.raises(ValueError, match=r"row 3.*no such row in .*arousal.*\(3 and 2 rows\)"):
        recola.load(root)


def test_recordings_of_one_dimension_and_other_files_are_counted(root):
    gold(root, ["train_1", "train_2"])
    folder = root / "ratings_gold_standard"
    (folder / "arousal/train_2.arff").unlink()
    write(folder / "valence/test_1.arff", arff("test_1"))
    write(folder / "valence/notes.txt", ["x"])
    clips = recola.load(root)
    assert [clip.key for clip in clips] == ["train_1"]
    notes = clips.report.notes
    assert notes["recordings with valence or arousal alone"] == (1, ("train_2",))
    assert notes["files whose name is not train_1, dev_1 or P16"] == (1, ("test_1.arff",))
    assert notes["files ignored, which do not end in ('.arff',)"] == (1, ("notes.txt",))


def test_the_split_is_in_the_name(root):
    gold(root, ["train_1", "train_10", "dev_2"])
    keys = {s: [c.key for c in recola.load(root, s)] for s in (None, "train", "dev", "validation")}
    assert keys["train"] == ["train_1", "train_10"]
    assert keys["dev"] == keys["validation"] == ["dev_2"]
    assert len(keys[None]) == 3
    with pytest.raises(ValueError, match="not distributed"):
        recola.load(root, "test")
    with pytest.raises(ValueError, match="one of .'train', 'dev', 'validation'"):
        recola.load(root, "all")
    for name, count in (("Train", 2), ("training", 2), ("val", 1), ("Devel", 1)):
        assert len(recola.load(root, name)) == count


def test_raw_ratings_have_no_split(root):
    raw(root)
    assert len(recola.load(root)) == 1
    with pytest.raises(
        FileNotFoundError, match=r"split='train' with recordings of participants \(P16"
    ):
        recola.load(root, "train")


def test_trailing_spaces_in_the_header_of_raw_ratings_are_accepted(root):
    raw(root)
    (mean,) = recola.load(root)
    np.testing.assert_allclose(mean.valence_arousal, [[0.35, -0.35], [0.2, -0.2]], atol=1e-6)
    for rater, value in (("FM1", 0.1), ("FF3", 0.6)):
        (single,) = recola.load(root, rater=rater)
        np.testing.assert_allclose(single.valence_arousal[0], [value, -value], atol=1e-6)


def test_raters_are_found_by_name_not_by_position(root):
    raw(root)
    path = root / RAW / "valence/P16.csv"
    path.write_text(path.read_text().replace("FM1 ;FM2 ", "FM2 ;FM1 "))
    (clip,) = recola.load(root, rater="FM1")
    np.testing.assert_allclose(clip.valence_arousal[0], [0.2, -0.1], atol=1e-6)


def test_a_rater_is_one_of_the_six_and_of_raw_ratings(root):
    raw(root)
    with pytest.raises(ValueError, match="`rater` must be one of .*'FF3'"):
        recola.load(root, rater="FM4")
    gold(root)
    with pytest.raises(ValueError, match="rater='FM1' with the ratings 'gold_standard'"):
        recola.load(root, rater="FM1")
    assert recola.load(root, ratings="raters", rater="FM1")[0].key == "P16"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: text.replace("FF3", "FF4"), "columns .*'FF3'.*line 1 of .*P16.csv"),
        (lambda text: text.replace(";", ","), "separated by semicolons"),
        (lambda text: text.replace(";.6", ""), "7 numbers.*line 2 of .*P16.csv"),
        (lambda text: text.replace(".6", "x"), "7 numbers.*line 2 of"),
        (lambda text: text.replace(".6", "nan"), r"\[-1, 1\].*line 2 of"),
        (lambda text: text.replace("0.04;", "\n0.04;"), "7 numbers.*'' in line 3 of"),
        (lambda text: "", "columns .* Received: '' in line 1"),
        (lambda text: text[: text.index("\n") + 1], "at least one row"),
    ],
)
def test_malformed_raw_ratings_are_named(root, change, message):
    path = raw(root) / RAW / "valence/P16.csv"
    path.write_text(change(path.read_text()))
    with pytest.raises(ValueError, match=message):
        recola.load(root)


@pytest.mark.parametrize("header", [[], ["time,GoldStandard"]])
def test_the_centred_form_has_its_label_in_column_1(root, header):
    for dimension, level in (("valence", 0.25), ("arousal", -0.5)):
        rows = [*header, f"0,{level}", f"0.04,{level}"]
        write(root / CENTRED / dimension / "P16.csv", rows, "\n")
    (clip,) = recola.load(root, ratings="centred")
    np.testing.assert_allclose(clip.valence_arousal, [[0.25, -0.5]] * 2)
    write(root / CENTRED / "valence/P16.csv", [*header, "0,0.1", "0.04"], "\n")
    with pytest.raises(ValueError, match=f"'0.04' in line {2 + len(header)} of .*P16.csv"):
        recola.load(root)


def test_auto_reads_one_form_and_counts_the_others(root):
    raw(gold(root))
    clips = recola.load(root)
    assert [clip.key for clip in clips] == ["train_1"]
    assert clips.report.notes["other ratings, which were not read"][0] == 1
    with pytest.raises(ValueError, match="`ratings` must be one of"):
        recola.load(root, ratings="gold")


def test_messages_of_missing_folders_name_the_layout(root):
    with pytest.raises(FileNotFoundError, match="ratings_gold_standard/.*which has no ratings"):
        recola.load(root)
    with pytest.raises(FileNotFoundError, match="no ratings of the form 'raters'"):
        recola.load(gold(root), ratings="raters")
    with pytest.raises(FileNotFoundError, match="does not exist"):
        recola.load(root / "nowhere")
    (root / "file").touch()
    with pytest.raises(FileNotFoundError, match="is not a folder"):
        recola.load(root / "file")
    with pytest.raises(FileNotFoundError, match="`videos` must be a folder"):
        recola.load(root, videos=root / "nowhere")
    with pytest.raises(FileNotFoundError, match="no clip was found in the split 'dev'"):
        recola.load(root, "dev")


def test_circular_links_are_ignored(root):
    gold(root)
    os.symlink(root, root / "again", target_is_directory=True)
    os.symlink("..", root / "ratings_gold_standard/valence/up", target_is_directory=True)
    assert len(recola.load(root)) == 1


def test_7501_ratings_label_7500_frames_by_time(root, tmp_path):
    values = np.round(np.sin(np.arange(7501) / 50) / 2, 4)
    for dimension in recola.DIMENSIONS:
        path = root / f"ratings_gold_standard/{dimension}/dev_3.arff"
        path.parent.mkdir(parents=True)
        sign = 1 if dimension == "valence" else -1
        recola.write_gold_standard(path, "dev_3", dimension, np.arange(7501) / 25, sign * values)
    assert len(recola.load(root)[0]) == 7501
    folder = crops_of(tmp_path / "crops", "dev_3", np.arange(7500) / 25, np.arange(7500) % 2)
    (clip,) = clips = recola.load(root, crops=folder)
    assert len(clip) == 7500 and clip.valid.sum() == 3750  # frames without a face are included
    np.testing.assert_allclose(clip.valence_arousal[:, 0], values[:7500], atol=1e-6)
    np.testing.assert_allclose(clip.valence_arousal[:, 1], -values[:7500], atol=1e-6)
    assert clips.report.without_face == 3750 and clips.report.invalid == 0
    assert not clips.report.notes


def test_frames_between_two_ratings_get_the_nearest_or_the_mean(root, tmp_path):
    write(gold(root) / "ratings_gold_standard/valence/train_1.arff", arff(values=(0.1, 0.2, 0.6)))
    folder = crops_of(tmp_path / "crops", "train_1", [0.01, 0.02, 0.05, 0.06])
    (clip,) = recola.load(root, crops=folder)
    np.testing.assert_allclose(clip.valence_arousal[:, 0], [0.1, 0.15, 0.2, 0.4], atol=1e-6)


def test_frames_far_from_any_rating_are_invalid_and_counted(root, tmp_path):
    folder = crops_of(tmp_path / "crops", "train_1", [0.0, 0.08, 0.14, 0.15, 9.0])
    (clip,) = clips = recola.load(gold(root), crops=folder)
    assert clip.valid.tolist() == [True, True, True, False, False]
    assert np.isnan(clip.valence_arousal[3:]).all() and clip.has_image.all()
    assert clips.report.invalid == 2
    assert clips.report.notes["frames further than 0.06 s from any rating, invalid"] == (
        2,
        ("train_1",),
    )


@pytest.mark.parametrize("place", ["Video_recordings_MP4/P16.mp4", "recordings_video/P16.avi"])
def test_videos_beside_the_ratings_are_extracted(root, write_video, place):
    raw(root, ["P16", "P17"])
    folder = (root / place).parent
    folder.mkdir()
    write_video([np.full((96, 96, 3), 128, np.uint8)] * 3, root / place)
    (folder / "P17.mp4").write_text("no video")
    write_video([np.zeros((96, 96, 3), np.uint8)] * 3, folder / "P99.mp4")
    clips = recola.load(root, detector=lambda image: [BOX])
    shown, alone = clips
    assert len(shown) == 3 and shown.valid.tolist() == [True, True, True]
    np.testing.assert_allclose(shown.valence_arousal[0], [0.35, -0.35], atol=1e-6)
    assert alone.key == "P17" and not alone.valid.any()
    notes = clips.report.notes
    assert notes["videos that cannot be read"][0] == 1
    assert notes["recordings without a video or crops, labels alone"] == (1, ("P17",))
    assert notes["videos without ratings in this split"] == (1, ("P99",))


def test_labels_only_does_not_look_for_frames(root, tmp_path):
    folder = crops_of(tmp_path / "crops", "train_1", [0.0])
    (clip,) = clips = recola.load(gold(root), crops=folder, labels_only=True)
    assert len(clip) == 3 and not clip.valid.any() and not clips.report.notes


def test_a_written_gold_standard_has_the_layout_of_the_challenge(tmp_path):
    path = tmp_path / "arousal" / "train_1.arff"
    times, values = [0, 0.04, 0.2, 7 * 0.04, 300], [-0.0257, -0.00001, 0.5, 1, 0.101]
    recola.write_gold_standard(path, "train_1", "arousal", times, values)
    assert path.read_bytes() == (
        b"@relation GOLDSTANDARD_AROUSAL\r\n\r\n@attribute Instance_name string\r\n"
        b"@attribute frameTime numeric\r\n@attribute GoldStandard numeric\r\n\r\n\r\n"
        b"@data\r\n\r\ntrain_1,0,-0.0257\r\ntrain_1,0.04,0.0000\r\ntrain_1,0.2,0.5000\r\n"
        b"train_1,0.28,1.0000\r\ntrain_1,300,0.1010\r\n"
    )
    assert os.listdir(path.parent) == ["train_1.arff"]


def test_a_written_gold_standard_reads_back(root):
    random = np.random.default_rng(0)
    times, values = np.arange(50) / 30, random.uniform(-1, 1, (50, 2))
    for i, dimension in enumerate(recola.DIMENSIONS):
        path = root / "ratings_gold_standard" / dimension / "dev_1.arff"
        recola.write_gold_standard(path, "dev_1", dimension, times, values[:, i])
    (clip,) = recola.load(root, "dev")
    np.testing.assert_allclose(clip.times, times, atol=5e-7)
    np.testing.assert_allclose(clip.valence_arousal, values, atol=5.1e-5)


@pytest.mark.parametrize(
    ("name", "dimension", "times", "values", "message"),
    [
        ("a,b", "valence", [0], [0], "`name` must be one word"),
        ("a", "dominance", [0], [0], "`dimension` must be one of"),
        ("a", "valence", [0, 1], [0], "one value"),
        ("a", "valence", [0, 0], [0, 0], "Times of ratings must increase"),
        ("a", "valence", [0, 1], [0, 1.5], r"\[-1, 1\].*1.5 in line 11"),
        ("a", "valence", [], [], "at least one row"),
    ],
)
def test_a_gold_standard_that_would_be_unreadable_is_not_written(
    tmp_path, name, dimension, times, values, message
):
    with pytest.raises(ValueError, match=message):
        recola.write_gold_standard(tmp_path / "x.arff", name, dimension, times, values)
    assert not list(tmp_path.iterdir())


def test_the_rater_who_follows_the_landmarks_labels_all_recordings(root, tmp_path):
    database_trees.recola_raters(root, tmp_path / "crops", follower="FF1")
    clips = recola.load(root, rater="landmarks", crops=tmp_path / "crops")
    expected = recola.load(root, rater="FF1", crops=tmp_path / "crops")
    for clip, other in zip(clips, expected, strict=True):
        assert np.array_equal(clip.valence_arousal, other.valence_arousal)
    (reason,) = clips.report.notes
    assert reason == "clips labelled by FF1, who follows the landmarks most"
    count, (text,) = clips.report.notes[reason]
    assert count == 2 and text.startswith("FM1 ") and float(text.split("FF1 ")[1][:5]) > 0.95


def test_the_rater_who_follows_the_landmarks_needs_faces_and_raters(root, tmp_path):
    with pytest.raises(ValueError, match="rater='landmarks' with the ratings 'gold_standard'"):
        recola.load(gold(root), rater="landmarks")
    raw(root)
    with pytest.raises(ValueError, match="labels_only"):
        recola.load(root, ratings="raters", rater="landmarks", labels_only=True)
    with pytest.raises(ValueError, match="needs clips with landmarks"):
        recola.load(root, ratings="raters", rater="landmarks")

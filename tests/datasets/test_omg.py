import os

import numpy as np
import pytest

from kollias_affect import EXPRESSIONS, faces
from kollias_affect.datasets import omg

HEADER = "link,start,end,video,utterance,arousal,valence,EmotionMaxVote"
LINK = "https://www.youtube.com/watch?v="
BOX = faces.Box(16, 16, 64, 64, 1.0)
PICTURES = [np.full((96, 96, 3), 128, np.uint8)] * 2
ROWS = (
    f"{LINK}AAAAAAAAAAA,15.41,19.68,5b44393ed,utterance_4.mp4,0.170,-0.0237,4",
    f"{LINK}AAAAAAAAAAA,21.25,36.79,5b44393ed,utterance_6.mp4,0.418,0.293,3",
    f"{LINK}BBBBBBBBBBB,0.5,9,f8da01d25_1,utterance_4.mp4,0.9,-0.8,0",
    f"{LINK}BBBBBBBBBBB&t=9s,9,11,f8da01d25_2,utterance_1.mp4,0.2,0.1,1",
)
KEYS = [
    "5b44393ed/utterance_4",
    "5b44393ed/utterance_6",
    "f8da01d25_1/utterance_4",
    "f8da01d25_2/utterance_1",
]

ALONE = "utterances without a video that can be read, labels alone"


@pytest.fixture
def root(tmp_path):
    (tmp_path / "omg").mkdir()
    return tmp_path / "omg"


def table(root, rows=ROWS, name="omg_TrainVideos.csv", header=HEADER):
    (root / name).write_text("\n".join([header, *rows]) + "\n")
    return root


def labels(root, split="train"):
    return omg.load(root, split, labels_only=True)


def video(write_video, folder, key):
    path = folder / f"{key}.mp4"
    path.parent.mkdir(parents=True, exist_ok=True)
    return write_video(PICTURES, path)


def full_frame(image):
    return [BOX]


def test_arousal_comes_first_in_the_file_and_valence_in_the_clip(root):
    clips = labels(table(root))
    assert [clip.key for clip in clips] == KEYS  # numbers of utterances may have gaps
    np.testing.assert_allclose(clips[0].valence_arousal, [[-0.0237, 0.17]], atol=1e-6)
    assert clips[0].paths == [""] and not clips[0].valid.any()
    assert clips.report.videos == 3 and clips.report.clips == 4


def test_numbers_of_expressions_are_alphabetical_in_the_file(root):
    rows = [f"l,0,1,v,utterance_{i}.mp4,0,0,{i}" for i in range(7)]
    names = [EXPRESSIONS[clip.expression[0]] for clip in labels(table(root, rows))]
    assert names == ["anger", "disgust", "fear", "happiness", "neutral", "sadness", "surprise"]


def test_two_ids_on_one_link_are_one_subject(root):
    clips = labels(table(root))
    assert [clip.subject for clip in clips] == ["AAAAAAAAAAA"] * 2 + ["BBBBBBBBBBB"] * 2
    assert clips.report.subjects == 2
    note = clips.report.notes["video ids that share a link, read as one subject"]
    assert note == (2, ("f8da01d25_1, f8da01d25_2",))


def test_without_a_link_the_subject_is_the_video(root):
    rows = [",0,1,abc,utterance_1.mp4,0,0,4", "https://youtu.be/x,0,1,d,utterance_1.mp4,0,0,4"]
    assert [c.subject for c in labels(table(root, rows))] == ["abc", "https://youtu.be/x"]


def test_the_key_is_video_and_utterance(root):
    keys = [clip.key for clip in labels(table(root))]
    assert "5b44393ed/utterance_4" in keys and "f8da01d25_1/utterance_4" in keys


def test_rows_without_a_key_are_left_out_and_counted(root):
    clips = labels(table(root, [*ROWS, ",,,,,0.45,0.17,", ",,,,,0.1,0.2,"]))
    assert len(clips) == 4
    count, examples = clips.report.notes["rows without video or utterance"]
    assert count == 2 and examples[0].startswith("line 6 of ")


def test_an_utterance_without_a_vote_has_no_expression(root):
    clips = labels(table(root, [ROWS[0][:-1], *ROWS[1:]]))
    assert clips[0].expression is None and clips[1].expression is not None
    note = clips.report.notes["utterances without a majority vote, so without expression"]
    assert note == (1, (KEYS[0],))


def test_a_repeated_row_counts_once(root):
    clips = labels(table(root, [*ROWS, ROWS[1]]))
    assert len(clips) == 4
    assert clips.report.notes["rows that repeat an utterance"][0] == 1


def test_two_labels_of_one_utterance_are_refused_with_both_lines(root):
    table(root, [*ROWS, ROWS[1].replace("0.418", "0.419")])
    with pytest.raises(ValueError, match="utterance_6 with two, in line 3 of .* in line 6 of"):
        labels(root)


def test_split_none_reads_all_utterances_with_labels(root):
    table(root)
    later = [ROWS[0].replace("5b44393ed", "0123")]
    table(root, later, "omg_ValidationVideos.csv")
    unlabelled = [",".join(ROWS[0].replace("5b44393ed", "4567").split(",")[:5])]
    header = ",".join(HEADER.split(",")[:5])
    table(root, unlabelled, "omg_TestVideos_WithoutLabels.csv", header)
    clips = labels(root, None)
    assert [clip.key for clip in clips] == ["0123/utterance_4", *KEYS]
    absent = clips.report.notes["tables that are absent"]
    assert absent == (1, ("omg_TestVideos_WithLabels.csv",))
    assert len(labels(root, "validation")) == 1
    with pytest.raises(ValueError, match="`split` must be one of .'train', 'validation', 'test'"):
        labels(root, "all")


def test_the_test_split_has_labels_if_they_exist(root):
    unlabelled = [",".join(row.split(",")[:5]) for row in ROWS]
    header = ",".join(HEADER.split(",")[:5])
    table(root, unlabelled, "omg_TestVideos_WithoutLabels.csv", header)
    clips = labels(root, "test")
    assert len(clips) == 4 and clips[0].valence_arousal is None and clips[0].expression is None
    assert clips.report.notes["utterances without labels"][0] == 4
    table(root, ROWS, "omg_TestVideos_WithLabels.csv")
    assert labels(root, "test")[0].valence_arousal is not None


def test_counts_that_differ_from_the_published_are_noted(root):
    notes = labels(table(root)).report.notes
    assert notes["utterances of train, not 2,442 as published"] == (4, ("train",))


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("l,0,1,v,utterance_1.mp4,0.1,0.2", "8 fields.*line 3 of .*omg_TrainVideos.csv"),
        ("l,0,1,v,utterance_1.mp4,0.1,0.2,4,5", "8 fields.*line 3 of"),
        ("", "8 fields.*line 3 of"),
        ("l,0,1,v,utterance_1.mp4,low,0.2,4", "arousal must be a number.*'low' in line 3 of"),
        ("l,0,1,v,utterance_1.mp4,-0.1,0.2,4", r"arousal .*\[0, 1\].*'-0.1' in line 3 of"),
        ("l,0,1,v,utterance_1.mp4,0.1,1.2,4", r"valence .*\[-1, 1\].*'1.2' in line 3 of"),
        ("l,0,1,v,utterance_1.mp4,0.1,nan,4", "valence .*'nan' in line 3 of"),
        ("l,0,1,v,utterance_1.mp4,0.1,,4", "valence .*'' in line 3 of"),
        ("l,0,1,v,utterance_1.mp4,0.1,0.2,7", "from 0 to 6.*'7' in line 3 of"),
        ("l,0,1,v,utterance_1.mp4,0.1,0.2,Sad", "from 0 to 6.*'Sad' in line 3 of"),
        ("l,0,1,..,../x.mp4,0.1,0.2,4", "names of a folder.*line 3 of"),
        ("l,0,1,v,../../x.mp4,0.1,0.2,4", "names of a folder.*line 3 of"),
        ("l,0,1,v,..,0.1,0.2,4", "names of a folder.*line 3 of"),
        ("l,0,1,v,.,0.1,0.2,4", "names of a folder.*line 3 of"),
        ("l,0,1,v,/etc/x.mp4,0.1,0.2,4", "names of a folder.*line 3 of"),
        ("l,0,1,v,.mp4,0.1,0.2,4", "names of a folder.*line 3 of"),
    ],
)
def test_a_malformed_row_is_named(root, row, message):
    table(root, [ROWS[0], row, *ROWS[1:]])
    with pytest.raises(ValueError, match=message):
        labels(root)


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (HEADER.replace("video", "clip"), "without .'video'."),
        (HEADER.replace("valence", "dominance"), "all of the columns .* with .'arousal', 'Emot"),
        (ROWS[0], "header of .* must name the columns"),
        ("", "header of .* must name the columns"),
    ],
)
def test_a_malformed_header_is_named(root, header, message):
    with pytest.raises(ValueError, match=message):
        labels(table(root, header=header))


def test_byte_order_mark_crlf_and_empty_lines_at_the_end_are_accepted(root):
    path = table(root) / "omg_TrainVideos.csv"
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n") + b"\r\n\r\n")
    assert len(labels(root)) == 4


def test_a_latin_1_byte_and_a_truncated_file_are_named(root):
    path = table(root) / "omg_TrainVideos.csv"
    content = path.read_bytes()
    path.write_bytes(content.replace(b"5b44393ed,utterance_6", b"caf\xe9,utterance_6"))
    with pytest.raises(ValueError, match="UTF-8.*line 3 has the byte 0xe9"):
        labels(root)
    path.write_bytes(content[:-20])
    with pytest.raises(ValueError, match="8 fields.*line 5 of"):
        labels(root)
    path.write_bytes(b"")
    with pytest.raises(ValueError, match="header of"):
        labels(root)


def test_messages_of_missing_files_name_the_layout(root):
    with pytest.raises(FileNotFoundError, match="omg_TrainVideos.csv.*none of these tables"):
        labels(root)
    with pytest.raises(FileNotFoundError, match="does not exist"):
        labels(root / "nowhere")
    table(root)
    with pytest.raises(FileNotFoundError, match="`videos` must be a folder"):
        omg.load(root, "train", videos=root / "nowhere")


def test_utterances_without_a_video_keep_their_label_and_are_counted(root, write_video, tmp_path):
    table(root)
    video(write_video, root / "train_videos", KEYS[0])
    broken = root / "train_videos" / f"{KEYS[1]}.mp4"
    broken.write_text("no video")
    temporary = (
        root / "train_videos/youtube_videos_temp"
    )  # complete videos, which the download leaves
    video(write_video, temporary, "f8da01d25_1/utterance_4")
    clips = omg.load(root, "train", crops=tmp_path / "crops", detector=full_frame)
    clip = clips[0]
    assert [c.key for c in clips] == KEYS and [len(c) for c in clips] == [2, 1, 1, 1]
    assert clip.key == KEYS[0] and clip.subject == "AAAAAAAAAAA"
    assert len(clip) == 2 and clip.valid.all() and clip.landmarks.shape == (2, 68, 2)
    np.testing.assert_allclose(clip.valence_arousal, [[-0.0237, 0.17]] * 2, atol=1e-6)
    assert [EXPRESSIONS[i] for i in clip.expression] == ["neutral", "neutral"]
    alone = clips[1]
    assert alone.paths == [""] and not alone.valid.any() and alone.times is None
    np.testing.assert_allclose(alone.valence_arousal, [[0.293, 0.418]], atol=1e-6)
    assert clips.report.notes[ALONE] == (3, tuple(KEYS[1:]))
    assert clips.report.notes["videos that cannot be read"][0] == 1
    broken.unlink()
    (root / "train_videos" / f"{KEYS[0]}.mp4").unlink()
    again = omg.load(root, "train", crops=tmp_path / "crops")[0]  # crops alone suffice
    assert again.paths == clip.paths


def test_the_tables_alone_suffice(root):
    clips = omg.load(table(root), "train")
    assert [clip.key for clip in clips] == KEYS and not any(clip.valid.any() for clip in clips)
    assert clips.report.notes[ALONE][0] == 4


def test_videos_without_content_keep_their_labels(root):
    table(root)
    for key in KEYS:
        path = root / "videos" / f"{key}.mp4"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    clips = omg.load(root, "train", processes=1)
    assert [clip.key for clip in clips] == KEYS
    assert clips.report.notes["videos that cannot be read"][0] == 4
    assert clips.report.notes[ALONE][0] == 4


def test_utterances_without_labels_and_video_are_left_out(root):
    rows, header = [",".join(row.split(",")[:5]) for row in ROWS], ",".join(HEADER.split(",")[:5])
    table(root, rows, "omg_TestVideos_WithoutLabels.csv", header)
    with pytest.raises(FileNotFoundError, match="read in the split 'test': 4 utterances with") as e:
        omg.load(root, "test")
    assert len(str(e.value)) <= 600


@pytest.mark.parametrize("name", ["Train_Set", "TRAINING", "train"])
def test_splits_have_several_names(root, name):
    assert len(labels(table(root), name)) == 4


@pytest.mark.parametrize("name", ["val", "Dev", "Validation_Set"])
def test_the_validation_split_has_several_names(root, name):
    assert len(labels(table(root, name="omg_ValidationVideos.csv"), name)) == 4


def test_tables_may_lie_below_in_any_case_or_be_the_root(root, write_video):
    inner = root / "OMGEmotionChallenge-master" / "data"
    inner.mkdir(parents=True)
    table(inner, name="OMG_trainvideos.CSV")
    video(write_video, inner / "train_videos", KEYS[0])
    for place in (root, inner, inner / "OMG_trainvideos.CSV"):
        clips = omg.load(place, detector=lambda image: [])
        assert [len(clip) for clip in clips] == [2, 1, 1, 1]
    table(root, ROWS[:1])
    clips = labels(root)
    assert len(clips) == 1 and clips.report.notes["second tables of a name, not read"][0] == 1


@pytest.mark.parametrize("vote", ["4.0", "4."])
def test_votes_may_be_written_with_decimals(root, vote):
    (clip,) = labels(table(root, [ROWS[0][:-1] + vote]))
    assert EXPRESSIONS[clip.expression[0]] == "neutral"
    with pytest.raises(ValueError, match="from 0 to 6.*'4.5'"):
        labels(table(root, [ROWS[0][:-1] + "4.5"]))


def test_each_split_may_have_a_folder_of_videos_of_its_own(root, write_video):
    table(root, ROWS[:1])
    table(root, ROWS[2:3], "omg_ValidationVideos.csv")
    video(write_video, root / "data/train", KEYS[0])
    video(write_video, root / "data/validation", KEYS[2])
    clips = omg.load(root, detector=lambda image: [])
    assert [clip.key for clip in clips] == [KEYS[0], KEYS[2]]
    assert clips.report.frames == clips.report.without_face == 4


def test_several_videos_of_one_utterance_are_counted(root, write_video):
    table(root, ROWS[:1])
    video(write_video, root, KEYS[0])
    video(write_video, root / "copy", KEYS[0])
    clips = omg.load(root, "train", detector=lambda image: [])
    assert (
        clips.report.notes["utterances with several video files, of which the first is read"][0]
        == 1
    )
    clips = omg.load(root, "train", videos=root / "copy", detector=lambda image: [])
    assert len(clips) == 1


def test_folders_of_annotators_are_not_videos(root):
    table(root, ROWS[:1])
    (root / "DetailedAnnotation/train" / f"{KEYS[0]}.mp4").mkdir(parents=True)
    (root / "elsewhere" / f"{KEYS[0]}.mp4").mkdir(parents=True)
    assert omg.load(root, "train").report.notes[ALONE] == (1, (KEYS[0],))


def test_circular_links_are_ignored(root, write_video):
    table(root, ROWS[:1])
    video(write_video, root / "videos", KEYS[0])
    os.symlink(root, root / "videos/again", target_is_directory=True)
    assert len(omg.load(root, "train", detector=lambda image: [])) == 1


PREDICTED = (
    "f8da01d25_2,utterance_1.mp4,0.4,-0.4",
    "5b44393ed,utterance_4.mp4,0.1,-0.1",
    "f8da01d25_1,utterance_4.mp4,0.3,-0.3",
    "5b44393ed,utterance_6.mp4,0.2,-0.2",
)


def predictions(root, rows=PREDICTED, header="video,utterance,arousal,valence"):
    path = root / "predictions.csv"
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def test_shuffled_predictions_are_put_in_the_order_of_the_clips(root):
    expected = [[-0.1, 0.1], [-0.2, 0.2], [-0.3, 0.3], [-0.4, 0.4]]
    path = predictions(root)
    read = omg.read_predictions(path, labels(table(root)))
    assert read.dtype == np.float32
    np.testing.assert_allclose(read, expected)
    np.testing.assert_allclose(omg.read_predictions(path, KEYS[::-1]), expected[::-1])


def test_missing_additional_and_duplicated_predictions_are_listed(root):
    path = predictions(root, [*PREDICTED[:3], PREDICTED[0], "other,utterance_1.mp4,0,0"])
    message = (
        r"1 missing \['5b44393ed/utterance_6'\], 1 not among the clips \['other/utterance_1'\], "
        r"1 duplicated \['f8da01d25_2/utterance_1'\]"
    )
    with pytest.raises(ValueError, match=message):
        omg.read_predictions(path, KEYS)


@pytest.mark.parametrize(
    ("rows", "header", "message"),
    [
        (PREDICTED, PREDICTED[0], "header of .* must name the columns"),
        (PREDICTED, "video,utterance,arousal", "without .'valence'."),
        (["v,utterance_1.mp4,0"], "video,utterance,arousal,valence", "4 fields.*line 2 of"),
        (["v,utterance_1.mp4,0,x"], "video,utterance,arousal,valence", "'x' in line 2 of"),
        (["v,utterance_1.mp4,0,nan"], "video,utterance,arousal,valence", "'nan' in line 2 of"),
        (["../..,x.mp4,0,0"], "video,utterance,arousal,valence", "names of a folder.*line 2 of"),
        ([",,0.1,0.2"], "video,utterance,arousal,valence", "names of a folder.*line 2 of"),
    ],
)
def test_malformed_predictions_are_named(root, rows, header, message):
    with pytest.raises(ValueError, match=message):
        omg.read_predictions(predictions(root, rows, header), KEYS)


def test_annotators_have_the_raw_scale_and_wrong_folders_are_named(root, caplog):
    folder = root / "DetailedAnnotation/train/5b44393ed/utterance_4.mp4"
    (folder / "utterance_3.mp4").mkdir(parents=True)
    (folder / "utterance_3.mp4/4.txt").write_text("arousal,valence,emotion\n1,2,Sad\n")
    for number, arousal in ((2, 75), (10, 12.5)):
        (folder / f"{number}.txt").write_text(f"arousal,valence,emotion\n{arousal},50,Happy\n")
    read = omg.read_annotators(root, "train", "5b44393ed", "utterance_4.mp4")
    assert {number: rows.tolist() for number, rows in read.items()} == {
        2: [[50, 75]],
        10: [[50, 12.5]],
    }
    assert "utterance_3.mp4" in caplog.text
    (folder / "2.txt").write_text("arousal,valence,emotion\nhigh,50,Happy\n")
    with pytest.raises(ValueError, match="'high' in line 2 of .*2.txt"):
        omg.read_annotators(root, "train", "5b44393ed", "utterance_4")


def test_missing_annotators_are_named(root):
    with pytest.raises(FileNotFoundError, match="DetailedAnnotation/train/v/utterance_1.mp4/K"):
        omg.read_annotators(root, "train", "v", "utterance_1")
    (root / "DetailedAnnotation").mkdir()
    with pytest.raises(ValueError, match="stay under its folder"):
        omg.read_annotators(root, "..", "..", "utterance_1")

import os

import numpy as np
import pytest

from kollias_affect import EXPRESSIONS, faces
from kollias_affect.datasets import afew

BOX = faces.Box(16, 16, 64, 64, 1.0)
PICTURES = [np.full((96, 96, 3), 128, np.uint8)] * 2


def touch(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"")
    return path


def train(root, emotion, name, stems=("1", "2"), folder=afew.FACES["train"]):
    """Makes a video of the training split and its aligned faces."""
    touch(root / "Train_AFEW" / emotion / f"{name}.avi")
    for stem in stems:
        touch(root / "Train_AFEW" / folder / "Faces" / name / f"{stem}.jpg")


def validation(root, emotion, name, stems=("1", "2")):
    touch(root / "Val_AFEW" / emotion / f"{name}.avi")
    for stem in stems:
        touch(root / "Val_AFEW" / afew.FACES["validation"] / "Faces" / name / f"{stem}.jpg")


@pytest.fixture
def root(tmp_path):
    root = tmp_path / "afew"
    train(root, "Angry", "000046280", ["00003", "00004", "00006"])
    train(root, "Sad", "001703120")
    validation(root, "Happy", "001703120")
    touch(root / "Train_AFEW" / "Train_6.xml")
    return root


def test_an_id_in_both_splits_keeps_both_labels_and_is_one_subject(root, labels_of):
    clips = afew.load(root)
    assert labels_of(clips) == {
        "train/000046280": "anger",
        "train/001703120": "sadness",
        "validation/001703120": "happiness",
    }
    assert [clip.subject for clip in clips] == ["000046280", "001703120", "001703120"]
    assert labels_of(afew.load(root, "train"))["train/001703120"] == "sadness"
    assert labels_of(afew.load(root, "validation")) == {"validation/001703120": "happiness"}


def test_gaps_in_the_tracking_are_frames_without_an_image(root):
    clip = afew.load(root, "train")[0]
    assert [os.path.basename(path) for path in clip.paths] == [
        "00003.jpg",
        "00004.jpg",
        "",
        "00006.jpg",
    ]
    assert clip.valid.tolist() == [True, True, False, True] and clip.times is None


def test_frames_are_in_the_order_of_their_numbers_without_padding(root):
    train(root, "Fear", "000000001", ["9", "10", "11"])
    clip = afew.load(root, "train")[0]
    assert [os.path.basename(path) for path in clip.paths] == ["9.jpg", "10.jpg", "11.jpg"]


def test_ids_without_faces_keep_their_label_and_are_counted(root):
    train(root, "Fear", "000000001", stems=[])
    train(root, "Fear", "000000002", stems=[])
    faces_folder = root / "Train_AFEW" / afew.FACES["train"] / "Faces"
    (faces_folder / "000000002").mkdir()
    touch(faces_folder / "000000003" / "1.jpg")
    touch(faces_folder / "000046280" / "Thumbs.db")
    clips = afew.load(root)
    assert len(clips) == 5
    alone = clips[0]
    assert alone.key == "train/000000001" and alone.paths == [""] and alone.times is None
    assert EXPRESSIONS[alone.expression[0]] == "fear" and alone.subject == "000000001"
    notes = clips.report.notes
    assert notes["videos with no folder of faces, labels alone"] == (1, ("train/000000001",))
    assert notes["videos with an empty folder of faces, labels alone"][0] == 1
    assert notes["folders of faces without a video, so without a label"] == (
        1,
        ("train/000000003",),
    )
    assert notes["files among the faces whose name is not a number"][0] == 1
    assert notes["videos of train, not 773 as published"] == (4, ("Train_AFEW",))


@pytest.mark.parametrize("doubled", ["Train_AFEW", "Angry", afew.FACES["train"], "Faces"])
def test_doubled_folders_are_searched(root, doubled, labels_of):
    expected = labels_of(afew.load(root))
    folder = next((root / "Train_AFEW").rglob(doubled), root / "Train_AFEW")
    folder.rename(folder.with_name("moved"))
    folder.mkdir()
    folder.with_name("moved").rename(folder / doubled)
    assert labels_of(afew.load(root)) == expected


def test_root_may_be_above_or_be_one_split(root, tmp_path):
    assert len(afew.load(tmp_path)) == 3  # the folder above
    clips = afew.load(root / "Train_AFEW")
    assert len(clips) == 2
    assert clips.report.notes["splits that are absent"] == (1, ("Val_AFEW",))
    with pytest.raises(FileNotFoundError, match="in the split 'validation'.*absent"):
        afew.load(root / "Train_AFEW", "validation")


def test_faces_may_lie_beside_the_folders_of_the_splits(root):
    for part, name in afew.FACES.items():
        (root / afew.FOLDERS[part] / name).rename(root / name)
    assert len(afew.load(root)) == 3


def test_test_labels_are_not_distributed(root):
    with pytest.raises(ValueError, match="not distributed.*'test'"):
        afew.load(root, "test")
    with pytest.raises(ValueError, match="`split` must be one of .'train', 'validation'"):
        afew.load(root, "all")


@pytest.mark.parametrize("name", ["val", "Dev", "Val_AFEW", "VALIDATION"])
def test_splits_have_several_names(root, name, labels_of):
    assert labels_of(afew.load(root, name)) == {"validation/001703120": "happiness"}


def test_root_may_be_two_levels_above_and_hold_other_files(root, tmp_path):
    touch(tmp_path / "readme.txt")
    touch(root / "readme.txt")
    assert len(afew.load(tmp_path)) == 3
    (tmp_path / "above").mkdir()
    root.rename(tmp_path / "above" / root.name)
    assert len(afew.load(tmp_path)) == 3


def test_an_id_with_two_labels_in_one_split_is_refused(root):
    touch(root / "Train_AFEW/Happy/000046280.avi")
    with pytest.raises(ValueError, match="Angry/000046280.avi and .*Happy/000046280.avi"):
        afew.load(root)


def test_unknown_folders_with_videos_are_refused_and_others_counted(root):
    (root / "Train_AFEW/LBPTOP").mkdir()
    assert afew.load(root).report.notes[
        "folders ignored that are not named after an expression"
    ] == (
        1,
        ("LBPTOP",),
    )
    touch(root / "Train_AFEW/Contempt/000000009.avi")
    with pytest.raises(ValueError, match="named after one of .*Contempt"):
        afew.load(root)


def test_files_in_the_wrong_place_are_counted(root):
    touch(root / "Train_AFEW/000000009.avi")
    touch(root / "Train_AFEW/Angry/readme.txt")
    touch(root / "Train_AFEW/Angry/more/000000010.avi")
    notes = afew.load(root).report.notes
    assert notes["files ignored outside of the folders of expressions"] == (1, ("000000009.avi",))
    assert any("do not end in" in reason for reason in notes)
    assert notes["folders ignored that are not named after an expression"] == (1, ("more",))


def test_two_images_of_one_frame_are_refused(root):
    train(root, "Angry", "000046280", ["3"])
    with pytest.raises(ValueError, match="same number"):
        afew.load(root)


def test_a_number_that_is_not_a_frame_is_refused(root):
    train(root, "Angry", "000046280", ["20170101"])
    with pytest.raises(ValueError, match=r"fewer than 10,000.*00003.jpg and 20170101.jpg"):
        afew.load(root)


def test_faces_in_an_archive_are_noted_and_an_emotion_in_one_is_refused(root):
    os.rename(root / "Val_AFEW" / afew.FACES["validation"], root / "moved")
    touch(root / "Val_AFEW" / f"{afew.FACES['validation']}.zip")
    clips = afew.load(root)
    assert "archives of aligned faces that were not unpacked (unzip them)" in clips.report.notes
    assert clips.report.notes["videos that cannot be read, labels alone"][0] == 1
    touch(root / "Val_AFEW/Neutral.zip")
    with pytest.raises(FileNotFoundError, match="Neutral.zip, without a folder of neutral"):
        afew.load(root)


def test_messages_of_missing_folders_name_the_layout(tmp_path):
    with pytest.raises(FileNotFoundError, match="2 splits that are absent.*Train_AFEW/<Emotion>"):
        afew.load(tmp_path)
    with pytest.raises(FileNotFoundError, match="does not exist"):
        afew.load(tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match="is not a folder"):
        afew.load(touch(tmp_path / "file"))


def test_circular_links_are_ignored(root):
    os.symlink(root, root / "Train_AFEW/Angry/again", target_is_directory=True)
    os.symlink("..", root / "Train_AFEW/up", target_is_directory=True)
    assert len(afew.load(root)) == 3


@pytest.fixture
def videos(tmp_path, write_video):
    """One id in both splits, as videos without aligned faces."""
    for place in ("Train_AFEW/Sad", "Val_AFEW/Happy"):
        folder = tmp_path / "videos" / place
        folder.mkdir(parents=True)
        write_video(PICTURES, folder / "001703120.avi")
    return tmp_path / "videos"


def test_without_aligned_faces_the_videos_are_extracted(videos, labels_of):
    (videos / "Train_AFEW/Sad/000000001.avi").write_text("no video")
    clips = afew.load(videos, detector=lambda image: [BOX])
    broken, *shown = clips
    assert labels_of(shown) == {"train/001703120": "sadness", "validation/001703120": "happiness"}
    assert [clip.subject for clip in shown] == ["001703120"] * 2
    assert all(len(clip) == 2 and clip.valid.all() and clip.times[0] == 0 for clip in shown)
    assert broken.paths == [""] and labels_of([broken]) == {"train/000000001": "sadness"}
    assert clips.report.notes["videos that cannot be read"][0] == 1
    assert clips.report.notes["videos that cannot be read, labels alone"][0] == 1
    assert clips.report.videos == 3


def test_the_argument_crops_replaces_the_aligned_faces(videos, tmp_path):
    touch(videos / "Train_AFEW" / afew.FACES["train"] / "Faces/001703120/7.jpg")
    clips = afew.load(videos, crops=tmp_path / "crops", detector=lambda image: [])
    assert [len(clip) for clip in clips] == [2, 2]
    assert clips.report.without_face == 4
    assert (tmp_path / "crops/train/001703120.csv").is_file()


def test_each_split_has_aligned_faces_or_is_extracted(videos):
    faces_folder = videos / "Train_AFEW" / afew.FACES["train"] / "Faces"
    touch(faces_folder / "001703120/7.jpg")
    aligned, extracted = afew.load(videos, detector=lambda image: [BOX])
    assert aligned.key == "train/001703120" and len(aligned) == 1 and aligned.times is None
    assert extracted.key == "validation/001703120" and extracted.valid.tolist() == [True, True]
    (faces_folder / "001703120/7.jpg").unlink()
    (faces_folder / "001703120").rmdir()  # an empty folder Faces counts as none
    assert [len(c) for c in afew.load(videos, detector=lambda image: [BOX])] == [2, 2]

import os
import shutil

import numpy as np
import pytest

from kollias_affect import EXPRESSIONS, datasets
from kollias_affect.datasets import affwild2

NOTES = "3rd ABAW Annotations"
AU = f"{NOTES}/AU_Detection_Challenge"
VA, EXPR = f"{NOTES}/VA_Estimation_Challenge", f"{NOTES}/EXPR_Classification_Challenge"
HEADER = "Neutral,Anger,Disgust,Fear,Happiness,Sadness,Surprise,Other"
AUS = ",".join("0" * 12)


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def touch_images(root, name, numbers, folder="cropped_aligned", form="{:05d}.jpg"):
    for number in numbers:
        write(root / folder / name / form.format(number), "")


@pytest.fixture
def root(tmp_path):
    """Three people for training and one for validation, for both tasks."""
    rows = ["0.602,0.389", "-5,-5", "-0.25,0.5", "1,-1", "0,0"]
    numbers = ["0", "-1", "4", "7", "6"]
    for part, name in (
        ("Train_Set", "10-60-1280x720"),
        ("Train_Set", "10-60-1280x720_right"),
        ("Train_Set", "video10_1_left"),
        ("Validation_Set", "video10_1_right"),
    ):
        write(tmp_path / VA / part / f"{name}.txt", "\n".join(["valence,arousal", *rows, ""]))
        write(tmp_path / EXPR / part / f"{name}.txt", "\n".join([HEADER, *numbers, ""]))
    touch_images(
        tmp_path, "10-60-1280x720", [1, 2, 4, 5, 6]
    )  # without 3, with one beyond the labels
    touch_images(tmp_path, "10-60-1280x720_right", [1, 2, 3, 4, 5])
    touch_images(tmp_path, "video10_1_left", [1, 2, 3, 4, 5])
    touch_images(tmp_path, "video10_1_right", [2, 3], "cropped_aligned_new_50_vids")
    write(tmp_path / "cropped_aligned" / ".DS_Store", "")
    write(tmp_path / "cropped_aligned" / "10-60-1280x720" / ".DS_Store", "")
    write(tmp_path / VA / "Train_Set" / ".DS_Store", "")
    return tmp_path


def stems(clip):
    return [os.path.basename(path)[:-4] for path in clip.paths]


def test_frame_k_has_line_k_after_the_header(root):
    clip = affwild2.load(root, "train")[0]
    assert stems(clip) == ["00001", "00002", "", "00004", "00005"]
    assert clip.valence_arousal[[0, 3]].tolist() == np.float32([[0.602, 0.389], [1, -1]]).tolist()
    assert clip.paths[0] == str(root / "cropped_aligned/10-60-1280x720/00001.jpg")


def test_the_report_counts_frames_and_labels(root, count):
    clips = affwild2.load(root)
    report = clips.report
    assert (report.clips, report.videos, report.subjects, report.frames) == (4, 2, 4, 20)
    assert report.without_face == 1 + 3
    assert report.invalid == 4  # one -5 in every clip, on a frame with an image
    assert count(clips, "images without a label") == 1
    assert count(clips, "labelled frames without an image") == 1 + 3
    assert report.ranges == {"valence": (-0.25, pytest.approx(1)), "arousal": (-1, 0.5)}


def test_minus_5_is_not_valid(root):
    write(root / VA / "Train_Set/video10_1_left.txt", "valence,arousal\n-5,0.5\n0.5,-5\n0.5,0.5\n")
    clip = affwild2.load(root, "train")[2]
    assert clip.valid.tolist() == [False, False, True]


def test_video_name_removes_only_left_and_right():
    names = ["video10_1_left", "video10_1", "24-30-1920x1080-2", "video2_right", "left_video"]
    assert [affwild2.video_name(name) for name in names] == [
        *("video10_1", "video10_1", "24-30-1920x1080-2", "video2", "left_video")
    ]


def test_two_people_of_a_video_are_two_subjects(root):
    clips = affwild2.load(root, "train")
    assert [clip.subject for clip in clips] == [clip.key for clip in clips]
    assert [clip.key for clip in clips] == [
        *("10-60-1280x720", "10-60-1280x720_right", "video10_1_left")
    ]


def test_expressions_are_indices_into_EXPRESSIONS(root):
    clip = affwild2.load(root, "train", task="expression")[1]
    names = [EXPRESSIONS[i] for i in clip.expression[clip.valid]]
    assert names == ["neutral", "happiness", "surprise"]
    assert clip.valence_arousal is None


def test_other_is_not_valid_and_counted(root, count):
    clips = affwild2.load(root, "train", task="expression")
    assert clips[1].valid.tolist() == [True, False, True, False, True]
    assert count(clips, "class Other, left out") == 3
    assert clips.report.classes["neutral"] == 3


def test_other_becomes_the_named_expression(root, count):
    clips = affwild2.load(root, "train", task="expression", other="fear")
    assert EXPRESSIONS[clips[1].expression[3]] == "fear" and clips[1].valid[3]
    assert count(clips, "class Other, counted as fear") == 3
    with pytest.raises(ValueError, match="`other` must be one of .*'rage'"):
        affwild2.load(root, task="expression", other="rage")


def test_a_header_without_other_is_accepted(root):
    path = root / EXPR / "Train_Set/video10_1_left.txt"
    write(path, HEADER.removesuffix(",Other") + "\n6\n")
    assert affwild2.load(root, "train", task="expression")[2].expression.tolist() == [6]
    write(path, HEADER.removesuffix(",Other") + "\n6\n7\n")
    with pytest.raises(ValueError, match=r"from 0 to 6, or -1.*Received: 7.0 in line 3 of .*left"):
        affwild2.load(root, task="expression")


def test_classes_follow_the_header(root):
    write(root / EXPR / "Train_Set/video10_1_left.txt", "Surprise,Other,Angry\n0\n1\n2\n")
    clip = affwild2.load(root, "train", task="expression")[2]
    assert [EXPRESSIONS[i] for i in clip.expression[[0, 2]]] == ["surprise", "anger"]
    assert clip.valid.tolist() == [True, False, True]


def test_columns_follow_the_header(root):
    write(root / VA / "Train_Set/video10_1_left.txt", "arousal,valence\n0.25,0.5\n")
    assert affwild2.load(root, "train")[2].valence_arousal.tolist() == [[0.5, 0.25]]


@pytest.mark.parametrize("name", ["VA_Estimation_Challenge", "VA_Set", "va_set"])
@pytest.mark.parametrize("train", ["Train_Set", "Training_Set"])
@pytest.mark.parametrize("above", ["", "Annotations", "a/b"])
def test_annotations_are_found_under_several_names_and_depths(root, name, train, above):
    target = root / "new" / above / name
    target.parent.mkdir(parents=True, exist_ok=True)
    (root / VA).rename(target)
    (target / "Train_Set").rename(target / train)
    shutil.rmtree(root / NOTES)
    (root / "cropped_aligned").rename(root / "new" / "cropped_aligned")
    assert len(affwild2.load(root / "new", "train")) == 3


@pytest.mark.parametrize("name", ["EXPR_Set", "EXPR_Recognition_Challenge"])
def test_expression_sets_are_found_under_several_names(root, name):
    (root / EXPR).rename(root / NOTES / name)
    assert len(affwild2.load(root, "train", task="expression")) == 3


def test_doubled_folders_are_read(root):
    for folder in (root / VA / "Train_Set", root / VA, root / "cropped_aligned"):
        folder.rename(root / "away")
        folder.mkdir()
        (root / "away").rename(folder / folder.name)
    assert [len(clip) for clip in affwild2.load(root, "train")] == [5, 5, 5]


def test_one_of_several_annotations_must_be_chosen(root):
    shutil.copytree(root / NOTES, root / "4th ABAW Annotations")
    with pytest.raises(ValueError, match="3rd ABAW.*4th ABAW.*Choose one with `annotations`"):
        affwild2.load(root)
    assert len(affwild2.load(root, annotations="4th ABAW Annotations")) == 4
    assert len(affwild2.load(root, annotations=root / VA)) == 4


def test_links_to_a_parent_folder_are_not_followed(root):
    (root / "loop").symlink_to(root, target_is_directory=True)
    (root / NOTES / "loop").symlink_to(root / NOTES, target_is_directory=True)
    assert len(affwild2.load(root)) == 4


def test_folders_of_images_are_not_searched_for_annotations(root, monkeypatch):
    seen = []
    scandir = os.scandir
    monkeypatch.setattr(os, "scandir", lambda path: seen.append(str(path)) or scandir(path))
    affwild2.load(root)
    assert seen and not any("cropped_aligned/" in path for path in seen)


def test_one_split_or_both_are_read(root, count):
    assert [clip.key for clip in affwild2.load(root, "validation")] == ["video10_1_right"]
    shutil.rmtree(root / VA / "Validation_Set")
    clips = affwild2.load(root)
    assert len(clips) == 3 and count(clips, "splits that are missing") == 1
    with pytest.raises(FileNotFoundError, match="has no folder for the split validation"):
        affwild2.load(root, "validation")


def test_a_name_in_two_splits_is_refused(root):
    shutil.copy(root / VA / "Train_Set/video10_1_left.txt", root / VA / "Validation_Set")
    with pytest.raises(
        ValueError, match="A name must be in one split.*Validation_Set/video10_1_left"
    ):
        affwild2.load(root)


def test_image_numbers_may_be_padded_differently(root):
    shutil.rmtree(root / "cropped_aligned/video10_1_left")
    touch_images(root, "video10_1_left", [1, 5], form="{}.jpg")
    touch_images(root, "video10_1_left", [3], form="{:07d}.JPG")
    assert stems(affwild2.load(root, "train")[2]) == ["1", "", "0000003", "", "5"]


def test_two_images_with_one_number_are_refused(root):
    touch_images(root, "video10_1_left", [3], form="{}.jpg")
    with pytest.raises(ValueError, match=r"'00003.jpg', '3.jpg'\] in .*video10_1_left"):
        affwild2.load(root)


def test_images_that_count_from_0_are_refused(root):
    touch_images(root, "video10_1_left", [0])
    with pytest.raises(ValueError, match=r"numbered from 1.*00000.jpg in .*video10_1_left"):
        affwild2.load(root)


def test_stray_files_and_folders_are_counted(root, count):
    write(root / "cropped_aligned/list.txt", "")
    write(root / "cropped_aligned/video10_1_left/Thumbs.db", "")
    write(root / VA / "Train_Set/readme.md", "")
    touch_images(root, "unlabelled", [1])
    touch_images(root, "video10_1_left", [1], "cropped_aligned_new_50_vids")
    shutil.rmtree(root / "cropped_aligned/10-60-1280x720_right")
    clips = affwild2.load(root, "train")
    assert count(clips, "files among the folders") == 1
    assert count(clips, "not numbered images") == 1
    assert count(clips, "files ignored") == 1
    assert (
        count(clips, "folders of images without labels") == 2
    )  # one belongs to the validation split
    assert count(clips, "exist twice") == 1
    assert count(clips, "labels alone") == 1
    assert len(clips) == 3


def test_aligned_crops_are_preferred(root):
    shutil.copytree(root / "cropped_aligned", root / "cropped")
    assert "/cropped_aligned/" in affwild2.load(root, "train")[0].paths[0]
    assert "/cropped/" in affwild2.load(root, "train", images="cropped")[0].paths[0]
    for folder in ("cropped_aligned", "cropped_aligned_new_50_vids"):
        shutil.rmtree(root / folder)
    assert "/cropped/" in affwild2.load(root, "train")[0].paths[0]


def test_folders_of_images_may_be_named(root, tmp_path_factory):
    away = tmp_path_factory.mktemp("elsewhere") / "faces"
    (root / "cropped_aligned").rename(away)
    assert len(affwild2.load(root, images=[away, "cropped_aligned_new_50_vids"])) == 4
    with pytest.raises(FileNotFoundError, match="`images` must be folders.*nowhere"):
        affwild2.load(root, images="nowhere")
    with pytest.raises(ValueError, match="from `images` or from `crops`"):
        affwild2.load(root, images=away, crops=root)


@pytest.fixture
def with_video(root, face_video):
    """A video with one face in 20 of its 24 frames, and labels of it; no images."""
    for folder in ("cropped_aligned", "cropped_aligned_new_50_vids"):
        shutil.rmtree(root / folder)
    (root / "batch1").mkdir()
    shutil.copy(face_video, root / "batch1/video7.mp4")
    rows = "0.5,0.5\n" * 25  # one more than the frames of the video
    write(root / VA / "Train_Set/video7.txt", "valence,arousal\n" + rows)
    return root


def test_without_images_faces_are_extracted(with_video, tmp_path, monkeypatch, count):
    monkeypatch.setenv("KOLLIAS_AFFECT_CACHE", str(tmp_path / "cache"))
    shutil.copy(
        with_video / VA / "Train_Set/video7.txt", with_video / VA / "Train_Set/video7_left.txt"
    )
    clips = affwild2.load(with_video, "train")
    clip = clips[-1]
    assert clip.key == "video7" and len(clip) == 24 and 15 < clip.valid.sum() < 24
    assert "/cache/affwild2-" in next(filter(None, clip.paths))
    assert count(clips, "labels beyond the last frame") == 1
    assert count(clips, "labels alone") == len(clips) - 1 == 3
    assert count(clips, "not found in their video") == 1


def test_extracted_crops_are_joined_by_name(with_video, tmp_path):
    from kollias_affect import faces

    crops = tmp_path / "crops"
    faces.extract(with_video / "batch1/video7.mp4", crops, faces="all")
    shutil.rmtree(with_video / "batch1")
    touch_images(with_video, "video7", [1])  # ignored
    clips = affwild2.load(with_video, "train", crops=crops)
    clip = clips[-1]
    assert clip.key == "video7" and clip.times is not None and clip.valid.any()


@pytest.mark.parametrize("content", [None, b"", b"no video"])
def test_labels_of_an_unreadable_video_are_kept(with_video, content, count):
    video = with_video / "batch1/video7.mp4"
    video.unlink() if content is None else video.write_bytes(content)
    clips = affwild2.load(with_video, "train")
    assert clips[-1].paths == [""] * 25 and not clips[-1].valid.any()
    assert (clips[-1].valence_arousal == 0.5).all()
    assert count(clips, "missing or cannot be read, labels alone") == 4


def test_labels_without_a_folder_of_images_are_kept(root, count):
    shutil.rmtree(root / "cropped_aligned/10-60-1280x720")
    clips = affwild2.load(root, "train")
    assert clips[0].key == "10-60-1280x720" and clips[0].paths == [""] * 5
    assert clips[0].valence_arousal[3].tolist() == [1, -1] and clips[1].valid.any()
    assert count(clips, "missing or cannot be read, labels alone") == 1


@pytest.mark.parametrize("task", ["valence_arousal", "expression"])
def test_annotations_alone_are_read(root, task):
    for folder in ("cropped_aligned", "cropped_aligned_new_50_vids"):
        shutil.rmtree(root / folder)
    for top in (root, root / NOTES):
        clips = affwild2.load(top, "train", task=task)
        assert [len(clip) for clip in clips] == [5, 5, 5]
        assert not any(clip.valid.any() for clip in clips)


@pytest.mark.parametrize("above", ["images", "Aff-Wild2/images"])
def test_images_one_or_two_levels_deeper_are_found(root, above):
    for folder in ("cropped_aligned", "cropped_aligned_new_50_vids"):
        (root / above).mkdir(parents=True, exist_ok=True)
        (root / folder).rename(root / above / folder)
    clips = affwild2.load(root)
    assert len(clips) == 4 and all(clip.valid.any() for clip in clips)


def test_images_beside_the_annotations_are_found(root, monkeypatch):
    for top in (NOTES, VA):
        assert all(clip.valid.any() for clip in affwild2.load(root / top))
    monkeypatch.chdir(root / NOTES)
    assert all(clip.valid.any() for clip in affwild2.load("."))


def test_videos_deeper_or_beside_the_annotations_are_found(with_video):
    (with_video / "videos").mkdir()
    (with_video / "batch1").rename(with_video / "videos" / "batch1")
    for top in (with_video, with_video / NOTES):
        assert affwild2.load(top, "train")[-1].valid.any()


@pytest.mark.parametrize("gone, field", [(VA, "expression"), (EXPR, "valence_arousal")])
def test_the_only_task_with_annotations_is_the_default(root, gone, field):
    shutil.rmtree(root / gone)
    clips = affwild2.load(root, "train")
    assert getattr(clips[0], field) is not None
    noted = any("task that is read" in reason for reason in clips.report.notes)
    assert noted == (field == "expression")
    with pytest.raises(FileNotFoundError, match="not a folder"):
        other = {VA: "valence_arousal", EXPR: "expression"}[gone]
        affwild2.load(root, "train", task=other)


@pytest.mark.parametrize("split", ["Validation_Set", "val", "DEV"])
def test_other_names_of_a_split_are_accepted(root, split):
    assert [clip.key for clip in affwild2.load(root, split)] == ["video10_1_right"]


MTL = "image,valence,arousal,expression,aus"


@pytest.fixture
def lists(root):
    """Root with a multitask list for each split, in which images are not in order."""
    train = [
        f"video10_1_left/00004.jpg,0.5,-0.5,4,{AUS}",
        f"video10_1_left/00002.jpg,0.25,0.75,0,{AUS}",
        f"video10_1_left/00005.jpg,-5,-5,1,{AUS}",
        f"10-60-1280x720/00001.jpg,0,0,-1,{AUS}",
        f"10-60-1280x720/00002.jpg,0,0,7,{AUS}",
        f"10-60-1280x720/00003.jpg,1,1,6,{AUS}",
    ]
    folder = root / "4th" / "MTL_Challenge"
    write(folder / "train_set.txt", "\n".join([MTL, *train, ""]))
    rows = [MTL, f"video10_1_right/00003.jpg,0.1,0.2,3,{AUS}"]
    write(folder / "validation_set.txt", "\n".join(rows))
    write(folder / "test_set.txt", "\n".join([MTL, "video10_1_left/00001.jpg,"]))
    return root


def test_multitask_frames_are_valid_if_all_labels_are(lists, count):
    clips = affwild2.load(lists, "train", task="multitask")
    plain, left = clips
    assert stems(left) == ["00002", "00004", "00005"]
    assert left.valid.tolist() == [True, True, False]
    assert left.valence_arousal[:2].tolist() == [[0.25, 0.75], [0.5, -0.5]]
    assert [EXPRESSIONS[i] for i in left.expression[:2]] == ["neutral", "happiness"]
    assert stems(plain) == ["00001", "00002", ""] and not plain.valid.any()
    assert count(clips, "class Other, left out") == 1
    assert count(clips, "labelled frames without an image") == 1
    assert count(clips, "images without a label") == 3 + 2


def test_multitask_lists_are_the_default_without_other_annotations(lists):
    shutil.rmtree(lists / NOTES)
    [clip] = affwild2.load(lists, "validation")
    assert clip.expression is not None and clip.valence_arousal is not None
    path = lists / "4th/MTL_Challenge/train_set.txt"
    assert affwild2.load(lists, "train", annotations=path)[0].expression is not None


def test_multitask_lists_of_one_split_or_both(lists, count):
    assert [clip.key for clip in affwild2.load(lists, "validation", task="multitask")] == [
        "video10_1_right"
    ]
    clips = affwild2.load(lists, task="multitask", other="neutral")
    assert len(clips) == 3 and clips[0].valid.tolist() == [False, True, False]
    assert count(clips, "neither train nor validation") == 1


def test_multitask_lists_may_be_named(lists):
    shutil.copytree(lists / "4th", lists / "5th")
    with pytest.raises(ValueError, match="4th.*5th.*Choose one with `annotations`"):
        affwild2.load(lists, "train", task="multitask")
    path = lists / "5th/MTL_Challenge/train_set.txt"
    for name in ("5th", path, "5th/MTL_Challenge/train_set.txt"):
        assert len(affwild2.load(lists, "train", task="multitask", annotations=name)) == 2


@pytest.mark.parametrize(
    "row, message",
    [
        ("a/00001.jpg,0,0,0", "15 numbers.*in line 3 of"),
        (f"a/00001.jpg,0,0,0,{AUS},1", "15 numbers.*in line 3 of"),
        (f"a/00001.jpg,0,x,0,{AUS}", "'0,x,0.*in line 3 of"),
        (f"a/00001.jpg,0,2,0,{AUS}", r"in \[-1, 1\].*\[0.0, 2.0\] in line 3 of"),
        (f"a/00001.jpg,0,0,8,{AUS}", "from 0 to 7.*8.0 in line 3 of"),
        (f"../00001.jpg,0,0,0,{AUS}", r"<name>/<number>.jpg.*'../00001.jpg' in line 3 of"),
        (f"a/../../00001.jpg,0,0,0,{AUS}", "in line 3 of"),
        (f"/etc/00001.jpg,0,0,0,{AUS}", "in line 3 of"),
        (f"a/00000.jpg,0,0,0,{AUS}", "numbered from 1.*in line 3 of"),
        (f"video10_1_right/00003.jpg,0,0,0,{AUS}", "listed once.*in line 3 of"),
    ],
)
def test_malformed_multitask_rows_are_refused_with_file_and_line(lists, row, message):
    path = lists / "4th/MTL_Challenge/validation_set.txt"
    path.write_text(path.read_text() + f"\n{row}\n")
    with pytest.raises(ValueError, match=message + r" .*validation_set.txt"):
        affwild2.load(lists, "validation", task="multitask")


def test_a_root_without_multitask_lists_is_refused(root):
    with pytest.raises(FileNotFoundError, match="not a list with the header image,valence"):
        affwild2.load(root, task="multitask")


@pytest.mark.parametrize(
    "content, message",
    [
        ("valence,arousal\n0,0\n0,1.5\n", r"or be -5.*\[0.0, 1.5\] in line 3 of .*left.txt"),
        ("valence,arousal\n0,0\n-2,0\n", r"\[-2.0, 0.0\] in line 3 of .*left.txt"),
        ("valence,arousal\n0,nan\n", r"\[0.0, nan\] in line 2 of .*left.txt"),
        ("valence,arousal\n0,0,0\n", "2 numbers.*'0,0,0' in line 2 of .*left.txt"),
        ("valence,arousal\n0,x\n", "'0,x' in line 2 of .*left.txt"),
        ("valence,arousal\n0,0\n\n0,0\n", "'' in line 3 of .*left.txt"),
        (
            "valence,dominance\n0,0\n",
            "header such as valence,arousal.*'valence,dom.*line 1 of .*left",
        ),
        ("0,0\n", "Received: '0,0' in line 1 of .*left.txt"),
        ("", "Received: '' in line 1 of .*left.txt"),
        ("valence,arousal\n0,0 é\n".encode("latin-1"), "left.txt, whose line 2 has the byte 0xe9"),
    ],
)
def test_malformed_valence_and_arousal_are_refused_with_file_and_line(root, content, message):
    write(root / VA / "Train_Set/video10_1_left.txt", content)
    with pytest.raises(ValueError, match=message):
        affwild2.load(root, "train")


@pytest.mark.parametrize(
    "content, message",
    [
        (HEADER + "\n8\n", "from 0 to 7.*8.0 in line 2 of .*left.txt"),
        (HEADER + "\n0.5\n", "0.5 in line 2 of .*left.txt"),
        (HEADER + "\n-5\n", "-5.0 in line 2 of .*left.txt"),
        (HEADER + "\nhappy\n", "'happy' in line 2 of .*left.txt"),
        ("expression\n0\n", "header such as Neutral,Anger.*'expression' in line 1 of .*left.txt"),
        ("Anger,Anger\n0\n", "'Anger,Anger' in line 1 of .*left.txt"),
    ],
)
def test_malformed_expressions_are_refused_with_file_and_line(root, content, message):
    write(root / EXPR / "Train_Set/video10_1_left.txt", content)
    with pytest.raises(ValueError, match=message):
        affwild2.load(root, "train", task="expression")


def test_windows_line_ends_are_accepted(root):
    text = b"\xef\xbb\xbfvalence, arousal\r\n0.5,0.25\r\n\r\n"
    write(root / VA / "Train_Set/video10_1_left.txt", text)
    assert affwild2.load(root, "train")[2].valence_arousal.tolist() == [[0.5, 0.25]]


def test_a_clip_without_a_frame_is_counted(root, count):
    write(root / VA / "Train_Set/video10_1_left.txt", "valence,arousal\n")
    clips = affwild2.load(root, "train")
    assert len(clips) == 2 and count(clips, "clips without a frame") == 1


def test_invalid_roots_and_arguments_are_refused(root, tmp_path):
    with pytest.raises(FileNotFoundError, match="which is not a folder"):
        affwild2.load(root / VA / "Train_Set/video10_1_left.txt")
    shutil.rmtree(root / NOTES)
    with pytest.raises(
        FileNotFoundError, match="is not a folder va_estimation_challenge or va_set"
    ):
        affwild2.load(root)
    with pytest.raises(FileNotFoundError, match=r"read from .*Train_Set.*Received: .*nowhere"):
        affwild2.load(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="`split` must be one of"):
        affwild2.load(root, "holdout")
    with pytest.raises(ValueError, match="`task` must be one of"):
        affwild2.load(root, task="va")


def add_test_people(root):
    """Images of two people of the test set, one with a face in frame 3 at last, and a video."""
    touch_images(root, "video59", [2, 3])
    touch_images(root, "video59_right", [1])
    return root


def test_the_test_set_are_the_people_without_annotations(root):
    clips = affwild2.load(add_test_people(root), "test")
    assert [clip.key for clip in clips] == ["video59", "video59_right"]
    assert stems(clips[0]) == ["", "00002", "00003"] and stems(clips[1]) == ["00001"]
    assert all(c.valence_arousal is None and c.expression is None for c in clips)
    assert clips.report.videos == 1


def test_the_test_set_has_the_frames_of_its_videos(root, write_video):
    picture = np.zeros((48, 64, 3), np.uint8)
    write_video([picture] * 6, write(root / "batch1" / "video59.mp4", ""))
    clips = affwild2.load(add_test_people(root), "test")
    assert [len(clip) for clip in clips] == [6, 6]
    assert stems(clips[0]) == ["", "00002", "00003", "", "", ""]


def test_names_of_a_list_choose_the_test_set(root, count, tmp_path):
    names = write(tmp_path / "names.txt", "video59\r\n\nvideo10_1_left\nvideo99\n")
    clips = affwild2.load(add_test_people(root), "test", names=names)
    assert [clip.key for clip in clips] == ["video10_1_left", "video59"]
    assert count(clips, "names of the list without images or a video") == 1
    with pytest.raises(ValueError, match="`names` choose the people of the split 'test'"):
        affwild2.load(root, "train", names=names)
    with pytest.raises(ValueError, match="at least one person"):
        affwild2.load(root, "test", names=[" "])


@pytest.mark.parametrize(
    ("text", "field", "values"),
    [
        ("arousal,valence\n0.25,0.5\n-5,-5\n", "valence_arousal", [[0.5, 0.25], [np.nan] * 2]),
        (f"{HEADER}\n4\n-1\n", "expression", [EXPRESSIONS.index("happiness"), -1]),
    ],
)
def test_the_file_of_one_person_is_read_by_its_header(tmp_path, text, field, values):
    fields = affwild2.read_person(write(tmp_path / "105.txt", text))
    np.testing.assert_array_equal(fields[field], values)
    assert fields["valid"].tolist() == [True, False] and len(fields) == 2


def test_a_comma_at_the_end_of_every_line_does_not_matter(root):
    for path in (root / NOTES).rglob("*.txt"):
        lines = path.read_text().splitlines()
        path.write_text("".join(f"{line},\n" for line in lines))
    first = affwild2.load(root, "train")[0]
    assert first.valence_arousal[0].tolist() == np.float32([0.602, 0.389]).tolist()
    second = affwild2.load(root, "train", task="expression")[0]
    assert second.expression[[0, 4]].tolist() == [0, EXPRESSIONS.index("surprise")]


def test_backslashes_in_a_multitask_list_are_those_of_windows(tmp_path):
    rows = [f"a\\{i:05d}.jpg,0.1,0.2,3,{AUS}" for i in (1, 2)]
    text = "\n".join(["image,valence,arousal,expression,aus", *rows])
    write(tmp_path / "MTL_Challenge" / "train_set.txt", text)
    touch_images(tmp_path, "a", [1, 2])
    (clip,) = affwild2.load(tmp_path, "train", task="multitask")
    assert stems(clip) == ["00001", "00002"]


def test_a_multitask_list_that_lacks_a_column_is_refused_with_its_line(tmp_path):
    write(tmp_path / "train_set.txt", "image,valence,arousal,expression,aus\na/00001.jpg,0.1\n")
    with pytest.raises(ValueError, match=r"line 2 of .*train_set\.txt"):
        affwild2.load(tmp_path, "train", task="multitask")


def test_all_options_of_extract_are_accepted():
    options = datasets.loader_options("affwild2")
    assert {"detect_every", "longest_side", "size", "detector"} <= set(options)
    assert {"detect_every", "size", "detector"} <= set(datasets.loader_options("affwild"))
    with pytest.raises(ValueError, match="Every person of Aff-Wild2 is a clip"):
        affwild2.load(".", faces="main")


UNITS = "AU1,AU2,AU4,AU6,AU7,AU10,AU12,AU15,AU23,AU24,AU25,AU26"


def units(*present, label="1"):
    return ",".join(label if i in present else "0" for i in range(12))


@pytest.fixture
def three(root):
    """The tree with action units; each task has its own people in the official parts."""
    rows = [units(0, 6), ",".join(["-1"] * 12), units()]
    write(root / AU / "Train_Set/video10_1_left.txt", "\n".join([UNITS, *rows, ""]))
    write(root / AU / "Train_Set/10-60-1280x720.txt", "\n".join([UNITS, *rows * 2, ""]))
    write(root / AU / "Validation_Set/10-60-1280x720_right.txt", f"{UNITS}\n{units(11)}\n")
    return root


def test_action_units_follow_the_header_and_minus_1_is_not_valid(three):
    left = affwild2.load(three, "train", task="action_units")[1]
    assert left.key == "video10_1_left" and left.valid.tolist() == [True, False, True]
    assert left.action_units[0].tolist() == [1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0]
    assert np.isnan(left.action_units[1]).all()
    write(three / AU / "Train_Set/video10_1_left.txt", "AU26,AU01\n1,0\n0,-1\n")
    left = affwild2.load(three, "train", task="action_units")[1]
    assert left.action_units[0, [11, 0]].tolist() == [1, 0] and np.isnan(left.action_units[0, 1])
    assert left.action_units[1, 11] == 0 and np.isnan(left.action_units[1, 0])


def test_action_units_are_counted(three):
    report = affwild2.load(three, "train", task="action_units").report
    assert report.units["AU1"] == 3 and report.units["AU2"] == 0
    assert "AU12" in str(report)


@pytest.mark.parametrize("rows", ["AU1,smile\n1,0\n", "AU3\n1\n", "AU1\n2\n", "AU1\n0.5\n"])
def test_malformed_action_units_are_refused_with_the_file(three, rows):
    write(three / AU / "Train_Set/video10_1_left.txt", rows)
    with pytest.raises(ValueError, match="video10_1_left.txt"):
        affwild2.load(three, "train", task="action_units")


def test_all_labels_of_a_person_are_joined_and_each_frame_keeps_what_it_has(three):
    clips = affwild2.load(three, "train", task="all")
    left = {clip.key: clip for clip in clips}["video10_1_left"]
    assert len(left) == 5 and left.expressions[7] == "other"
    assert np.isfinite(left.valence_arousal).all(axis=1).tolist() == [True, False, True, True, True]
    assert left.expression.tolist() == [0, -1, 4, 7, 6]
    assert np.isfinite(left.action_units[:, 0]).tolist() == [True, False, True, False, False]
    assert left.valid.tolist() == [True, False, True, True, True]


def test_people_who_validate_a_task_train_no_other(three, count):
    clips = affwild2.load(three, "train", task="all")
    assert [clip.key for clip in clips] == ["10-60-1280x720", "video10_1_left"]
    assert count(clips, "who validate another task, left out") == 2  # VA and EXPR of one person
    validation = affwild2.load(three, "validation", task="all")
    assert [clip.key for clip in validation] == ["10-60-1280x720_right", "video10_1_right"]
    assert validation[0].valence_arousal is None and validation[0].action_units is not None


def test_other_may_stay_a_class(root):
    clip = affwild2.load(root, "train", task="expression", other="other")[1]
    assert clip.expression.tolist() == [0, -1, 4, 7, 6] and clip.valid[3]
    report = affwild2.load(root, "train", task="expression", other="other").report
    assert report.classes["other"] == 3


def test_all_reads_the_lists_if_there_are_no_sets(lists):
    shutil.rmtree(lists / NOTES)
    plain, left = affwild2.load(lists, "train", task="all")
    assert left.valid.all() and left.expression.tolist() == [0, 4, 1]
    assert np.isfinite(left.valence_arousal).all(axis=1).tolist() == [True, True, False]
    assert left.action_units.tolist() == np.zeros((3, 12)).tolist()
    assert plain.expression.tolist() == [-1, 7, 6]

import os

import pytest

from kollias_affect.datasets import fer2013, sfew

# Most trees here have full frames alone.
pytestmark = pytest.mark.filterwarnings("ignore:SFEW in")
NAMES = ("Airheads_000519240_00000005", "Crying_Game_011603320_00000049")


def touch(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"")
    return path


def fill(root, train="Train", val="Val", test="Test"):
    touch(root / train / "Angry" / f"{NAMES[0]}.png")
    touch(root / train / "Surprise" / f"{NAMES[1]}.png")
    touch(root / val / "Neutral" / "Airheads_000519240_00000007.png")
    touch(root / test / "Hangover_000000000_00000001.png")
    return root


@pytest.fixture
def root(tmp_path):
    return fill(tmp_path / "sfew")


def aligned(root, val="Val_Aligned_Faces"):
    return fill(root, "Train_Aligned_Faces", val, "Test_Aligned_Faces")


def test_folders_are_labels_and_names_contain_the_movie(root, labels_of):
    clips = sfew.load(root, aligned=False)
    assert labels_of(clips) == {
        f"train/{NAMES[0]}": "anger",
        f"train/{NAMES[1]}": "surprise",
        "validation/Airheads_000519240_00000007": "neutral",
    }
    assert [clip.subject for clip in clips] == ["Airheads", "Crying_Game", "Airheads"]
    assert clips.report.subjects == 2 and clips.report.clips == 3
    notes = {k: v for k, v in clips.report.notes.items() if k not in counts_noted(clips)}
    assert notes == {"splits without labels, not read": (1, ("test",))}
    assert len(sfew.load(root, "train")) == 2 and len(sfew.load(root, "validation")) == 1


def numbered(folder, count):
    for i in range(count):
        touch(folder / f"Movie_000000000_{i:08d}.png")


def counts_noted(clips):
    return {reason for reason in clips.report.notes if reason.endswith("as published")}


@pytest.mark.parametrize(
    ("split", "folders", "is_aligned", "published"),
    [
        ("train", ("Train", "Sad"), False, 958),
        ("validation", ("Val", "Sad"), False, 436),
        ("test", ("Test",), False, 372),
        ("train", ("Train_Aligned_Faces", "Sad"), True, 891),
        ("validation", ("Val_Aligned_Faces_new", "Sad"), True, 431),
    ],
)
def test_counts_that_differ_from_the_published_ones_are_noted(
    tmp_path, split, folders, is_aligned, published
):
    """Dhall et al. (2015); the sum of paper D's test images is 372, too."""
    folder = tmp_path.joinpath("sfew", *folders)
    numbered(folder, published)
    clips = sfew.load(tmp_path / "sfew", split, aligned=is_aligned)
    assert len(clips) == published and not counts_noted(clips)
    next(folder.iterdir()).unlink()
    kind = "aligned faces" if is_aligned else "full frames"
    reason = f"{kind} of {split}, not {published} as published"
    clips = sfew.load(tmp_path / "sfew", split, aligned=is_aligned)
    assert clips.report.notes[reason] == (published - 1, (folders[0],))


def test_the_test_split_has_no_labels(root):
    (clip,) = sfew.load(root, "test")
    assert clip.key == "test/Hangover_000000000_00000001" and clip.expression is None
    assert clip.valid.all()


def test_unknown_splits_are_refused(root):
    with pytest.raises(ValueError, match="one of .'train', 'validation', 'test'"):
        sfew.load(root, "all")


@pytest.mark.parametrize("name", ["val", "Dev", "VALIDATION"])
def test_splits_have_several_names(root, name, labels_of):
    assert list(labels_of(sfew.load(root, name))) == ["validation/Airheads_000519240_00000007"]


@pytest.mark.parametrize("val", ["Val_Aligned_Faces", "Val_Aligned_Faces_new"])
def test_aligned_faces_are_the_default(root, val):
    aligned(root, val)
    for choice, part in ((None, "Aligned"), (True, "Aligned"), (False, "")):
        for clip in sfew.load(root, aligned=choice):
            assert ("Aligned" in clip.paths[0]) == bool(part)
    with pytest.raises(ValueError, match="`aligned` must be one of"):
        sfew.load(root, aligned="yes")


def test_full_frames_are_not_read_silently(root, recwarn):
    with pytest.warns(UserWarning, match=r"no aligned faces: its full frames.*aligned=False"):
        clips = sfew.load(root)
    note = clips.report.notes["splits of full frames, whose faces are not cropped"]
    assert note == (2, ("train", "validation"))
    recwarn.clear()
    chosen = sfew.load(root, aligned=False)
    assert not any("full frames, whose" in reason for reason in chosen.report.notes)
    sfew.load(aligned(root))
    assert not recwarn


def test_the_new_aligned_faces_replace_the_old(root, labels_of):
    aligned(root)
    touch(root / "Val_Aligned_Faces_new/Sad/Airheads_000519240_00000007.png")
    assert list(labels_of(sfew.load(root, "validation")).values()) == ["sadness"]


def test_full_frames_and_aligned_faces_are_not_mixed(root, labels_of):
    touch(root / "Train_Aligned_Faces/Angry" / f"{NAMES[0]}.png")
    clips = sfew.load(root)
    assert list(labels_of(clips)) == [f"train/{NAMES[0]}"]
    reason = "splits without aligned faces, not mixed with full frames (aligned=False)"
    assert clips.report.notes[reason] == (1, ("validation",))
    with pytest.raises(FileNotFoundError, match="1 splits without aligned faces"):
        sfew.load(root, "validation", aligned=True)


@pytest.mark.parametrize("doubled", ["Train", "Angry", "Val_Aligned_Faces_new"])
def test_doubled_folders_are_searched(root, doubled, labels_of):
    if doubled.startswith("Val_"):
        aligned(root, doubled)
    expected = labels_of(sfew.load(root))
    (folder,) = (path for path in root.rglob(doubled) if "Train_" not in str(path))
    folder.rename(folder.with_name("moved"))
    folder.mkdir()
    inner = "Val_Aligned_Faces" if doubled.startswith("Val_") else doubled
    folder.with_name("moved").rename(folder / inner)
    assert labels_of(sfew.load(root)) == expected


def test_aligned_faces_may_lie_inside_the_folder_of_the_split(root, labels_of):
    touch(root / "Train/Train_Aligned_Faces/Fear" / f"{NAMES[0]}.png")
    assert labels_of(sfew.load(root, "train")) == {f"train/{NAMES[0]}": "fear"}
    full = sfew.load(root, "train", aligned=False)
    assert len(full) == 2
    assert full.report.notes["folders ignored that are not named after an expression"] == (
        1,
        ("Train_Aligned_Faces",),
    )


def test_root_may_be_the_folder_above(root, tmp_path):
    assert len(sfew.load(tmp_path)) == 3


def test_other_names_are_subjects_of_their_own(root):
    for name in ("IMG_12", "a_b_c", "_1_2"):
        touch(root / f"Val/Sad/{name}.png")
    clips = sfew.load(root, "validation")
    subjects = {clip.key: clip.subject for clip in clips}
    assert all(subjects[f"validation/{name}"] == name for name in ("IMG_12", "a_b_c", "_1_2"))
    reason = "names that are not <movie>_<clip id>_<frame>, each a subject of its own"
    assert clips.report.notes[reason][0] == 3


def test_an_emotion_in_an_archive_is_refused_with_the_remedy(root):
    touch(root / "Train/angry.zip")
    assert len(sfew.load(root)) == 3  # its folder exists
    touch(root / "Train/happy.zip")
    with pytest.raises(FileNotFoundError, match="happy.zip, without a folder of happiness.*Unpack"):
        sfew.load(root)


def test_a_split_in_an_archive_is_noted(root, tmp_path):
    touch(root / "Train_Aligned_Faces.zip")
    reason = "archives that were not unpacked (unzip them)"
    assert sfew.load(root).report.notes[reason][0] == 1
    touch(tmp_path / "other/Train.zip")
    with pytest.raises(FileNotFoundError, match=r"not unpacked \(unzip them\): .*Train.zip"):
        sfew.load(tmp_path / "other")


def test_unknown_emotions_are_refused(root):
    touch(root / "Train/Contempt/x_1_2.png")
    with pytest.raises(ValueError, match="named after one of .*Contempt .1 such files"):
        sfew.load(root)


def test_an_image_in_two_folders_is_refused(root):
    touch(root / "Train/Happy" / f"{NAMES[0]}.png")
    with pytest.raises(ValueError, match="Angry/Airheads.*Happy/Airheads"):
        sfew.load(root)


def test_files_in_the_wrong_place_are_counted(root):
    touch(root / "Train/loose_1_2.png")
    touch(root / "Train/Angry/sfew_2.0_labels.csv")
    notes = sfew.load(root).report.notes
    assert notes["files ignored outside of the folders of expressions"] == (1, ("loose_1_2.png",))
    assert sum(count for reason, (count, _) in notes.items() if "do not end in" in reason) == 1


def test_messages_of_missing_folders_name_the_layout(root, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match="2 splits without full frames.*Train/<Emotion>"):
        sfew.load(tmp_path / "empty")
    with pytest.raises(FileNotFoundError, match="does not exist"):
        sfew.load(tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match="is not a folder"):
        sfew.load(touch(tmp_path / "file"))


def test_circular_links_are_ignored(root):
    os.symlink(root, root / "Train/Angry/again", target_is_directory=True)
    os.symlink("..", root / "Train/up", target_is_directory=True)
    assert len(sfew.load(root)) == 3


def test_the_third_variant_of_fer2013_adds_sfew(root, tmp_path):
    for usage in ("Training_1", "PublicTest_1"):
        part = "train" if usage.startswith("Training") else "test"
        touch(tmp_path / f"fer/{part}/angry/{usage}.jpg")
    clips = fer2013.load(tmp_path / "fer", "train", variant="FER32+EmotiW", emotiw=root)
    assert sum(clip.key.startswith("train/") for clip in clips) == 2 and len(clips) == 4

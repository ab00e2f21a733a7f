import database_trees
import pytest

from kollias_affect import datasets
from kollias_affect.clip import Clip
from kollias_affect.datasets import frames_csv, sampling

TWO = ("training", "validation")


def keys(clips):
    return sorted(clip.key for clip in clips)


def people(clips):
    return {clip.subject for clip in clips}


def sizes(division):
    return len(division.training), len(division.validation), len(division.test)


def starts(clips):
    """The parts that the keys of generated clips are named after."""
    return {clip.key.rstrip("0123456789_").split("/")[0].rstrip("0123456789") for clip in clips}


def test_official_parts_of_every_database():
    assert {name: datasets.official_parts(name) for name in datasets.DATASETS} == {
        "affwild": ("train", "test"),
        "affwild2": ("train", "validation"),
        "afew": ("train", "validation"),
        "afew_va": (),
        "ck48": (),
        "fer2013": ("Training", "PublicTest", "PrivateTest"),
        "frames_csv": (),
        "images_csv": (),
        "omg": ("train", "validation", "test"),
        "recola": ("train", "dev"),
        "sfew": ("train", "validation", "test"),
        "synthetic": ("train", "validation"),
    }


def test_three_official_parts_have_their_roles(tmp_path):
    division = datasets.divide("omg", database_trees.omg(tmp_path))
    assert sizes(division) == (4, 2, 3) and division.official
    assert [starts(c) for c in (division.training, division.validation, division.test)] == [
        {"train"},
        {"validation"},
        {"test"},
    ]
    assert division.text == (
        "omg, official parts: training = train (4 clips, 4 frames, every clip counts as a person), "
        "validation = validation (2 clips, 2 frames, every clip counts as a person), test = test "
        "(3 clips, 3 frames, every clip counts as a person)."
    )


def test_a_test_part_without_labels_is_replaced_by_the_validation_part(tmp_path):
    root = database_trees.omg(tmp_path, train=10, labelled=False)
    division = datasets.divide("omg", root)
    assert starts(division.test) == {"validation"} and sizes(division) == (8, 2, 2)
    assert starts([*division.training, *division.validation]) == {"train"}
    assert not people(division.training) & people(division.validation)
    assert "the test part is absent or has no labels, so validation is scored" in division.text
    assert "validation = 20% of the persons of train, seed 0 (2 clips" in division.text


def test_with_two_parts_the_official_validation_part_validates(tmp_path):
    division = datasets.divide("omg", database_trees.omg(tmp_path), parts=TWO)
    assert sizes(division) == (4, 2, 0) and starts(division.validation) == {"validation"}
    assert "test" not in division.text


def test_without_a_choice_of_epochs_nobody_is_taken_from_the_training_part(tmp_path):
    for labelled, scored in ((True, "test"), (False, "validation")):
        root = database_trees.omg(tmp_path / scored, labelled=labelled)
        division = datasets.divide("omg", root, parts=("training", "test"))
        assert len(division.training) == 4 and not division.validation
        assert starts(division.test) == {scored}


def test_parts_are_mixed_on_request_only(tmp_path):
    root = database_trees.omg(tmp_path, 20, 10, 10, persons=10)
    division = datasets.divide("omg", root, split="all")
    assert sum(sizes(division)) == 40 and not division.official
    assert len(starts(division.training)) == 3
    sets = [people(c) for c in (division.training, division.validation, division.test)]
    assert sum(map(len, sets)) == len(set.union(*sets)) == 30
    assert "all parts mixed on request" in division.text


def test_all_is_every_part_for_load_too(tmp_path):
    root = database_trees.omg(tmp_path)
    assert keys(datasets.load("omg", root, "all")) == keys(datasets.load("omg", root))


def test_persons_in_two_official_parts_are_counted_and_not_refused(tmp_path):
    root = database_trees.omg(tmp_path, 10, 2, 10, shared=2)
    division = datasets.divide("omg", root)
    assert people(division.training) & people(division.test) == {"train0", "train1"}
    assert division.text.endswith(" 2 subjects are in two parts.")
    # Every later check of persons accepts them too.
    sampling.refuse_common_subjects(division.training, division.test, "training and test")


def test_persons_in_two_parts_of_which_one_is_drawn_are_refused(tmp_path):
    root = database_trees.omg(tmp_path, 10, 2, 10, shared=2)
    clips = datasets.load("omg", root, "train")
    with pytest.raises(ValueError, match="No subject may be in both"):
        sampling.refuse_common_subjects(clips, clips, "a and b")
    mixed = datasets.load("omg", root)
    with pytest.raises(ValueError, match="No subject may be in both"):
        sampling.refuse_common_subjects(clips, mixed, "a and b")


def test_parts_of_frames_and_other_labels_keep_their_official_part(tmp_path):
    clip = datasets.load("omg", database_trees.omg(tmp_path), "Train_Set")[0]
    assert clip.official_part == "omg/train"
    assert clip.part(0, 1, "a").official_part == "omg/train"
    assert clip.labelled(expression=[0]).official_part == "omg/train"


def test_a_database_without_official_parts_is_divided_by_person(tmp_path):
    root = tmp_path / "faces.csv"
    names = [f"{person}{i}" for person in "abcdefghij" for i in (1, 2)]
    frames_csv.write([labelled(tmp_path, name, name[0]) for name in names], root)
    division = datasets.divide("frames_csv", root)
    assert sizes(division) == (12, 4, 4) and not division.official
    sets = [people(c) for c in (division.training, division.validation, division.test)]
    assert sum(map(len, sets)) == 10
    assert "which has no official parts" in division.text


def labelled(folder, key, subject=None):
    """A clip of one empty image."""
    (folder / f"{key}.jpg").touch()
    path = str(folder / f"{key}.jpg")
    return Clip(key, [path], valence_arousal=[[0, 0]], subject=subject)


def test_lists_that_are_named_after_parts_are_these_parts(tmp_path):
    names = {"train": "abc", "validation": "d", "test": "ef"}
    for name, letters in names.items():
        frames_csv.write([labelled(tmp_path, c) for c in letters], tmp_path / f"{name}.csv")
    division = datasets.divide("frames_csv", tmp_path)
    assert sizes(division) == (3, 1, 2) and not division.official
    frames_csv.write([labelled(tmp_path, "g", "a")], tmp_path / "test.csv")
    with pytest.raises(ValueError, match="No subject may be in both"):
        datasets.divide("frames_csv", tmp_path)


def test_named_parts_that_overlap_are_refused(tmp_path):
    root = database_trees.fer2013(tmp_path)
    with pytest.raises(ValueError, match="No picture may be in both"):
        datasets.divide("fer2013", root, split="all", test="PublicTest")


def test_a_part_that_the_user_names_is_not_used_again(tmp_path):
    root = database_trees.fer2013(tmp_path, 10)
    division = datasets.divide("fer2013", root, validation="PrivateTest")
    assert starts(division.validation) == {"PrivateTest"}
    assert starts(division.test) == {"PublicTest"}
    division = datasets.divide("fer2013", root, validation=0.5)
    assert sizes(division) == (35, 35, 7) and starts(division.test) == {"PrivateTest"}


def test_only_test_images_with_labels_are_official_test_parts(tmp_path):
    division = datasets.divide("sfew", database_trees.sfew(tmp_path, train=10))
    assert {clip.key.split("/")[0] for clip in division.test} == {"validation"}
    assert len(division.test) == 7 and len(division.training) == 56


def test_videos_without_labels_are_not_read_to_find_that_out(tmp_path, monkeypatch):
    root = database_trees.affwild(tmp_path, train=10)
    read = []
    loader = datasets.affwild.load
    monkeypatch.setattr(
        datasets.affwild, "load", lambda root, split: read.append(split) or loader(root, split)
    )
    division = datasets.divide("affwild", root)
    assert read == ["train"] and sizes(division) == (6, 2, 2)
    assert datasets.load_scored("affwild", root)[0]


def test_the_part_with_labels_is_scored(tmp_path):
    clips, text = datasets.load_scored("omg", database_trees.omg(tmp_path / "with"))
    assert starts(clips) == {"test"}
    assert text == "omg, official part test: 3 clips, 3 frames, every clip counts as a person."
    root = database_trees.omg(tmp_path / "without", labelled=False)
    clips, text = datasets.load_scored("omg", root)
    assert starts(clips) == {"validation"} and "absent or has no labels" in text
    clips, text = datasets.load_scored("omg", root, "all")
    assert len(starts(clips)) == 2 and "all parts mixed on request" in text
    clips, text = datasets.load_scored("omg", root, "train")
    assert starts(clips) == {"train"} and "part train" in text


def test_a_root_that_is_not_the_database_is_refused_with_its_layout(tmp_path):
    for name in ("omg", "recola", "affwild", "affwild2", "afew", "sfew", "fer2013"):
        with pytest.raises(FileNotFoundError, match=f"dataset '{name}' is read from"):
            datasets.divide(name, tmp_path)


def test_recordings_of_participants_have_no_official_parts(tmp_path):
    for name, dimension in ((f"P{i}", d) for i in range(1, 11) for d in ("valence", "arousal")):
        path = tmp_path / "Ratings_affective_behaviour_CCC_centred" / dimension / f"{name}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("time,label\n0,0.1\n0.04,0.2\n")
    division = datasets.divide("recola", tmp_path)
    assert sizes(division) == (6, 2, 2) and not division.official


def test_a_named_multitask_list_is_one_part(tmp_path):
    header = "image,valence,arousal,expression,aus"
    rows = [f"v{i}/00001.jpg,0,0,0," + ",".join("0" * 12) for i in range(10)]
    (tmp_path / "training_set.txt").write_text("\n".join([header, *rows]))
    division = datasets.divide("affwild2", tmp_path, annotations="training_set.txt")
    assert sizes(division) == (6, 2, 2) and not division.official


def test_both_tests_of_fer2013_are_no_official_part(tmp_path):
    root = database_trees.fer2013(tmp_path)
    parts = {"train": "Training", "validation": "PublicTest", "privatetest": "PrivateTest"}
    for split, part in parts.items():
        assert datasets.load("fer2013", root, split)[0].official_part == f"fer2013/{part}"
    both = datasets.load("fer2013", root, "test")
    assert len(both) == 14 and both[0].official_part is None

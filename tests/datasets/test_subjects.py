import warnings

import database_trees
import pytest
from click.testing import CliRunner

from kollias_affect import cli, datasets
from kollias_affect.clip import Clip
from kollias_affect.datasets import division, sampling, subjects
from kollias_affect.experiments.role_texts import load_roles

TREES = {  # of each database whose files do not name the persons
    "affwild": database_trees.affwild,
    "affwild2": database_trees.affwild2,
    "afew": database_trees.afew,
    "fer2013": database_trees.fer2013,
    "omg": database_trees.omg,
    "sfew": database_trees.sfew,
}
UNKNOWN = "Persons are unknown: each video counts as a person"


def write(path, *rows, header="video,subject,gender"):
    path.write_text("\n".join((header, *rows)) + "\n")
    return path


@pytest.fixture
def affwild(tmp_path):
    """Aff-Wild with three videos of two persons, and the file that says so."""
    root = database_trees.affwild(tmp_path / "affwild")
    rows = ("train0.avi,anna,f", "train1.mp4,anna,F", "train2,ben,male", "test0.mp4,carl,m")
    return root, write(tmp_path / "subjects.csv", *rows)


def test_a_file_names_the_persons_of_any_database(affwild):
    root, file = affwild
    clips = datasets.load("affwild", root, subjects=file)
    assert [(c.key, c.subject, c.gender) for c in clips] == [
        ("train0", "anna", "female"),
        ("train1", "anna", "female"),
        ("train2", "ben", "male"),
    ]
    assert sampling.persons_known(clips) and clips.report.subjects == 2
    note = "rows of `subjects` for videos that are not among these clips"
    assert clips.report.notes[note] == (1, ("test0",))


def test_two_videos_of_one_person_stay_on_one_side(affwild):
    root, file = affwild
    clips = datasets.load("affwild", root, subjects=file)
    for seed in range(6):
        training, validation = sampling.split(clips, 0.5, seed)
        assert {c.subject for c in training} & {c.subject for c in validation} == set()
        assert {len(training), len(validation)} == {1, 2}
    parts = ("training", "validation")
    text = datasets.divide("affwild", root, share=0.5, parts=parts, subjects=file).text
    assert "2 clips, 4 frames, 1 person)" in text and "1 clip, 2 frames, 1 person)" in text


@pytest.mark.parametrize("name", TREES)
def test_databases_that_do_not_name_persons_say_so(tmp_path, name):
    clips = datasets.load(name, TREES[name](tmp_path / name))
    assert not sampling.persons_known(clips)
    text = division.count(clips)
    assert "every clip counts as a person" in text or "persons unknown" in text


def test_names_of_images_are_a_guess_at_persons(tmp_path):
    for i in (1, 2):
        (tmp_path / f"anna_{i}.jpg").touch()
    table = write(tmp_path / "a.csv", "anna_1.jpg,sad", "anna_2.jpg,happy", header="image,emotion")
    clips = datasets.load("images_csv", table)
    assert {c.subject for c in clips} == {"anna"} and not sampling.persons_known(clips)
    people = write(tmp_path / "people.csv", "anna_1.jpg,a", "anna_2,b", header="video,subject")
    clips = datasets.load("images_csv", table, subjects=people)
    assert [c.subject for c in clips] == ["a", "b"] and sampling.persons_known(clips)


def test_databases_that_name_persons_are_known(tmp_path):
    recola = datasets.load("recola", database_trees.recola_gold(tmp_path / "recola"))
    assert sampling.persons_known(recola)
    assert sampling.persons_known([Clip("a", ["x.jpg"], subject="anna")])
    assert not sampling.persons_known([Clip("a", ["x.jpg"])])
    assert not Clip("a", ["x.jpg"] * 4).part(0, 2, "a+1").person_known


@pytest.mark.parametrize(
    "call",
    [
        lambda clips: sampling.split(clips, 0.5),
        lambda clips: sampling.person_folds(clips, 2),
        lambda clips: sampling.stratified_split(clips, 2),
        lambda clips: sampling.refuse_common_subjects(clips[:2], clips[2:], "two parts"),
    ],
)
def test_unknown_persons_are_a_warning(call):
    unknown = [Clip(name, ["x.jpg"], expression=[0]) for name in "abcd"]
    known = [Clip(name, ["x.jpg"], expression=[0], subject=f"of {name}") for name in "abcd"]
    with pytest.warns(UserWarning, match=UNKNOWN):
        call(unknown)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        call(known)


def test_the_warning_is_shown_once():
    clips = [Clip(name, ["x.jpg"]) for name in "abcd"]
    with warnings.catch_warnings(record=True) as caught:
        warnings.resetwarnings()
        warnings.simplefilter("default")
        for seed in range(3):
            sampling.split(clips, 0.5, seed)
            sampling.person_folds(clips, 2, seed)
    assert sum(UNKNOWN in str(warning.message) for warning in caught) == 1


def test_official_parts_are_as_their_owners_made_them():
    parts = [
        [Clip(f"{part}1", ["x.jpg"], official_part=f"omg/{part}")] for part in ("train", "test")
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        sampling.refuse_common_subjects(*parts, "training and test")


def test_keys_are_found_by_their_parts(tmp_path):
    keys = ("105", "train/000046280", "5b44393ed/utterance_4", "01/001", "a/b/c.jpg", "106_left")
    clips = [Clip(key, ["x.jpg"]) for key in keys]
    rows = ("105.mp4,1", "000046280,2", "5b44393ed,3", "01/001,4", "b\\c.jpg,5", "106_left,6")
    subjects.assign(clips, write(tmp_path / "s.csv", *rows, header="Video,Subject,Note"))
    assert [clip.subject for clip in clips] == list("123456")
    assert {clip.gender for clip in clips} == {None}


def test_videos_without_a_row_are_listed_with_the_rows_that_match_nothing(affwild):
    root, file = affwild
    write(file, "train0,anna,f", "Train1,anna,f", "train2,ben,m")
    message = r"none for train1 \(1\).*Rows that name no clip: Train1 \(1\)"
    with pytest.raises(ValueError, match=message):
        datasets.load("affwild", root, subjects=file)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (("film,person", "1,2"), "must have the columns video,subject.*line 1"),
        (("video,subject", "105,"), "no subject in line 2"),
        (("video,subject", ",anna"), "no video in line 2"),
        (("video,subject", "105,anna", "105.mp4,ben"), "one person.*line 3.*than in line 2"),
        (("video,subject,gender", "1,anna,f", "2,anna,m"), "one gender.*'anna' in line 3"),
    ],
)
def test_malformed_files_are_named_with_their_line(tmp_path, rows, message):
    file = write(tmp_path / "s.csv", *rows[1:], header=rows[0])
    with pytest.raises(ValueError, match=message):
        subjects.read(file)


def test_a_key_of_two_videos_and_a_missing_file_are_refused(tmp_path):
    file = write(tmp_path / "s.csv", "01,anna", "001,ben", header="video,subject")
    with pytest.raises(ValueError, match="of one video.*'01/001'"):
        subjects.assign([Clip("01/001", ["x.jpg"])], file)
    with pytest.raises(FileNotFoundError, match="does not exist"):
        subjects.read(tmp_path / "absent.csv")


def test_the_option_works_in_commands_and_texts(affwild):
    root, file = affwild
    arguments = ["data", "affwild", str(root), "--option", f"subjects={file}"]
    result = CliRunner().invoke(cli.main, arguments)
    assert result.exit_code == 0 and "subjects                      2" in result.output
    text = f"affwild:{root}:subjects={file}"
    roles = load_roles([f"pretrain={text}"], ("pretrain",))
    assert {c.subject for c in roles["pretrain"].everything} == {"anna", "ben"}
    result = CliRunner().invoke(cli.main, [*arguments[:-1], f"subjects={file}x"])
    assert result.exit_code != 0 and "does not exist" in result.output


def test_synthetic_keeps_its_own_option(tmp_path):
    assert datasets.loader_options("synthetic")["subjects"] == 8
    assert datasets.loader_options("affwild")["subjects"] is None

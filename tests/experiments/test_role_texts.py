import database_trees
import pytest

from kollias_affect import datasets
from kollias_affect.datasets import frames_csv
from kollias_affect.experiments.role_texts import load_roles


@pytest.fixture
def texts(make_clip, tmp_path):
    """Texts of a list of ten people with one clip each, and of another one of two of them."""
    clips = [make_clip(name, 3, 5 * i, size=8) for i, name in enumerate("abcdefghij")]
    frames_csv.write(clips, tmp_path / "all.csv")
    frames_csv.write(clips[:2], tmp_path / "two.csv")
    return f"frames_csv:{tmp_path / 'all.csv'}", f"frames_csv:{tmp_path / 'two.csv'}"


def people(clips):
    return {clip.subject for clip in clips}


def test_texts_name_role_database_and_path(texts):
    roles = load_roles([texts[0], f"pretrain={texts[1]}"], ("data", "pretrain"))
    assert len(roles["data"].everything) == 10
    assert people(roles["pretrain"].everything) == {"a", "b"} and not roles["pretrain"].test


def test_pictures_that_are_scored_are_not_trained_on_in_another_role(texts):
    with pytest.raises(ValueError, match="must not be trained on"):
        load_roles([texts[0], f"pretrain={texts[0]}"], ("data", "pretrain"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("pretrain2=frames_csv:x.csv", "one of"),
        ("nonsense=frames_csv:x.csv", "DATASET:PATH"),
        ("frames_csv:x.csv:epochs=3", "without options of a stage"),
        ("frames_csv:x.csv,frames_csv:y.csv", "all but one"),
    ],
)
def test_other_texts_are_refused(text, message):
    with pytest.raises(ValueError, match=message):
        load_roles([text], ("data", "pretrain"))


def test_a_role_that_is_given_twice_is_refused(texts):
    with pytest.raises(ValueError, match="a second one"):
        load_roles([texts[0], texts[0]], ("data",))


def test_an_annotator_has_the_parts_of_data(texts):
    allowed = ("data", "annotator")
    roles = load_roles([texts[0], f"annotator={texts[0]}"], allowed)
    assert people(roles["annotator"].training) == people(roles["data"].training)
    assert people(roles["annotator"].validation) == people(roles["data"].validation)
    assert not roles["annotator"].test
    with pytest.raises(ValueError, match="Give them the same keys"):
        load_roles([texts[0], f"annotator={texts[1]}"], allowed)


def test_test_clips_belong_to_one_role(texts):
    three = [texts[0], f"other={texts[0]}", f"test={texts[1]}"]
    with pytest.raises(ValueError, match="`test` belongs to one of"):
        load_roles(three, ("data", "other", "test"))


def test_the_roles_of_omg_are_its_official_parts_with_the_published_counts(tmp_path):
    tree = database_trees.omg(tmp_path, 2442, 617, 2229, persons=150)
    data = load_roles([f"data=omg:{tree}"], ("data",))["data"]
    assert {name: len(clips) for name, clips in data.lists.items()} == {
        "training": 2442,
        "validation": 617,
        "test": 2229,
    }
    for part, clips in zip(("train", "validation", "test"), data.lists.values(), strict=True):
        assert {clip.official_part for clip in clips} == {f"omg/{part}"}
    assert (
        data.official
        and "test (2,229 clips, 2,229 frames, 150 subjects, persons unknown)" in data.text
    )


# Of each database: its tree, the parts of training and validation, and the part that is scored.
DATABASES = {
    "omg": (database_trees.omg, ["train"], ["validation"], "test"),
    "omg without labels of test": (
        lambda root: database_trees.omg(root, 10, labelled=False),
        ["train"],
        ["train"],
        "validation",
    ),
    "recola": (lambda root: database_trees.recola_gold(root, 10), ["train"], ["train"], "dev"),
    "affwild2": (
        lambda root: database_trees.affwild2(root, 10),
        ["train"],
        ["train"],
        "validation",
    ),
    "affwild": (
        lambda root: database_trees.affwild(root, 10, labelled=True),
        ["train"],
        ["train"],
        "test",
    ),
    "affwild without labels of test": (
        lambda root: database_trees.affwild(root, 10),
        ["train"],
        ["train"],
        "train",
    ),
    "afew": (lambda root: database_trees.afew(root, 2), ["train"], ["train"], "validation"),
    "sfew": (database_trees.sfew, ["train"], ["train"], "validation"),
    "fer2013": (database_trees.fer2013, ["Training"], ["PublicTest"], "PrivateTest"),
    "fer2013 without PrivateTest": (
        lambda root: database_trees.fer2013(root, private=0),
        ["Training"],
        ["Training"],
        "PublicTest",
    ),
}


@pytest.mark.parametrize("name", DATABASES)
def test_every_role_has_exactly_the_clips_of_its_official_part(name, tmp_path):
    tree, training, validation, test = DATABASES[name]
    database, root = name.split()[0], tree(tmp_path)
    parts = load_roles([f"data={database}:{root}"], ("data",))["data"]
    expected = {"training": training, "validation": validation, "test": [test]}
    for part, names in expected.items():
        clips = parts.lists[part]
        assert clips and {c.official_part for c in clips} == {f"{database}/{n}" for n in names}
    # Every clip of an official part that is used is in one role.
    for split in {*training, *validation, test}:
        keys = sorted(clip.key for clip in datasets.load(database, root, split))
        used = [c.key for c in parts.everything if c.official_part == f"{database}/{split}"]
        assert sorted(used) == keys
    pretrain = load_roles([f"pretrain={database}:{root}"], ("pretrain",))["pretrain"]
    assert not pretrain.test and pretrain.training and pretrain.validation


def test_parts_of_a_role_are_mixed_on_request_and_the_text_says_so(tmp_path):
    tree = database_trees.omg(tmp_path, 20, 10, 10, persons=10)
    data = load_roles([f"omg:{tree}:split=all"], ("data",))["data"]
    assert "all parts mixed on request" in data.text and not data.official
    people = [{clip.subject for clip in clips} for clips in data.lists.values()]
    assert sum(map(len, people)) == len(set.union(*people)) == 30


def test_ids_that_afew_has_in_two_parts_are_kept_and_counted(tmp_path):
    tree = database_trees.afew(tmp_path, 2, shared=2)
    data = load_roles([f"afew:{tree}"], ("data",))["data"]
    assert len(data.test) == 7 and data.text.endswith("2 subjects are in two parts.")


def test_the_test_clips_of_another_database_are_its_official_test_part(tmp_path, texts):
    tree = database_trees.omg(tmp_path / "omg")
    data = load_roles([texts[0], f"test=omg:{tree}"], ("data", "test"))["data"]
    assert {clip.official_part for clip in data.test} == {"omg/test"}
    assert len(data.training) + len(data.validation) == 10

import pytest
from shared_values import SHARED

from kollias_affect.datasets import sampling
from kollias_affect.experiments.paper_d.submissions import (
    DIRECT,
    PATHS,
    SUBMISSIONS,
    load_stages,
    parse_path,
)

NAMES = ("angry", "disgust", "fear", "happy", "neutral", "sad", "surprise")


@pytest.fixture
def sfew(tmp_path, write_square):
    for i, name in enumerate(("Angry", "Disgust", "Fear", "Happy", "Neutral", "Sad", "Surprise")):
        for j, part in enumerate(("Train", "Val")):
            folder = tmp_path / "sfew" / f"{part}_Aligned_Faces" / name
            write_square(folder / f"Movie{j}_00010{i}240_0000000{i}.png", 100 + i)
    return tmp_path / "sfew"


PICTURES = {"FER28": (7, 7), "FER32": (14, 7), "EmotiW": (7, 7), "FER32+EmotiW": (21, 7)}


@pytest.mark.parametrize("number", SUBMISSIONS)
def test_submissions_of_figure_3(number, fer, sfew):
    loaded, target = load_stages(number, fer, sfew, crop=False, epochs=1)
    submission = SUBMISSIONS[number]
    assert [each.name for each in loaded] == list(submission.stages)
    assert [(len(s.training), len(s.validation)) for s in loaded] == [
        PICTURES[name] for name in submission.stages
    ]
    # All are scored on EmotiW's validation part, and the union validates on nothing else.
    assert [clip.key.split("/")[0] for clip in target] == ["validation"] * 7


def test_published_accuracies_are_those_of_figure_4():
    assert sorted(SUBMISSIONS) == [1, 2, 3, 5, 6, 7, 8, 9]
    best = max(SUBMISSIONS, key=lambda number: SUBMISSIONS[number].published["test"])
    assert best == 3 and SUBMISSIONS[3].published == {"validation": 0.485, "test": 0.556}
    assert SUBMISSIONS[9].stages == ("FER32+EmotiW",) and SUBMISSIONS[8].stages == (
        "FER32",
        "EmotiW",
    )


def test_submission_4_is_refused(fer, sfew):
    with pytest.raises(ValueError, match="`path` must be one of"):
        load_stages(4, fer, sfew)


@pytest.mark.parametrize("path", DIRECT)
def test_the_direct_path_is_one_stage_on_emotiw_and_needs_no_fer2013(path, sfew):
    [stage], target = load_stages(path, None, sfew, crop=False, epochs=1)
    assert stage.name == "EmotiW" and target is stage.validation
    assert {clip.official_part for clip in stage.training} == {"sfew/train"}
    assert {clip.official_part for clip in target} == {"sfew/validation"}
    assert PATHS[path].published == {"test": 0.378}  # section 4.1


def test_other_paths_without_fer2013_are_refused(sfew):
    with pytest.raises(ValueError, match=r"fine-tuned on FER-2013.*direct-alexnet"):
        load_stages(3, None, sfew, crop=False)


def test_paths_are_parsed_from_texts():
    assert [parse_path(text) for text in ("3", 3, "direct-vgg")] == [3, 3, "direct-vgg"]


PARTS_OF = {"FER28": "fer2013", "FER32": "fer2013", "EmotiW": "sfew", "FER32+EmotiW": "sfew"}


@pytest.mark.parametrize("path", PATHS)
def test_fer2013_chooses_its_own_epochs_and_emotiw_the_others(path, fer, sfew):
    """Paper D §3.3; the text of a stage, which the report prints, names the parts."""
    for stage in load_stages(path, fer, sfew, crop=False)[0]:
        database = PARTS_OF[stage.name]
        assert {c.official_part for c in stage.validation} == {f"{database}/validation"}
        keys = {clip.key.split("/")[0] for clip in stage.validation}
        expected = {"FER28": {"PublicTest"}, "FER32": {"PrivateTest"}}
        assert keys == expected.get(stage.name, {"validation"})
        assert "training = train" in stage.text and "validation = validation" in stage.text


@pytest.fixture
def without_private_test(fer):
    for file in fer.rglob("PrivateTest_*"):
        file.unlink()
    return fer


@pytest.mark.parametrize("path", [6, 7, 8])
def test_fer32_without_privatetest_is_refused(path, without_private_test, sfew):
    message = r"validation data of FER32 are PrivateTest.*--without-private-test"
    with pytest.raises(FileNotFoundError, match=message):
        load_stages(path, without_private_test, sfew, crop=False)


@pytest.mark.parametrize("path", [6, 7, 8])
def test_fer32_without_privatetest_runs_by_an_option_and_says_so(path, without_private_test, sfew):
    options = {"crop": False, "without_private_test": True}
    stages, _ = load_stages(path, without_private_test, sfew, **options)
    assert stages[0].name == "FER32-held-out"
    # A ninth of 14 images, about two.
    assert (len(stages[0].training), len(stages[0].validation)) == (12, 2)
    assert not sampling.pictures(stages[0].training) & sampling.pictures(stages[0].validation)
    assert "validation = 11% of the persons of train, seed 0" in stages[0].text


def test_the_union_needs_no_privatetest(without_private_test, sfew):
    [stage], _ = load_stages(9, without_private_test, sfew, crop=False)
    assert (len(stage.training), len(stage.validation)) == PICTURES["FER32+EmotiW"]


def test_the_option_is_refused_where_it_has_no_effect(fer, sfew):
    for path in (1, 3, 9, "direct-vgg"):
        with pytest.raises(ValueError, match="Only FER32 chooses its epochs on PrivateTest"):
            load_stages(path, fer, sfew, crop=False, without_private_test=True)


def test_fer32_without_publictest_is_refused(fer, sfew):
    """It would be FER28's training data under another name."""
    for file in fer.rglob("PublicTest_*"):
        file.unlink()
    with pytest.raises(FileNotFoundError, match="are Training and PublicTest.*without PublicTest"):
        load_stages(9, fer, sfew, crop=False)


def test_the_real_copy_without_privatetest_has_the_sizes_of_fer32(sfew):
    """Its 32,298 images: those of the paper's FER28 train, 3,589 choose."""
    file = SHARED / "data" / "fer2013.tar"
    if not file.is_file():
        pytest.skip(f"FER-2013 is not part of the repository: {file} is absent")
    with pytest.raises(FileNotFoundError, match="without PrivateTest"):
        load_stages(6, file, sfew, crop=False)
    [stage], _ = load_stages(6, file, sfew, crop=False, without_private_test=True)
    assert (len(stage.training), len(stage.validation)) == (28709, 3589)

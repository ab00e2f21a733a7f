import pytest

from kollias_affect.experiments.paper_d.submissions import SUBMISSIONS, load_stages

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

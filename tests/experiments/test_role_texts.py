import pytest

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

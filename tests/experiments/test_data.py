import dataclasses

import numpy as np
import pytest

from kollias_affect.datasets import frames_csv
from kollias_affect.experiments import data
from kollias_affect.experiments.sources import Source


@pytest.fixture
def listed(make_clip, tmp_path):
    """A csv of ten people with one clip each, and another of two of them."""
    clips = [make_clip(name, 3, 5 * i) for i, name in enumerate("abcdefghij")]
    frames_csv.write(clips, tmp_path / "all.csv")
    frames_csv.write(clips[:2], tmp_path / "two.csv")
    return tmp_path


def keys(clips):
    return {clip.subject for clip in clips}


def test_what_chooses_an_epoch_does_not_judge_it(listed):
    found = data.parts(Source("frames_csv", listed / "all.csv"))
    sets = [keys(found.training), keys(found.validation), keys(found.test)]
    assert [len(each) for each in sets] == [6, 2, 2]
    assert len(set.union(*sets)) == 10


def test_a_test_set_of_people_who_were_trained_on_is_refused(listed):
    both = Source("frames_csv", listed / "all.csv"), Source("frames_csv", listed / "two.csv")
    with pytest.raises(ValueError, match="No subject may be in both"):
        data.parts(*both)


def test_texts_name_role_database_and_options(listed):
    texts = [f"frames_csv:{listed / 'all.csv'}", f"pretrain=frames_csv:{listed / 'two.csv'}"]
    found = data.read(texts, ("data", "pretrain"), lambda text, default: text)
    assert len(found["data"].everything) == 10
    assert keys(found["pretrain"].everything) == {"a", "b"} and not found["pretrain"].test


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
        data.read([text], ("data", "pretrain"), lambda text, default: text)


def test_a_role_given_twice_is_refused(listed):
    text = f"frames_csv:{listed / 'all.csv'}"
    with pytest.raises(ValueError, match="a second one"):
        data.read([text, text], ("data",), lambda text, default: text)


def test_synthetic_roles_keep_people_apart(monkeypatch, make_clip):
    clips = [make_clip(f"s{i}", 5, 9 * i) for i in range(10)]
    monkeypatch.setattr(data.datasets, "load", lambda *_, **__: clips)
    roles = data.synthetic("anywhere")
    assert set(roles) == set(data.ROLES) - {"test"}
    for found in roles.values():
        assert len(keys(found.everything)) == len(found.everything)
    other, same = roles["annotator"].training[0], roles["data"].training[0]
    assert other.paths == same.paths
    assert not np.allclose(other.valence_arousal, same.valence_arousal)
    assert all(dataclasses.replace(c).expression is not None for c in roles["data"].everything)


def test_an_annotator_has_the_parts_of_data(listed):
    texts = [f"frames_csv:{listed / 'all.csv'}", f"annotator=frames_csv:{listed / 'all.csv'}"]
    found = data.read(texts, ("data", "annotator"), lambda text, default: text)
    assert keys(found["annotator"].training) == keys(found["data"].training)
    assert keys(found["annotator"].validation) == keys(found["data"].validation)
    assert not found["annotator"].test
    texts[1] = f"annotator=frames_csv:{listed / 'two.csv'}"
    with pytest.raises(ValueError, match="Name them alike"):
        data.read(texts, ("data", "annotator"), lambda text, default: text)


def test_what_is_scored_is_not_trained_on_in_another_role(listed):
    texts = [f"frames_csv:{listed / 'all.csv'}", f"pretrain=frames_csv:{listed / 'all.csv'}"]
    with pytest.raises(ValueError, match="must not be trained on"):
        data.read(texts, ("data", "pretrain"), lambda text, default: text)


def test_test_clips_belong_to_one_role(listed):
    path = f"frames_csv:{listed / 'all.csv'}"
    texts = [path, f"other={path}", f"test=frames_csv:{listed / 'two.csv'}"]
    with pytest.raises(ValueError, match="`test` belongs to one of"):
        data.read(texts, ("data", "other", "test"), lambda text, default: text)


@pytest.mark.parametrize("what", ["image", "landmarks", "subject", "labels", "valid"])
def test_whatever_a_training_sees_is_in_the_contents(make_clip, what):
    clip = make_clip("a", 4)
    before = data.contents([clip])
    assert data.contents([make_clip("a", 4)]) == before
    if what == "image":
        with open(clip.paths[0], "ab") as file:
            file.write(b" ")
    elif what == "subject":
        clip.subject = "b"
    else:
        values = getattr(clip, "valence_arousal" if what == "labels" else what)
        values[0] = 0
    assert data.contents([clip]) != before

import numpy as np
import pytest

from kollias_affect.datasets import frames_csv
from kollias_affect.experiments import roles
from kollias_affect.experiments.sources import Source


@pytest.fixture
def people(make_clip, tmp_path):
    """A csv of ten people with one clip each, and another one of two of them."""
    clips = [make_clip(name, 3, 5 * i, size=8) for i, name in enumerate("abcdefghij")]
    frames_csv.write(clips, tmp_path / "all.csv")
    frames_csv.write(clips[:2], tmp_path / "two.csv")
    return tmp_path


def test_what_chooses_an_epoch_is_not_scored(people):
    parts = roles.divide(Source("frames_csv", people / "all.csv"))
    sets = [
        {clip.subject for clip in clips} for clips in (parts.training, parts.validation, parts.test)
    ]
    assert [len(each) for each in sets] == [6, 2, 2]
    assert len(set.union(*sets)) == 10


def test_test_people_who_were_trained_on_are_refused(people):
    both = Source("frames_csv", people / "all.csv"), Source("frames_csv", people / "two.csv")
    with pytest.raises(ValueError, match="No subject may be in both"):
        roles.divide(*both)


@pytest.mark.parametrize("what", ["image", "landmarks", "subject", "labels", "valid"])
def test_the_fingerprint_of_clips_covers_all_that_a_training_uses(make_clip, what):
    clip = make_clip("a", 4, size=8)
    before = roles.fingerprint_clips([clip])
    assert roles.fingerprint_clips([make_clip("a", 4)]) == before
    if what == "image":
        with open(clip.paths[0], "ab") as file:
            file.write(b" ")
    elif what == "subject":
        clip.subject = "b"
    else:
        values = getattr(clip, "valence_arousal" if what == "labels" else what)
        values[0] = 0
    assert roles.fingerprint_clips([clip]) != before


def test_clips_with_one_label_each_are_utterances(make_clip):
    constant = [
        make_clip(name, 4, i, size=8, valence_arousal=np.full((4, 2), i / 10))
        for i, name in enumerate("abc")
    ]
    assert roles.are_utterances(constant)
    assert not roles.are_utterances([*constant, make_clip("d", 4, 9, size=8)])
    same = constant[0].labelled(valence_arousal=constant[0].valence_arousal)
    assert not roles.are_utterances([constant[0], same])

import pytest

from kollias_affect.clip import Clip
from kollias_affect.datasets import sampling


def clips(subjects=10, each=3):
    return [
        Clip(f"{s}_{i}", ["x.jpg"], subject=str(s)) for s in range(subjects) for i in range(each)
    ]


@pytest.mark.parametrize("seed", range(5))
def test_never_one_subject_on_both_sides(seed):
    training, validation = sampling.split(clips(), 0.3, seed)
    sides = [{clip.subject for clip in side} for side in (training, validation)]
    assert not sides[0] & sides[1] and len(sides[1]) == 3
    assert len(training) + len(validation) == 30


def test_splits_are_seeded():
    keys = [[clip.key for clip in sampling.split(clips(), 0.3, seed)[1]] for seed in (1, 1, 2)]
    assert keys[0] == keys[1] != keys[2]


def test_both_sides_have_someone():
    training, validation = sampling.split(clips(2, 1), 0.01)
    assert len(training) == len(validation) == 1


def test_one_subject_cannot_be_split():
    with pytest.raises(ValueError, match="at least two subjects"):
        sampling.split(clips(1))
    with pytest.raises(ValueError, match="between 0 and 1"):
        sampling.split(clips(), 20)

import numpy as np
import pytest

from kollias_affect.clip import Clip
from kollias_affect.transfer import scale_labels

OMG = ((-1, 1), (0, 1))  # valence, arousal


def clip(values, **fields):
    return Clip("a", ["x"] * len(values), valence_arousal=values, **fields)


def test_each_dimension_has_its_own_range():
    [scaled] = scale_labels([clip([[-1, 0], [0.5, 0.25], [1, 1]])], OMG, (-1, 1))
    assert np.allclose(scaled.valence_arousal, [[-1, -1], [0.5, -0.5], [1, 1]])


def test_exchanged_ranges_invert_the_scaling():
    values = np.random.default_rng(0).uniform(-1, 1, (50, 2))
    scaled = scale_labels([clip(values)], (-1, 1), OMG)
    [back] = scale_labels(scaled, OMG, (-1, 1))
    assert scaled[0].valence_arousal[:, 1].min() >= 0
    assert np.allclose(back.valence_arousal, values, atol=1e-6)


def test_invalid_frames_may_have_no_label():
    [scaled] = scale_labels([clip([[0, 0.5], [np.nan, -5]], valid=[True, False])], OMG)
    assert np.allclose(scaled.valence_arousal[0], [0, 0]) and not scaled.valid[1]


def test_labels_outside_of_the_range_are_refused():
    with pytest.raises(ValueError, match=r"arousal -0\.5 at frame 2 of 'a'"):
        scale_labels([clip([[0, 0.5], [0, -0.5]])], OMG)


@pytest.mark.parametrize(
    ("ranges", "message"),
    [
        (((1, -1), (-1, 1)), "`from_range` must be"),
        (("ab", (-1, 1)), "`from_range` must be"),
        (((-1, 1), (0, 10)), r"must lie in \[-1, 1\]"),
    ],
)
def test_invalid_ranges_are_refused(ranges, message):
    with pytest.raises(ValueError, match=message):
        scale_labels([clip([[0, 0]])], *ranges)


def test_clips_of_expressions_are_refused():
    with pytest.raises(ValueError, match="needs valence and arousal"):
        scale_labels([Clip("a", ["x"], expression=[1])])

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kollias_affect import EXPRESSIONS
from kollias_affect.clip import Clip
from kollias_affect.datasets import sampling


def clips(subjects=10, each=3):
    return [
        Clip(f"{s}_{i}", ["x.jpg"], subject=str(s)) for s in range(subjects) for i in range(each)
    ]


@pytest.mark.parametrize("seed", range(5))
def test_split_keeps_subjects_on_one_side(seed):
    training, validation = sampling.split(clips(), 0.3, seed)
    sides = [{clip.subject for clip in side} for side in (training, validation)]
    assert not sides[0] & sides[1] and len(sides[1]) == 3
    assert len(training) + len(validation) == 30


def test_split_depends_on_the_seed_only():
    keys = [[clip.key for clip in sampling.split(clips(), 0.3, seed)[1]] for seed in (1, 1, 2)]
    assert keys[0] == keys[1] != keys[2]


def test_both_sides_of_a_split_have_a_subject():
    training, validation = sampling.split(clips(2, 1), 0.01)
    assert len(training) == len(validation) == 1


def test_invalid_splits_are_refused():
    with pytest.raises(ValueError, match="at least two subjects"):
        sampling.split(clips(1))
    with pytest.raises(ValueError, match="between 0 and 1"):
        sampling.split(clips(), 20)


def affect_clips(seed, count=6, longest=40):
    """Returns clips with random walks in all quadrants, and some invalid frames."""
    random = np.random.default_rng(seed)
    result = []
    for i in range(count):
        frames = int(random.integers(1, longest)) if i else 8
        steps = random.choice([-0.2, 0, 0.2], (frames, 2))
        labels = np.clip(random.choice([-0.2, 0.2], 2) + steps.cumsum(axis=0), -1, 1)
        valid = random.random(frames) < 0.9
        if i == 0:
            labels = np.array([[1, 1], [-1, 1], [1, -1], [-1, -1]] * 2) / 2
            valid[:] = True
        paths = [f"{i}/{frame}" for frame in range(frames)]
        subject = str(random.integers(3))
        result.append(Clip(f"c{i}", paths, valence_arousal=labels, valid=valid, subject=subject))
    return result


def quadrants(clips):
    """Counts the valid frames in the four quadrants, frame by frame."""
    counts = dict.fromkeys(sampling.QUADRANTS, 0)
    for clip in clips:
        for (valence, arousal), valid in zip(clip.valence_arousal, clip.valid, strict=True):
            name = ("-v" if valence < 0 else "+v") + ("-a" if arousal < 0 else "+a")
            counts[name] += bool(valid)
    return counts


SEEDS = st.integers(0, 2**32 - 1)
SHARES = st.lists(st.integers(1, 9), min_size=4, max_size=4).map(
    lambda parts: tuple(part / sum(parts) for part in parts)
)


@given(SEEDS, SHARES, st.integers(1, 12))
def test_balanced_shares_equal_the_requested_ones(seed, shares, length):
    clips = affect_clips(seed)
    balanced = sampling.balance_quadrants(clips, shares, seed, length)
    before, after = quadrants(clips), quadrants(balanced)
    total = sum(after.values())
    for name, share in zip(sampling.QUADRANTS, shares, strict=True):
        assert abs(after[name] - share * total) <= 3  # rounding of four quadrants
    assert any(after[name] == before[name] for name in before)  # as few as possible are added
    report = balanced.report
    assert (report.frames_before, report.frames_after) == (sum(before.values()), total)
    assert report.before == {n: before[n] / sum(before.values()) for n in before}
    assert report.after == {name: after[name] / total for name in after}


@given(SEEDS, SHARES, st.integers(1, 12))
def test_duplicates_are_consecutive_valid_frames_of_one_clip_in_one_quadrant(seed, shares, length):
    clips = affect_clips(seed)
    balanced = sampling.balance_quadrants(clips, shares, seed, length)
    assert all(one is other for one, other in zip(clips, balanced, strict=False))
    of_key = {clip.key: clip for clip in clips}
    for part in balanced[len(clips) :]:
        source = of_key[part.key.rpartition("+")[0]]
        start = source.paths.index(part.paths[0])
        rows = slice(start, start + len(part))
        assert part.paths == source.paths[rows] and part.subject == source.subject
        assert np.array_equal(part.valence_arousal, source.valence_arousal[rows])
        assert part.valid.all() and source.valid[rows].all() and 1 <= len(part) <= length
        assert sorted(quadrants([part]).values()) == [0, 0, 0, len(part)]
    assert len({clip.key for clip in balanced}) == len(balanced)


@given(SEEDS, SHARES)
def test_balance_ignores_the_order_of_the_clips_and_is_seeded(seed, shares):
    clips = affect_clips(seed)
    order = np.random.default_rng(seed).permutation(len(clips))

    def parts(clips, seed=1):
        balanced = sampling.balance_quadrants(clips, shares, seed, 5)
        return [(clip.key, clip.paths) for clip in balanced[len(clips) :]]

    assert parts(clips) == parts(clips) == parts([clips[i] for i in order])


def test_another_seed_duplicates_other_frames():
    clips = affect_clips(0, 30)
    shares = (0.1, 0.3, 0.3, 0.3)
    paths = [
        [clip.paths for clip in sampling.balance_quadrants(clips, shares, seed, 5)[30:]]
        for seed in (0, 1)
    ]
    assert paths[0] != paths[1]


def test_default_shares_equal_the_papers():
    balanced = sampling.balance_quadrants(affect_clips(3, 200))
    assert list(balanced.report.after.values()) == pytest.approx(
        [0.43, 0.24, 0.19, 0.14], abs=0.001
    )
    assert str(balanced.report).count("->") == 5 and "-> 43.0%" in str(balanced.report)


def test_balancing_twice_gives_new_keys():
    once = sampling.balance_quadrants(affect_clips(3), length=5)
    twice = sampling.balance_quadrants(once, (0.1, 0.3, 0.3, 0.3), length=5)
    assert len({clip.key for clip in twice}) == len(twice) > len(once)


def test_shares_may_be_a_dict():
    clips = affect_clips(5)
    named = dict(zip(sampling.QUADRANTS, sampling.PAPER_SHARES, strict=True))
    assert sampling.balance_quadrants(clips, named).report == (
        sampling.balance_quadrants(clips).report
    )
    with pytest.raises(ValueError, match="`quadrant` must be one of"):
        sampling.balance_quadrants(clips, {"v+a+": 1})


def clip_of(counts):
    """A clip with so many frames in the quadrants, in the order of `QUADRANTS`."""
    signs = [(1, 1), (-1, 1), (1, -1), (-1, -1)]
    labels = [sign for sign, n in zip(signs, counts, strict=True) for _ in range(n)]
    return [Clip("a", ["1"] * len(labels), valence_arousal=np.array(labels) / 2)]


def test_only_the_quadrants_that_paper_c_names_are_duplicated_and_reach_their_shares():
    # 800 frames of the other quadrants are 1 - 0.19 - 0.14 = 67 % of the total, which is 1194.
    balanced = sampling.balance_quadrants(
        clip_of([500, 300, 50, 40]), duplicate=sampling.PAPER_DUPLICATED
    )
    assert quadrants(balanced) == {"+v+a": 500, "-v+a": 300, "+v-a": 227, "-v-a": 167}
    assert balanced.report.above == ()
    assert balanced.report.after["+v-a"] == pytest.approx(0.19, abs=1e-3)
    assert balanced.report.after["-v-a"] == pytest.approx(0.14, abs=1e-3)


def test_a_duplicated_quadrant_above_its_share_stays_and_the_others_reach_theirs():
    clips = clip_of([430, 240, 400, 10])
    with pytest.warns(UserWarning, match=r"\+v-a have more already"):
        balanced = sampling.balance_quadrants(clips, duplicate=sampling.PAPER_DUPLICATED)
    # 1070 other frames are 1 - 0.14 = 86 % of the total, which is 1244.
    assert quadrants(balanced) == {"+v+a": 430, "-v+a": 240, "+v-a": 400, "-v-a": 174}
    assert balanced.report.above == ("+v-a",)
    assert "+v-a not duplicated" in str(balanced.report)
    with pytest.warns(UserWarning, match="-v-a have more"):
        same = sampling.balance_quadrants(clip_of([1, 1, 1, 9]), duplicate="-v-a")
    assert len(same) == 1 and same.report.above == ("-v-a",)


@given(SEEDS, SHARES, st.sets(st.sampled_from(sampling.QUADRANTS), min_size=1))
def test_quadrants_that_may_not_be_duplicated_keep_their_frames(seed, shares, names):
    clips = affect_clips(seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        balanced = sampling.balance_quadrants(clips, shares, seed, 5, duplicate=names)
    before, after = quadrants(clips), quadrants(balanced)
    total = sum(after.values())
    for name, share in zip(sampling.QUADRANTS, shares, strict=True):
        if name not in names or name in balanced.report.above:
            assert after[name] == before[name]
        elif len(names) < 4:
            assert abs(after[name] - share * total) <= 3  # rounding of four quadrants
        if name in balanced.report.above:
            assert after[name] > share * total - 1


def test_unknown_quadrants_to_duplicate_are_refused():
    for names in ((), ("-a-v",), "v"):
        with pytest.raises(ValueError, match="`duplicate` must be one of"):
            sampling.balance_quadrants(affect_clips(1), duplicate=names)


def test_a_quadrant_with_frames_needs_a_share():
    clips = [Clip("a", ["1"] * 6, valence_arousal=[[0.5, 0.5]] * 5 + [[-0.5, 0]])]
    balanced = sampling.balance_quadrants(clips, (0.5, 0.5, 0, 0))
    assert quadrants(balanced) == {"+v+a": 5, "-v+a": 5, "+v-a": 0, "-v-a": 0}
    with pytest.raises(ValueError, match=r"-v\+a with 1 frames and a share of 0"):
        sampling.balance_quadrants(clips, (1, 0, 0, 0))


def test_a_share_of_a_quadrant_without_frames_is_ignored_with_a_warning():
    clips = [Clip("a", ["1"] * 6, valence_arousal=[[0.5, 0.5]] * 5 + [[-0.5, 0]])]
    message = r"quadrant [+-]v-a has a share of 25.0% and no frames"
    with pytest.warns(UserWarning, match=message) as warnings:
        balanced = sampling.balance_quadrants(clips, (0.25,) * 4)
    assert len(warnings) == 2
    assert quadrants(balanced) == {"+v+a": 5, "-v+a": 5, "+v-a": 0, "-v-a": 0}


def test_clips_without_valid_frames_cannot_be_balanced():
    with pytest.raises(ValueError, match="clips without any"):
        sampling.balance_quadrants([Clip("a", [""], valence_arousal=[[0, 0]])])


@pytest.mark.parametrize(
    "shares", [(0.5, 0.5), (0.3, 0.3, 0.3, 0.3), (2, -1, 0, 0), (np.nan, 0.5, 0.25, 0.25)]
)
def test_invalid_shares_are_refused(shares):
    with pytest.raises(ValueError, match="add up to 1"):
        sampling.balance_quadrants(affect_clips(0), shares)


def test_clips_without_labels_cannot_be_balanced():
    with pytest.raises(ValueError, match="valence and arousal of every clip"):
        sampling.balance_quadrants(clips())
    with pytest.raises(ValueError, match="clips without any"):
        sampling.balance_quadrants([])


@given(SEEDS, st.integers(2, 6))
def test_folds_keep_subjects_apart_and_have_similar_sizes(seed, folds):
    random = np.random.default_rng(seed)
    clips = [
        Clip(str(i), ["x"] * int(random.integers(1, 30)), subject=f"s{random.integers(12)}")
        for i in range(40)
    ]
    result = sampling.person_folds(clips, folds, seed)
    assert len(result) == folds
    held_out = []
    for training, validation in result:
        assert not {clip.subject for clip in training} & {clip.subject for clip in validation}
        assert training and validation and len(training) + len(validation) == 40
        keys = [int(clip.key) for clip in training]
        assert keys == sorted(keys)  # in the order of the clips
        held_out += [clip.key for clip in validation]
    assert sorted(held_out) == sorted(clip.key for clip in clips)
    # No fold exceeds its equal share by more than one subject.
    frames = [sum(len(clip) for clip in validation) for _, validation in result]
    of_subject = {}
    for clip in clips:
        of_subject[clip.subject] = of_subject.get(clip.subject, 0) + len(clip)
    assert max(frames) <= sum(frames) / folds + max(of_subject.values())
    # The order of the clips does not matter.
    other = sampling.person_folds([clips[i] for i in random.permutation(40)], folds, seed)
    assert [{c.key for c in v} for _, v in other] == [{c.key for c in v} for _, v in result]


def test_folds_depend_on_the_seed_only():
    def keys(seed):
        return [[clip.key for clip in v] for _, v in sampling.person_folds(clips(), 5, seed)]

    assert keys(1) == keys(1) != keys(2)


def test_subjects_without_valid_frames_do_not_share_a_fold():
    nobody = [Clip(f"n{i}", [""], subject=f"n{i}") for i in range(3)]
    result = sampling.person_folds([*clips(3, 1), *nobody], 6)
    assert [len(validation) for _, validation in result] == [1] * 6


@pytest.mark.parametrize("folds", [1, 0, 2.5, "5", None, 11])
def test_invalid_numbers_of_folds_are_refused(folds):
    with pytest.raises(ValueError, match="folds"):
        sampling.person_folds(clips(), folds)


@given(SEEDS, st.integers(1, 40), st.sampled_from([(), (7,), (2, 3)]))
def test_undiscretize_inverts_discretize_within_half_a_cell(seed, bins, shape):
    values = np.random.default_rng(seed).uniform(-1, 1, (*shape, 2))
    values[..., 0] = np.round(values[..., 0] * bins) / bins  # on the edges of cells
    classes = sampling.discretize(values, bins)
    assert classes.shape == shape and classes.dtype == np.int64
    assert (classes >= 0).all() and (classes < bins**2).all()
    back = sampling.undiscretize(classes, bins)
    assert back.shape == values.shape and (np.abs(back - values) <= 1 / bins + 1e-12).all()
    assert np.array_equal(sampling.discretize(back, bins), classes)


def test_cells_are_numbered_by_valence_then_arousal():
    assert sampling.discretize([[-1, -1], [-1, 1], [1, -1], [1, 1], [0, 0]]).tolist() == [
        0,
        19,
        380,
        399,
        210,
    ]


def test_undiscretize_does_not_overflow_small_integers():
    classes = np.array([3, 250], np.uint8)
    assert np.array_equal(
        sampling.undiscretize(classes, 300), sampling.undiscretize(classes.tolist(), 300)
    )


def test_nan_has_no_cell():
    assert sampling.discretize([[np.nan, 0], [0, np.nan], [0, 0]], 2).tolist() == [-1, -1, 3]
    assert np.isnan(sampling.undiscretize([-1, 3], 2)).tolist() == [[True] * 2, [False] * 2]


@pytest.mark.parametrize("bad", [[[1.1, 0]], [[0, -np.inf]], [0, 0, 0], 0.5, [[]]])
def test_invalid_values_are_refused(bad):
    with pytest.raises(ValueError, match=r"pairs in \[-1, 1\]"):
        sampling.discretize(bad)


@pytest.mark.parametrize("bad", [[400], [-2], [0.5], ["a"]])
def test_invalid_classes_are_refused(bad):
    with pytest.raises(ValueError, match="integers from 0 to 399"):
        sampling.undiscretize(bad)


@given(st.lists(st.integers(-1, 6), min_size=1, max_size=60))
def test_class_weights_give_every_expression_the_same_total(labels):
    valid = np.array(labels) >= 0
    clip = Clip("a", ["x"] * len(labels), expression=labels, valid=valid)
    if not valid.any():
        with pytest.raises(ValueError, match="need valid frames"):
            sampling.class_weights([clip])
        return
    weights = sampling.class_weights([clip, Clip("b", ["x"])])
    assert set(weights) == set(clip.expression[valid].tolist())
    sums = [weights[index] * labels.count(index) for index in weights]
    assert np.allclose(sums, sums[0]) and sum(sums) == pytest.approx(valid.sum())
    assert all(0 <= index < len(EXPRESSIONS) for index in weights)


def expressive_clips(subjects=12):
    """Returns one clip per subject and class; only two subjects show the last two classes."""
    return [
        Clip(f"{subject}-{label}", ["x.jpg"], expression=[label], subject=str(subject))
        for subject in range(subjects)
        for label in range(7)
        if label < 5 or subject < 2
    ]


def test_stratified_split_keeps_subjects_apart_and_class_shares_equal():
    clips = expressive_clips()
    training, test = sampling.stratified_split(clips, parts=2, seed=1)
    assert not {c.subject for c in training} & {c.subject for c in test}
    assert sorted(c.key for c in training + test) == sorted(c.key for c in clips)
    counts = [
        np.bincount([c.expression[0] for c in part], minlength=7) for part in (training, test)
    ]
    assert (counts[0] == counts[1]).all()  # the rare classes too: one of their subjects each


def test_stratified_split_needs_as_many_subjects_as_parts():
    with pytest.raises(ValueError, match="at least as many subjects as parts.*Received: parts=20"):
        sampling.stratified_split(expressive_clips(), parts=20)


def test_stratified_split_needs_expressions():
    with pytest.raises(ValueError, match="must have a valid expression"):
        sampling.stratified_split([Clip("a", ["x.jpg"]), Clip("b", ["x.jpg"])])

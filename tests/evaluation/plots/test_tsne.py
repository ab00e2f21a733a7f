import numpy as np
import pytest

from kollias_affect import EXPRESSIONS
from kollias_affect.evaluation import plots


def groups(count=70, seed=0):
    """Returns vectors in three distant groups, and their groups."""
    random = np.random.default_rng(seed)
    labels = np.arange(count) % 3
    return 10 * np.eye(3, 8)[labels] + random.normal(0, 0.1, (count, 8)), labels


def drawn(axes):
    return {c.get_label().split(" (")[0]: np.asarray(c.get_offsets()) for c in axes.collections}


def test_neighbours_stay_neighbours():
    axes = plots.embedding(*groups()).axes[0]
    positions = drawn(axes)
    assert list(positions) == list(EXPRESSIONS[:3])
    centres = np.stack([points.mean(axis=0) for points in positions.values()])
    for i, points in enumerate(positions.values()):
        distances = np.linalg.norm(points[:, None] - centres, axis=-1)
        assert (distances.argmin(axis=1) == i).all()


def test_classes_differ_by_colour_and_by_marker():
    axes = plots.embedding(*groups()).axes[0]
    assert len({tuple(c.get_facecolor()[0]) for c in axes.collections}) == 3
    assert len({c.get_paths()[0].vertices.tobytes() for c in axes.collections}) == 3
    texts = [text.get_text() for text in axes.get_legend().texts]
    assert texts == ["neutral (24)", "anger (23)", "disgust (23)"]


def test_the_seed_determines_the_map():
    one, again, other = (
        drawn(plots.embedding(*groups(), seed=seed, sample=60).axes[0])["anger"]
        for seed in (0, 0, 1)
    )
    assert np.array_equal(one, again)
    assert one.shape != other.shape or not np.allclose(one, other)


def test_numbers_have_a_colour_bar_with_their_range():
    points, labels = groups()
    axes, bar = plots.embedding(points, labels / 2 - 0.5, "arousal").axes
    (shown,) = axes.collections
    assert shown.get_clim() == (-1, 1) and bar.get_ylabel() == "arousal (−1 … 1)"
    assert shown.get_array().tolist() == (labels / 2 - 0.5).tolist()


def test_frames_without_face_or_label_are_omitted_and_the_others_sampled():
    points, labels = groups()
    points[0], labels[1] = np.nan, -1
    assert plots.embedding(points, labels).axes[0].get_title() == "68 frames"
    few = plots.embedding(points, labels, sample=20).axes[0]
    assert few.get_title() == "20 frames" and sum(map(len, drawn(few).values())) == 20


def test_five_points_are_mapped_and_fewer_are_refused():
    points, labels = groups(5)
    assert plots.embedding(points, labels).axes[0].get_title() == "5 frames"
    with pytest.raises(ValueError, match=r"at least 5 labelled frames.*4 of 4"):
        plots.embedding(points[:4], labels[:4])
    with pytest.raises(ValueError, match="not all of them equal"):
        plots.embedding(np.ones((9, 3)), np.zeros(9))


def test_unknown_classes_and_kinds_are_refused():
    points, labels = groups()
    with pytest.raises(ValueError, match="indices into"):
        plots.embedding(points, labels + 6)
    with pytest.raises(ValueError, match="`kind` must be one of"):
        plots.embedding(points, labels, "emotion")

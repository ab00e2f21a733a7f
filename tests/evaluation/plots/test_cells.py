import numpy as np
import pytest

from kollias_affect.evaluation.plots.cells import cell_edges, count_cells, find_levels


def discrete(seed):
    """Returns labels on a few even levels, their range and all levels."""
    random = np.random.default_rng(seed)
    count = int(random.integers(3, 42))
    low, high = [(-1, 1), (0, 1), (-10, 10), (1, 9)][seed % 4]
    shift = random.choice([0, 0, 0.5]) / count  # levels may lie beside the ends of the range
    levels = low + (high - low) * (np.linspace(0, 1 - 2 * shift, count) + shift)
    kept = np.unique(random.choice(count, max(3, int(0.8 * count)), replace=False))
    values = random.choice(levels[kept], 400)
    values[: 3 * len(kept)] = np.repeat(levels[kept], 3)
    return values.astype(random.choice([np.float32, np.float64])), (low, high), levels


@pytest.mark.parametrize("seed", range(40))
def test_every_discrete_label_lies_in_the_middle_of_a_cell(seed):
    values, (low, high), levels = discrete(seed)
    edges = cell_edges(values, low, high)
    cells = np.searchsorted(edges, values) - 1
    middles, steps = (edges[1:] + edges[:-1]) / 2, np.diff(edges)
    assert np.allclose(values, middles[cells], rtol=0, atol=1e-3 * steps[0])
    rounding = 1e-6 * (high - low)
    assert np.allclose(steps, steps[0])
    assert edges[0] <= low + rounding and edges[-1] >= high - rounding
    # One level, one cell: the number of distinct labels is that of the filled cells.
    assert len(np.unique(cells)) == len(np.unique(values)) <= len(levels)


@pytest.mark.parametrize("seed", range(40))
def test_continuous_labels_have_cells_of_a_tenth(seed):
    random = np.random.default_rng(seed)
    distinct = int(random.integers(5, 3000))
    # Few values that are repeated, such as the labels of a few utterances, are not levels.
    values = np.repeat(random.uniform(-1, 1, distinct), 1 + seed % 5)
    assert find_levels(values, -1, 1) is None
    assert np.allclose(cell_edges(values, -1, 1), np.linspace(-1, 1, 21))
    assert np.allclose(cell_edges(np.abs(values), 0, 1), np.linspace(0, 1, 11))


@pytest.mark.parametrize(
    "values",
    [
        [],
        [0.5] * 100,
        [0.5, 0.6] * 100,
        np.linspace(-0.9, 0.9, 60),  # a ramp: evenly spaced, each value once
        np.tile(np.arange(-1000, 1001) / 1000, 5),  # a joystick with 2001 positions
        0.3 + np.tile([0, 1e-7, 2e-7, 3e-7], 50),  # rounding errors of one value
        np.tile([0.1, 0.101, 0.102], 50),  # a short part of a fine scale
    ],
    ids=["none", "constant", "two", "ramp", "joystick", "rounding", "part"],
)
def test_without_evidence_of_levels_there_are_none(values):
    assert find_levels(values, -1, 1) is None


def test_levels_that_do_not_occur_have_cells_too():
    values = np.repeat([-1, -0.5, 0.25, 0.5], 5)
    assert find_levels(values, -1, 1).tolist() == np.linspace(-1, 1, 9).tolist()


def test_points_on_an_edge_belong_to_the_upper_cell_whatever_their_rounding_error():
    edges = np.linspace(-1, 1, 21)
    third = np.float32(0.3)
    for value in (0.3, float(third), np.nextafter(0.3, 0)):
        assert np.flatnonzero(count_cells([[value, 0.05]], (edges, edges))[:, 10]).tolist() == [13]
    assert count_cells([[5, -5]], (edges, edges))[-1, 0] == 1

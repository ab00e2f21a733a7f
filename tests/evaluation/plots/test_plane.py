import numpy as np
import pytest
from matplotlib.patches import Circle

from kollias_affect.evaluation import plots

RANDOM = np.random.default_rng(0)
LABELS = np.clip(RANDOM.normal(0, 0.3, (500, 2)), -1, 1)
PREDICTIONS = LABELS / 2


def mesh(panel):
    """Returns the counts of a panel and their colour scale."""
    (cells,) = [c for c in panel.collections if hasattr(c, "get_coordinates")]
    return cells.get_array(), cells.norm


def path(panel):
    (lines,) = [c for c in panel.collections if hasattr(c, "get_segments")]
    return lines


def test_labels_and_predictions_share_cells_axes_and_colours():
    left, right, bar = plots.histogram(PREDICTIONS, LABELS).axes
    assert mesh(left)[1] is mesh(right)[1] and mesh(left)[1].vmin == 1
    for panel in (left, right):
        assert panel.get_xlim() == panel.get_ylim() == (-1, 1) and panel.get_aspect() == 1
        assert panel.get_xlabel() == "valence (−1 … 1)"
        assert panel.get_ylabel() == "arousal (−1 … 1)"
        assert mesh(panel)[0].sum() == 500
    assert left.get_title() == "labels: 500 frames"
    assert right.get_title() == "predictions: 500 frames"
    assert bar.get_ylabel() == "frames per cell"


def test_valence_is_horizontal_and_arousal_vertical():
    counts, _ = mesh(plots.histogram([[0.95, -0.45]], bins=20).axes[0])
    assert np.argwhere(counts.filled(0)).tolist() == [[5, 19]]  # row: arousal, column: valence


def test_cells_without_a_frame_are_white_and_not_the_lightest_colour():
    counts, _ = mesh(plots.histogram(LABELS).axes[0])
    assert counts.mask.any() and counts.min() >= 1


def test_predictions_beyond_the_range_are_counted_at_its_edge():
    counts, _ = mesh(plots.histogram([[1.7, 0.0], [0.0, -3.0]]).axes[0])
    assert counts.sum() == 2 and counts[:, -1].sum() == 1 and counts[0].sum() == 1


def test_labels_out_of_range_are_refused():
    with pytest.raises(
        ValueError, match=r"Labels of arousal must lie in \[-1, 1\].*-5 to 0.*valid"
    ):
        plots.histogram(np.zeros((2, 2)), [[0, 0], [0, -5]])


def test_frames_without_a_face_are_left_out_of_both():
    predictions = PREDICTIONS.copy()
    predictions[:100] = np.nan
    left, right, _ = plots.histogram(predictions, LABELS).axes
    assert mesh(left)[0].sum() == mesh(right)[0].sum() == 400


@pytest.mark.parametrize("labels", [None, np.zeros((3, 2))])
def test_clips_without_a_face_give_an_empty_plane(labels, tmp_path):
    """A picture of a diverged network must not stop its training."""
    nothing = np.full((3, 2), np.nan)
    figure = plots.histogram(nothing, labels)
    assert figure.axes[0].get_title().endswith("0 frames")
    plots.save(figure, tmp_path / "a.png")
    plots.save(plots.trajectory([0, 1, 2], nothing, labels), tmp_path / "b.svg")


def test_ranges_of_omg():
    panel = plots.histogram(np.abs(LABELS), ranges={"arousal": (0, 1)}).axes[0]
    assert panel.get_ylim() == (0, 1) and panel.get_ylabel() == "arousal (0 … 1)"
    assert mesh(panel)[0].shape == (10, 20)  # arousal, valence: cells are squares


def edges_of(panel):
    """Returns the edges of the cells of valence and of arousal."""
    (cells,) = [c for c in panel.collections if hasattr(c, "get_coordinates")]
    corners = cells.get_coordinates()
    return corners[0, :, 0], corners[:, 0, 1]


def test_each_level_of_afew_va_has_a_cell_and_no_stripe_is_white():
    """AFEW-VA: integers from -10 to 10, divided by 10 (paper C, figure 19)."""
    levels = np.arange(-10, 11) / 10
    labels = np.stack(np.meshgrid(levels, levels), axis=-1).reshape(-1, 2)
    labels = np.repeat(labels, 3, axis=0).astype(np.float32)
    left, right, _ = plots.histogram(labels * 0.5, labels).axes
    counts, _ = mesh(left)
    assert counts.shape == (21, 21) and (counts.filled(0) == 3).all()
    for panel in (left, right):
        for edges in edges_of(panel):
            assert np.allclose((edges[1:] + edges[:-1]) / 2, levels, atol=1e-6)
        assert np.allclose(panel.get_xlim(), (-1.05, 1.05))
    assert mesh(right)[0].sum() == len(labels)


def test_fine_levels_fill_all_cells_equally():
    """Labels in hundredths lie on edges too; rounding errors do not move them between cells."""
    valence = (np.arange(-100, 100) / 100).astype(np.float32)
    counts, _ = mesh(plots.histogram(np.stack([valence, 0 * valence + 0.05], axis=1)).axes[0])
    assert counts.filled(0).sum(axis=0).tolist() == [10] * 20


def test_an_explicit_number_of_cells_is_used():
    counts, _ = mesh(plots.histogram(np.round(LABELS, 1), bins=7).axes[0])
    assert counts.shape == (7, 7)


def test_the_path_is_coloured_by_time_and_interrupted_at_gaps():
    values = np.array([[0, 0], [0.1, 0], [np.nan] * 2, [0.3, 0.1], [0.4, 0.2]])
    panel, bar = plots.trajectory([0, 1, 2, 3, 4], values).axes
    drawn = [segment.tolist() for segment in path(panel).get_segments()]
    assert drawn == [[[0, 0], [0.1, 0]], [[0.3, 0.1], [0.4, 0.2]]]
    assert path(panel).get_array().tolist() == [0, 3]
    assert bar.get_ylabel() == "time (s)" and path(panel).get_clim() == (0, 4)


def test_isolated_frames_are_dots():
    values = LABELS.copy()
    values[1::2] = np.nan
    panel = plots.trajectory(np.arange(500.0), values).axes[0]
    assert max(len(c.get_offsets()) for c in panel.collections) == 250


def labels_inside(figure):
    """Returns whether the drawn figure contains all its texts."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    box = figure.get_tightbbox(canvas.get_renderer())
    return (
        min(box.x0, box.y0) > 0
        and box.x1 < figure.get_figwidth()
        and (box.y1 < figure.get_figheight())
    )


@pytest.mark.parametrize(
    ("title", "labels"),
    [
        ("title", LABELS),
        pytest.param(None, None, marks=pytest.mark.nightly),
        pytest.param(None, LABELS, marks=pytest.mark.nightly),
        pytest.param("title", None, marks=pytest.mark.nightly),
    ],
    ids=["title-labels", "neither", "labels", "title"],
)
def test_no_text_is_cut_off(title, labels):
    times = np.arange(500.0)
    assert labels_inside(plots.histogram(PREDICTIONS, labels, title))
    assert labels_inside(plots.trajectory(times, PREDICTIONS, labels, title))
    ranges = {"arousal": (0, 1)}
    assert labels_inside(plots.histogram(np.abs(PREDICTIONS), None, title, ranges))


def test_the_unit_circle_and_both_ends_are_marked():
    panel = plots.trajectory(np.arange(500), LABELS).axes[0]
    (circle,) = [patch for patch in panel.patches if isinstance(patch, Circle)]
    assert circle.center == (0, 0) and circle.radius == 1 and panel.get_aspect() == 1
    ends = {
        c.get_label(): c.get_offsets()[0] for c in panel.collections if len(c.get_offsets()) == 1
    }
    assert np.allclose(ends["start"], LABELS[0]) and np.allclose(ends["end"], LABELS[-1])


def test_labels_and_predictions_share_the_time_scale():
    left, right, bar = plots.trajectory(np.arange(500.0), PREDICTIONS, LABELS).axes
    assert (left.get_title(), right.get_title()) == ("labels", "predictions")
    assert path(left).norm is path(right).norm and bar.get_ylabel() == "time (min:s)"


def test_one_frame_can_be_drawn(tmp_path):
    plots.save(plots.trajectory([2.0], [[0.3, 0.2]]), tmp_path / "a.png")
    figure = plots.histogram([[0.3, 0.2]])
    plots.save(figure, tmp_path / "b.png")
    assert figure.axes[0].get_title() == "1 frame"

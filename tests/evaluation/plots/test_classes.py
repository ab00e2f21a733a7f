import numpy as np
import pytest

from kollias_affect import EXPRESSIONS
from kollias_affect.evaluation import plots

COUNTS = [[6, 2, 0], [0, 0, 0], [1, 1, 1]]
NAMES = ("a", "b", "c")


def test_cells_show_shares_of_each_label_and_counts():
    axes, bar = plots.draw_confusion(COUNTS, NAMES).axes
    texts = [text.get_text() for text in axes.texts]
    assert texts == [*("75.0", "6", "25.0", "2", "0.0", "0"), *"–––", *("33.3", "1") * 3]
    assert (axes.get_ylabel(), axes.get_xlabel()) == ("label (samples)", "prediction")
    assert [t.get_text() for t in axes.get_yticklabels()] == ["a (8)", "b (0)", "c (3)"]
    assert [t.get_text() for t in axes.get_xticklabels()] == list(NAMES)
    assert axes.images[0].get_clim() == (0, 100) and "%" in bar.get_ylabel()


def test_pairs_that_never_occur_are_white():
    shown = plots.draw_confusion(COUNTS, NAMES).axes[0].images[0].get_array()
    assert shown.mask.tolist() == [[False, False, True], [True] * 3, [False] * 3]


def test_text_contrasts_with_its_cell():
    axes = plots.draw_confusion([[10, 0], [0, 10]], ("a", "b")).axes[0]
    colours = {text.get_text(): text.get_color() for text in axes.texts}
    assert colours["100.0"] == "white" and colours["0.0"] == "black"


def test_data_frames_are_accepted():
    import pandas as pd

    table = pd.DataFrame(np.eye(7, dtype=int) * 1200, EXPRESSIONS, EXPRESSIONS)
    axes = plots.draw_confusion(table).axes[0]
    assert axes.texts[1].get_text() == "1,200"


@pytest.mark.parametrize("wrong", [-1, np.nan, np.inf])
def test_negative_and_infinite_counts_are_refused(wrong):
    with pytest.raises(ValueError, match="finite and at least 0"):
        plots.draw_confusion([[1, wrong], [0, 1]], ("a", "b"))
    with pytest.raises(ValueError, match="finite and at least 0"):
        plots.distribution({"x": [1, wrong]}, ("a", "b"))


def test_matrices_of_another_size_are_refused():
    with pytest.raises(ValueError, match=r"`counts` must be an array of shape \[7, 7\]"):
        plots.draw_confusion(COUNTS)
    with pytest.raises(ValueError, match=r"`counts of x` must be an array of shape \[7\]"):
        plots.distribution({"x": [1, 2]})


def test_small_sets_are_visible_beside_large_ones():
    sets = {"large": [30_000, 10_000, 0], "small": [3, 1, 0]}
    axes = plots.distribution(sets, NAMES).axes[0]
    large, small = axes.containers
    assert [bar.get_height() for bar in large] == [bar.get_height() for bar in small] == [75, 25, 0]
    assert [text.get_text() for text in axes.texts] == ["30,000", "10,000", "0", "3", "1", "0"]
    assert axes.get_ylabel() == "share of the set's frames (%)"
    assert large.get_label() == "large (40,000 frames)"


def test_bars_of_several_sets_are_side_by_side():
    axes = plots.distribution({str(i): [1, 2, 3] for i in range(4)}, NAMES).axes[0]
    starts = [bars[0].get_x() for bars in axes.containers]
    widths = [bars[0].get_width() for bars in axes.containers]
    assert np.allclose(np.diff(starts), widths[:-1]) and sum(widths) < 1
    assert -starts[0] == pytest.approx(starts[-1] + widths[-1])  # around the class's name


def test_sets_differ_by_colour_or_hatch():
    axes = plots.distribution({str(i): [1, 2, 3] for i in range(12)}, NAMES).axes[0]
    looks = {(bars[0].get_facecolor(), bars[0].get_hatch()) for bars in axes.containers}
    assert len(looks) == 12


@pytest.mark.parametrize("count", [1, 4, 9])
def test_long_names_of_sets_are_not_cut_off(count):
    sets = {f"a name of a set, number {i}": np.full(7, 1000) for i in range(count)}
    figure = plots.distribution(sets)
    box = drawn_legend(figure)
    assert box.x0 > 0 and box.x1 < figure.get_figwidth() * figure.dpi


def drawn_legend(figure):
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return figure.legends[0].get_window_extent(canvas.get_renderer())


def test_a_set_without_frames_is_drawn_and_no_set_is_refused():
    axes = plots.distribution({"x": np.zeros(7)}).axes[0]
    assert axes.containers[0].get_label() == "x (0 frames)"
    with pytest.raises(ValueError, match="at least one set"):
        plots.distribution({})

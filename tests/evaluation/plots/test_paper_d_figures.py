"""Grids of pictures, flowcharts of paths and panels of confusion matrices."""

import numpy as np
import pytest

from kollias_affect.evaluation import plots


def test_pictures_at_one_scale_keep_their_size():
    small, large = np.zeros((48, 48), np.uint8), np.zeros((96, 96, 3), np.uint8)
    figure = plots.picture_grid({"a": [small], "b": [large]}, true_size=True)
    widths = [np.ptp(axes.get_xlim()) for axes in figure.axes]
    assert widths == [96, 96]  # places of one size, in pixels of the pictures
    assert [axes.images[0].get_array().shape for axes in figure.axes] == [(48, 48, 3), (96, 96, 3)]


@pytest.mark.parametrize(
    ("rows", "columns", "message"),
    [
        ({"a": [None], "b": [None, None]}, None, "a place for each column"),
        ({"a": [np.zeros((2, 2), np.uint8)]}, ("x", "y"), "a place for each column"),
        ({}, None, "a place for each column"),
        ({"a": [None]}, None, "must be a picture"),
    ],
)
def test_grids_without_pictures_or_of_other_sizes_are_refused(rows, columns, message):
    with pytest.raises(ValueError, match=message):
        plots.picture_grid(rows, columns)


def test_paths_with_a_common_beginning_share_its_boxes():
    paths = [("net", "A", "1"), ("net", "A", "B", "2"), ("net", "B", "3"), ("other", "A", "1")]
    figure = plots.flowchart(paths, highlighted=[1])
    texts = {(t.get_text(), t.get_position()) for t in figure.axes[0].texts}
    # An inner box stands beside the middle of its ends, which are numbered from the top.
    assert texts == {
        ("net", (0, 1)), ("A", (1, 0.5)), ("B", (2, 1)), ("B", (1, 2)), ("other", (0, 3)),
        ("A", (1, 3)), ("1", (2, 0)), ("2", (3, 1)), ("3", (2, 2)), ("1", (2, 3)),
    }  # fmt: skip
    bold = [t.get_text() for t in figure.axes[0].texts if t.get_fontweight() == "bold"]
    assert bold == ["2"]


@pytest.mark.parametrize("paths", [[], [("alone",)]])
def test_paths_without_a_result_are_refused(paths):
    with pytest.raises(ValueError, match="at least two boxes"):
        plots.flowchart(paths)


def test_panels_show_percent_of_each_label():
    matrices = {"a": [[3, 1], [0, 0]], "b": [[0, 2], [1, 1]], "c": np.eye(2)}
    figure = plots.confusion_panels(matrices, ("x", "y"), columns=2)
    panels = [axes for axes in figure.axes if axes.get_title()]
    assert [axes.get_title() for axes in panels] == ["a", "b", "c"]
    texts = [[text.get_text() for text in axes.texts] for axes in panels]
    assert texts == [["75", "25"], ["0", "100", "50", "50"], ["100", "0", "0", "100"]]


@pytest.mark.parametrize(("matrices", "message"), [({}, "a matrix"), ({"a": [[1]]}, "counts of a")])
def test_missing_and_misshaped_matrices_are_refused(matrices, message):
    with pytest.raises(ValueError, match=message):
        plots.confusion_panels(matrices, ("x", "y"))

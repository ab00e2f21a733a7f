import matplotlib.image
import numpy as np
import pytest

from kollias_affect.evaluation.plots import annotators, style


@pytest.fixture
def drawn(monkeypatch):
    """Figures that were saved."""
    figures = []
    monkeypatch.setattr(style, "save", lambda figure, path: figures.append(figure))
    return figures


def traces(rows=5, frames=60):
    return np.clip(np.random.default_rng(0).normal(size=(rows, frames)).cumsum(axis=1) / 9, -1, 1)


def test_kept_annotators_are_coloured_and_their_mean_is_black(drawn):
    values = traces()
    annotators.draw_annotators("a.png", None, values, kept=(0, 3), names=list("abcde"))
    panel = drawn[0].axes[0]
    colours = {line.get_label(): line.get_color() for line in panel.lines}
    assert colours["a"] == style.COLOUR_CYCLE[0] and colours["d"] == style.COLOUR_CYCLE[1]
    mean = next(line for line in panel.lines if line.get_color() == "black")
    assert np.allclose(mean.get_ydata(), values[[0, 3]].mean(axis=0))
    texts = [text.get_text() for text in panel.get_legend().get_texts()]
    assert texts == ["others (3)", "a", "d", "mean of the coloured"]
    correlation = np.corrcoef(values[0], values[3])[0, 1]
    expected = f"correlation {correlation:.2f}".replace("-", "−")
    assert panel.get_title(loc="right") == expected
    assert panel.get_ylabel() == "valence (−1 … 1)" and panel.get_xlabel() == "frame"


def test_correlations_are_a_range_and_constant_annotators_have_none(drawn):
    values = traces()
    annotators.draw_annotators("a.png", None, values, kept=(0, 1, 2))
    pairs = np.corrcoef(values[:3])[np.triu_indices(3, 1)]
    expected = f"correlations {pairs.min():.2f} to {pairs.max():.2f}".replace("-", "−")
    assert drawn[0].axes[0].get_title(loc="right") == expected
    values[0] = 0.5
    annotators.draw_annotators("a.png", None, values, kept=(0, 1))
    assert drawn[1].axes[0].get_title(loc="right") == ""


def test_the_picture_is_written_with_other_ranges(tmp_path):
    path, times = tmp_path / "a.png", np.arange(60) / 25
    options = {"dimension": "arousal", "ranges": {"arousal": (0, 1)}, "title": "video 1"}
    annotators.draw_annotators(path, times, np.abs(traces()), (1, 2), **options)
    assert matplotlib.image.imread(path).std() > 0.05


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kept": ()}, "`kept` must name"),
        ({"kept": (1, 1)}, "`kept` must name"),
        ({"kept": (5,)}, "kept"),
        ({"kept": (0, 1), "names": ["a"]}, "1 names of 5"),
        ({"kept": (0, 1), "times": [0, 1]}, "`times` must be"),
    ],
)
def test_invalid_arguments_are_refused(tmp_path, options, message):
    options = {"times": None, **options}
    with pytest.raises(ValueError, match=message):
        annotators.draw_annotators(tmp_path / "a.png", traces=traces(), **options)

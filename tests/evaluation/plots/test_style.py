"""The shared style of all pictures, and their files."""

import numpy as np
import pytest

from kollias_affect.evaluation import plots
from kollias_affect.evaluation.plots import style

TIMES = np.arange(40) / 25
VALUES = np.random.default_rng(0).uniform(-1, 1, (40, 2))
VALUES[5:8] = np.nan
FIGURES = {
    "traces": lambda: plots.traces_figure(TIMES, VALUES, ("valence", "arousal"), VALUES / 2),
    "histogram": lambda: plots.histogram(VALUES, VALUES / 2, "title"),
    "trajectory": lambda: plots.trajectory(TIMES, VALUES),
    "confusion": lambda: plots.draw_confusion(np.eye(7)),
    "distribution": lambda: plots.distribution({"a": np.arange(7), "b": np.ones(7)}),
    "embedding": lambda: plots.embedding(np.arange(60).reshape(20, 3), np.arange(20) % 7),
}


# Drawing is slow: the default run covers both formats, lines, cells and points.
DEFAULT = {("traces", "svg"), ("confusion", "png"), ("embedding", "svg")}
FILES = [
    pytest.param(name, suffix, marks=[] if (name, suffix) in DEFAULT else [pytest.mark.nightly])
    for name in FIGURES
    for suffix in ("png", "svg")
]


@pytest.mark.parametrize(("name", "suffix"), FILES)
def test_equal_numbers_give_equal_bytes(name, suffix, tmp_path):
    for stem in ("a", "b"):
        plots.save(FIGURES[name](), tmp_path / f"{stem}.{suffix}")
    first, second = ((tmp_path / f"{stem}.{suffix}").read_bytes() for stem in ("a", "b"))
    assert first == second and len(first) > 5000
    assert first.startswith(b"\x89PNG" if suffix == "png" else b"<?xml")
    assert b"matplotlib.org" not in first.split(b"<defs>")[0]  # neither version nor date
    assert b"dc:date" not in first and b"<text" not in first


def test_other_suffixes_are_refused_and_no_file_remains(tmp_path):
    with pytest.raises(ValueError, match=r"\('\.png', '\.svg'\).*a\.pdf"):
        plots.save(FIGURES["confusion"](), tmp_path / "a.pdf")
    assert not list(tmp_path.iterdir())


def test_the_resolution_is_that_of_dpi(tmp_path):
    figure = FIGURES["confusion"]()
    plots.save(figure, tmp_path / "a.png", dpi=60)
    from PIL import Image

    assert Image.open(tmp_path / "a.png").width == int(figure.get_figwidth() * 60)


def test_pyplot_keeps_no_figure():
    from matplotlib import pyplot

    for make in FIGURES.values():
        make()
    assert pyplot.get_fignums() == []


@pytest.mark.parametrize("colours", [style.COUNT_COLOURMAP, style.TIME_COLOURMAP])
def test_colour_maps_are_readable_in_grey(colours):
    from skimage.color import rgb2lab

    lightness = rgb2lab(colours(np.linspace(0, 1, 50))[None, :, :3])[0, :, 0]
    steps = np.diff(lightness) * np.sign(lightness[-1] - lightness[0])
    assert (steps > 0).all() and steps.max() < 4 * steps.min()
    assert lightness.max() < 93  # the lightest colour is visible on white


def test_axis_labels_have_ranges():
    assert style.label_with_range("valence") == "valence (−1 … 1)"
    assert style.label_with_range("arousal", {"arousal": (0, 1)}) == "arousal (0 … 1)"
    assert style.label_with_range("anger") == "anger (0 … 1)"
    with pytest.raises(ValueError, match=r"low < high.*\(1, 0\)"):
        style.label_with_range("arousal", {"arousal": (1, 0)})


@pytest.mark.parametrize("values", [np.zeros((0, 2)), np.zeros(5), np.zeros((5, 3))])
def test_empty_arrays_and_other_shapes_are_refused(values):
    for draw in (plots.histogram, lambda v: plots.trajectory(None, v)):
        with pytest.raises(ValueError, match=rf"\[any, 2\] and not be empty.*{values.shape[-1]}"):
            draw(values)

import matplotlib.colors
import numpy as np
import pytest

from kollias_affect.clip import Clip
from kollias_affect.evaluation.plots import figures, style
from kollias_affect.evaluation.plots.figures import FIGURES


def clip_of(key, values, missing=(), **fields):
    paths = ["" if i in missing else "face.png" for i in range(len(values))]
    return Clip(key, paths, valence_arousal=values, **fields)


@pytest.fixture
def drawn(monkeypatch):
    """Returns a function like `draw` that returns the figure instead of writing it."""
    kept = []
    monkeypatch.setattr(style, "save", lambda figure, path: kept.append(figure))

    def draw(name, clips, predictions=None, **options):
        figures.draw(name, "a.png", clips, predictions, **options)
        return kept.pop()

    return draw


@pytest.fixture
def discrete():
    """Clips with the 21 levels of AFEW-VA."""
    values = np.random.default_rng(0).integers(-10, 11, (4, 200, 2)) / 10
    return [clip_of(f"a{i}", v, missing=(7,)) for i, v in enumerate(values)]


def cells(panel):
    (mesh,) = [c for c in panel.collections if hasattr(c, "get_coordinates")]
    return mesh.get_array().filled(0)


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_is_one_call_to_a_file(name, discrete, tmp_path):
    predictions = {clip.key: clip.valence_arousal / 2 for clip in discrete}
    figures.draw(name, tmp_path / "figure.svg", discrete, predictions)
    assert "<svg" in (tmp_path / "figure.svg").read_text()
    assert FIGURES[name].source == f"Paper {name[0]}, figure {name[1:]}" and FIGURES[name].caption


def test_figure_14_is_the_part_of_the_longest_video_with_most_faces(drawn):
    random = np.random.default_rng(0)
    short = clip_of("short", random.uniform(-1, 1, (50, 2)))
    long = clip_of("long", random.uniform(-1, 1, (6100, 2)), range(100), times=np.arange(6100) / 25)
    predictions = {clip.key: clip.valence_arousal * 0.5 for clip in (short, long)}
    figure = drawn("C14", [short, long], predictions)
    assert figure.get_suptitle() == "long, frames 101 to 6,100"
    for i, panel in enumerate(figure.axes):
        prediction, label = panel.get_lines()[:2]
        assert np.array_equal(prediction.get_ydata(), predictions["long"][100:, i])
        assert np.array_equal(label.get_ydata(), long.valence_arousal[100:, i])
        assert np.array_equal(prediction.get_xdata(), long.times[100:])
    assert [panel.get_ylabel()[:7] for panel in figure.axes] == ["valence", "arousal"]


def test_figure_17_is_a_complete_video(drawn):
    clips = [clip_of(key, np.zeros((n, 2))) for key, n in (("a", 20), ("b", 7000), ("c", 30))]
    figure = drawn("C17", clips, {clip.key: clip.valence_arousal for clip in clips})
    assert figure.get_suptitle() == "b, frames 1 to 7,000"
    assert len(figure.axes[0].get_lines()[0].get_ydata()) == 7000


@pytest.mark.parametrize("name", ["C15", "C16"])
def test_labels_and_predictions_are_side_by_side_over_valid_frames(name, drawn, discrete):
    predictions = {clip.key: np.full((200, 2), 0.3) for clip in discrete}
    left, right, _ = drawn(name, discrete, predictions).axes
    assert (left.get_title(), right.get_title()) == (
        "labels: 796 frames",
        "predictions: 796 frames",
    )
    assert cells(left).shape == (21, 21) and cells(right)[13, 13] == 796


def test_figure_18_has_a_point_for_each_pair_of_values(drawn):
    values = [[-1, 0.5]] * 3 + [[0.25, 0.5]] + [[1, -1]] * 9
    panel = drawn("C18", [clip_of("a", values)]).axes[0]
    points = panel.collections[0]
    assert points.get_offsets().tolist() == [[-1, 0.5], [0.25, 0.5], [1, -1]]
    sizes = points.get_sizes()
    assert sizes[1] < sizes[0] < sizes[2]
    assert panel.get_title() == "3 pairs of 3 × 2 values, 13 frames"
    texts = [text.get_text() for text in panel.get_legend().get_texts()]
    assert texts == ["1 frame", "3 frames", "9 frames"]


@pytest.mark.parametrize("name", ["C6", "C10", "C19"])
def test_histograms_of_annotations_need_no_predictions(name, drawn, discrete):
    panel, _ = drawn(name, discrete).axes
    labels = np.concatenate([clip.valence_arousal[clip.valid] for clip in discrete])
    expected = np.zeros((21, 21))
    for valence, arousal in np.round(labels * 10).astype(int) + 10:
        expected[arousal, valence] += 1
    assert np.array_equal(cells(panel), expected) and panel.get_title() == "796 frames"


def test_figure_3_of_paper_b_counts_utterances_in_omgs_range(drawn):
    """One value per utterance, however many frames it has, and also without a face."""
    labels = {"training": [(0.55, 0.15)] * 3, "validation": [(-0.95, 0.95)], "test": [(0.05, 0.05)]}
    sets = {
        name: [
            clip_of(f"{name}/utterance_{i}", [v] * (4 + i), range(9) if i == 2 else ())
            for i, v in enumerate(values)
        ]
        for name, values in labels.items()
    }
    sets["test"].append(Clip("test/utterance_9", [""], valence_arousal=[[np.nan] * 2]))
    *panels, bar = drawn("B3", sets).axes
    top, bottom = panels[:3], panels[3:]
    assert [panel.get_title() for panel in top] == [
        "training: 3 utterances",
        "validation: 1 utterance",
        "test: 1 utterance",
    ]
    assert cells(top[0]).shape == (10, 20) and cells(top[0])[1, 15] == 3
    assert cells(top[1])[9, 0] == 1 and bar.get_ylabel() == "utterances per cell"
    for panel in panels:
        assert panel.get_ylim() == (0, 1) and panel.get_xlim() == (-1, 1)
    colours = [panel.collections[0].get_facecolor()[0][:3] for panel in bottom]
    expected = [style.GREEN, style.VERMILLION, style.BLUE]  # green, red and blue in the paper
    assert np.allclose(colours, [matplotlib.colors.to_rgb(colour) for colour in expected])
    assert [len(panel.collections[0].get_offsets()) for panel in bottom] == [3, 1, 1]


def test_ranges_can_be_given(drawn, discrete):
    positive = [clip.labelled(valence_arousal=np.abs(clip.valence_arousal)) for clip in discrete]
    panel = drawn("C19", positive, ranges={"arousal": (0, 1)}).axes[0]
    assert cells(panel).shape == (11, 21) and panel.get_ylabel() == "arousal (0 … 1)"


def test_what_cannot_be_drawn_is_refused_before_a_file_is_written(discrete, tmp_path):
    path = tmp_path / "a.png"
    hidden = Clip("a", [""], valence_arousal=[[np.nan] * 2])
    for message, name, clips, predictions in (
        ("`name` must be one of", "C99", discrete, None),
        ("no predictions", "C15", discrete, None),
        ("same 4 clips", "C15", discrete, {"a0": np.zeros((200, 2))}),
        (r"without labels: \['a'\]", "C19", [Clip("a", ["1.png"])], None),
        ("Received: 0 clips", "C19", [], None),
        ("one set of clips", "C19", {"x": discrete, "y": discrete}, None),
        ("at least one labelled frame", "C19", [hidden], None),
        ("at least one labelled frame", "B3", {"x": [hidden], "y": discrete}, None),
        ("at least one labelled frame", "C16", [hidden], {"a": np.zeros((1, 2))}),
    ):
        with pytest.raises(ValueError, match=message):
            figures.draw(name, path, clips, predictions)
    assert not path.exists()

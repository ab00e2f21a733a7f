import matplotlib.image
import numpy as np
import pytest

from kollias_affect import EXPRESSIONS, evaluation
from kollias_affect.evaluation.plots import over_time, traces_figure

NAMES = ("valence", "arousal")


def values(frames=20):
    outputs = np.random.default_rng(0).uniform(-1, 1, (frames, 2))
    outputs[5:8] = np.nan
    return outputs


def times(frames=20):
    return np.arange(frames) / 25


def lines(panel):
    return {line.get_label(): line for line in panel.lines}


def probabilities(frames=20):
    outputs = np.random.default_rng(0).dirichlet(np.full(7, 0.5), frames)
    outputs[5:8] = np.nan
    return outputs


def spans(panel, colour):
    """Returns start and end of the bars of one colour."""
    from matplotlib.colors import to_rgba

    bars = [c for c in panel.collections if np.allclose(c.get_facecolor(), to_rgba(colour))]
    return [
        (path.vertices[:, 0].min(), path.vertices[:, 0].max())
        for bar in bars
        for path in bar.get_paths()
    ]


def test_label_and_prediction_differ_by_style_and_not_by_colour_alone():
    panels = traces_figure(times(), values(), NAMES, values() / 2).axes
    for i, (panel, colour) in enumerate(zip(panels, ("#0072B2", "#D55E00"), strict=True)):
        drawn = lines(panel)
        assert drawn["prediction"].get_color() == colour
        assert drawn["prediction"].get_linestyle() == "-"
        assert drawn["label"].get_linestyle() == "--"
        assert np.array_equal(drawn["prediction"].get_ydata(), values()[:, i], equal_nan=True)
        assert np.array_equal(drawn["label"].get_ydata(), values()[:, i] / 2, equal_nan=True)


def test_axes_have_names_units_and_fixed_ranges():
    panels = traces_figure(times(), values() / 10, NAMES).axes
    assert [panel.get_ylabel() for panel in panels] == ["valence (−1 … 1)", "arousal (−1 … 1)"]
    assert all(panel.get_ylim() == pytest.approx((-1.1, 1.1)) for panel in panels)
    assert panels[-1].get_xlabel() == "time (s); shaded: no face found"


def test_ranges_may_differ():
    panel = traces_figure(times(), values(), NAMES, ranges={"arousal": (0, 1)}).axes[1]
    assert panel.get_ylabel() == "arousal (0 … 1)"
    assert panel.get_ylim() == pytest.approx((-0.05, 1.05))
    assert np.nanmin(lines(panel)["prediction"].get_ydata()) == 0  # at the edge, not beyond it


def test_probabilities_share_one_range():
    """Panels with different ranges would make noise look like certainty."""
    figure = traces_figure(times(), probabilities() * [1, *[0.01] * 6], EXPRESSIONS)
    assert [panel.get_ylabel() for panel in figure.axes] == list(EXPRESSIONS)
    assert {panel.get_ylim() for panel in figure.axes} == {(0, 1.02)}


def test_labelled_classes_are_bars_on_their_own_panel():
    labels = np.array([0] * 10 + [4] * 5 + [-1] * 5)
    panels = traces_figure(times(), probabilities(), EXPRESSIONS, labels).axes
    bars_of_panels = [spans(panel, "black") for panel in panels]
    assert [len(bars) for bars in bars_of_panels] == [1, 0, 0, 0, 1, 0, 0]
    assert bars_of_panels[0][0] == pytest.approx((-0.02, 0.38))
    assert bars_of_panels[4][0] == pytest.approx((0.38, 0.58))


def test_gaps_are_shaded_from_half_way_to_half_way():
    for panel in traces_figure(times(), values(), NAMES).axes:
        (gap,) = spans(panel, "0.88")
        assert gap == pytest.approx((4.5 / 25, 7.5 / 25))


def test_a_gap_of_one_frame_has_a_width():
    outputs = np.zeros((3, 2))
    outputs[1] = np.nan
    ((start, end),) = spans(traces_figure(times(3), outputs, NAMES).axes[0], "0.88")
    assert end - start == pytest.approx(1 / 25)


def test_without_gaps_the_label_names_none():
    figure = traces_figure(times(), np.zeros((20, 2)), NAMES)
    assert figure.axes[-1].get_xlabel() == "time (s)" and not spans(figure.axes[0], "0.88")


def test_the_ccc_is_computed_over_frames_with_label_and_prediction():
    labels = values()
    labels[10:15] = np.nan
    panels = traces_figure(times(), values(), NAMES, labels).axes
    assert [panel.get_title(loc="right") for panel in panels] == ["CCC 1.00"] * 2
    nothing = traces_figure(times(), values() * np.nan, NAMES, labels).axes
    assert nothing[0].get_title(loc="right") == "no labelled frame with a face"


def test_long_clips_show_minutes_and_are_drawn_quickly(tmp_path):
    import time

    frames = 100_000
    outputs = np.random.default_rng(0).normal(0, 0.05, (frames, 2))
    outputs += 0.5 * np.sin(times(frames) / 10)[:, None]
    outputs[::500] = np.nan
    start = time.process_time()
    for ending in ("png", "svg"):
        evaluation.traces(times(frames), outputs, NAMES, tmp_path / f"a.{ending}", outputs)
    assert time.process_time() - start < 10
    assert (tmp_path / "a.svg").stat().st_size < 2e6  # long lines are pixels
    axis = traces_figure(times(frames), outputs, NAMES).axes[-1].xaxis
    assert axis.get_label_text().startswith("time (min:s)")
    assert axis.get_major_formatter()(754.6, 0) == "12:35"
    assert axis.get_major_formatter()(-61, 0) == "−1:01"


def test_frames_without_times_are_numbered():
    assert traces_figure(None, values(), NAMES).axes[-1].get_xlabel().startswith("frame;")


def test_decreasing_times_are_refused():
    with pytest.raises(ValueError, match="do not decrease"):
        traces_figure(times()[::-1], values(), NAMES)


def test_arrays_of_other_shapes_are_refused():
    for arguments in (
        (times(19), values(), NAMES),
        (times(), values(), NAMES[:1]),
        (times(), values(), NAMES, values(19)),
        (times(), probabilities(), EXPRESSIONS, probabilities()[:, :5]),
        (times(0), np.zeros((0, 2)), NAMES),
    ):
        with pytest.raises(ValueError, match=r"must be an array of shape .* Received: shape"):
            traces_figure(*arguments)


@pytest.mark.parametrize("frames", [1, 2])
def test_clips_of_one_time_stamp_have_a_width(frames):
    panel = traces_figure([2.0] * frames, np.zeros((frames, 2)), NAMES).axes[-1]
    assert panel.get_xlim() == (1.5, 2.5)


def test_runs_may_start_and_end_at_the_edges():
    assert over_time._runs(np.array([1, 0, 1, 1, 0, 1], bool)) == [(0, 0), (2, 3), (5, 5)]
    assert over_time._runs(np.array([False, False])) == []


def test_single_values_between_gaps_are_points():
    nan = np.nan
    outputs = np.array([[1, nan, 0.5, nan, 0.3, 0.4, nan]]).T
    panel = traces_figure(times(7), outputs, ("valence",)).axes[0]
    (points,) = [line for line in panel.lines if line.get_marker() == "."]
    assert points.get_ydata().tolist() == [1, 0.5]


def panels_of_clip_picture(monkeypatch, clip, outputs, names):
    figures = []
    monkeypatch.setattr(over_time.style, "save", lambda figure, path: figures.append(figure))
    evaluation.clip_picture(clip, outputs, names, "a.png")
    return [axes for axes in figures[0].axes if axes.lines]


def test_clip_picture_shows_faces_above_the_traces(make_clip, tmp_path):
    clip = make_clip(frames=20, level=100, missing=(0, 1))
    evaluation.clip_picture(clip, values(), NAMES, tmp_path / "a.png", title="t")
    picture = matplotlib.image.imread(tmp_path / "a.png")
    assert picture.shape[1] > 800
    grey = (np.abs(picture[..., :3] - 0.43) < 0.05).all(axis=-1)  # the crops' levels, 102 to 119
    assert grey[:200].sum() > 8 * 50 * 50


def test_clip_picture_selects_labels_by_name_and_omits_frames_that_are_not_valid(
    make_clip, monkeypatch
):
    labels = np.tile([[0.25, 0.75]], (20, 1))
    labels[3] = -5  # as Aff-Wild2 marks them
    clip = make_clip(frames=20, valence_arousal=labels, valid=np.arange(20) != 3)
    (panel,) = panels_of_clip_picture(monkeypatch, clip, values()[:, 1:], ("arousal",))
    drawn = lines(panel)["label"].get_ydata()
    assert np.isnan(drawn[3]) and (np.delete(drawn, 3) == 0.75).all()
    first, second = panels_of_clip_picture(monkeypatch, clip, values(), ("arousal", "valence"))
    assert [lines(panel)["label"].get_ydata()[0] for panel in (first, second)] == [0.75, 0.25]


def test_clip_picture_of_expressions(make_clip, monkeypatch):
    clip = make_clip(frames=20, valence_arousal=None, expression=np.full(20, 4))
    panels = panels_of_clip_picture(monkeypatch, clip, probabilities(), EXPRESSIONS)
    assert [len(spans(panel, "black")) for panel in panels] == [0, 0, 0, 0, 1, 0, 0]


def test_clips_without_face_labels_or_times_have_a_picture(make_clip, tmp_path):
    clip = make_clip(frames=20, missing=range(20), valence_arousal=None, times=None)
    evaluation.clip_picture(clip, np.full((20, 2), np.nan), NAMES, tmp_path / "a.png")
    assert (matplotlib.image.imread(tmp_path / "a.png")[..., 0] == np.float32(224 / 255)).any()

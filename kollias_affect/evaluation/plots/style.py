"""What all pictures share: colours, ranges, the time axis, and how a figure becomes a file."""

from pathlib import Path

import matplotlib
import matplotlib.colors
import matplotlib.figure
import matplotlib.ticker
import numpy as np

from kollias_affect import _files

BLUE, VERMILLION, GREEN = "#0072B2", "#D55E00", "#009E73"
# Okabe and Ito's colours; black stays free for labels.
CYCLE = (BLUE, "#E69F00", GREEN, "#CC79A7", "#56B4E9", VERMILLION, "#F0E442")
COLOURS = {"valence": BLUE, "arousal": VERMILLION}
RANGES = {"valence": (-1, 1), "arousal": (-1, 1)}
# From light to dark: what is frequent is dark, and none is white. Without its ends the map keeps
# one frame apart from none, and black lines apart from its dark end.
COUNTS = matplotlib.colors.ListedColormap(
    matplotlib.colormaps["magma_r"](np.linspace(0.06, 0.88, 256))
)
# Time: without the yellow end, which does not show on white.
TIME = matplotlib.colors.ListedColormap(matplotlib.colormaps["viridis"](np.linspace(0, 0.88, 256)))
LONG = 5000  # frames: longer lines become pixels inside an SVG, which would be huge otherwise
_MINUTES = 120  # seconds, from which on time is written as minutes:seconds
_STEPS = (15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200)
_FORMATS = {".png": {"Software": None}, ".svg": {"Date": None, "Creator": None}}


def save(figure, path, dpi=120):
    """Writes a figure as PNG or SVG, atomically; the same figure gives the same bytes.

    Letters in an SVG are shapes, so that it looks the same where the font is missing.

    Args:
        figure: `matplotlib.figure.Figure`.
        path: file ending in `.png` or `.svg`.
        dpi: dots per inch of a PNG; 300 for print.

    Raises:
        ValueError: if the file has another ending.
    """
    ending = Path(path).suffix.lower()
    if ending not in _FORMATS:
        raise ValueError(
            f"Pictures are written as {tuple(_FORMATS)}. Received: {path}. Name a file with one of "
            "these endings."
        )
    # The names of an SVG's parts would be random without a fixed salt.
    fixed = {"svg.hashsalt": "kollias_affect", "svg.fonttype": "path"}
    with _files.atomic(path) as temporary, matplotlib.rc_context(fixed):
        figure.savefig(temporary, format=ending[1:], dpi=dpi, metadata=_FORMATS[ending])


def new_figure(width, height, title=None):
    """An empty figure of a size in inches, known to nobody else."""
    figure = matplotlib.figure.Figure(figsize=(width, height), layout="constrained")
    if title:
        figure.suptitle(title, fontsize=11)
    return figure


def range_of(name, ranges=None):
    """Least and largest value of an output: [-1, 1] for valence and arousal, else [0, 1]."""
    low, high = {**RANGES, **(ranges or {})}.get(name, (0, 1))
    if not low < high:
        raise ValueError(
            f"`ranges` must give the least, then the largest value. Received: {name!r}: "
            f"{(low, high)}. Exchange or mend them."
        )
    return low, high


def with_range(name, ranges=None, between=" "):
    """The name of an output and its range, as axes bear it: `valence (−1 … 1)`."""
    low, high = range_of(name, ranges)
    return f"{name}{between}({low:g} … {high:g})".replace("-", "−")


def numbers(name, values, shape):
    """Returns `values` as a float64 array of that shape, else raises `ValueError`.

    Args:
        name: for the message.
        values: array-like.
        shape: tuple, `None` where any size will do.
    """
    values = np.asarray(values, np.float64)
    fits = values.ndim == len(shape) and all(
        wanted is None or wanted == size for wanted, size in zip(shape, values.shape, strict=True)
    )
    if not fits or values.shape[0] == 0:
        wanted = ", ".join("any" if size is None else str(size) for size in shape)
        raise ValueError(
            f"`{name}` must be an array of shape [{wanted}] and not be empty. Received: shape "
            f"{values.shape}. Give one row per frame (NaN where there is no face)."
        )
    return values


def frames_text(count):
    """`1 frame`, `2 frames`, `1,000 frames`."""
    return f"{count:,.0f} frame{'' if count == 1 else 's'}"


def seconds(times, frames):
    """Time stamps, float64 `[frames]`, else raises `ValueError`; 1, 2, ... if `times` is None."""
    if times is None:
        return np.arange(1.0, frames + 1)
    times = numbers("times", times, (frames,))
    if not (np.diff(times) >= 0).all() or not np.isfinite(times).all():
        raise ValueError(
            "`times` must be seconds that do not decrease. Received: "
            f"{times[:5].tolist()} ... Sort the frames by time."
        )
    return times


def alone(there):
    """Frames that are there between frames that are not: no line would show them.

    Args:
        there: boolean `[frames]`.

    Returns:
        boolean `[frames]`.
    """
    around = np.concatenate([[False], there, [False]])
    return there & ~around[:-2] & ~around[2:]


def time_axis(axis, times, known=True):
    """Labels an axis by seconds, by minutes:seconds if it is long, or by frame numbers.

    Args:
        axis: `matplotlib.axis.Axis`.
        times: seconds, `[frames]`, or frame numbers.
        known: whether `times` are seconds.

    Returns:
        the text of the label.
    """
    if not known:
        axis.set_major_locator(matplotlib.ticker.MaxNLocator(8, integer=True, steps=[1, 2, 5, 10]))
        return "frame"
    span = times[-1] - times[0]
    if span < _MINUTES:
        return "time (s)"
    step = next((step for step in _STEPS if span / step <= 9), _STEPS[-1])
    axis.set_major_locator(matplotlib.ticker.MultipleLocator(step))
    axis.set_major_formatter(matplotlib.ticker.FuncFormatter(_minutes))
    return "time (min:s)"


def _minutes(value, _):
    sign, value = "−" if value < 0 else "", round(abs(value))
    return f"{sign}{value // 60}:{value % 60:02d}"

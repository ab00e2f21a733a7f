"""Shared style of all pictures: colours, ranges, the time axis, and how figures are saved."""

from pathlib import Path

import matplotlib
import matplotlib.colors
import matplotlib.figure
import matplotlib.ticker
import numpy as np

from kollias_affect import _files

BLUE, VERMILLION, GREEN = "#0072B2", "#D55E00", "#009E73"
# Colours of Okabe and Ito; black is reserved for labels.
COLOUR_CYCLE = (BLUE, "#E69F00", GREEN, "#CC79A7", "#56B4E9", VERMILLION, "#F0E442")
DIMENSION_COLOURS = {"valence": BLUE, "arousal": VERMILLION}
DIMENSION_RANGES = {"valence": (-1, 1), "arousal": (-1, 1)}
# Frequent values are dark; white stands for none. Both ends of the map are cut off, so that one
# frame differs from none, and black lines differ from the dark end.
COUNT_COLOURMAP = matplotlib.colors.ListedColormap(
    matplotlib.colormaps["magma_r"](np.linspace(0.06, 0.88, 256))
)
# The yellow end is cut off because it is invisible on white.
TIME_COLOURMAP = matplotlib.colors.ListedColormap(
    matplotlib.colormaps["viridis"](np.linspace(0, 0.88, 256))
)
# Lines of more frames are rasterized; as vectors they would make an SVG huge.
MAX_VECTOR_FRAMES = 5000
_MINUTES_FROM = 120  # seconds; longer time axes show minutes:seconds
_TICK_STEPS = (15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200)  # seconds
# By the comment, `predict` knows its own pictures in a folder of inputs.
_FORMATS = {
    ".png": {"Software": None, "comment": _files.PLOT_MARK},
    ".svg": {"Date": None, "Creator": None},
}


def save(figure, path, dpi=120):
    """Writes a figure as PNG or SVG, atomically; equal figures give equal bytes.

    Letters in an SVG are shapes, so that it looks the same without the font.

    Args:
        figure: `matplotlib.figure.Figure`.
        path: File with the suffix `.png` or `.svg`.
        dpi: Dots per inch of a PNG; 300 for print.

    Raises:
        ValueError: If the file has another suffix.

    Example:

    >>> import pathlib, tempfile
    >>> from kollias_affect.evaluation import plots
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "plane.png"
    >>> plots.save(plots.histogram([[0.5, 0.1], [0.4, 0.0]]), path)
    >>> path.exists()
    True
    """
    suffix = Path(path).suffix.lower()
    if suffix not in _FORMATS:
        raise ValueError(
            f"Pictures must have one of the suffixes {tuple(_FORMATS)}. Received: {path}. Rename "
            "the file."
        )
    # Without a fixed salt the names of an SVG's elements are random.
    settings = {"svg.hashsalt": "kollias_affect", "svg.fonttype": "path"}
    with _files.atomic(path) as temporary, matplotlib.rc_context(settings):
        figure.savefig(temporary, format=suffix[1:], dpi=dpi, metadata=_FORMATS[suffix])


def new_figure(width, height, title=None):
    """Returns an empty figure, in inches, that pyplot does not keep."""
    figure = matplotlib.figure.Figure(figsize=(width, height), layout="constrained")
    if title:
        figure.suptitle(title, fontsize=11)
    return figure


def output_range(name, ranges=None):
    """Returns the range of an output: [-1, 1] for valence and arousal, otherwise [0, 1].

    Args:
        name: Name of the output.
        ranges: Dict from name to `(low, high)` with other ranges, or `None`.
    """
    low, high = {**DIMENSION_RANGES, **(ranges or {})}.get(name, (0, 1))
    if not low < high:
        raise ValueError(
            f"`ranges` must be (low, high) with low < high. Received: {name!r}: {(low, high)}. "
            "Swap or correct them."
        )
    return low, high


def label_with_range(name, ranges=None):
    """Returns the axis label of an output: `valence (−1 … 1)`."""
    low, high = output_range(name, ranges)
    return f"{name} ({low:g} … {high:g})".replace("-", "−")


def checked_array(name, values, shape):
    """Returns `values` as a float64 array, else raises `ValueError`.

    Args:
        name: Name in the message.
        values: Array-like.
        shape: Tuple of sizes; `None` stands for any size.
    """
    values = np.asarray(values, np.float64)
    fits = values.ndim == len(shape) and all(
        wanted is None or wanted == size for wanted, size in zip(shape, values.shape, strict=True)
    )
    if not fits or values.shape[0] == 0:
        wanted = ", ".join("any" if size is None else str(size) for size in shape)
        raise ValueError(
            f"`{name}` must be an array of shape [{wanted}] and not be empty. Received: shape "
            f"{values.shape}. Pass one row per frame (NaN where there is no face)."
        )
    return values


def checked_times(times, frames):
    """Returns time stamps in seconds, float64 `[frames]`, else raises `ValueError`.

    If `times` is `None`, these are the frame numbers 1, 2, ...
    """
    if times is None:
        return np.arange(1.0, frames + 1)
    times = checked_array("times", times, (frames,))
    if not (np.diff(times) >= 0).all() or not np.isfinite(times).all():
        raise ValueError(
            "`times` must be seconds that do not decrease. Received: "
            f"{times[:5].tolist()} ... Sort the frames by time."
        )
    return times


def format_frames(count, unit="frames"):
    """Returns a number of frames as text: `1 frame`, `2 frames`, `1,000 frames`.

    Args:
        count: Number.
        unit: Another unit, in the plural with an s.
    """
    return f"{count:,.0f} {unit.removesuffix('s') if count == 1 else unit}"


def isolated_frames(present):
    """Returns the frames that are present between absent ones; a line would not show them.

    Args:
        present: Booleans `[frames]`.

    Returns:
        Booleans `[frames]`.
    """
    padded = np.concatenate([[False], present, [False]])
    return present & ~padded[:-2] & ~padded[2:]


def set_time_ticks(axis, times, known=True):
    """Sets the ticks of a time axis: seconds, minutes:seconds if it is long, or frame numbers.

    Args:
        axis: `matplotlib.axis.Axis`.
        times: Seconds or frame numbers, `[frames]`.
        known: Whether `times` are seconds.

    Returns:
        Label of the axis.
    """
    if not known:
        axis.set_major_locator(matplotlib.ticker.MaxNLocator(8, integer=True, steps=[1, 2, 5, 10]))
        return "frame"
    span = times[-1] - times[0]
    if span < _MINUTES_FROM:
        return "time (s)"
    step = next((step for step in _TICK_STEPS if span / step <= 9), _TICK_STEPS[-1])
    axis.set_major_locator(matplotlib.ticker.MultipleLocator(step))
    axis.set_major_formatter(matplotlib.ticker.FuncFormatter(_format_minutes))
    return "time (min:s)"


def _format_minutes(value, _):
    sign, value = "−" if value < 0 else "", round(abs(value))
    return f"{sign}{value // 60}:{value % 60:02d}"

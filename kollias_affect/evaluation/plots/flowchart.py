"""A flowchart of paths through stages; paths with a common beginning share its boxes."""

from kollias_affect.evaluation.plots import style

_STEP, _LINE = 2.3, 0.46  # inches from box to box, and from path to path


def flowchart(paths, highlighted=(), title=None):
    """Draws paths from left to right, and the result of each at its end.

    Args:
        paths: List of tuples of texts: the boxes of a path in order, the last one its result.
            Paths with the same first boxes branch from these.
        highlighted: Indices of the paths whose results are emphasised.
        title: Title of the figure.

    Returns:
        `matplotlib.figure.Figure`.

    Raises:
        ValueError: If there is no path, or a path has less than two boxes.

    Example:

    >>> figure = flowchart([("start", "A", "40 %"), ("start", "A", "B", "50 %")], highlighted=[1])
    >>> [text.get_text() for text in figure.axes[0].texts]
    ['start', 'A', '40 %', 'B', '50 %']

    References: paper D, figure 3.
    """
    paths = [tuple(path) for path in paths]
    if not paths or min(map(len, paths)) < 2:
        raise ValueError(f"A path must have at least two boxes. Received: {paths}. Add its result.")
    boxes = _places(paths)
    deepest = max(map(len, paths))
    figure = style.new_figure(_STEP * deepest, 0.6 + _LINE * len(paths), title)
    axes = figure.subplots()
    axes.set(xlim=(-0.5, deepest - 0.5), ylim=(len(paths) - 0.4, -0.6))
    axes.axis("off")
    ends = {(*path, i): i in highlighted for i, path in enumerate(paths)}
    for key, (x, y) in boxes.items():
        is_end = key in ends
        text = key[-2] if is_end else key[-1]
        colour = "white" if is_end else "#E8F1F8"
        frame = {"boxstyle": "round,pad=0.3", "facecolor": colour, "edgecolor": style.BLUE}
        if is_end:
            frame |= {"edgecolor": style.VERMILLION if ends[key] else "none"}
        weight = "bold" if is_end and ends[key] else "normal"
        options = {"ha": "center", "va": "center", "fontsize": 9, "fontweight": weight}
        axes.text(x, y, text, bbox=frame, zorder=3, **options)
        parent = boxes.get(key[:-2] if is_end else key[:-1])
        if parent is not None:
            axes.plot([parent[0], x - 0.5, x - 0.5, x], [parent[1], parent[1], y, y], color="0.6")
    return figure


def _places(paths):
    """Returns a dict from the beginning of a path to the place of its last box.

    The key of an end has the number of its path at its end, because paths may have equal texts.
    A box stands beside the middle of the ends that it leads to.
    """
    places, lines = {}, {}
    for i, path in enumerate(paths):
        for depth in range(1, len(path)):
            lines.setdefault(path[:depth], []).append(i)
    for i, path in enumerate(paths):
        for depth in range(1, len(path)):
            key = path[:depth]
            places.setdefault(key, (depth - 1, sum(lines[key]) / len(lines[key])))
        places[(*path, i)] = (len(path) - 1, i)
    return places

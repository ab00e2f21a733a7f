"""Maps drawn over faces: red where the face raises an output, blue where it lowers it."""

import numpy as np

RAISES, LOWERS = (214, 39, 40), (31, 90, 180)


def overlay(crop, values):
    """Draws a map over a grey copy of a face.

    Args:
        crop: uint8 RGB `[size, size, 3]`.
        values: Float `[size, size]`. The strength of the colours is relative to the largest
            absolute value, and 0 is grey.

    Returns:
        uint8 RGB `[size, size, 3]`.

    Example:

    >>> import numpy as np
    >>> picture = overlay(np.full((1, 2, 3), 90, np.uint8), np.array([[1.0, 0.0]]))
    >>> picture[0, 1].tolist()
    [90, 90, 90]
    """
    grey = np.repeat(crop.astype(np.float32).mean(axis=-1, keepdims=True), 3, axis=-1)
    largest = np.abs(values).max()
    strength = np.abs(values)[..., None] / largest if largest > 0 else 0.0
    colour = np.where(values[..., None] > 0, np.float32(RAISES), np.float32(LOWERS))
    return (grey + 0.75 * strength * (colour - grey)).round().astype(np.uint8)


def figure(shown, maps, names, title):
    """Draws all maps of the faces of one image or video.

    Args:
        shown: List of `Shown`.
        maps: Dict from the name of a method to float `[faces, outputs, size, size]`.
        names: Names of the outputs.
        title: Title of the picture.

    Returns:
        `matplotlib.figure.Figure` with a row per face and method, and a column per output.
    """
    from kollias_affect.evaluation import plots

    rows = {}
    for number, face in enumerate(shown):
        for method, values in maps.items():
            pictures = [overlay(face.crop, one) for one in values[number]]
            rows[f"{face.label}\n{method}"] = [face.crop, *pictures]
    return plots.picture_grid(rows, ("face", *names), title)

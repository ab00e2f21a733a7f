"""Names of the outputs of a prediction, and protection of other files with these names."""

import collections
from pathlib import Path

from kollias_affect.faces import COLUMNS
from kollias_affect.prediction.drawing import is_annotated

IMAGE_TABLE = "predictions.csv"
ANNOTATED = "annotated"
_UNCHANGED_ENDINGS = (".jpg", ".jpeg", ".png")


def annotated_images(images, folder):
    """Returns a dict from each image to its annotated file.

    Args:
        images: Image files.
        folder: `Path` of the annotated files.

    Raises:
        ValueError: If two images have the same name.
    """
    targets = {}
    for image in images:
        name = Path(image).name
        unchanged = name.lower().endswith(_UNCHANGED_ENDINGS)
        targets[image] = folder / (name if unchanged else f"{name}.png")
    twice = [name for name, n in collections.Counter(targets.values()).items() if n > 1]
    if twice:
        same = [str(image) for image, target in targets.items() if target == twice[0]]
        raise ValueError(
            f"Images of one call must have different names. Received: {same}. Give them different "
            "output folders, or rename them."
        )
    return targets


def refuse_name_of_image_table(stem):
    """Raises `ValueError` if the table of a video has the name of the table of images."""
    if f"{stem}.csv" == IMAGE_TABLE:
        raise ValueError(
            f"OUT/{IMAGE_TABLE} is the table of images. Received: a video named {stem}. Rename it."
        )


def refuse_foreign_table(table, outputs, *plots):
    """Raises `FileExistsError` if an output would replace another kind of file.

    Args:
        table: `Path` of a table, which may exist if it has the columns of one.
        outputs: Names of the outputs, which are its last columns.
        *plots: `Path`s of plots, which may exist only beside the table.
    """
    foreign = None
    if table.exists():
        header = ",".join([*COLUMNS, *outputs])
        with open(table, encoding="utf-8", errors="replace") as file:
            foreign = None if file.readline().strip() == header else table
    else:
        foreign = next((plot for plot in plots if plot.exists()), None)
    if foreign:
        _refuse(foreign)


def refuse_foreign_media(path):
    """Raises `FileExistsError` if `path` exists and is not an annotated image or video."""
    if path.exists() and not is_annotated(path):
        _refuse(path)


def _refuse(path):
    raise FileExistsError(
        f"The outputs need the name {path}. It exists already and holds something else. Choose "
        "another output folder."
    )

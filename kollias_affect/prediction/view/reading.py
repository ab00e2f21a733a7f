"""The tables in the output folder of a prediction."""

import dataclasses
import os
import re
from pathlib import Path

import pandas as pd

from kollias_affect._files import natural_key
from kollias_affect.prediction.table_files import FORMATS, check_format, first_columns, read_table
from kollias_affect.tasks import DIMENSIONS, EXPRESSIONS

# As in prediction.outputs, which needs OpenCV.
IMAGES, ANNOTATED = "predictions", "annotated"
_NO_TABLES = ("crops", "crops_by_name", ANNOTATED)
_FIRST = ["input", "frame", "timestamp", "face_id", "success"]
BOX = ("FaceRectX", "FaceRectY", "FaceRectWidth", "FaceRectHeight")
# Columns after those of the face that are no outputs of a network; landmarks are x_0, y_0, ...
_OTHERS = {"expression", "pitch", "yaw", "roll"}
# Landmarks, and the columns of a calibrated model.
_NO_OUTPUT = re.compile(r"[xy]_\d+|\w+_low|\w+_high|expression_set|distance|unfamiliar")


@dataclasses.dataclass(frozen=True, eq=False)
class Table:
    """The rows of one input.

    Attributes:
        name: Name of the input, the column `input`.
        stem: Path of the table's file below the folder, without its ending; `/` divides it.
        kind: `"video"` or `"image"`.
        rows: `pandas.DataFrame`, at least one row for each frame.
        outputs: Names of the columns with outputs; valence, arousal and expressions come first.
    """

    name: str
    stem: str
    kind: str
    rows: pd.DataFrame
    outputs: tuple


def read(folder):
    """Reads the tables of a prediction.

    Args:
        folder: Output folder of `kollias-affect predict`.

    Returns:
        List of `Table`: videos in natural order, then images in the order of their table.

    Raises:
        FileNotFoundError: If `folder` is no folder.
        ValueError: If it holds no table of a prediction, or a table that is damaged.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(
            f"OUT must be the output folder of `predict`. Received: {folder}, which is no folder."
        )
    paths = _table_files(folder)
    videos = [_video(stem, path) for stem, path in paths.items() if stem != IMAGES]
    images = list(_images(paths[IMAGES])) if IMAGES in paths else []
    if not paths:
        raise ValueError(
            "OUT must be the output folder of `predict`, with a table for each video or one for "
            f"images. Received: {folder} without one. Run `kollias-affect predict` first."
        )
    return [*videos, *images]


def _table_files(folder):
    """Dict from stem to the newest file of that table, in natural order."""
    found = {}
    for root, subfolders, names in os.walk(folder):
        hidden = _NO_TABLES if Path(root) == folder else ()
        subfolders[:] = [n for n in subfolders if n not in hidden and not n.startswith(".")]
        for path in (Path(root, name) for name in names if not name.startswith(".")):
            if path.suffix.removeprefix(".") in FORMATS and _is_table(path):
                stem = path.relative_to(folder).as_posix().removesuffix(path.suffix)
                if stem not in found or path.stat().st_mtime > found[stem].stat().st_mtime:
                    found[stem] = path
    return dict(sorted(found.items(), key=lambda item: natural_key(item[0])))


def _is_table(path):
    if path.suffix == ".parquet":
        check_format("parquet")
    return first_columns(path)[: len(_FIRST)] == _FIRST


def _video(stem, path):
    rows = _rows(path)
    name = str(rows["input"].iloc[0]) if len(rows) else stem
    return Table(name, stem, "video", rows, _outputs(rows))


def _images(path):
    rows = _rows(path)
    outputs = _outputs(rows)
    for name, of_image in rows.groupby("input", sort=False):
        yield Table(str(name), IMAGES, "image", of_image, outputs)


def _rows(path):
    try:
        return read_table(path)
    except (ValueError, TypeError) as error:  # also pandas' errors of parsing
        raise ValueError(
            f"Tables of a prediction have a number in each cell. Received: {path} ({error}). Run "
            "`kollias-affect predict` again."
        ) from error


def _outputs(rows):
    start = max(rows.columns.get_loc(n) for n in (*_FIRST, *BOX) if n in rows.columns) + 1
    found = [n for n in rows.columns[start:] if n not in _OTHERS and not _NO_OUTPUT.fullmatch(n)]
    known = [name for name in (*DIMENSIONS, *EXPRESSIONS) if name in found]
    return (*known, *(name for name in found if name not in known))

"""The tables in the output folder of a prediction."""

import dataclasses
import re
from pathlib import Path

import pandas as pd

from kollias_affect._files import natural_key
from kollias_affect.tasks import DIMENSIONS, EXPRESSIONS

IMAGE_TABLE = "predictions.csv"  # as in prediction.outputs, which needs OpenCV
_FIRST = ("input", "frame", "timestamp", "face_id", "success")
BOX = ("FaceRectX", "FaceRectY", "FaceRectWidth", "FaceRectHeight")
# Columns that are no outputs of a network; landmarks are x_0, y_0, and so on.
_OTHERS = {*_FIRST, *BOX, "FaceScore", "confidence", "expression", "pitch", "yaw", "roll"}
_LANDMARK = re.compile(r"[xy]_\d+")


@dataclasses.dataclass(frozen=True, eq=False)
class Table:
    """The rows of one input.

    Attributes:
        name: Name of the input, the column `input`.
        stem: Name of the table's file, without its ending.
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
    videos, images = [], []
    for path in sorted(folder.glob("*.csv"), key=lambda path: natural_key(path.name)):
        if _is_table(path):
            (images if path.name == IMAGE_TABLE else videos).append(path)
    tables = [_video(path) for path in videos]
    for path in images:
        rows = _rows(path)
        outputs = _outputs(rows)
        for name, of_image in rows.groupby("input", sort=False):
            tables.append(Table(str(name), path.stem, "image", of_image, outputs))
    if not tables:
        raise ValueError(
            "OUT must be the output folder of `predict`, with a table (csv) for each video or one "
            f"for images. Received: {folder} without one. Run `kollias-affect predict` first."
        )
    return tables


def _is_table(path):
    with open(path, encoding="utf-8", errors="replace") as file:
        return tuple(file.readline().strip().split(",")[: len(_FIRST)]) == _FIRST


def _video(path):
    rows = _rows(path)
    name = str(rows["input"].iloc[0]) if len(rows) else path.stem
    return Table(name, path.stem, "video", rows, _outputs(rows))


def _rows(path):
    try:
        columns = pd.read_csv(path, nrows=0).columns
        # A file may be called NA: only numbers can be missing.
        empty = {name: [""] for name in columns if name != "input"}
        texts = {"input": str, "face_id": str}
        rows = pd.read_csv(path, dtype=texts, keep_default_na=False, na_values=empty)
    except (ValueError, pd.errors.ParserError) as error:
        raise ValueError(f"Tables of a prediction are csv. Received: {path} ({error}).") from error
    return rows


def _outputs(rows):
    found = [
        name
        for name in rows.columns
        if name not in _OTHERS and not _LANDMARK.fullmatch(name) and rows[name].dtype.kind in "fiu"
    ]
    known = [name for name in (*DIMENSIONS, *EXPRESSIONS) if name in found]
    return (*known, *(name for name in found if name not in known))

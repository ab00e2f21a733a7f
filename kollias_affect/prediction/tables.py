"""Tables of a prediction, and what they say about one frame."""

from pathlib import Path

import numpy as np
import pandas as pd

from kollias_affect import _files
from kollias_affect.faces import COLUMNS
from kollias_affect.prediction.drawing import FaceOverlay

_BOX = COLUMNS[-4:]
_INTEGERS = dict.fromkeys(("face_id", *_BOX), "Int64")


def table_of_people(folder, clips, outputs, names):
    """Joins the people of a video to one table.

    Args:
        folder: `Path` of the tables that `faces.extract` wrote.
        clips: List of `Clip`, one for each person.
        outputs: List of their outputs, `[frames, outputs]`.
        names: Names of the outputs.

    Returns:
        `pandas.DataFrame` with one row per frame and face, and one for each frame without a face.
    """
    tables = []
    for clip, values in zip(clips, outputs, strict=True):
        tables.append(pd.read_csv(folder / f"{clip.key}.csv", dtype=_INTEGERS))
        tables[-1][names] = values
    if len(tables) == 1:
        return tables[0]
    table = pd.concat(tables, ignore_index=True)
    has_face = table["success"] == 1
    in_first = table.index < len(tables[0])
    empty = ~table["frame"].isin(table.loc[has_face, "frame"]) & in_first
    return table[has_face | empty].sort_values(["frame", "face_id"], ignore_index=True)


def table_of_images(faces_of_image, outputs, names):
    """Joins the faces of images to one table.

    Args:
        faces_of_image: Dict from image file to its list of `AlignedFace`.
        outputs: Outputs of all faces, `[faces, outputs]`.
        names: Names of the outputs.

    Returns:
        `pandas.DataFrame` with one row per face, and one for each image without a face.
    """
    rows, values = [], iter(outputs)
    for image, faces in faces_of_image.items():
        start = [Path(image).name, 1, 0.0]
        for face_id, face in enumerate(faces):
            rows.append([*start, face_id, 1, face.box.score, *face.box[:4], *next(values)])
        if not faces:
            rows.append([*start, None, 0, None, *[None] * 4, *[np.nan] * len(names)])
    table = pd.DataFrame(rows, columns=[*COLUMNS, *names])
    return table.astype({**_INTEGERS, **dict.fromkeys(names, "float32")})


def write_table(table, path):
    """Writes a table as csv, atomically."""
    with _files.atomic(path) as temporary:
        table.to_csv(temporary, index=False, lineterminator="\n")


def overlays(rows, names):
    """Returns the `FaceOverlay`s of the rows of one frame, labelled if there are several faces."""
    rows = rows[rows["success"] == 1]
    return [
        FaceOverlay(
            tuple(int(row[name]) for name in _BOX),
            {name: float(row[name]) for name in names},
            f"{row['face_id']}:" if len(rows) > 1 else "",
        )
        for _, row in rows.iterrows()
    ]


def note(rows):
    """Returns the text for a frame without a face, `None` for a frame with one."""
    return None if (rows["success"] == 1).any() else "no face found"

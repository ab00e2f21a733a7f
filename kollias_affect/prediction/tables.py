"""Tables of a prediction: their columns, and what they say about one frame."""

import numpy as np
import pandas as pd

from kollias_affect import _untrusted
from kollias_affect.faces import COLUMNS, head_pose
from kollias_affect.faces.head_pose import ANGLES
from kollias_affect.faces.person_files import SIZE_COLUMNS
from kollias_affect.prediction.drawing import FaceOverlay
from kollias_affect.tasks import label_field

EXPRESSION = "expression"
"""Column with the name of the most probable class."""
SYNTHETIC = "model of synthetic clips"
"""Text on every picture of a model whose training data were no real faces."""
LANDMARKS = (*(f"x_{i}" for i in range(68)), *(f"y_{i}" for i in range(68)))
_BOX = COLUMNS[-4:]
_INTEGERS = dict.fromkeys(("face_id", *_BOX), "Int64")
_TYPES = {
    "input": "object",
    "frame": "int64",
    "timestamp": "float64",
    "success": "int64",
    "FaceScore": "float64",
    **_INTEGERS,
}


# Columns of a calibrated model that are no float32, see `uncertainty.columns`.
_FURTHER_TYPES = {"unfamiliar": "Int64"}


def columns(tasks, landmarks=False):
    """Returns the columns of a table.

    Args:
        tasks: See `Predictor.tasks`.
        landmarks: Whether the table has the landmarks.

    Returns:
        List of names.

    Example:

    >>> columns({"valence_arousal": (("valence", "arousal"), (-1, 1))})[-6:]
    ['FaceRectHeight', 'valence', 'arousal', 'pitch', 'yaw', 'roll']
    """
    return [*COLUMNS, *output_columns(tasks), *ANGLES, *(LANDMARKS if landmarks else ())]


def output_columns(tasks):
    """Returns the columns of the outputs: the name of the expression precedes its probabilities."""
    found = []
    for task, (names, _) in tasks.items():
        found += [EXPRESSION, *names] if is_expression(task) else names
    return found


def is_expression(task):
    """Returns whether the outputs of a task are probabilities of expressions, which sum to 1."""
    return label_field(task) == "expression"


def complete(table, outputs, points, shapes, tasks, landmarks=False):
    """Adds outputs, pose and landmarks to the rows of faces.

    Args:
        table: `pandas.DataFrame` with the columns `faces.COLUMNS`.
        outputs: Dict from task to `[rows, outputs]`, NaN without a face; and from tuples of names
            to further columns.
        points: Landmarks in pixels of the image, `[rows, 68, 2]`, NaN without a face.
        shapes: Shape of the image of each row.
        tasks: See `Predictor.tasks`.
        landmarks: Whether the landmarks become columns.

    Returns:
        `pandas.DataFrame` with the columns `columns(tasks, landmarks)`.
    """
    parts = [table.astype(_TYPES)]
    for task, (names, _) in tasks.items():
        values = pd.DataFrame(outputs[task], table.index, list(names), np.float32)
        if is_expression(task):
            values.insert(0, EXPRESSION, _best(outputs[task], names))
        parts.append(values)
    for names, values in outputs.items():
        if names not in tasks:
            more = pd.DataFrame(values, table.index, list(names))
            parts.append(more.astype({n: t for n, t in _FURTHER_TYPES.items() if n in names}))
    angles = [head_pose(of_face, shape) for of_face, shape in zip(points, shapes, strict=True)]
    angles = np.array(angles, np.float32).reshape(len(table), len(ANGLES))
    parts.append(pd.DataFrame(angles, table.index, ANGLES))
    if landmarks:
        flat = np.asarray(points, np.float32).transpose(0, 2, 1).reshape(len(table), -1)
        parts.append(pd.DataFrame(flat, table.index, LANDMARKS))
    return pd.concat(parts, axis=1)


def _best(probabilities, names):
    """Returns the most probable class of each row, `None` where there are no probabilities."""
    known = ~np.isnan(probabilities).any(axis=1)
    best = np.full(len(probabilities), None, object)
    best[known] = np.array(names, object)[probabilities[known].argmax(axis=1)]
    return best


def table_of_people(folder, clips, outputs, name, shape, tasks, landmarks=False):
    """Joins the people of a video to one table.

    Args:
        folder: `Path` of the tables that `faces.extract` wrote.
        clips: List of `Clip`, one for each person.
        outputs: List of their outputs by task.
        name: Name of the video in the column `input`.
        shape: Shape of its frames.
        tasks, landmarks: See `complete`.

    Returns:
        `pandas.DataFrame` with one row per frame and face, and one for each frame without a face.
    """
    tables = []
    for clip, values in zip(clips, outputs, strict=True):
        table = pd.read_csv(folder / f"{clip.key}.csv", dtype={**_INTEGERS, "input": str})
        table["input"] = name
        file = folder / f"{clip.key}.npz"
        with _untrusted.reading("Landmarks must be complete", file, "Extract the video again."):
            points = _untrusted.read_npz(file)["landmarks_in_frame"]
        shapes = [shape] * len(table)
        if set(SIZE_COLUMNS) <= set(table):  # Its frames change their number of pixels.
            width, height = SIZE_COLUMNS
            shapes = [*zip(table.pop(height), table.pop(width), strict=True)]
        tables.append(complete(table, values, points, shapes, tasks, landmarks))
    if len(tables) == 1:
        return tables[0]
    table = pd.concat(tables, ignore_index=True)
    has_face = table["success"] == 1
    in_first = table.index < len(tables[0])
    empty = ~table["frame"].isin(table.loc[has_face, "frame"]) & in_first
    return table[has_face | empty].sort_values(["frame", "face_id"], ignore_index=True)


def table_of_images(found, outputs, tasks, landmarks=False):
    """Joins the faces of images to one table.

    Args:
        found: Dict from the name of an image to its list of `AlignedFace` and its shape.
        outputs: Outputs of all faces by task.
        tasks, landmarks: See `complete`.

    Returns:
        `pandas.DataFrame` with one row per face, and one for each image without a face.
    """
    rows, points, shapes = [], [], []
    for name, (faces, shape) in found.items():
        start = [name, 1, 0.0]
        for face_id, face in enumerate(faces):
            rows.append([*start, face_id, 1, face.box.score, *face.box[:4]])
        if not faces:
            rows.append([*start, None, 0, None, *[None] * len(_BOX)])
        points += [face.in_frame for face in faces] or [np.full((68, 2), np.nan)]
        shapes += [shape] * max(1, len(faces))
    table = pd.DataFrame(rows, columns=COLUMNS)
    has_face = (table["success"] == 1).to_numpy(bool)
    of_rows = {}
    for task, values in outputs.items():
        of_rows[task] = np.full((len(table), values.shape[1]), np.nan, values.dtype)
        of_rows[task][has_face] = values
    points = np.array(points, np.float32).reshape(-1, 68, 2)
    return complete(table, of_rows, points, shapes, tasks, landmarks)


def empty(tasks, landmarks=False):
    """Returns a table without rows."""
    return table_of_images(
        {}, {t: np.zeros((0, len(n))) for t, (n, _) in tasks.items()}, tasks, landmarks
    )


def overlays(rows, tasks):
    """Returns the `FaceOverlay`s of the rows of one frame, labelled if there are several faces."""
    rows = rows[rows["success"] == 1]
    names = [name for outputs, _ in tasks.values() for name in outputs]
    return [
        FaceOverlay(
            tuple(int(row[name]) for name in _BOX),
            {name: float(row[name]) for name in names},
            f"{row['face_id']}:" if len(rows) > 1 else "",
            row.get(EXPRESSION),
        )
        for _, row in rows.iterrows()
    ]


def spans(tasks):
    """Returns a dict from the name of each output to its range."""
    return {name: span for names, span in tasks.values() for name in names}


def note(rows, model):
    """Returns the text in the corner of a frame, `None` for none.

    Args:
        rows: Rows of the frame.
        model: `Predictor`.
    """
    parts = [] if (rows["success"] == 1).any() else ["no face found"]
    parts += [SYNTHETIC] if model.note else []
    return ", ".join(parts) or None

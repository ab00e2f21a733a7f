"""What the page's curves need of a table: integers as base64, smaller than csv."""

import base64

import numpy as np

from kollias_affect.prediction.view.reading import BOX

UNIT = 10_000  # integers of a second, and of an output
MISSING = -32768  # without a face


def pack(table, boxes):
    """Packs the rows of one input.

    Args:
        table: `reading.Table`.
        boxes: Whether the places of the faces are needed, too.

    Returns:
        JSON object: `times` of the frames, and for each of the `people` its `id`, the place of its
        `first` frame, the `count` of frames up to its last one, and its `columns`.
    """
    rows = table.rows
    frames, places = np.unique(rows["frame"].to_numpy(np.int64), return_inverse=True)
    times = np.zeros(len(frames))
    times[places] = rows["timestamp"].to_numpy(float)
    has_face = (rows["success"] == 1).to_numpy(bool) & rows["face_id"].notna().to_numpy(bool)
    ids = rows["face_id"].fillna(-1).to_numpy(np.int64)
    people = [
        _person(table, rows[own], places[own], int(face_id), boxes)
        for face_id in np.unique(ids[has_face])
        for own in [has_face & (ids == face_id)]
    ]
    return {"times": _text(np.round(times * UNIT), "<i4"), "people": people}


def _person(table, rows, places, face_id, boxes):
    first, count = int(places.min()), int(np.ptp(places)) + 1

    def column(names, scale):
        values = np.full((count, len(names)), float(MISSING))
        scaled = np.round(rows[list(names)].to_numpy(float, na_value=np.nan) * scale)
        values[places - first] = np.where(np.isfinite(scaled), scaled, MISSING)
        return _text(np.clip(values, MISSING, -MISSING - 1), "<i2")

    person = {
        "id": face_id,
        "first": first,
        "count": count,
        "columns": {name: column([name], UNIT) for name in table.outputs},
    }
    if boxes and set(BOX) <= set(rows.columns):
        person["box"] = column(BOX, 1)
    return person


def _text(values, kind):
    return base64.b64encode(np.ascontiguousarray(values.astype(kind)).tobytes()).decode()

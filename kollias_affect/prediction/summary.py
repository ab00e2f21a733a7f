"""Summary of a prediction: one row per input and person, and one line per input."""

import pandas as pd

from kollias_affect._texts import count
from kollias_affect.prediction.tables import EXPRESSION, is_expression, output_columns

FIRST_COLUMNS = ("input", "face_id", "frames", "frames_with_face", "first", "last")


def summarize(table, tasks):
    """Summarizes the table of a prediction.

    Args:
        table: `pandas.DataFrame` with the columns `tables.columns(tasks)`.
        tasks: See `Predictor.tasks`.

    Returns:
        `pandas.DataFrame` with one row per input and person: `input`, `face_id`, `frames` (of the
        input), `frames_with_face` (of the person), `first` and `last` (time stamps of these in
        seconds), the mean of every output that is no class, and for expressions `expression` (the
        most frequent one) and the share of the person's frames with each, from 0 to 1. An input
        without a face has one row, in which these are empty.
    """
    return of_rows(_rows(table, tasks), tasks)


def of_table(table, tasks):
    """Summarizes the table of one input for later, when it is no longer in memory.

    Args:
        table, tasks: See `summarize`.

    Returns:
        Dict of JSON content: the `rows` of `summarize`, as dicts, and the text `line`.
    """
    return {"rows": _rows(table, tasks), "line": line(table, tasks)}


def of_rows(rows, tasks):
    """Returns the table of `summarize` of the rows in the results of `of_table`, joined."""
    columns = [*FIRST_COLUMNS, *output_columns(tasks)]
    return pd.DataFrame(rows, columns=columns).astype({"face_id": "Int64"})


def _rows(table, tasks):
    rows = []
    for name, of_input in table.groupby("input", sort=False):
        frames = of_input["frame"].nunique()
        with_face = of_input[of_input["success"] == 1]
        for face_id, of_person in with_face.groupby("face_id"):
            times = of_person["timestamp"]
            times = float(times.min()), float(times.max())
            start = [name, int(face_id), frames, len(of_person), *times]
            rows.append(dict(zip(FIRST_COLUMNS, start, strict=True)) | _outputs(of_person, tasks))
        if with_face.empty:
            rows.append({"input": name, "frames": frames, "frames_with_face": 0})
    return rows


def _outputs(rows, tasks):
    """Returns means of outputs and shares of expressions of some rows with a face."""
    found = {}
    for task, (names, _) in tasks.items():
        if is_expression(task):
            shares = rows[EXPRESSION].value_counts(normalize=True)
            found[EXPRESSION] = shares.idxmax()
            found |= {name: float(shares.get(name, 0)) for name in names}
        else:
            found |= {name: float(rows[name].mean()) for name in names}
    return found


def line(table, tasks):
    """Returns the people, means and shares of one video as text.

    Args:
        table: Rows of one input, see `summarize`.
        tasks: See `Predictor.tasks`.

    Returns:
        Text such as `"250 frames, 240 with a face, 2 people: valence +0.21, arousal -0.05;
        happiness 71 %, neutral 29 %"`.
    """
    rows = table[table["success"] == 1]
    frames = count(table["frame"].nunique(), "frame")
    if rows.empty:
        return f"{frames}, no face found: no outputs"
    found = _outputs(rows, tasks)
    parts = []
    if dimensions(tasks):
        parts.append(", ".join(f"{name} {found[name]:+.2f}" for name in dimensions(tasks)))
    if EXPRESSION in found:
        names = (name for task in tasks if is_expression(task) for name in tasks[task][0])
        shares = {name: found[name] for name in names if found[name] > 0}
        ordered = sorted(shares, key=shares.get, reverse=True)
        parts.append(", ".join(f"{name} {_percent(shares[name])}" for name in ordered))
    people = count(rows["face_id"].nunique(), "person")
    with_face = f"{rows['frame'].nunique():,} with a face"
    return f"{frames}, {with_face}, {people}: {'; '.join(parts)}"


def dimensions(tasks):
    """Returns the names of the outputs that have a sign, such as valence and arousal."""
    return [name for names, (low, _) in tasks.values() if low < 0 for name in names]


def _percent(share):
    return "below 1 %" if share < 0.005 else f"{share:.0%}".replace("%", " %")


def face_text(row, tasks):
    """Returns the outputs of one face as text, such as `"happiness 0.93, valence +0.61"`."""
    parts = [f"{name} {row[name]:+.2f}" for name in dimensions(tasks)]
    if EXPRESSION in row:
        parts.insert(0, f"{row[EXPRESSION]} {row[row[EXPRESSION]]:.2f}")
    return ", ".join(parts)

"""Columns of a table of frames as arrays."""

import numpy as np
import pandas as pd

from kollias_affect.tasks import ACTION_UNITS, DIMENSIONS, EXPRESSIONS_8, FIELDS

LANDMARKS = [f"{axis}_{i}" for axis in "xy" for i in range(68)]
_NO_LABEL = -5  # of Aff-Wild2, for valence and arousal


def without_affect(values, table):
    """Which rows have -5 for valence or arousal; such frames are not valid."""
    if values is None:
        return np.zeros(len(table), bool)
    given = table[list(DIMENSIONS)].apply(pd.to_numeric, errors="coerce").to_numpy(np.float64)
    return (given == _NO_LABEL).any(axis=1)


def without_empty_labels(fields):
    """Returns the kinds of labels of a clip that has some of another kind: `None` for empty ones.

    "other" is the eighth expression, so a clip that has it has eight.
    """
    labels = {name: fields[name] for name in FIELDS if fields.get(name) is not None}
    known = {
        name: values >= 0 if name == "expression" else np.isfinite(values)
        for name, values in labels.items()
    }
    if any(each.any() for each in known.values()):
        labels = {name: v if known[name].any() else None for name, v in labels.items()}
    expression = labels.get("expression")
    if expression is not None and (expression == EXPRESSIONS_8.index("other")).any():
        labels["expressions"] = EXPRESSIONS_8
    return labels


def valid(rows, path):
    """Returns which rows count, or `None` if the table does not tell."""
    return numbers(rows, ["valid"], path)[:, 0] > 0 if "valid" in rows else None


def one_of_clip(column, values, path):
    """Returns the one value of a clip in a column of text, or `None` if it is empty."""
    values = sorted(set(values))
    if len(values) > 1:
        raise ValueError(
            f"A clip must show one {column}. Received: {values[:5]} in one clip of {path}. Give "
            "each subject a clip of its own."
        )
    return values[0] or None


def valence_arousal(rows, path):
    """Returns `[rows, 2]`, NaN where they are unknown, or `None` if the table has none."""
    names = [name for name in DIMENSIONS if name in rows]
    if len(names) == 1:
        raise ValueError(
            f"Valence and arousal must come together. Received: {path} with {names[0]} alone. Add "
            "the other column (with 0 if it is not used)."
        )
    if not names:
        return None
    values = numbers(rows, names, path)
    return np.where((values == _NO_LABEL).any(axis=1, keepdims=True), np.nan, values)


def expression(rows, path):
    """Returns indices into `EXPRESSIONS_8`, -1 where unknown, or `None` if the table has none."""
    if "expression" not in rows:
        return None
    names = rows["expression"].str.lower()
    unknown = set(names) - set(EXPRESSIONS_8) - {""}
    if unknown:
        raise ValueError(
            f"An expression must be one of {EXPRESSIONS_8}, or empty. Received: "
            f"{sorted(unknown)[:5]} in {path}. Rename them."
        )
    return names.map({"": -1, **{n: i for i, n in enumerate(EXPRESSIONS_8)}}).to_numpy()


def action_units(rows, path):
    """Returns `[rows, 12]`, NaN for the units that the table does not have."""
    names = [name for name in ACTION_UNITS if name in rows]
    if not names:
        return None
    units = np.full((len(rows), len(ACTION_UNITS)), np.nan)
    units[:, [ACTION_UNITS.index(name) for name in names]] = numbers(rows, names, path)
    return units


def landmarks(rows, path):
    """Returns float32 `[rows, 68, 2]`, NaN where a cell is empty."""
    flat = numbers(rows, LANDMARKS, path).astype(np.float32)
    return flat.reshape(-1, 2, 68).transpose(0, 2, 1)


def numbers(rows, columns, path):
    """Returns float64 `[rows, columns]`; an empty cell is NaN, other text raises `ValueError`."""
    missing = [name for name in columns if name not in rows]
    if missing:
        raise ValueError(
            f"The columns {columns[0]} … {columns[-1]} must come together. Received: {path} "
            f"without {missing[:3]}. Add them, or leave all of them out."
        )
    values = rows[columns].apply(pd.to_numeric, errors="coerce")
    bad = values.isna() & rows[columns].notna()
    if bad.to_numpy().any():
        row, column = np.argwhere(bad.to_numpy())[0]
        cell = rows[columns].iloc[row, column]
        raise ValueError(
            f"The column {columns[column]} must hold numbers. Received: {cell!r} in row "
            f"{rows.index[row] + 1} of {path}. Fix that row."
        )
    return values.to_numpy(np.float64)

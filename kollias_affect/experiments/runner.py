"""Runs a table cell by cell and writes it, with the paper's numbers beside ours."""

import json
import math
from pathlib import Path

import numpy as np
import pandas as pd

from kollias_affect import _files, _runs
from kollias_affect.evaluation.tables import write_table
from kollias_affect.experiments import drawings
from kollias_affect.experiments.declaration import Empty
from kollias_affect.experiments.pages import PAPER, page

SPREAD = "sd"
_CELL = {"made_of", "numbers", "spread", "empty"}


def run(table, laboratory, out_dir, log=print, check=lambda: None):
    """Runs the cells that are missing and writes `<name>.csv`, `.md` and `<name>.json`.

    Every cell is written when it is finished, so that a killed run resumes after it. A cell with
    other data, another scale or another version of the package is run again. The table's figures
    are drawn when all cells are finished.

    Args:
        table: `Table`.
        laboratory: `Laboratory`; it shares trainings between tables.
        out_dir: Folder of the tables.
        log: Function that is called with a line for every cell.
        check: Function that is called before anything is written, and raises if it must not be.

    Returns:
        `pandas.DataFrame` with one row per row of the paper's table. Each of its columns and
        measures has our number; with `(sd)` in its name, its standard deviation over several
        seeds; and with `(paper)`, the paper's number. Cells whose data are missing are empty.
    """
    out_dir = Path(out_dir)
    path = out_dir / f"{table.name}.json"
    earlier = _read_cells(path)
    cells = {}
    for number, cell in enumerate(table.cells, start=1):
        name = f"{cell.row} | {cell.column}" if cell.column else cell.row
        made_of = _fingerprint(table, cell, laboratory)
        cells[name] = earlier.get(name, {})
        if cells[name].get("made_of") != made_of:
            cells[name] = {"made_of": made_of, **_evaluate(table, laboratory, cell)}
            check()
            _files.write_json(path, {**earlier, **cells})
        log(f"{table.name} {number}/{len(table.cells)} {name}: {_summary(table, cells[name])}")
    check()
    _files.write_json(path, cells)
    frame = frame_of(table, list(cells.values()))
    write_table(frame, out_dir / table.name)
    text = page(table, frame, laboratory, cells, drawings.draw(table, laboratory, out_dir))
    with _files.atomic(out_dir / f"{table.name}.md") as temporary:
        temporary.write_text(text, encoding="utf-8")
    return frame


def _read_cells(path):
    """Cells of an earlier run; none if the file is missing or damaged."""
    try:
        cells = json.loads(path.read_text(encoding="utf-8"))
        return {name: cell for name, cell in cells.items() if set(cell) >= _CELL}
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return {}


def _evaluate(table, laboratory, cell):
    """Numbers of a cell and their spread over the seeds, or the reason why there are none."""
    if cell.setting is None:
        return {"numbers": {}, "spread": {}, "empty": None}
    repeated = table.seeds == "runner"
    laboratories = laboratory.of_each_seed() if repeated else [laboratory]
    try:
        found = [table.evaluate(each, cell.setting) for each in laboratories]
        (found,) = found if table.seeds == "table" else (found,)
        numbers = [_finite(each) for each in found]
    except Empty as reason:
        return {"numbers": {}, "spread": {}, "empty": str(reason)}
    if len(numbers) == 1:
        return {"numbers": numbers[0], "spread": {}, "empty": None}
    means, spread = {}, {}
    for name in numbers[0]:
        values = [each[name] for each in numbers]
        known = all(value is not None for value in values)
        means[name] = float(np.mean(values)) if known else None
        spread[name] = float(np.std(values, ddof=1)) if known else None
    return {"numbers": means, "spread": spread, "empty": None}


def frame_of(table, cells):
    """Arranges the numbers of a table's cells.

    Args:
        table: `Table`.
        cells: List of dicts with `numbers` and `spread`, dicts from measure to number, one per
            cell.

    Returns:
        `pandas.DataFrame`, see `run`.
    """
    spread = any(entry["spread"] for entry in cells)
    rows = {}
    for cell, entry in zip(table.cells, cells, strict=True):
        row = rows.setdefault(cell.row, {})
        for measure in table.measures:
            name = f"{cell.column}: {measure}" if cell.column else measure
            row[name] = entry["numbers"].get(measure)
            if spread:
                row[f"{name} ({SPREAD})"] = entry["spread"].get(measure)
            if any(measure in other.published for other in table.cells):
                row[f"{name} ({PAPER})"] = cell.published.get(measure)
    frame = pd.DataFrame.from_dict(rows, orient="index", dtype=object)
    # Counts stay integers; everything else is float, with NaN where there is no number.
    counts = [name for name in frame if any(isinstance(v, int) for v in frame[name])]
    return frame.astype({name: float for name in frame if name not in counts})


def _fingerprint(table, cell, laboratory):
    roles = [role for role in table.roles if laboratory.has(role)]
    return laboratory.fingerprint(
        table.name,
        _runs.fingerprint(cell),
        laboratory.contents(*roles),
        laboratory.options_fingerprint(),
        laboratory.seeds if table.seeds == "runner" else None,
    )


def _finite(numbers):
    """Numbers that JSON can hold: NaN and infinity become `None`."""
    return {
        name: None if value is None or not math.isfinite(value) else value
        for name, value in numbers.items()
    }


def _summary(table, entry):
    if entry["empty"]:
        return f"left empty: {entry['empty']}"
    if not entry["numbers"]:
        return "published numbers only"
    numbers = {measure: entry["numbers"].get(measure) for measure in table.measures}
    return ", ".join(f"{name} {value:.3f}" for name, value in numbers.items() if value is not None)

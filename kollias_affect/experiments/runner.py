"""Runs a table cell by cell and writes it, with the paper's numbers beside ours."""

import json
import math
from pathlib import Path

import pandas as pd

import kollias_affect
from kollias_affect import _files, _runs
from kollias_affect.evaluation.tables import markdown, write_table
from kollias_affect.experiments.declaration import Empty

PAPER = "paper"
_CELL = {"made_of", "numbers", "empty"}


def run(table, laboratory, out_dir, log=print):
    """Runs the cells that are missing and writes `<name>.csv`, `.md` and `<name>.json`.

    Every cell is written when it is finished, so that a killed run resumes after it. A cell with
    other data, another scale or another version of the package is run again.

    Args:
        table: `Table`.
        laboratory: `Laboratory`; it shares trainings between tables.
        out_dir: Folder of the tables.
        log: Function that is called with a line for every cell.

    Returns:
        `pandas.DataFrame` with one row per row of the paper's table. Each of its columns and
        measures has our number and, with `(paper)` in its name, the paper's number. Cells whose
        data are missing are empty.
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
            _files.write_json(path, {**earlier, **cells})
        log(f"{table.name} {number}/{len(table.cells)} {name}: {_summary(table, cells[name])}")
    _files.write_json(path, cells)
    frame = frame_of(table, [entry["numbers"] for entry in cells.values()])
    write_table(frame, out_dir / table.name)
    empty = {name: entry["empty"] for name, entry in cells.items() if entry["empty"]}
    with _files.atomic(out_dir / f"{table.name}.md") as temporary:
        temporary.write_text(page(table, frame, laboratory, empty), encoding="utf-8")
    return frame


def _read_cells(path):
    """Cells of an earlier run; none if the file is missing or damaged."""
    try:
        cells = json.loads(path.read_text(encoding="utf-8"))
        return {name: cell for name, cell in cells.items() if set(cell) >= _CELL}
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return {}


def _evaluate(table, laboratory, cell):
    """Numbers of a cell, or the reason why there are none."""
    try:
        numbers = table.evaluate(laboratory, cell.setting)
    except Empty as reason:
        return {"numbers": {}, "empty": str(reason)}
    return {"numbers": _finite(numbers), "empty": None}


def frame_of(table, numbers):
    """Arranges the numbers of a table's cells.

    Args:
        table: `Table`.
        numbers: List of dicts from measure to number, one per cell.

    Returns:
        `pandas.DataFrame`, see `run`.
    """
    rows = {}
    for cell, values in zip(table.cells, numbers, strict=True):
        row = rows.setdefault(cell.row, {})
        for measure in table.measures:
            name = f"{cell.column}: {measure}" if cell.column else measure
            row[name] = values.get(measure)
            if any(measure in other.published for other in table.cells):
                row[f"{name} ({PAPER})"] = cell.published.get(measure)
    frame = pd.DataFrame.from_dict(rows, orient="index")
    return frame.astype({name: float for name in frame if "frames" not in name})


def page(table, frame, laboratory, empty=None):
    """Writes the markdown page of a table.

    Args:
        table: `Table`.
        frame: `pandas.DataFrame` of `run`.
        laboratory: `Laboratory`.
        empty: Dict from the name of an empty cell to the reason.

    Returns:
        Text.
    """
    landmarks = (
        [] if laboratory.landmarks else ["- Landmarks: unused, since not all clips have them."]
    )
    lines = [
        f"# {table.name}: {table.title}",
        "",
        f"{table.source}. Columns with ({PAPER}) are the paper's numbers on its own data; the "
        "others are ours, on the given data.",
        "",
        f"- Varies: {table.varies}.",
        f"- Fixed: {table.fixed}.",
        f"- Scored: {table.split}.",
        f"- Data: {_data(table, laboratory)}",
        *landmarks,
        f"- Scale: {laboratory.scale}.",
        f"- Version: kollias_affect {kollias_affect.__version__}.",
        *(f"- Left empty: {name}: {reason}." for name, reason in (empty or {}).items()),
        "",
        markdown(frame),
    ]
    return "\n".join(lines) + "\n"


def _data(table, laboratory):
    descriptions = []
    for role in table.roles:
        if role == "test":  # it is the test part of another role
            continue
        if not laboratory.has(role):
            descriptions.append(f"{role} was not given")
            continue
        counts = [
            f"{name} {len(clips)} clips, {sum(int(clip.valid.sum()) for clip in clips)} frames"
            for name, clips in vars(laboratory.parts(role)).items()
            if clips
        ]
        descriptions.append(f"{role}: {', '.join(counts)}")
    return "; ".join(descriptions) + "."


def _fingerprint(table, cell, laboratory):
    roles = [role for role in table.roles if laboratory.has(role)]
    return laboratory.fingerprint(
        table.name,
        _runs.fingerprint(cell),
        laboratory.contents(*roles),
        laboratory.options_fingerprint(),
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
    numbers = {measure: entry["numbers"].get(measure) for measure in table.measures}
    return ", ".join(f"{name} {value:.3f}" for name, value in numbers.items() if value is not None)

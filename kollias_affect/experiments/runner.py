"""Runs a table cell by cell and writes it, with the paper's numbers beside ours."""

import json
import math
from pathlib import Path

import pandas as pd

import kollias_affect
from kollias_affect import _files
from kollias_affect.evaluation.tables import markdown, write_table
from kollias_affect.experiments.declaration import Empty, fingerprint

PAPER = "paper"
_CELL = {"made_of", "numbers", "empty"}


def run(table, laboratory, out_dir, say=print):
    """Runs the cells that are missing and writes `<name>.csv`, `.md` and `<name>.json`.

    Every cell is written down when it is done, so that a killed run goes on behind it. A cell
    that was made with other data, another scale or another version of the package is run again.

    Args:
        table: `Table`.
        laboratory: `Laboratory`; trainings that other tables need too are shared.
        out_dir: folder of the tables.
        say: called with a line for every cell.

    Returns:
        `pandas.DataFrame`: a row per row of the paper's table; for each of its columns and
        measures ours and, with `(paper)` in its name, the paper's number. Cells whose data were
        not given are empty.
    """
    out_dir = Path(out_dir)
    path = out_dir / f"{table.name}.json"
    kept = _kept(path)
    done = {}
    for number, cell in enumerate(table.cells, start=1):
        name = f"{cell.row} | {cell.column}" if cell.column else cell.row
        made_of = _made_of(table, cell, laboratory)
        done[name] = kept.get(name, {})
        if done[name].get("made_of") != made_of:
            done[name] = {"made_of": made_of, **_filled(table, laboratory, cell)}
            _files.write_json(path, {**kept, **done})
        say(f"{table.name} {number}/{len(table.cells)} {name}: {_told(table, done[name])}")
    _files.write_json(path, done)
    frame = frame_of(table, [entry["numbers"] for entry in done.values()])
    write_table(frame, out_dir / table.name)
    empty = {name: entry["empty"] for name, entry in done.items() if entry["empty"]}
    with _files.atomic(out_dir / f"{table.name}.md") as temporary:
        temporary.write_text(page(table, frame, laboratory, empty), encoding="utf-8")
    return frame


def _kept(path):
    """Cells of an earlier run; none if the file is missing or damaged, so that they are run."""
    try:
        cells = json.loads(path.read_text(encoding="utf-8"))
        return {name: cell for name, cell in cells.items() if set(cell) >= _CELL}
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return {}


def _filled(table, laboratory, cell):
    """Numbers of a cell, or why there are none."""
    try:
        numbers = table.evaluate(laboratory, cell.setting)
    except Empty as reason:
        return {"numbers": {}, "empty": str(reason)}
    return {"numbers": _finite(numbers), "empty": None}


def frame_of(table, numbers):
    """The table as a `pandas.DataFrame`; `numbers` are dicts, one per cell."""
    rows = {}
    for cell, found in zip(table.cells, numbers, strict=True):
        row = rows.setdefault(cell.row, {})
        for measure in table.measures:
            name = f"{cell.column}: {measure}" if cell.column else measure
            row[name] = found.get(measure)
            if any(measure in each.published for each in table.cells):
                row[f"{name} ({PAPER})"] = cell.published.get(measure)
    frame = pd.DataFrame.from_dict(rows, orient="index")
    return frame.astype({name: float for name in frame if "frames" not in name})


def page(table, frame, laboratory, empty=None):
    """The table's markdown page; `empty` says of cells by name why they are so."""
    scale = laboratory.scale
    lines = [
        f"# {table.name}: {table.title}",
        "",
        f"{table.source}. Columns with ({PAPER}) are the paper's numbers on its own data; the "
        "others are ours, on the data that was given.",
        "",
        f"- Varies: {table.varies}.",
        f"- Fixed: {table.fixed}.",
        f"- Scored: {table.split}.",
        f"- Data: {_data(table, laboratory)}",
        *(
            []
            if laboratory.landmarks
            else ["- Landmarks: not all clips have them, so none is used."]
        ),
        f"- Scale: {scale}.",
        f"- Version: kollias_affect {kollias_affect.__version__}.",
        *(f"- Left empty: {name}: {reason}." for name, reason in (empty or {}).items()),
        "",
        markdown(frame),
    ]
    return "\n".join(lines) + "\n"


def _data(table, laboratory):
    found = []
    for role in table.roles:
        if role == "test":  # the test part of another one
            continue
        if not laboratory.has(role):
            found.append(f"{role} was not given")
            continue
        parts = laboratory.parts(role)
        counts = [
            f"{name} {len(clips)} clips, {sum(int(clip.valid.sum()) for clip in clips)} frames"
            for name, clips in vars(parts).items()
            if clips
        ]
        found.append(f"{role}: {', '.join(counts)}")
    return "; ".join(found) + "."


def _made_of(table, cell, laboratory):
    given = [role for role in table.roles if laboratory.has(role)]
    return laboratory.fingerprint(
        table.name,
        fingerprint(cell),
        laboratory.contents(*given),
        laboratory.options_fingerprint(),
    )


def _finite(numbers):
    """Numbers as JSON has them; what cannot be told is `None`."""
    return {
        name: None if value is None or not math.isfinite(value) else value
        for name, value in numbers.items()
    }


def _told(table, entry):
    if entry["empty"]:
        return f"left empty: {entry['empty']}"
    shown = {measure: entry["numbers"].get(measure) for measure in table.measures}
    return ", ".join(f"{name} {value:.3f}" for name, value in shown.items() if value is not None)

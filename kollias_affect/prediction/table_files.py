"""Tables of a prediction as csv, JSON or Parquet files."""

import importlib.util
import json
from pathlib import Path

import pandas as pd

from kollias_affect import _checks, _files, _untrusted

FORMATS = ("csv", "json", "parquet")
_TEXTS = ("input", "expression", "expression_set", "note")
_INTEGERS = ("frame", "success", "frames", "frames_with_face")
_OPTIONAL_INTEGERS = (
    "face_id",
    "FaceRectX",
    "FaceRectY",
    "FaceRectWidth",
    "FaceRectHeight",
    "unfamiliar",
)


def check_format(name, excel_safe=False):
    """Returns the name of a format if it can be written, before long work starts.

    Raises:
        ValueError: If it is unknown, needs a package that is not installed, or has no formulas.
    """
    _checks.one_of("format", name, FORMATS)
    if excel_safe and name != "csv":
        raise ValueError(
            "`--excel-safe` is for csv files, in which a text may be a formula. Received: it and "
            f"--format {name}. Leave it out."
        )
    if name == "parquet" and importlib.util.find_spec("pyarrow") is None:
        raise ValueError(
            "The format parquet needs the package pyarrow. Received: format='parquet' without it. "
            "Install it (`pip install 'kollias-affect[parquet]'`), or choose csv or json."
        )
    return name


def write_table(table, path, excel_safe=False):
    """Writes a table in the format of the file's ending, atomically.

    csv and JSON have the shortest decimals that give the numbers back. JSON is a list with an
    object per row, in which missing values are null.

    Args:
        table: `pandas.DataFrame`.
        path: File that ends in `.csv`, `.json` or `.parquet`.
        excel_safe: Whether no text of a csv is a formula for a spreadsheet, see `_files.write_csv`.
    """
    if Path(path).suffix == ".csv":
        _files.write_csv(table, path, excel_safe, index=False)
        return
    with _files.atomic(path) as temporary:
        if temporary.suffix == ".json":
            rows = table.astype(object).where(table.notna(), None).to_dict("records")
            lines = [json.dumps(row, ensure_ascii=False, default=_shortest) for row in rows]
            text = ",\n".join(lines)
            temporary.write_text(f"[\n{text}\n]\n" if lines else "[]\n", encoding="utf-8")
        else:
            table.to_parquet(temporary, engine="pyarrow", index=False)


def read_table(path):
    """Reads a table of a prediction. Names stay text, whatever they look like (`0012`, `NA`).

    Args:
        path: File that `predict` wrote: csv, JSON or Parquet.

    Returns:
        `pandas.DataFrame`. Missing values are NaN, or `None` in texts.

    Raises:
        FileNotFoundError, ValueError: If there is no such file, or it has another ending.
    """
    path = _checks.existing_file("table", path)
    kind = _checks.one_of("ending of a table", path.suffix.removeprefix("."), FORMATS)
    if kind == "csv":
        # Nothing but an empty cell is missing: "NA" may be a name.
        options = {"dtype": dict.fromkeys(_TEXTS, str), "keep_default_na": False, "na_values": [""]}
        table = pd.read_csv(path, **options)
        if _files.has_quoted_formulas(path):
            table = table.map(_files.unquoted)
    elif kind == "json":
        table = pd.DataFrame(_untrusted.read_json(path))
    else:
        check_format("parquet")
        table = pd.read_parquet(path, engine="pyarrow")
    return _typed(table)


def _typed(table):
    types = {name: "int64" for name in _INTEGERS if name in table}
    types |= {name: "Int64" for name in _OPTIONAL_INTEGERS if name in table}
    numbers = [name for name in table if name not in (*types, *_TEXTS)]
    types |= dict.fromkeys(numbers, "float64")
    table = table.astype(types)
    for name in _TEXTS:
        if name in table:
            texts = table[name].astype(object)
            table[name] = texts.where(texts.notna(), None)
    return table


def first_columns(path):
    """Returns the names of the columns of a table file; `[]` for a file that is none.

    Args:
        path: `Path` that ends in `.csv`, `.json` or `.parquet`.
    """
    try:
        if path.suffix == ".csv":
            with open(path, encoding="utf-8-sig") as file:
                return file.readline().strip().split(",")
        if path.suffix == ".json":
            with open(path, encoding="utf-8") as file:
                file.readline()
                return list(json.loads(file.readline().strip().rstrip(",")))
        import pyarrow.parquet

        return pyarrow.parquet.read_schema(path).names
    except (OSError, ValueError, TypeError):
        return []


def _shortest(value):
    """Returns a numpy number as a Python one; a float32 with as few digits as it needs."""
    return float(str(value)) if hasattr(value, "dtype") and value.dtype.kind == "f" else int(value)


def named(folder, stem, kind):
    """Returns the `Path` of a table: the stem may have dots and folders of its own."""
    return Path(folder) / f"{stem}.{kind}"

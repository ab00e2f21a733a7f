"""One format for tables: a csv for machines and a markdown file for people."""

import math
import numbers
from pathlib import Path

from kollias_affect import _files


def write_table(table, stem, index=True, digits=3):
    """Writes `<stem>.csv` and `<stem>.md`, atomically.

    Args:
        table: `pandas.DataFrame`.
        stem: path without ending.
        index: whether the row names are part of the table.
        digits: decimals of numbers in the markdown; the csv keeps six.
    """
    stem = Path(stem)
    with _files.atomic(stem.with_name(f"{stem.name}.csv")) as temporary:
        table.to_csv(temporary, index=index, float_format="%.6f", lineterminator="\n")
    with _files.atomic(stem.with_name(f"{stem.name}.md")) as temporary:
        temporary.write_text(markdown(table, index, digits) + "\n", encoding="utf-8")


def markdown(table, index=True, digits=3):
    """A table as markdown text; missing numbers are blank, whole ones stay whole."""

    def cell(value):
        if isinstance(value, numbers.Real) and not isinstance(value, numbers.Integral):
            return "" if math.isnan(value) else f"{value:.{digits}f}"
        return "" if value is None else str(value)

    return table.map(cell).to_markdown(index=index, disable_numparse=True)

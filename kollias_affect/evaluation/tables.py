"""Tables as csv for programs and as markdown for people."""

import math
import numbers
from pathlib import Path

from kollias_affect import _files
from kollias_affect._texts import printable


def write_table(table, stem, index=True, digits=3, excel_safe=False):
    """Writes `<stem>.csv` and `<stem>.md`, each atomically.

    Args:
        table: `pandas.DataFrame`.
        stem: Path without suffix.
        index: Whether the row names are part of the table.
        digits: Number of decimals in the markdown file; the csv file has six.
        excel_safe: Whether no text of the csv is a formula for a spreadsheet.

    Example:

    >>> import pathlib, tempfile
    >>> import pandas as pd
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> write_table(pd.DataFrame({"CCC": [0.5]}, ["valence"]), folder / "scores")
    >>> sorted(path.name for path in folder.iterdir())
    ['scores.csv', 'scores.md']
    """
    stem = Path(stem)
    # A p-value below 1e-6 is a number, not 0.
    exact = {n: table[n].map("{:.6g}".format, na_action="ignore") for n in _p_values(table)}
    path, options = stem.with_name(f"{stem.name}.csv"), {"index": index, "float_format": "%.6f"}
    _files.write_csv(table.assign(**exact), path, excel_safe, **options)
    with _files.atomic(stem.with_name(f"{stem.name}.md")) as temporary:
        temporary.write_text(markdown(table, index, digits) + "\n", encoding="utf-8")


def markdown(table, index=True, digits=3):
    """Formats a table as markdown.

    Missing numbers are blank; integers have no decimals. Control characters, which names may have,
    are written out. P-values that would be rounded to zero
    have an exponent.

    Args:
        table: `pandas.DataFrame`.
        index: Whether the row names are part of the table.
        digits: Number of decimals.

    Returns:
        Text without a final line break.

    Example:

    >>> import pandas as pd
    >>> print(markdown(pd.DataFrame({"CCC": [0.51234], "frames": [80]}, ["valence"])))
    |         | CCC   | frames   |
    |:--------|:------|:---------|
    | valence | 0.512 | 80       |
    """

    def cell(value, small=False):
        if small and 0 < value < 0.5 * 10**-digits:
            return f"{value:.0e}"
        if isinstance(value, numbers.Real) and not isinstance(value, numbers.Integral):
            # Adding zero makes minus zero, to which small numbers are rounded, plus zero.
            return "" if math.isnan(value) else f"{round(value, digits) + 0.0:.{digits}f}"
        return "" if value is None else printable(value)

    cells = table.map(cell).rename(index=_name, columns=_name)
    for name in _p_values(table):
        cells[name] = table[name].map(lambda value: cell(value, small=True))
    return cells.to_markdown(index=index, disable_numparse=True)


def _name(name):
    return printable(name) if isinstance(name, str) else name


def _p_values(table):
    """Returns the names of the columns of p-values."""
    return [name for name in table.columns if str(name).startswith("p-value")]

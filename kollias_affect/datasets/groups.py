"""Groups of people from a file of the user: age, gender, or any other column."""

import csv
from pathlib import Path

from kollias_affect import _untrusted
from kollias_affect.datasets import _reading, subjects

KEYS = ("video", "subject")
MANY = 8  # different numbers in a column from which on they are joined to ranges
_DECADE = 10


def read(path, clips):
    """Reads the groups of the people in clips.

    Args:
        path: Csv file with a header. The column `video` has names of videos or images, with or
            without ending, or keys of clips; without it, the column `subject` has the names that
            the clips have for their persons. Every other column is a grouping, such as `age` or
            `gender`; with `video`, the column `subject` names the persons. An empty cell is an
            unknown value. Numbers of more than eight kinds, such as ages, are joined to tens:
            `20-29`.
        clips: List of `Clip`.

    Returns:
        Dict from the key of a clip to a dict from column to text; clips without a row are left
        out, and so are empty cells.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If columns are missing, a row is there twice, or no clip has a row.

    Example:

    >>> import tempfile
    >>> from kollias_affect.clip import Clip
    >>> path = Path(tempfile.mkdtemp(), "groups.csv")
    >>> _ = path.write_text("video,subject,age\\n105.avi,anna,young\\n")
    >>> read(path, [Clip("105", ["1.png"]), Clip("106", ["1.png"])])
    {'105': {'subject': 'anna', 'age': 'young'}}
    """
    if not Path(path).is_file():
        raise FileNotFoundError(
            "`groups` must be a csv file with the column `video` or `subject` and groups. "
            f"Received: {path}, which does not exist. Check the path."
        )
    key, rows = _rows(path)
    found = {}
    for clip in clips:
        name = clip.subject if key == "subject" else subjects.row_of(clip.key, rows, path, _same)
        if name in rows:
            found[clip.key] = dict(rows[name])
    if not found:
        raise ValueError(
            f"`groups` must have rows of the clips that are scored. Received: {path}, whose "
            f"{key}s are {sorted(rows)[:3]}, while the clips are {[c.key for c in clips][:3]} of "
            f"{[c.subject for c in clips][:3]}. Correct the column {key}."
        )
    return found


def _same(rows):
    return len({tuple(sorted(row.items())) for row in rows}) == 1


def _rows(path):
    """Returns the name of the key and a dict from each key to its cells by column."""
    remedy = "Fix the file, or save it as csv again."
    with _untrusted.reading("A file of groups must be a csv", path, remedy, own=True):
        lines = _reading.read_lines(path)
        reader = csv.reader(lines)
        header = [name.strip().lower() for name in next(reader, [])]
        key = next((name for name in KEYS if name in header), None)
        columns = [name for name in header if name not in ("", key)]
        if key == "subject":
            columns = ["subject", *columns]
        if key is None or columns in ([], ["subject"]) or len(set(header)) < len(header):
            raise ValueError(
                "A file of groups must have the column video or subject, and different columns of "
                f"groups, such as age,gender. Received: {lines[0][:80]!r} in line 1 of {path}. "
                f"{_reading.separator_hint(lines[0])}Write them there."
            )
        rows = {}
        for cells in reader:
            row = dict(zip(header, (cell.strip() for cell in cells), strict=False))
            if not any(row.values()):
                continue
            name = subjects.video_name(row.get(key, "")) if key == "video" else row.get(key, "")
            if not name or name in rows:
                raise ValueError(
                    f"Every row must have a {key} of its own. Received: {name!r} in line "
                    f"{reader.line_num} of {path}. Complete the row, or remove it."
                )
            rows[name] = {column: row[column] for column in columns if row.get(column)}
    for column in columns:
        _join_numbers(rows, column)
    return key, rows


def _join_numbers(rows, column):
    """Joins numbers of many kinds to tens."""
    values = {row[column] for row in rows.values() if column in row}
    if column == "subject" or len(values) <= MANY or not all(map(_is_number, values)):
        return
    for row in rows.values():
        if column in row:
            low = int(float(row[column]) // _DECADE) * _DECADE
            row[column] = f"{low}-{low + _DECADE - 1}"


def _is_number(text):
    try:
        return abs(float(text)) < 1e9
    except ValueError:
        return False

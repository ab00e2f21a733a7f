"""What the loaders share: folders and files in a natural order, and text that is checked."""

import os
import re
from pathlib import Path

import numpy as np

from kollias_affect import EXPRESSIONS

IMAGE_ENDINGS = (".jpg", ".jpeg", ".png", ".bmp")
VIDEO_ENDINGS = (".mp4", ".avi", ".mov", ".mkv", ".webm")

# How the databases name the seven expressions, in lower case.
_NAMES = {
    "angry": "anger",
    "disgusted": "disgust",
    "fearful": "fear",
    "scared": "fear",
    "happy": "happiness",
    "sad": "sadness",
    "surprised": "surprise",
    **{name: name for name in EXPRESSIONS},
}


def expression_of(name):
    """The name in `EXPRESSIONS` for a database's name of it, in any case; `None` if it is none."""
    return _NAMES.get(str(name).strip().lower())


def natural(name):
    """Sort key that puts `frame10` after `frame9`."""
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", str(name))]


def folders(path):
    """Folders in a folder, in natural order, hidden ones left out."""
    entries = [entry for entry in os.scandir(path) if not entry.name.startswith(".")]
    return [Path(e.path) for e in sorted(entries, key=lambda e: natural(e.name)) if e.is_dir()]


def files(path, endings, report=None):
    """Files in a folder that end in one of `endings`, in natural order.

    Others (but for hidden ones) are counted in `report`.
    """
    found = []
    for entry in os.scandir(path):
        if entry.name.startswith(".") or not entry.is_file():
            continue
        if entry.name.lower().endswith(endings):
            found.append(entry)
        elif report is not None:
            report.note(f"files ignored, which do not end in {endings}", entry.name)
    return [Path(entry.path) for entry in sorted(found, key=lambda e: natural(e.name))]


def find_folder(root, *names):
    """The folder in `root` with one of `names`, in any case; unpacking may have doubled it.

    Returns:
        `Path`, or `None`. Where `train/train` is all that is in `train`, the inner one.
    """
    wanted = {name.lower() for name in names}
    for folder in folders(root) if Path(root).is_dir() else ():
        if folder.name.lower() in wanted:
            inner = folder / folder.name
            return inner if inner.is_dir() and not inner.is_symlink() else folder
    return None


def only_folder(path):
    """The one folder that is all there is in `path`, or `path` itself."""
    visible = [name for name in os.listdir(path) if not name.startswith(".")]
    single = len(visible) == 1 and (Path(path) / visible[0]).is_dir()
    return Path(path) / visible[0] if single else Path(path)


def refuse_other_encodings(path):
    """Raises `ValueError`, with the line, if a file is not UTF-8 text."""
    content = Path(path).read_bytes()
    try:
        content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ValueError(
            f"A text file must be UTF-8. Received: {path}, whose line {line} has the byte "
            f"{content[error.start]:#04x}. Convert it, from Latin-1 for example."
        ) from error
    return content


def lines(path):
    """Lines of a UTF-8 text file without line ends; a byte order mark and CRLF are accepted."""
    text = refuse_other_encodings(path).decode("utf-8-sig")
    return text.replace("\r\n", "\n").replace("\r", "\n").removesuffix("\n").split("\n")


def numbers(path, columns, skip=0, separator=",", content=None):
    """Rows of numbers of a text file.

    Args:
        path: text file.
        columns: names of all columns, for their number and for messages.
        skip: lines at the start that are no data.
        separator: between the fields.
        content: lines of the file, if they were read already.

    Returns:
        float64 `[rows, columns]`.

    Raises:
        ValueError: naming file and line, if a row has other columns or a field is no number.
    """
    rows = lines(path) if content is None else content
    rows = rows[skip:]
    while rows and not rows[-1].strip():
        rows = rows[:-1]
    if not rows:
        return np.empty((0, len(columns)))
    try:
        if not all(row.strip() for row in rows):  # loadtxt would drop empty lines silently
            raise ValueError("empty line")
        values = np.loadtxt(rows, np.float64, delimiter=separator, ndmin=2, comments=None)
        if values.shape != (len(rows), len(columns)):
            raise ValueError("columns")
    except ValueError:
        return np.array([_row(r, columns, separator, path, i + skip) for i, r in enumerate(rows)])
    return values


def _row(text, columns, separator, path, line):
    fields = text.split(separator)
    try:
        if len(fields) != len(columns):
            raise ValueError
        return [float(field) for field in fields]
    except ValueError:
        raise ValueError(
            f"A row must have {len(columns)} numbers, {separator.join(columns)}. Received: "
            f"{text[:60]!r} in line {line + 1} of {path}. Mend that line, or copy the file again."
        ) from None


def names_below(root, parents):
    """Paths, relative to `root`, of the files in the folders `parents` below it.

    One look at each folder instead of one at each file: databases have millions of frames.
    """
    names = set()
    for parent in parents:
        folder = Path(root) / parent
        prefix = "" if parent in ("", ".") else f"{parent}/"
        if folder.is_dir():
            names.update(prefix + e.name for e in os.scandir(folder) if e.is_file())
    return names

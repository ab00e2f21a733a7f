"""A folder of images and a csv that names the expression of each: columns `image,emotion`.

The collection "facial_expressions" has this form (`images/` and `legend.csv`).
"""

import csv
import os
from pathlib import Path

from kollias_affect import _checks
from kollias_affect.clip import Clip
from kollias_affect.datasets import _archives, _reading
from kollias_affect.datasets._report import LoadReport
from kollias_affect.tasks import EXPRESSIONS

LAYOUT = (
    "a csv with the columns image and emotion, a folder with one csv and its images (in images/ "
    "or beside it), or a tar archive of such a folder"
)


def load(root, split=None, images=None, mapping=None, unpack_to=None):
    """Reads images with one expression each; every image is a clip of one frame.

    Names of expressions are taken in any case ("HAPPINESS", "Happy"). An image that is listed
    several times counts once if its labels agree, and is left out if they do not: nothing tells
    which one is right. Expressions outside the seven are left out, unless `mapping` says what
    they count as. All of it is counted in the report.

    Args:
        root: csv, folder or tar archive (unpacked once).
        split: name of the csv without its ending, if a folder has several.
        images: folder that the names in the csv start from. Default: `images` beside the csv, or
            else the csv's own folder (also where the names start with `images/`).
        mapping: dict from a name in the csv to one in `EXPRESSIONS`, or to `None` to leave it
            out, such as `{"contempt": "disgust"}`.
        unpack_to: folder for the images of an archive. Default: in the package's cache folder.

    Returns:
        list of `Clip` with `expression`; the subject is the name of the image without a number
        at its end (`Jane_Doe_0001.jpg`: `Jane_Doe`).

    Raises:
        FileNotFoundError: if the csv or an image that it names is missing.
        ValueError: naming file and line, if a row is malformed or an argument unknown.
    """
    mapping = _mapping(mapping)
    report = LoadReport("images_csv", root, split, LAYOUT)
    root = report.root
    if _archives.is_tar(root):
        root = _reading.only_folder(_archives.unpacked_tar(root, unpack_to))
    table = root if root.is_file() else _csv_in(report, root, split)
    folder = _image_folder(table, images)
    labels = _labels(table, folder)
    if images is None and all(path.startswith("images/") for path in labels):
        folder = os.path.abspath(table.parent)
    there = _reading.files_in(folder, {path.rpartition("/")[0] for path in labels})
    clips = []
    for path, rows in labels.items():
        expression = _agreed(report, path, rows, mapping, table)
        if expression is None:
            continue
        if path not in there:
            raise FileNotFoundError(
                f"Every image named in {table} must exist. Received: {path} in line {rows[0][0]}, "
                f"which is not in {folder}. Copy it there, or say with `images` where it is."
            )
        where = os.path.join(folder, path)
        clips.append(Clip(path, [where], expression=[expression], subject=_subject(path)))
    for path in sorted(there - set(labels)):
        if path.lower().endswith(_reading.IMAGE_ENDINGS):
            report.note("images without a row, left out", path)
    return report.finish(clips)


def _labels(table, folder):
    """Dict from the path of an image, relative to `folder`, to its `(line, emotion)`s."""
    inside = _reading.path_normalizer(folder)
    labels = {}
    for line, name, emotion in _rows(table):
        try:
            path = inside(name)
        except ValueError as error:
            raise ValueError(f"{error} It is in line {line} of {table}.") from error
        labels.setdefault(path, []).append((line, emotion))
    return labels


def _subject(path):
    stem = os.path.splitext(os.path.basename(path))[0]
    return stem.rstrip("0123456789").rstrip("_- ") or stem


def _mapping(mapping):
    if mapping is not None and not isinstance(mapping, dict):
        raise ValueError(
            "`mapping` must be a dict from names in the csv to expressions. Received: "
            f"{mapping!r}. Write {{'contempt': 'disgust'}}, for example."
        )
    mapping = {str(name).strip().lower(): to for name, to in (mapping or {}).items()}
    for to in mapping.values():
        _checks.one_of("mapping", to, (*EXPRESSIONS, None))
    return mapping


def _csv_in(report, root, split):
    found = _reading.csv_files(root, split)
    if len(found) != 1:
        names = ", ".join(path.name for path in found[:5])
        what = f"which has {len(found)} csv files{': ' if names else ''}{names}"
        raise FileNotFoundError(report.expected(f"{what}; `split` names one of several"))
    return found[0]


def _image_folder(table, images):
    """The folder that names start from, as an absolute path."""
    beside = table.parent / "images"
    if images is None:
        images = beside if beside.is_dir() else table.parent
    if not Path(images).is_dir():
        raise FileNotFoundError(
            f"`images` must be a folder. Received: {images}, which is none. Check the path."
        )
    return os.path.abspath(images)


def _rows(path):
    """Yields line, image and emotion of each row."""
    reader = csv.reader(_reading.read_lines(path), strict=True, skipinitialspace=True)
    header, columns = None, 0
    try:
        for row in reader:
            if header is None:
                columns = len(row)
                header = _columns(row, path)
                continue
            fields = [field.strip() for field in row]
            if not any(fields):
                continue  # an empty line
            if len(row) != columns or not fields[header[0]] or not fields[header[1]]:
                raise ValueError(
                    f"A row must have {columns} fields, with an image and an emotion. Received: "
                    f"{','.join(row)[:60]!r} in line {reader.line_num} of {path}. Mend that line."
                )
            yield reader.line_num, fields[header[0]], fields[header[1]]
    except csv.Error as error:
        raise ValueError(
            f"A csv must be whole. Received: {path}, broken in line {reader.line_num} ({error}). "
            "Mend that line."
        ) from error


def _columns(row, path):
    names = [name.strip().lower() for name in row]
    if not {"image", "emotion"} <= set(names):
        raise ValueError(
            "The first line must name the columns, image and emotion among them. Received: "
            f"{','.join(row)[:60]!r} in line 1 of {path}. Add a header."
        )
    return names.index("image"), names.index("emotion")


def _agreed(report, path, rows, mapping, table):
    """Index of the expression of one image, or `None` if it is left out."""
    found = {_expression(emotion.lower(), mapping, line, table) for line, emotion in rows}
    if len(found) > 1:
        report.note("images listed with different labels, left out", path)
        return None
    if len(rows) > 1:
        report.note("images listed several times with one label, taken once", path)
    name, to = rows[0][1].lower(), found.pop()
    if to is None:
        report.note(f"images labelled {name}, left out", path)
        return None
    if _reading.expression_name(name) is None:
        report.note(f"images labelled {name}, taken as {to}", path)
    return EXPRESSIONS.index(to)


# Labels that collections of faces have beside the seven.
_OTHERS = ("contempt", "other", "none", "unknown", "uncertain", "not a face")


def _expression(name, mapping, line, table):
    if name in mapping:
        return mapping[name]
    known = _reading.expression_name(name)
    if known is None and name not in _OTHERS:
        raise ValueError(
            f"An emotion must be one of {EXPRESSIONS}, or have an entry in `mapping`. Received: "
            f"{name!r} in line {line} of {table}. Pass mapping={{{name!r}: None}} to leave it out."
        )
    return known

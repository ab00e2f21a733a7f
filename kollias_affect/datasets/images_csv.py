"""A folder of images and a csv file that names the expression of each image.

Layout: a csv with the columns `image` and `emotion` and a folder of images, `images/` or the folder
of the csv, or a tar archive of both. The collection "facial_expressions" has this form.

Labels: one expression per image, by its name in any case ("HAPPINESS", "Happy").

Faces: the images are cropped faces already.

Subjects: the name of the image without a number at its end (`Jane_Doe_0001.jpg`: `Jane_Doe`), a
guess at the person.
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
USUAL_PARTS = {"training": "train", "validation": "validation", "test": "test"}
# Labels outside the seven expressions that collections of faces use.
_OTHERS = ("contempt", "other", "none", "unknown", "uncertain", "not a face")


def load(root, split=None, images=None, mapping=None, unpack_to=None):
    """Reads images with one expression each; every image is a clip of one frame.

    An image that is listed several times is read once if its labels agree, and is left out if they
    differ. Expressions outside the seven are left out, unless `mapping` names a replacement. The
    report counts all of them.

    Args:
        root: Csv file, folder or tar archive (unpacked once).
        split: Name of the csv file without its ending, if a folder has several.
        images: Folder that the names in the csv start from. Default: `images` beside the csv if it
            exists, otherwise the folder of the csv (also if all names start with `images/`).
        mapping: Dict from a name in the csv to a name in `EXPRESSIONS`, or to `None` to leave it
            out, such as `{"contempt": "disgust"}`.
        unpack_to: Folder for the images of an archive. Default: a folder in the package's cache.

    Returns:
        `Clips` with `expression`, sorted by key.

    Raises:
        FileNotFoundError: If the csv file or an image named in it is missing.
        ValueError: If a row is malformed, or an argument unknown. The message names file and line.
    """
    mapping = _mapping(mapping)
    report = LoadReport("images_csv", root, split, LAYOUT)
    root = report.root
    if _archives.is_tar(root):
        root = _reading.only_folder(_archives.unpack_tar(root, unpack_to))
    table = root if root.is_file() else _csv_in(report, root, split)
    folder = _image_folder(table, images)
    labels = _labels(table, folder)
    if images is None and all(path.startswith("images/") for path in labels):
        folder = os.path.abspath(table.parent)
    existing = _reading.files_in(folder, {path.rpartition("/")[0] for path in labels})
    clips = []
    for path, rows in labels.items():
        expression = _agreed(report, path, rows, mapping, table)
        if expression is not None:
            _check_exists(path, existing, folder, f"in line {rows[0][0]} of {table}")
            file = os.path.join(folder, path)
            # The name of an image is a guess at the person.
            fields = {"subject": _subject(path), "names_person": False}
            clips.append(Clip(path, [file], expression=[expression], **fields))
    for path in sorted(existing - set(labels)):
        if path.lower().endswith(_reading.IMAGE_ENDINGS):
            report.note("images without a row, left out", path)
    return report.finish(clips)


def _check_exists(path, existing, folder, where):
    if path not in existing:
        raise FileNotFoundError(
            f"Every image that a csv names must exist. Received: {path} {where}, which is not in "
            f"{folder}. Copy it there, or name its folder with `images`."
        )


def _labels(table, folder):
    """Returns a dict from the path of an image below `folder` to its `(line, emotion)` pairs."""
    normalize = _reading.path_normalizer(folder)
    labels = {}
    for line, name, emotion in _rows(table):
        try:
            path = normalize(name)
        except ValueError as error:
            raise ValueError(f"{error} The path is in line {line} of {table}.") from error
        labels.setdefault(path, []).append((line, emotion))
    return labels


def _subject(path):
    """Returns the name of an image without its ending and a number at its end."""
    stem = os.path.splitext(os.path.basename(path))[0]
    return stem.rstrip("0123456789").rstrip("_- ") or stem


def _mapping(mapping):
    """Returns the checked mapping with names in lower case."""
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
    """Returns the only csv file in a folder, or the one named after the split."""
    paths = _reading.csv_files(root, split)
    if len(paths) != 1:
        names = ", ".join(path.name for path in paths[:5])
        count = f"which has {len(paths)} csv files{': ' if names else ''}{names}"
        raise FileNotFoundError(report.expected(f"{count}; choose one of several with `split`"))
    return paths[0]


def _image_folder(table, images):
    """Returns the folder that names start from, as an absolute path."""
    beside = table.parent / "images"
    if images is None:
        images = beside if beside.is_dir() else table.parent
    if not Path(images).is_dir():
        raise FileNotFoundError(
            f"`images` must be a folder. Received: {images}, which is not one. Check the path."
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
                    f"{','.join(row)[:60]!r} in line {reader.line_num} of {path}. Fix that line."
                )
            yield reader.line_num, fields[header[0]], fields[header[1]]
    except csv.Error as error:
        raise ValueError(
            f"A csv must be complete. Received: {path}, broken in line {reader.line_num} "
            f"({error}). Fix that line."
        ) from error


def _columns(row, path):
    """Returns the indices of the columns `image` and `emotion`."""
    names = [name.strip().lower() for name in row]
    if not {"image", "emotion"} <= set(names):
        raise ValueError(
            "The first line must name the columns, image and emotion among them. Received: "
            f"{','.join(row)[:60]!r} in line 1 of {path}. "
            f"{_reading.separator_hint(','.join(row))}Add a header."
        )
    return names.index("image"), names.index("emotion")


def _agreed(report, path, rows, mapping, table):
    """Returns the index of the expression of one image, or `None` if the image is left out."""
    expressions = {_expression(emotion.lower(), mapping, line, table) for line, emotion in rows}
    if len(expressions) > 1:
        report.note("images listed with different labels, left out", path)
        return None
    if len(rows) > 1:
        report.note("images listed several times with one label, read once", path)
    name, expression = rows[0][1].lower(), expressions.pop()
    if expression is None:
        report.note(f"images labelled {name}, left out", path)
        return None
    if _reading.expression_name(name) is None:
        report.note(f"images labelled {name}, counted as {expression}", path)
    return EXPRESSIONS.index(expression)


def _expression(name, mapping, line, table):
    """Returns the expression of a name in lower case, or `None` if it is to be left out."""
    if name in mapping:
        return mapping[name]
    known = _reading.expression_name(name)
    if known is None and name not in _OTHERS:
        raise ValueError(
            f"An emotion must be one of {EXPRESSIONS}, or have an entry in `mapping`. Received: "
            f"{name!r} in line {line} of {table}. Pass mapping={{{name!r}: None}} to leave it out."
        )
    return known

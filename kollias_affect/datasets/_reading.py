"""Helpers of the loaders: folders and files in natural order, checked text files, labelled clips.

Databases have millions of frames, therefore a folder is listed once instead of testing each file.
"""

import contextlib
import dataclasses
import os
import re
from pathlib import Path

import numpy as np

from kollias_affect import _checks, _untrusted, shards
from kollias_affect._files import natural_key
from kollias_affect.clip import Clip
from kollias_affect.faces import video
from kollias_affect.tasks import EXPRESSIONS

# Formats that `windows` decodes; `faces.images.IMAGE_ENDINGS` has more.
IMAGE_ENDINGS = (".jpg", ".jpeg", ".png", ".bmp")
VIDEO_ENDINGS = video.VIDEO_ENDINGS
ARCHIVE_ENDINGS = (".zip", ".rar")
_OTHER_FOLDERS = "folders ignored that are not named after an expression"

# Names that databases give to the seven expressions, in lower case.
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


def expression_name(name):
    """Returns the name in `EXPRESSIONS` for a database's name, in any case, or `None`."""
    return _NAMES.get(str(name).strip().lower())


def folders(path):
    """Returns the folders in a folder in natural order, without hidden ones."""
    entries = [e for e in os.scandir(path) if not e.name.startswith(".") and _is_folder(e)]
    return [Path(entry.path) for entry in sorted(entries, key=lambda e: natural_key(e.name))]


def _is_folder(entry):
    """Whether an entry is a folder; a link to itself is not, and `files` raises an error for it."""
    with contextlib.suppress(OSError):
        return entry.is_dir()
    return False


def files(path, endings, report=None):
    """Returns the files in a folder with one of `endings`, in natural order.

    Hidden files are ignored. Files with other endings are counted in `report`.
    """
    matching = []
    for entry in os.scandir(path):
        if entry.name.startswith(".") or not entry.is_file():
            continue
        if entry.name.lower().endswith(endings):
            matching.append(entry)
        elif report is not None:
            report.note(f"files ignored, which do not end in {endings}", entry.name)
    return [Path(entry.path) for entry in sorted(matching, key=lambda e: natural_key(e.name))]


def video_files(report, folders):
    """Returns a dict from the name of each video in some folders to its file.

    A second file with the same name is noted and not read.
    """
    videos = {}
    for path in (path for folder in folders for path in files(folder, VIDEO_ENDINGS, report)):
        if videos.setdefault(path.stem, path) is not path:
            report.note("videos with a second file, which is not read", path.name)
    return videos


def csv_files(folder, split):
    """Returns the csv files in a folder, or a list with the file named after the split, if any."""
    if split is None:
        return files(folder, (".csv",))
    path = Path(folder) / f"{split}.csv"
    return [path] if path.is_file() else []


def find_folder(root, *names):
    """Returns the folder in `root` with one of `names`, in any case.

    If `train/train` is the only folder in `train`, the inner one is returned: unpacking an archive
    may have doubled it.

    Returns:
        `Path`, or `None` if there is no such folder.
    """
    wanted = {name.lower() for name in names}
    for folder in folders(root) if Path(root).is_dir() else ():
        if folder.name.lower() in wanted:
            inner = folder / folder.name
            doubled = inner.is_dir() and not inner.is_symlink() and len(folders(folder)) == 1
            return inner if doubled else folder
    return None


def only_folder(path):
    """Returns the folder in `path` if there is nothing else in it, otherwise `path` itself."""
    visible = [name for name in os.listdir(path) if not name.startswith(".")]
    single = len(visible) == 1 and (Path(path) / visible[0]).is_dir()
    return Path(path) / visible[0] if single else Path(path)


def read_utf8(path):
    """Returns the bytes of a text file; raises `ValueError`, with the line, if it is not UTF-8."""
    size = Path(path).stat().st_size
    if size > _untrusted.MAX_TEXT:
        raise ValueError(
            f"A text file must have at most {_untrusted.MAX_TEXT:,} bytes. Received: {path} with "
            f"{size:,}. Split it."
        )
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


def read_lines(path):
    """Returns the lines of a UTF-8 text file without line ends.

    A byte order mark and the line ends of Windows are accepted.
    """
    text = read_utf8(path).decode("utf-8-sig")
    return text.replace("\r\n", "\n").replace("\r", "\n").removesuffix("\n").split("\n")


def read_numbers(path, columns, skip=0, separator=",", content=None):
    """Returns the rows of numbers of a text file.

    Args:
        path: Text file.
        columns: Names of all columns, for their number and for messages.
        skip: Number of lines before the data.
        separator: Separator of the fields.
        content: Lines of the file, if they were read already.

    Returns:
        Float64 array `[rows, columns]`.

    Raises:
        ValueError: If a row has another number of columns or a field is not a number. The message
            names file and line.
    """
    rows = read_lines(path) if content is None else content
    rows = rows[skip:]
    while rows and not rows[-1].strip():
        rows = rows[:-1]
    if not rows:
        return np.empty((0, len(columns)))
    try:
        if not all(row.strip() for row in rows):  # `loadtxt` drops empty lines silently
            raise ValueError("empty line")
        values = np.loadtxt(rows, np.float64, delimiter=separator, ndmin=2, comments=None)
        if values.shape != (len(rows), len(columns)):
            raise ValueError("columns")
    except ValueError:
        numbered_rows = enumerate(rows, start=skip + 1)
        return np.array([_row(r, columns, separator, path, line) for line, r in numbered_rows])
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
            f"{text[:60]!r} in line {line} of {path}. {separator_hint(text)}Fix that line, or copy "
            "the file again."
        ) from None


def first_line(path):
    """Returns the first line of a text file, for messages; what is not UTF-8 is replaced."""
    with open(path, encoding="utf-8-sig", errors="replace") as file:
        return file.readline(_untrusted.MAX_LINE).rstrip("\r\n")


def separator_hint(text):
    """Returns a sentence, with a space, if a line of a csv has another separator than a comma.

    Args:
        text: Line, or a field of it.
    """
    name = next((n for mark, n in ((";", "semicolons"), ("\t", "tabs")) if mark in text), None)
    if name is None:
        return ""
    decimals = " and its numbers have decimal commas" if re.search(r"\d,\d", text) else ""
    return f"Its fields are separated by {name}{decimals}: save it with commas and points. "


def path_normalizer(root):
    """Returns a function that makes a path in a data file relative to `root`, in normal form.

    The function raises what `_checks.inside` raises, but checks each folder only once.
    """
    root = Path(os.path.abspath(root))
    checked = {}

    def normalize_alone(path):
        return _checks.inside(root, path).relative_to(root).as_posix()

    def normalize(path):
        if "\\" in path and not os.path.lexists(os.path.join(root, path)):
            path = path.replace("\\", "/")  # as Windows writes it
        folder, name = os.path.split(path)
        if name in ("", ".", ".."):
            return normalize_alone(path)
        if folder not in checked:
            parent = normalize_alone(path).rpartition("/")[0]
            checked[folder] = f"{parent}/" if parent else ""
        return checked[folder] + name

    return normalize


def files_in(root, parents):
    """Returns the set of files in the folders `parents` below `root`, as paths relative to it."""
    names = set()
    for parent in parents:
        folder = Path(root) / parent
        prefix = "" if parent in ("", ".") else f"{parent}/"
        if folder.is_dir():
            names.update(prefix + e.name for e in os.scandir(folder) if e.is_file())
    return names


def files_by_expression(folder, endings, report, beside=()):
    """Returns the files in folders named after expressions.

    Args:
        folder: Folder that holds one folder per expression; unpacking may have doubled those.
        endings: Endings of the files.
        report: `LoadReport` that counts what is ignored.
        beside: Names of folders that are read elsewhere.

    Returns:
        List of `(name in EXPRESSIONS, Path)`, folder by folder in natural order.

    Raises:
        ValueError: If a folder with such files has another name.
        FileNotFoundError: If an expression is only there as an archive.
    """
    result = []
    skipped = {name.lower() for name in beside}
    for place in folders(folder):
        if place.name.lower() in skipped:
            continue
        name = expression_name(place.name)
        if name is None:
            _refuse_files_in(place, endings, report)
            report.note(_OTHER_FOLDERS, place.name)
            continue
        inner = only_folder(place)
        result += [(name, file) for file in files(inner, endings, report)]
        for ignored in folders(inner):
            report.note(_OTHER_FOLDERS, ignored.name)
    _refuse_packed(folder, {name for name, _ in result})
    for loose in files(folder, endings):
        report.note("files ignored outside of the folders of expressions", loose.name)
    return result


def _refuse_files_in(folder, endings, report):
    content = files(folder, endings)
    if content:
        raise ValueError(
            f"A folder of {report.dataset} with {endings} files must be named after one of "
            f"{EXPRESSIONS}. Received: {folder} ({len(content)} such files). Move it away."
        )


def _refuse_packed(folder, expressions):
    for file in files(folder, ARCHIVE_ENDINGS):
        name = expression_name(file.stem)
        if name is not None and name not in expressions:
            raise FileNotFoundError(
                f"Archives inside a database must be unpacked first. Received: {file}, without a "
                f"folder of {name} beside it. Unpack it in {folder}."
            )


def find_archive(folder, *names):
    """Returns the archive in `folder` with one of `names`, in any case, or `None`."""
    wanted = {name.lower() for name in names}
    archives = files(folder, ARCHIVE_ENDINGS) if Path(folder).is_dir() else ()
    return next((file for file in archives if file.stem.lower() in wanted), None)


def walk_folders(root, depth, skip=()):
    """Yields `root` and the folders in it down to `depth`, breadth first, each once.

    Folders with a lower-case name that starts with one of `skip` are left out, with their content.
    A link to a folder that was yielded already is not followed.
    """
    level, seen = [Path(root)], {os.path.realpath(root)}
    for distance in range(depth + 1):
        yield from level
        level = [f for up in level for f in folders(up)] if distance < depth else []
        level = [folder for folder in level if not folder.name.lower().startswith(tuple(skip))]
        places = [os.path.realpath(folder) for folder in level]
        level = [f for f, p in zip(level, places, strict=True) if p not in seen and not seen.add(p)]


def numbered_files(path, endings):
    """Returns the files in a folder that are named after an integer, padded or not.

    Returns:
        `(files, others)`: ascending dict from number to file name, and the list of the other names
        without hidden ones.

    Raises:
        ValueError: If two files have the same number.
    """
    numbered, others = {}, []
    for name in os.listdir(path):
        stem, dot, ending = name.rpartition(".")
        if stem.isdecimal() and stem.isascii() and (dot + ending).lower() in endings:
            if int(stem) in numbered:
                raise ValueError(
                    "A folder must have one file per frame. Received: "
                    f"{sorted([numbered[int(stem)], name])} in {path}, with the same number. Move "
                    "one of them away."
                )
            numbered[int(stem)] = name
        elif not name.startswith("."):
            others.append(name)
    return dict(sorted(numbered.items())), sorted(others)


def refuse_rows(bad, rule, values, path, skip=0):
    """Raises `ValueError`, with the line, if a row of a text file breaks a rule.

    Args:
        bad: Rows that break the rule, boolean `[rows]`.
        rule: Sentence that states the rule, the start of the message.
        values: Values of the rows, `[rows]` or `[rows, columns]`, for the message.
        path: Text file.
        skip: Number of lines before the first row.
    """
    rows = np.flatnonzero(bad)
    if len(rows):
        raise ValueError(
            f"{rule}. Received: {np.asarray(values)[rows[0]].tolist()!r} in line "
            f"{rows[0] + skip + 1} of {path} ({len(rows)} such lines). Fix the file, or copy it "
            "again."
        )


def join_labels(report, clip, frames, **labels):
    """Returns the labelled frames of a clip, with their labels.

    Labels beyond the last frame and frames without a label are left out and counted.

    Args:
        report: `LoadReport` of the load.
        clip: `Clip` of all frames of a video, without labels.
        frames: 1-based numbers of the labelled frames, ascending, `[labels]`.
        **labels: Fields of `Clip`, each `[labels, ...]`; and `expressions`.

    Returns:
        `Clip`.
    """
    exists = frames <= len(clip)
    if not exists.all():
        report.note("labels beyond the last frame", clip.key, int((~exists).sum()))
    rows = frames[exists] - 1
    if len(rows) < len(clip):
        report.note("frames without a label", clip.key, len(clip) - len(rows))
    labels = {
        name: values if name == "expressions" else values[exists] for name, values in labels.items()
    }
    return dataclasses.replace(
        clip,
        paths=shards.common_paths(clip.paths).take(rows),
        times=None if clip.times is None else clip.times[rows],
        landmarks=None if clip.landmarks is None else clip.landmarks[rows],
        **{"valid": None, **labels},
    )


def without_images(report, key, frames, **labels):
    """Returns a clip of labels alone, for a video that is missing or cannot be read.

    Args:
        report: `LoadReport` that counts the video.
        key: Key of the clip.
        frames: Number of frames.
        **labels: Fields of `Clip`, each `[frames, ...]`.

    Returns:
        `Clip`.
    """
    report.note("videos that are missing or cannot be read, labels alone", key)
    return Clip(key, [""] * frames, **labels)


def non_empty(report, clips):
    """Returns the clips with at least one frame; the others are counted."""
    for clip in clips:
        if not len(clip):
            report.note("clips without a frame, left out", clip.key)
    return [clip for clip in clips if len(clip)]


# Other names of the parts of a database, in lower case.
_PARTS = {
    "train": ("training", "train_set", "training_set", "train_afew"),
    "validation": ("val", "valid", "dev", "devel", "validation_set", "val_set", "val_afew"),
    "test": ("testing", "test_set"),
}


def canonical_split(split, parts):
    """Returns the name in `parts` for a name of a split.

    `"Train_Set"` becomes `"train"`, and `"val"` becomes `"validation"`.

    Args:
        split: Name in any case, or `None` for all parts, which is returned unchanged.
        parts: Names that the database has, keys of `_PARTS` or others.

    Raises:
        ValueError: If the name stands for none of `parts`.
    """
    if split is None:
        return None
    name = str(split).strip().lower()
    if name in parts:
        return name
    part = next((part for part, names in _PARTS.items() if name in names), name)
    return _checks.one_of("split", part if part in parts else split, parts)


def same_part(split, known, part):
    """Whether a name of a split stands for a part of a database.

    Args:
        split: Name in any case.
        known: Name of the part in the database.
        part: `"training"`, `"validation"` or `"test"`.
    """
    name, known = str(split).strip().lower(), known.lower()
    if part == "test" and known != "test":  # the test split of FER-2013 is more than PrivateTest
        return name == known
    part = {"training": "train"}.get(part, part)
    return name in (known, part, *_PARTS[part])

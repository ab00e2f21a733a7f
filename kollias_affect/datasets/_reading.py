"""What the loaders share: folders and files in a natural order, and text that is checked."""

import contextlib
import dataclasses
import os
import re
from pathlib import Path

import numpy as np

from kollias_affect import _checks
from kollias_affect.tasks import EXPRESSIONS

IMAGE_ENDINGS = (".jpg", ".jpeg", ".png", ".bmp")
VIDEO_ENDINGS = (".mp4", ".avi", ".mov", ".mkv", ".webm")
ARCHIVE_ENDINGS = (".zip", ".rar")

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


def expression_name(name):
    """The name in `EXPRESSIONS` for a database's name of it, in any case; `None` if it is none."""
    return _NAMES.get(str(name).strip().lower())


def natural_key(name):
    """Sort key that puts `frame10` after `frame9`."""
    # Parts at odd places are the numbers; names such as 01 and 1 differ by themselves.
    parts = re.split(r"(\d+)", str(name))
    return [int(part) if i % 2 else part for i, part in enumerate(parts)], str(name)


def folders(path):
    """Folders in a folder, in natural order, hidden ones left out."""
    entries = [entry for entry in os.scandir(path) if not entry.name.startswith(".")]
    return [Path(e.path) for e in sorted(entries, key=lambda e: natural_key(e.name)) if _is_folder(e)]


def _is_folder(entry):
    """A link that leads to itself is no folder; as a file it is named, see `files`."""
    with contextlib.suppress(OSError):
        return entry.is_dir()
    return False


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
    return [Path(entry.path) for entry in sorted(found, key=lambda e: natural_key(e.name))]


def csv_files(folder, split):
    """The csv files in a folder, or, in a list too, the one that bears the name of a split."""
    named = [] if split is None else [Path(folder) / f"{split}.csv"]
    return files(folder, (".csv",)) if split is None else [f for f in named if f.is_file()]


def find_folder(root, *names):
    """The folder in `root` with one of `names`, in any case; unpacking may have doubled it.

    Returns:
        `Path`, or `None`. Where `train/train` is the only folder in `train`, the inner one.
    """
    wanted = {name.lower() for name in names}
    for folder in folders(root) if Path(root).is_dir() else ():
        if folder.name.lower() in wanted:
            inner = folder / folder.name
            doubled = inner.is_dir() and not inner.is_symlink() and len(folders(folder)) == 1
            return inner if doubled else folder
    return None


def only_folder(path):
    """The one folder that is all there is in `path`, or `path` itself."""
    visible = [name for name in os.listdir(path) if not name.startswith(".")]
    single = len(visible) == 1 and (Path(path) / visible[0]).is_dir()
    return Path(path) / visible[0] if single else Path(path)


def read_utf8(path):
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


def read_lines(path):
    """Lines of a UTF-8 text file without line ends; a byte order mark and CRLF are accepted."""
    text = read_utf8(path).decode("utf-8-sig")
    return text.replace("\r\n", "\n").replace("\r", "\n").removesuffix("\n").split("\n")


def read_numbers(path, columns, skip=0, separator=",", content=None):
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
    rows = read_lines(path) if content is None else content
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


def path_normalizer(root):
    """A function from a path in a data file to its normal form, relative to `root`.

    It refuses what `_checks.inside` refuses, but looks at each folder once.
    """
    root = Path(os.path.abspath(root))
    known = {}

    def whole(path):
        return _checks.inside(root, path).relative_to(root).as_posix()

    def relative(path):
        folder, name = os.path.split(path)
        if name in ("", ".", ".."):
            return whole(path)
        if folder not in known:
            parent = whole(path).rpartition("/")[0]
            known[folder] = f"{parent}/" if parent else ""
        return known[folder] + name

    return relative


def files_in(root, parents):
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


def files_by_expression(folder, endings, report, beside=()):
    """Files that lie in folders named after expressions.

    Args:
        folder: that holds one folder per expression; unpacking may have doubled those.
        endings: of the files that are wanted.
        report: `LoadReport` in which what is ignored is counted.
        beside: names of folders that belong there and are read elsewhere.

    Returns:
        list of `(name in EXPRESSIONS, Path)`, folder by folder in natural order.

    Raises:
        ValueError: if a folder with such files has another name.
        FileNotFoundError: if an expression is there as an archive that was not unpacked.
    """
    found = []
    for place in folders(folder):
        if place.name.lower() in {other.lower() for other in beside}:
            continue
        name = expression_name(place.name)
        inner = place if name is None else only_folder(place)
        content = files(inner, endings, None if name is None else report)
        if name is None and content:
            raise ValueError(
                f"A folder of {report.dataset} with {endings} files bears the name of one of "
                f"{EXPRESSIONS}. Received: {place} ({len(content)} such files). Move it away."
            )
        for ignored in folders(inner) if name else [place]:
            report.note("folders ignored that bear no expression's name", ignored.name)
        found += [(name, file) for file in content]
    _refuse_packed(folder, {name for name, _ in found})
    for loose in files(folder, endings):
        report.note("files ignored outside of the folders of expressions", loose.name)
    return found


def _refuse_packed(folder, expressions):
    for file in files(folder, ARCHIVE_ENDINGS):
        name = expression_name(file.stem)
        if name is not None and name not in expressions:
            raise FileNotFoundError(
                f"Archives inside a database are unpacked before it is read. Received: {file}, "
                f"without a folder of {name} beside it. Unzip it in {folder}."
            )


def find_archive(folder, *names):
    """The archive in `folder` that has one of `names` (in any case), or `None`."""
    wanted = {name.lower() for name in names}
    archives = files(folder, ARCHIVE_ENDINGS) if Path(folder).is_dir() else ()
    return next((file for file in archives if file.stem.lower() in wanted), None)


def walk_folders(root, depth, skip=()):
    """`root` and the folders in it down to `depth`, breadth first, each once.

    Folders whose lower-case names start with one of `skip` are left out with all they hold. Links
    that lead back lead nowhere new.
    """
    level, seen = [Path(root)], {os.path.realpath(root)}
    for distance in range(depth + 1):
        yield from level
        level = [f for up in level for f in folders(up)] if distance < depth else []
        level = [folder for folder in level if not folder.name.lower().startswith(tuple(skip))]
        places = [os.path.realpath(folder) for folder in level]
        level = [f for f, p in zip(level, places, strict=True) if p not in seen and not seen.add(p)]


def numbered_files(path, endings):
    """Files in a folder whose stems are whole numbers, padded or not, and the names of the others.

    Returns:
        `(files, others)`: dict from number to file name, ascending; list of names without hidden
        ones.

    Raises:
        ValueError: if two files have the same number.
    """
    files, others = {}, []
    for name in os.listdir(path):  # one look at the folder: databases have millions of frames
        stem, dot, ending = name.rpartition(".")
        if stem.isdecimal() and stem.isascii() and (dot + ending).lower() in endings:
            if int(stem) in files:
                raise ValueError(
                    "A folder has one file per frame. Received: "
                    f"{sorted([files[int(stem)], name])} in {path}, with the same number. Move "
                    "one of them away."
                )
            files[int(stem)] = name
        elif not name.startswith("."):
            others.append(name)
    return dict(sorted(files.items())), sorted(others)


def refuse_rows(bad, rule, values, path, skip=0):
    """Raises `ValueError`, with the line, if a row of a text file breaks a rule.

    Args:
        bad: boolean `[rows]`.
        rule: what a row must be, the start of the message.
        values: `[rows]` or `[rows, columns]`, for the message.
        path: text file.
        skip: lines before the first row.
    """
    rows = np.flatnonzero(bad)
    if len(rows):
        raise ValueError(
            f"{rule}. Received: {np.asarray(values)[rows[0]].tolist()!r} in line "
            f"{rows[0] + skip + 1} of {path} ({len(rows)} such lines). Mend the file, or copy it "
            "again."
        )


def join_labels(report, clip, frames, **labels):
    """The labelled frames of a clip.

    Labels behind its last frame and frames without a label are left out, and counted.

    Args:
        report: `LoadReport` of the load.
        clip: `Clip` of all frames of a video, without labels.
        frames: 1-based numbers of the labelled frames, ascending, `[labels]`.
        **labels: fields of `Clip`, each `[labels, ...]`.

    Returns:
        `Clip`.
    """
    kept = frames <= len(clip)
    if not kept.all():
        report.note("labels beyond the last frame", clip.key, int((~kept).sum()))
    rows = frames[kept] - 1
    if len(rows) < len(clip):
        report.note("frames without a label", clip.key, len(clip) - len(rows))
    labels = {name: values[kept] for name, values in labels.items()}
    return dataclasses.replace(
        clip,
        paths=[clip.paths[row] for row in rows],
        times=None if clip.times is None else clip.times[rows],
        landmarks=None if clip.landmarks is None else clip.landmarks[rows],
        **{"valid": None, **labels},
    )


def non_empty(report, clips):
    """The clips that have at least one frame; the others are counted."""
    for clip in clips:
        if not len(clip):
            report.note("clips without a frame, left out", clip.key)
    return [clip for clip in clips if len(clip)]


# How the databases and their users name the same parts, in lower case.
_PARTS = {
    "train": ("training", "train_set", "training_set", "train_afew"),
    "validation": ("val", "valid", "dev", "devel", "validation_set", "val_set", "val_afew"),
    "test": ("testing", "test_set"),
}


def canonical_split(split, parts):
    """The name in `parts` that `split` means ("Train_Set" is "train", "val" is "validation").

    Args:
        split: name in any case, or `None` for all parts, which is returned as it is.
        parts: names that the database has, keys of `_PARTS` or others of its own.

    Raises:
        ValueError: if it is none of them.
    """
    if split is None:
        return None
    name = str(split).strip().lower()
    if name in parts:
        return name
    meant = next((part for part, names in _PARTS.items() if name in names), name)
    return _checks.one_of("split", meant if meant in parts else split, parts)

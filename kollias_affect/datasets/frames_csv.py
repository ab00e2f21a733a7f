"""Frames listed in a csv file, one row each, in the authors' format or with a header.

Layout: a csv file, or a folder with csv files. The authors' format has no header and three columns,
`image,valence,arousal`. The rows of one folder of images are one clip, in the order of the file.
The format with a header has the column `image` (empty for a frame without a face) and any of
`clip`, `subject`, `gender`, `person_known` (0 or 1), `time` (seconds), `valid` (0 or 1), `valence`,
`arousal`, `expression` (a name in `EXPRESSIONS`, or other), action units (`AU1` and so on, names in
`tasks.ACTION_UNITS`, 0 or 1) and the landmarks `x_0` … `x_67`, `y_0` … `y_67` in [-1, 1] of the
crop.

Labels: valence and arousal in [-1, 1], expressions, or action units, of every row. A row may lack
all kinds of labels but one: its cells are empty.

Faces: the images are cropped faces already.

Subjects: the column `subject`; without it, every clip is a subject of its own. A subject that is
named differently from the clip is a person, unless `person_known` says otherwise.
"""

import os
import sys
import warnings
from pathlib import Path

import numpy as np
import pandas as pd

from kollias_affect import _checks, _files, shards
from kollias_affect.datasets import _frame_columns as columns
from kollias_affect.datasets import _reading
from kollias_affect.datasets._frame_rows import FrameRows
from kollias_affect.datasets._report import LoadReport, refuse_same_keys
from kollias_affect.tasks import ACTION_UNITS

LAYOUT = "a csv of frames (image,valence,arousal, or a header) or a folder with such csv files"
LABEL_LIST = "frames.csv"  # default name of the csv, also of the one that `extract --labels` writes
USUAL_PARTS = {"training": "train", "validation": "validation", "test": "test"}
TEXT_COLUMNS = {"clip", "subject", "gender", "image", "expression"}
_FEWEST_SEPARATORS = 2  # in a line of at least three fields
_ROWS_AT_A_TIME = 2**18  # of a csv, so that memory holds no complete table of texts
_TEXT = {"keep_default_na": False, "encoding": "utf-8-sig", "skipinitialspace": True}


def load(root, split=None, images=None):
    """Reads frames that are listed in a csv file.

    Args:
        root: Csv file, or folder with `<split>.csv`. Without a split, `frames.csv` is read, or, if
            there is none, all csv files in the folder.
        split: Name of the csv file in `root` without its ending.
        images: Folder that the paths in the csv start from. Default: the folder of the csv.

    Returns:
        `Clips`, sorted by key.

    Raises:
        FileNotFoundError: If a csv file or an image named in it is missing.
        ValueError: If a row breaks the format, or a label its range.
    """
    report = LoadReport("frames_csv", root, split, LAYOUT)
    clips = []
    for path in _csv_files(report, split):
        folder = path.parent if images is None else Path(images)
        frames = FrameRows(path, folder)
        for table in _read(path, {3: ["image", "valence", "arousal"]}, {"image"}, _ROWS_AT_A_TIME):
            frames.add(table)
        clips += frames.clips()
    return report.finish(clips)


def label(clip, path):
    """Returns a copy of `clip` with the labels of a file that has one row per frame of its video.

    Args:
        clip: `Clip`, as `faces.extract` returns it.
        path: Csv or txt file with the columns `valence,arousal` (with or without a header), or with
            a header and any of `valence`, `arousal`, `expression`, `valid`, `subject`.

    Returns:
        `Clip`.

    Raises:
        ValueError: If the numbers of rows and frames differ, or a label breaks a rule.
    """
    [rows] = _read(path, {2: ["valence", "arousal"]}, {"valence", "expression"})
    try:
        labelled = clip.labelled(
            valence_arousal=columns.valence_arousal(rows, path),
            expression=columns.expression(rows, path),
            valid=columns.valid(rows, path),
        )
    except ValueError as error:
        raise ValueError(f"{error} The labels were read from {path}.") from error
    subject = columns.one_of_clip("subject", rows["subject"], path) if "subject" in rows else None
    labelled.subject = subject or clip.subject
    return labelled


def write(clips, path, header=True):
    """Writes clips to a csv file of frames, atomically; paths are relative to its folder.

    Args:
        clips: List of `Clip` with images below the folder of `path`.
        path: Csv file.
        header: Whether to write the format with a header. `False` writes the authors' format, which
            holds only valence and arousal of the frames with an image.

    Raises:
        ValueError: If an image lies elsewhere, or if `header=False` and a clip has no valence and
            arousal.
    """
    path = Path(path)
    if not clips:
        raise ValueError("`clips` must not be empty. Received: no clips. Check what was loaded.")
    refuse_same_keys(clips)
    tables = [_table(clip, Path(os.path.abspath(path.parent))) for clip in clips]
    table = pd.concat(tables, ignore_index=True)
    if not header:
        without = [clip.key for clip in clips if clip.valence_arousal is None]
        if without:
            raise ValueError(
                "The format without a header holds valence and arousal of every frame. "
                f"Received: clips without them, {without[:5]}. Write with a header instead."
            )
        table = table.loc[table["valid"] == 1, ["image", "valence", "arousal"]]
    with _files.atomic(path) as temporary:
        table.to_csv(temporary, index=False, header=header, lineterminator="\n")


def read_label_list(videos, out_dir, labels_dir):
    """Reads the list of labelled frames, `frames.csv`, that an output folder holds already.

    Call it before the faces are extracted: it raises early what would prevent `write_label_list`.

    Args:
        videos: Paths of the videos whose faces are going to be extracted.
        out_dir: Folder of the crops and of `frames.csv`. It need not exist.
        labels_dir: Folder with one label file per video, see `write_label_list`.

    Returns:
        `Clips` that are in the list; an empty list if there is no list yet.

    Raises:
        ValueError: If a video is named `frames`, because its table would replace the list.
        FileNotFoundError: If `labels_dir` is not a folder.
        FileExistsError: If the folder holds a `frames.csv` that is not a list of frames.
    """
    path, labels_dir = Path(out_dir) / LABEL_LIST, Path(labels_dir)
    stems = [Path(video).stem for video in videos]
    if path.stem in stems:
        raise ValueError(
            f"{LABEL_LIST} is the list of labelled frames. Received: a video named {path.stem}. "
            "Rename the video."
        )
    if not labels_dir.is_dir():
        examples = f"; it should hold {stems[0]}.csv or {stems[0]}.txt" if stems else ""
        raise FileNotFoundError(
            f"The labels must be a folder with a file for every video. Received: {labels_dir}, "
            f"which is not a folder. Check the path{examples}."
        )
    if not path.exists():
        return []
    try:
        return load(path)
    except (OSError, ValueError) as error:
        raise FileExistsError(
            f"{LABEL_LIST} is the list of labelled frames. Received: {path}, which exists already "
            f"and is no such list ({error}) Move it away, or choose another folder."
        ) from error


def write_label_list(clips, listed, labels_dir, path):
    """Labels extracted clips and writes them to a list of frames, beside the clips listed before.

    Args:
        clips: List of `Clip` without labels, as `faces.extract` returns them.
        listed: List of `Clip` from `read_label_list`. A clip with the key of an extracted one is
            replaced.
        labels_dir: Folder with `<key>.csv` or `<key>.txt` for every extracted clip, in the format
            that `label` reads. The csv file takes precedence.
        path: Csv file to write, in a folder above the images.

    Returns:
        Number of clips in the list.

    Raises:
        FileNotFoundError: If a clip has no label file.
        ValueError: If labels do not fit their clip.
    """
    labelled = {clip.key: clip for clip in listed}
    for clip in clips:
        labelled[clip.key] = label(clip, _label_file(clip, Path(labels_dir)))
    write(list(labelled.values()), path)
    return len(labelled)


def _label_file(clip, labels_dir):
    candidates = [labels_dir / f"{clip.key}{ending}" for ending in (".csv", ".txt")]
    existing = [path for path in candidates if path.exists()]
    return _checks.existing_file("labels", (existing or candidates)[0])


def _csv_files(report, split):
    root = report.root
    if root.is_file():
        return [_checks.existing_file("root", root)]
    if split is None and (root / LABEL_LIST).is_file():
        return [root / LABEL_LIST]
    paths = _reading.csv_files(root, split)
    if not paths:
        missing = "no csv file" if split is None else f"no file {split}.csv"
        raise FileNotFoundError(report.expected(f"which has {missing}"))
    return paths


def _read(path, headerless, header_names, rows=None):
    """Yields tables with named columns of the rows of a csv file.

    Args:
        path: Csv file, with or without a header.
        headerless: Dict from the number of columns of a file without a header to their names.
        header_names: Names of columns; a first row with one of them is a header.
        rows: Number of rows of a table. Default: all rows.

    Yields:
        DataFrames with at least one row, whose index continues.
    """
    _checks.existing_file("csv", path)
    _refuse_other_separators(path)
    try:
        first = pd.read_csv(path, header=None, nrows=1, dtype=str, **_TEXT).iloc[0]
        names = [str(name).strip() for name in first]
        has_header = bool(header_names & set(names))
        if not has_header:
            names = headerless.get(len(names), [])
        if not names:
            raise ValueError(
                f"A csv without a header has the columns {list(headerless.values())}, one with a "
                f"header names at least one of {sorted(header_names)}. Received: {path} with "
                f"{len(first)} columns and no such header: {list(first)[:5]}. "
                f"{_reading.separator_hint(str(first.iloc[0]))}Add a header."
            )
        empty = True
        for table in _parsed(path, names, int(has_header), rows):
            for name in TEXT_COLUMNS & set(table.columns):
                table[name] = table[name].str.strip()
            empty = False
            yield table
    except (pd.errors.ParserError, pd.errors.ParserWarning, ValueError) as error:
        if "Received:" in str(error):
            raise
        raise ValueError(
            "A csv must be UTF-8 text with columns of different names and as many fields in every "
            f"row as in the first. Received: {path} ({str(error).strip()}). "
            f"{_reading.separator_hint(_reading.first_line(path))}Fix the file."
        ) from error
    if empty:
        raise ValueError(
            f"A csv must have at least one row. Received: {path}, which has only a header. Add "
            "the rows, or leave the file out."
        )


def _refuse_other_separators(path):
    line = _reading.first_line(path)
    if max(line.count(";"), line.count("\t")) >= _FEWEST_SEPARATORS:
        raise ValueError(
            f"A csv must have commas between its fields. Received: {line[:60]!r} in line 1 of "
            f"{path}. {_reading.separator_hint(line)}"
        )


def _parsed(path, names, skip, rows):
    """Yields the rows of a csv after the first `skip`; columns that are not text hold numbers."""
    numbers = [name for name in names if name not in TEXT_COLUMNS]
    with pd.read_csv(
        path,
        header=None,
        names=names,
        skiprows=skip,
        index_col=False,
        dtype={name: str for name in names if name in TEXT_COLUMNS},
        na_values={name: ["", "nan", "NaN"] for name in numbers},
        chunksize=rows or sys.maxsize,
        **_TEXT,
    ) as reader:
        while True:
            with warnings.catch_warnings():
                warnings.simplefilter("error", pd.errors.ParserWarning)  # longer than the header
                table = next(reader, None)
            if table is None or table.empty:
                return
            yield table


def _table(clip, folder):
    table = {
        "clip": clip.key,
        "subject": clip.subject,
        "image": [_relative(path, folder) for path in clip.paths],
        "valid": clip.valid.astype(int),
    }
    if clip.gender is not None:
        table["gender"] = clip.gender
    if clip.person_known != (clip.subject != clip.key):
        table["person_known"] = int(clip.person_known)
    if clip.times is not None:
        table["time"] = clip.times
    if clip.valence_arousal is not None:
        table["valence"], table["arousal"] = clip.valence_arousal.T.astype(np.float64).round(6)
    if clip.expression is not None:
        table["expression"] = [clip.expressions[i] if i >= 0 else "" for i in clip.expression]
    if clip.action_units is not None:
        table.update(zip(ACTION_UNITS, clip.action_units.T.astype(np.float64), strict=True))
    if clip.landmarks is not None:
        flat = clip.landmarks.transpose(0, 2, 1).reshape(len(clip), -1).astype(np.float64)
        table.update(zip(columns.LANDMARKS, flat.T.round(6), strict=True))
    return pd.DataFrame(table)


def _relative(path, folder):
    if not path:
        return ""
    path = Path(os.path.abspath(shards.tree_path(path)))
    if not path.is_relative_to(folder):
        raise ValueError(
            f"The csv must lie in a folder above its images. Received: the csv in {folder} and "
            f"the image {path}. Write the csv beside the folders of images."
        )
    return path.relative_to(folder).as_posix()

"""Frames listed in a csv, one row each: the authors' own format, and one that says more.

The authors' format has no header and three columns, `image,valence,arousal`; the rows of one
folder of images are one clip, in the order of the file. The richer format has a header. It
needs the column `image` (empty where the face was not found) and takes any of `clip`,
`subject`, `time` (seconds), `valid` (0 or 1), `valence`, `arousal`, `expression` (a name in
`EXPRESSIONS`) and the landmarks `x_0` … `x_67`, `y_0` … `y_67` in [-1, 1] of the crop.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from kollias_affect import EXPRESSIONS, _checks, _files
from kollias_affect.clip import Clip

LANDMARK_COLUMNS = [f"{axis}_{i}" for axis in "xy" for i in range(68)]


def load(root, split=None, images=None):
    """Reads a csv of frames.

    Args:
        root: csv file, or folder that holds `<split>.csv`; without a split `frames.csv`, or, if
            there is none, csv files that are all read.
        split: name of the csv file in `root`, without its ending.
        images: folder that the paths in the csv start from. Default: the csv's own folder.

    Returns:
        list of `Clip`, sorted by key.

    Raises:
        FileNotFoundError: if a csv or an image named in it is missing.
        ValueError: if a row breaks the format, or a label its range.
    """
    clips = []
    for path in _csv_files(Path(root), split):
        folder = path.parent if images is None else Path(images)
        table = _read(path, {3: ["image", "valence", "arousal"]}, {"image"})
        table["image"] = table["image"].fillna("").astype(str)
        clips += _clips(table, path, folder)
    _refuse_same_keys(clips)
    return sorted(clips, key=lambda clip: clip.key)


def label(clip, path):
    """A copy of `clip` with the labels of a file that has one row per frame of its video.

    Args:
        clip: `Clip`, as `faces.extract` returns it.
        path: csv or txt file with the columns `valence,arousal` (a header may name them), or
            with a header and any of `valence`, `arousal`, `expression`, `valid`, `subject`.

    Raises:
        ValueError: if there are more or fewer rows than frames, or a label breaks a rule.
    """
    rows = _read(path, {2: ["valence", "arousal"]}, {"valence", "expression"})
    labelled = clip.labelled(
        valence_arousal=_valence_arousal(rows, path),
        expression=_expression(rows, path),
        valid=_numbers(rows, ["valid"], path)[:, 0] > 0 if "valid" in rows else None,
    )
    if "subject" in rows:
        labelled.subject = str(rows["subject"].iloc[0])
    return labelled


def write(clips, path, header=True):
    """Writes clips as a csv of frames, atomically; paths are relative to the csv's folder.

    Args:
        clips: list of `Clip`, whose images lie below the folder of `path`.
        path: csv file.
        header: the richer format; `False` for the authors', which has no rows for frames
            without an image and holds valence and arousal alone.

    Raises:
        ValueError: if an image lies elsewhere, or `header=False` and a clip has no
            valence and arousal.
    """
    path = Path(path)
    tables = [_table(clip, path.parent.resolve()) for clip in clips]
    table = pd.concat(tables, ignore_index=True)
    if not header:
        without = [clip.key for clip in clips if clip.valence_arousal is None]
        if without:
            raise ValueError(
                "The format without a header holds valence and arousal of every frame. "
                f"Received clips without them: {without[:5]}. Write with a header instead."
            )
        table = table.loc[table["valid"] == 1, ["image", "valence", "arousal"]]
    with _files.atomic(path) as temporary:
        table.to_csv(temporary, index=False, header=header, lineterminator="\n")


def _csv_files(root, split):
    if root.is_file():
        return [_checks.existing_file("root", root)]
    if split is None and (root / "frames.csv").is_file():
        return [root / "frames.csv"]
    found = sorted(root.glob("*.csv" if split is None else f"{split}.csv"))
    if not found:
        expected = "at least one .csv file" if split is None else f"a file {split}.csv"
        raise FileNotFoundError(
            f"`root` must be a csv of frames or a folder with {expected}. Received: {root}. "
            "The file has the rows image,valence,arousal, or a header (see the documentation)."
        )
    return found


def _read(path, headerless, named):
    """A table with named columns.

    Args:
        path: csv file, with or without a header.
        headerless: names of the columns of a file without a header, by their number.
        named: a first row that has one of these is a header.
    """
    _checks.existing_file("csv", path)
    try:
        first = pd.read_csv(path, header=None, nrows=1, dtype=str)
        has_header = bool(named & set(first.iloc[0].fillna("").str.strip()))
        table = pd.read_csv(
            path,
            header=0 if has_header else None,
            skipinitialspace=True,
            dtype={"clip": str, "subject": str, "image": str},
        )
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise ValueError(f"A csv must be text in columns. Received: {path} ({error}).") from error
    if not has_header:
        if table.shape[1] not in headerless:
            raise ValueError(
                f"A csv without a header has the columns {list(headerless.values())}, one with a "
                f"header names at least one of {sorted(named)}. Received: {path} with "
                f"{table.shape[1]} columns and no such header. Add a header."
            )
        table.columns = headerless[table.shape[1]]
    table.columns = table.columns.str.strip()
    return table


def _clips(table, path, folder):
    if "clip" not in table:
        table["clip"] = _keys_from_images(table["image"], path)
    _images_exist(table["image"], folder, path)
    return [_clip(str(key), rows, folder, path) for key, rows in table.groupby("clip", sort=True)]


def _keys_from_images(images, path):
    if (images == "").any():
        row = int(np.flatnonzero(images == "")[0])
        raise ValueError(
            "A row without an image needs the column `clip` that says where it belongs. "
            f"Received: row {row + 1} of {path}. Add the column, or leave the row out."
        )
    folders = images.map(lambda image: Path(image).parent.as_posix())
    return folders.replace(".", path.stem)


def _images_exist(images, folder, path):
    """One look at each folder instead of one at each file: databases have millions of frames."""
    names = {}
    for image in images[images != ""]:
        file = Path(image)
        names.setdefault(file.parent, []).append(file.name)
    for parent, files in names.items():
        place = _checks.inside(folder, parent)
        there = {file.name for file in place.iterdir()} if place.is_dir() else set()
        missing = [name for name in files if name not in there]
        if missing:
            raise FileNotFoundError(
                f"Every image named in {path} must exist. Received: {parent / missing[0]}, which "
                f"is not in {place} ({len(missing)} missing there). Extract the frames first, or "
                "say with `images` which folder the paths start from."
            )


def _clip(key, rows, folder, path):
    root = Path(folder).resolve()
    return Clip(
        key=key,
        paths=[str(root / image) if image else "" for image in rows["image"]],
        times=_numbers(rows, ["time"], path)[:, 0] if "time" in rows else None,
        landmarks=_landmarks(rows, path),
        valence_arousal=_valence_arousal(rows, path),
        expression=_expression(rows, path),
        valid=_numbers(rows, ["valid"], path)[:, 0] > 0 if "valid" in rows else None,
        subject=str(rows["subject"].iloc[0]) if "subject" in rows else None,
    )


def _valence_arousal(rows, path):
    given = [name for name in ("valence", "arousal") if name in rows]
    if len(given) == 1:
        raise ValueError(
            f"Valence and arousal come together. Received: {path} with {given[0]} alone. Add the "
            "other column (with 0 if it is not used)."
        )
    return _numbers(rows, given, path) if given else None


def _expression(rows, path):
    if "expression" not in rows:
        return None
    names = rows["expression"].fillna("").astype(str).str.strip().str.lower()
    unknown = set(names) - set(EXPRESSIONS) - {""}
    if unknown:
        raise ValueError(
            f"An expression must be one of {EXPRESSIONS}, or empty. Received: "
            f"{sorted(unknown)[:5]} in {path}. Rename them."
        )
    return names.map(lambda name: EXPRESSIONS.index(name) if name else -1)


def _landmarks(rows, path):
    if LANDMARK_COLUMNS[0] not in rows:
        return None
    flat = _numbers(rows, LANDMARK_COLUMNS, path)
    return flat.reshape(-1, 2, 68).transpose(0, 2, 1)


def _numbers(rows, columns, path):
    """float64 `[rows, columns]`; a cell that is no number is an error, an empty one NaN."""
    missing = [name for name in columns if name not in rows]
    if missing:
        raise ValueError(
            f"The columns {columns[0]} … {columns[-1]} come together. Received: {path} without "
            f"{missing[:3]}. Add them, or leave all of them out."
        )
    values = rows[columns].apply(pd.to_numeric, errors="coerce")
    bad = values.isna() & rows[columns].notna()
    if bad.to_numpy().any():
        row, column = np.argwhere(bad.to_numpy())[0]
        cell = rows[columns].iloc[row, column]
        raise ValueError(
            f"The column {columns[column]} must hold numbers. Received: {cell!r} in row {row + 1} "
            f"of {len(rows)} of {path}. Mend that row."
        )
    return values.to_numpy(np.float64)


def _table(clip, folder):
    table = {
        "clip": clip.key,
        "subject": clip.subject,
        "image": [_relative(path, folder) for path in clip.paths],
        "valid": clip.valid.astype(int),
    }
    if clip.times is not None:
        table["time"] = clip.times
    if clip.valence_arousal is not None:
        table["valence"], table["arousal"] = clip.valence_arousal.T.astype(np.float64).round(6)
    if clip.expression is not None:
        table["expression"] = [EXPRESSIONS[i] if i >= 0 else "" for i in clip.expression]
    if clip.landmarks is not None:
        flat = clip.landmarks.transpose(0, 2, 1).reshape(len(clip), -1).astype(np.float64)
        table.update(zip(LANDMARK_COLUMNS, flat.T.round(6), strict=True))
    return pd.DataFrame(table)


def _relative(path, folder):
    if not path:
        return ""
    path = Path(path).resolve()
    if not path.is_relative_to(folder):
        raise ValueError(
            f"The csv must lie in a folder above its images. Received: the csv in {folder} and "
            f"the image {path}. Write the csv beside the folders of images."
        )
    return path.relative_to(folder).as_posix()


def _refuse_same_keys(clips):
    keys = [clip.key for clip in clips]
    twice = (
        sorted({key for key in keys if keys.count(key) > 1}) if len(set(keys)) < len(keys) else []
    )
    if twice:
        raise ValueError(
            f"Clips of one dataset must have different names. Received twice: {twice[:5]}. Read "
            "one split at a time, or rename them in the column `clip`."
        )

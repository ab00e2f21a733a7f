"""FER-2013 (Goodfellow et al., 2013): grey faces, 48 x 48 pixels, with one of seven expressions.

Layout: `fer2013.csv` (`emotion,pixels,Usage`), `icml_face_data.csv` (other order of the columns,
names with leading spaces), folders (`train/angry/Training_1.jpg`, `test/angry/PublicTest_1.jpg`),
or a tar archive of one of these.

Labels: one expression per image. The numbers of the csv and the alphabetical order of the folders
both become indices into `EXPRESSIONS`.

Faces: the images are cropped faces already.

Subjects: every image is a subject of its own, because the database does not name the persons.

References: paper D §3.2.
"""

import re
import warnings
from pathlib import Path

import numpy as np
import pandas as pd

from kollias_affect import _checks, _files
from kollias_affect.clip import Clip
from kollias_affect.datasets import _archives, _reading, ferplus
from kollias_affect.datasets._report import LoadReport
from kollias_affect.tasks import EXPRESSIONS

SIDE = 48
PARTS = ("train", "test")
USAGES = ("Training", "PublicTest", "PrivateTest")
OFFICIAL_PARTS = {"training": "Training", "validation": "PublicTest", "test": "PrivateTest"}
# Published numbers of images. Augmented copies and copies with another split differ.
PUBLISHED = {"Training": 28709, "PublicTest": 3589, "PrivateTest": 3589}
# The csv's numbers, in order.
CLASSES = ("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral")
SPLITS = {
    "training": ("Training",),
    "publictest": ("PublicTest",),
    "privatetest": ("PrivateTest",),
    "train": ("Training",),
    "validation": ("PublicTest",),
    "test": ("PublicTest", "PrivateTest"),  # the content of the folder test/
}
# Paper D §3.2: usages for training and for validation.
VARIANTS = {
    "FER28": {"train": ("Training",), "validation": ("PublicTest",)},
    "FER32": {"train": ("Training", "PublicTest"), "validation": ("PrivateTest",)},
    "FER32+EmotiW": {"train": ("Training", "PublicTest"), "validation": ()},
}
LAYOUT = (
    "fer2013.csv or icml_face_data.csv, a folder with one of them, a folder with train/<emotion>/ "
    "and test/<emotion>/, or a tar archive of these"
)


def load(root, split=None, variant=None, emotiw=None, unpack_to=None, votes=None):
    """Reads FER-2013; every image is a clip of one frame.

    Args:
        root: Csv, folder or tar archive. The images of a csv or an archive are unpacked once.
        split: `"Training"`, `"PublicTest"` or `"PrivateTest"`; `"train"` or `"validation"` for the
            first two; `"test"` for both tests, as in the folders; or `None` for all images.
        variant: Training and validation data of paper D: `"FER28"` (Training; PublicTest),
            `"FER32"` (Training and PublicTest; PrivateTest) or `"FER32+EmotiW"` (FER32 and the
            training images of SFEW; the validation images of SFEW). `split` is then `"train"` or
            `"validation"`.
        emotiw: Root of SFEW (see `sfew`), for the last variant.
        unpack_to: Folder for unpacked images. Default: a folder in the package's cache.
        votes: File of FER+, whose votes become `expression_shares`, see `ferplus.add_shares`; with
            the option `soft_labels` of a training they are what it learns.

    Returns:
        `Clips` with `expression`, sorted by key.

    Raises:
        FileNotFoundError: If `root` does not hold the database.
        ValueError: If a file is malformed, or an argument unknown.
    """
    usages, with_emotiw = _usages(split, variant, emotiw)
    report = LoadReport("fer2013", root, split, LAYOUT)
    clips = []
    if usages:
        images = _images(report, unpack_to)
        clips = [clip for usage in usages for clip in images.get(usage, [])]
        _compare_with_published(report, {usage: len(images.get(usage, [])) for usage in usages})
        if votes is not None:
            clips = ferplus.add_shares(clips, votes, report)
    if with_emotiw:
        from kollias_affect.datasets import sfew

        added = sfew.load(emotiw, split)
        report.note("clips of SFEW added (FER32+EmotiW)", emotiw, len(added))
        clips += added
    return report.finish(clips)


def parts(variant=None, **options):
    """Returns the parts with the options of `load`: those of `OFFICIAL_PARTS`, or of a variant."""
    if variant is None:
        return OFFICIAL_PARTS
    return {"training": "train", "validation": "validation"}


def _usages(split, variant, emotiw):
    """Returns the usages to read, and whether SFEW is added."""
    if variant is None:
        if emotiw is not None:
            raise ValueError(
                "`emotiw` needs the variant 'FER32+EmotiW'. Received: variant=None. Pass the "
                "variant, or leave `emotiw` out."
            )
        if split is None:
            return USAGES, False
        return SPLITS[_checks.one_of("split", str(split).lower(), SPLITS)], False
    parts = VARIANTS[_checks.one_of("variant", variant, VARIANTS)]
    usages = parts[_checks.one_of("split", split, parts)]
    with_emotiw = variant == "FER32+EmotiW"
    if with_emotiw and emotiw is None:
        raise ValueError(
            "The variant 'FER32+EmotiW' needs SFEW. Received: emotiw=None. Pass its folder."
        )
    return usages, with_emotiw


def _images(report, unpack_to):
    """Returns a dict from usage to clips."""
    packed = _archives.is_tar(report.root)
    root = _archives.unpack_tar(report.root, unpack_to) if packed else report.root
    if root.is_dir() and not _holds_database(root):
        root = _reading.only_folder(root)  # unpacking may add an outer folder
    table = root if root.is_file() else _csv_in(root)
    if table is None:
        return _from_folders(report, root)
    rows = _read_csv(table)
    if packed:
        folder = _unpacked_beside(table, rows)
    else:
        folder = _archives.unpack(
            table, lambda to: _archives.write_images(_decoded(rows, table), to), unpack_to
        )
    return _from_csv(rows, folder)


def _holds_database(folder):
    return _csv_in(folder) is not None or any(_reading.find_folder(folder, p) for p in PARTS)


def _csv_in(folder):
    paths = [folder / name for name in ("fer2013.csv", "icml_face_data.csv")]
    return next((path for path in paths if path.is_file()), None)


def _unpacked_beside(table, rows):
    """Returns the folder of the images of a csv that comes from an archive itself."""
    folder = table.with_name(f"{table.stem}-images")
    if not folder.is_dir():
        with _files.atomic_folder(folder) as temporary:
            _archives.write_images(_decoded(rows, table), temporary)
    return folder


def _read_csv(path):
    """Returns the table of a csv as text; its index plus 2 is the number of the line."""
    table = _raw_table(path)
    table.columns = [str(name).strip() for name in table.columns]
    missing = {"emotion", "pixels", "Usage"} - set(table.columns)
    if missing:
        raise ValueError(
            f"FER-2013's csv has the columns emotion, pixels and Usage. Received: {path} without "
            f"{sorted(missing)}. Copy or download it again."
        )
    table = table[["emotion", "pixels", "Usage"]].apply(lambda column: column.str.strip())
    numbers = {str(i) for i in range(len(CLASSES))}
    _refuse_row(~table["emotion"].isin(numbers), "an emotion from 0 to 6", table["emotion"], path)
    _refuse_row(~table["Usage"].isin(USAGES), f"a usage of {USAGES}", table["Usage"], path)
    return table


def _raw_table(path):
    _reading.read_utf8(_checks.existing_file("root", path))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)  # a row with more fields
            return pd.read_csv(
                path,
                skipinitialspace=True,
                dtype=str,
                encoding="utf-8-sig",
                index_col=False,
                skip_blank_lines=False,
            ).dropna(how="all")
    except (pd.errors.ParserError, pd.errors.ParserWarning, ValueError) as error:
        raise ValueError(
            "FER-2013's csv has the columns emotion, pixels and Usage. Received: "
            f"{path} ({str(error).strip()}). Copy or download it again."
        ) from error


def _refuse_row(bad, rule, values, path):
    if bad.any():
        first = bad.idxmax()
        raise ValueError(
            f"A row of FER-2013's csv must have {rule}. Received: {values[first]!r} in line "
            f"{first + 2} of {path} ({int(bad.sum())} such rows). Copy or download it again."
        )


def _decoded(rows, path):
    """Yields the images of a csv, with a progress bar."""
    import tqdm

    pixels = rows["pixels"].items()
    for row, text in tqdm.tqdm(pixels, "unpacking images", len(rows), disable=None):
        yield _image(text, f"line {row + 2} of {path}")


def _image(text, place):
    """Returns the uint8 image `[48, 48]` of one row; `place` names the row in messages."""
    fields = str(text).split()
    try:
        values = np.array(fields, np.int64)
        if len(values) != SIDE * SIDE or values.min() < 0 or values.max() > 255:
            raise ValueError
    except (ValueError, OverflowError):
        raise ValueError(
            f"A row of FER-2013's csv must have {SIDE * SIDE} integers from 0 to 255 as its "
            f"pixels. Received: {len(fields)} fields, {str(text)[:30]!r} …, in {place}. Copy or "
            "download it again."
        ) from None
    return values.astype(np.uint8).reshape(SIDE, SIDE)


def _from_csv(rows, folder):
    images = {usage: [] for usage in USAGES}
    for row, emotion, usage in rows[["emotion", "Usage"]].itertuples():
        path = str(_archives.image_path(folder, row))
        images[usage].append(_clip(f"{usage}_{row:05d}", path, CLASSES[int(emotion)]))
    return images


def _from_folders(report, root):
    parts = {name: _reading.find_folder(root, name) for name in PARTS}
    if not any(parts.values()):
        raise FileNotFoundError(report.expected("which has none of them"))
    images = {}
    for part, folder in parts.items():
        if folder is None:
            continue
        files = _reading.files_by_expression(folder, _reading.IMAGE_ENDINGS, report)
        for name, file in files:
            prefix = re.match("(Training|PublicTest|PrivateTest)_", file.name)
            usage = prefix[1] if prefix else {"train": "Training"}.get(part)
            if usage is None:
                report.note("images of test/ without PublicTest_ or PrivateTest_", file.name)
                continue
            key = f"{usage}/{name}/{Path(file.name).stem}"
            images.setdefault(usage, []).append(_clip(key, str(file), name))
    for other in _reading.folders(root):
        if other.name.lower() not in PARTS:
            report.note("folders ignored beside train/ and test/", other.name)
    return images


def _clip(key, path, expression):
    return Clip(key, [path], expression=[EXPRESSIONS.index(expression)])


def _compare_with_published(report, counts):
    for usage, count in counts.items():
        if count != PUBLISHED[usage]:
            report.note(
                "parts with another number of images than published (augmented, other split, cut)",
                f"{usage} {count:,}, not {PUBLISHED[usage]:,}",
            )

"""FER-2013 (Goodfellow et al., 2013): 48 x 48 grey faces with one of seven expressions.

It is read from `fer2013.csv` (`emotion,pixels,Usage`), from `icml_face_data.csv` (other order of
the columns, names with leading spaces), from folders (`train/angry/Training_1.jpg`,
`test/angry/PublicTest_1.jpg`), or from a tar archive of either. The csv numbers the classes in
an order of its own, alphabetical folders give another one; here all are `EXPRESSIONS`.
"""

import re
from pathlib import Path

import numpy as np
import pandas as pd

from kollias_affect import EXPRESSIONS, _checks
from kollias_affect.clip import Clip
from kollias_affect.datasets import archives, reading
from kollias_affect.datasets.report import Report

SIDE = 48
USAGES = ("Training", "PublicTest", "PrivateTest")
# The published numbers of images; copies that were augmented or split anew have others.
PUBLISHED = {"Training": 28709, "PublicTest": 3589, "PrivateTest": 3589}
# The csv's numbers, in order.
CLASSES = ("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral")
SPLITS = {
    "training": ("Training",),
    "publictest": ("PublicTest",),
    "privatetest": ("PrivateTest",),
    "train": ("Training",),
    "validation": ("PublicTest",),
    "test": ("PublicTest", "PrivateTest"),  # as the folder of that name
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


def load(root, split=None, variant=None, emotiw=None, unpack_to=None):
    """Reads FER-2013; every image is a clip of one frame and a subject of its own.

    Args:
        root: csv, folder or tar archive. The images of a csv or an archive are unpacked once.
        split: `"Training"`, `"PublicTest"`, `"PrivateTest"`; `"train"` and `"validation"` for the
            first two, `"test"` for both tests as the folders have them; or `None` for all.
        variant: of paper D: `"FER28"` (Training; PublicTest), `"FER32"` (Training and PublicTest;
            PrivateTest) or `"FER32+EmotiW"` (FER32 and SFEW's training part; SFEW's validation
            part). Needs a split `"train"` or `"validation"`.
        emotiw: root of SFEW (see `sfew`), for that last variant.
        unpack_to: folder for unpacked images. Default: in the package's cache folder.

    Returns:
        list of `Clip` with `expression`.

    Raises:
        FileNotFoundError, ValueError: if the files are missing or malformed, an argument unknown.
    """
    usages, with_emotiw = _usages(split, variant, emotiw)
    report = Report("fer2013", root, split, LAYOUT)
    clips = []
    if usages:
        images = _images(report, unpack_to)
        clips = [clip for usage in usages for clip in images.get(usage, [])]
        _compare_with_published(report, {usage: len(images.get(usage, [])) for usage in usages})
    if with_emotiw:
        from kollias_affect.datasets import sfew

        added = sfew.load(emotiw, split)
        report.note("clips of SFEW added (FER32+EmotiW)", emotiw, len(added))
        clips += added
    return report.finish(clips)


def _usages(split, variant, emotiw):
    if variant is None:
        if emotiw is not None:
            raise ValueError(
                "`emotiw` belongs to the variant 'FER32+EmotiW'. Received: variant=None. Name it."
            )
        if split is None:
            return USAGES, False
        return SPLITS[_checks.one_of("split", str(split).lower(), SPLITS)], False
    parts = VARIANTS[_checks.one_of("variant", variant, VARIANTS)]
    usages = parts[_checks.one_of("split", split, parts)]
    with_emotiw = variant == "FER32+EmotiW"
    if with_emotiw and emotiw is None:
        raise ValueError(
            "The variant 'FER32+EmotiW' needs SFEW. Received: emotiw=None. Say where it lies."
        )
    return usages, with_emotiw


def _images(report, unpack_to):
    """Dict from usage to clips."""
    root = report.root
    if root.is_file() and archives.is_tar(root):
        root = archives.unpacked(root, lambda to: archives.extract_tar(root, to), unpack_to)
        root = reading.only_folder(root)
    table = root if root.is_file() else _csv_in(root)
    if table is not None:
        rows = _read_csv(table)
        folder = archives.unpacked(table, lambda to: _write_images(rows, to), unpack_to)
        return _from_csv(rows, folder)
    return _from_folders(report, root)


def _csv_in(folder):
    return next(
        (folder / n for n in ("fer2013.csv", "icml_face_data.csv") if (folder / n).is_file()), None
    )


def _read_csv(path):
    reading.refuse_other_encodings(path)
    try:
        table = pd.read_csv(path, skipinitialspace=True, dtype=str, encoding="utf-8-sig")
    except (pd.errors.ParserError, ValueError) as error:
        raise ValueError(
            "FER-2013's csv has the columns emotion, pixels and Usage. Received: "
            f"{path} ({str(error).strip()}). Copy or download it again."
        ) from error
    table.columns = [str(name).strip() for name in table.columns]
    missing = {"emotion", "pixels", "Usage"} - set(table.columns)
    if missing:
        raise ValueError(
            f"FER-2013's csv has the columns emotion, pixels and Usage. Received: {path} without "
            f"{sorted(missing)}. Copy or download it again."
        )
    table = table[["emotion", "pixels", "Usage"]].apply(lambda column: column.str.strip())
    known = {str(i) for i in range(len(CLASSES))}
    _refuse_row(~table["emotion"].isin(known), "an emotion from 0 to 6", table["emotion"], path)
    _refuse_row(~table["Usage"].isin(USAGES), f"a usage of {USAGES}", table["Usage"], path)
    pixels = table["pixels"].fillna("")
    shape = pixels.str.fullmatch(r"\d{1,3}( +\d{1,3})*") & (
        pixels.str.count(r" +") == SIDE * SIDE - 1
    )
    _refuse_row(~shape, f"{SIDE * SIDE} whole numbers", pixels.str.slice(0, 30), path)
    return table


def _refuse_row(bad, rule, values, path):
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise ValueError(
            f"A row of FER-2013's csv must have {rule}. Received: {values.iloc[row]!r} in line "
            f"{row + 2} of {path} ({int(bad.sum())} such rows). Copy or download it again."
        )


def _write_images(rows, folder):
    import cv2
    import tqdm

    for row, text in enumerate(tqdm.tqdm(rows["pixels"], "unpacking images", disable=None)):
        values = np.array(text.split(), np.int64)
        if values.max() > 255:
            raise ValueError(
                f"A pixel must be a number from 0 to 255. Received: {values.max()} in line "
                f"{row + 2} of the csv. Copy or download it again."
            )
        image = values.astype(np.uint8).reshape(SIDE, SIDE)
        (folder / f"{row:05d}.png").write_bytes(cv2.imencode(".png", image)[1].tobytes())


def _from_csv(rows, folder):
    images = {usage: [] for usage in USAGES}
    for row, (emotion, usage) in enumerate(zip(rows["emotion"], rows["Usage"], strict=True)):
        path = str(folder / f"{row:05d}.png")
        images[usage].append(_clip(f"{usage}_{row:05d}", path, CLASSES[int(emotion)]))
    return images


def _from_folders(report, root):
    parts = {name: reading.find_folder(root, name) for name in ("train", "test")}
    if not any(parts.values()):
        raise FileNotFoundError(report.expected("which has none of them"))
    images = {}
    for part, folder in parts.items():
        for emotion in reading.folders(folder) if folder else ():
            name = reading.expression_of(emotion.name)
            if name is None:
                raise ValueError(
                    f"A folder of FER-2013 bears the name of one of its expressions. Received: "
                    f"{emotion}. Move it away."
                )
            for file in reading.files(emotion, reading.IMAGE_ENDINGS, report):
                prefix = re.match("(Training|PublicTest|PrivateTest)_", file.name)
                usage = prefix[1] if prefix else {"train": "Training"}.get(part)
                if usage is None:
                    report.note("images of test/ without PublicTest_ or PrivateTest_", file.name)
                    continue
                key = f"{usage}/{name}/{Path(file.name).stem}"
                images.setdefault(usage, []).append(_clip(key, str(file), name))
    return images


def _clip(key, path, expression):
    return Clip(key, [path], expression=[EXPRESSIONS.index(expression)])


def _compare_with_published(report, counts):
    for usage, count in counts.items():
        if count != PUBLISHED[usage]:
            report.note(f"images of {usage}, not {PUBLISHED[usage]:,} as published", usage, count)

"""OMG-Emotion (Barros et al., 2018): utterances of YouTube videos, one label per utterance.

Layout: `omg_TrainVideos.csv`, `omg_ValidationVideos.csv` and `omg_TestVideos_WithLabels.csv`, and
folders with `<video>/utterance_N.mp4`.

Labels: valence in [-1, 1], arousal in [0, 1] and one expression per utterance. The expression is
the majority of the annotators' votes, and some utterances have none. An utterance without crops or
a readable video keeps its label, on one frame without an image.

Faces: detected by the package in the videos.

Subjects: the YouTube video that the link names, because the database does not name the speakers.
Several video ids may come from one YouTube video, and a split by subject keeps them on one side. A
speaker of two YouTube videos may be on both.

References: paper B §3.
"""

import csv
import dataclasses
import logging
import re
import urllib.parse
from pathlib import Path

import numpy as np

from kollias_affect import _checks
from kollias_affect.clip import Clip
from kollias_affect.datasets import _reading
from kollias_affect.datasets._report import LoadReport, PartNotFoundError
from kollias_affect.faces import database_crops
from kollias_affect.tasks import DIMENSIONS, EXPRESSIONS

_log = logging.getLogger(__name__)

TABLES = {
    "train": ("omg_TrainVideos.csv",),
    "validation": ("omg_ValidationVideos.csv",),
    "test": ("omg_TestVideos_WithLabels.csv", "omg_TestVideos_WithoutLabels.csv"),
}
OFFICIAL_PARTS = {"training": "train", "validation": "validation", "test": "test"}
COLUMNS = ("link", "start", "end", "video", "utterance")
LABELS = ("arousal", "valence", "EmotionMaxVote")
# The numbers of EmotionMaxVote, in order.
CLASSES = ("anger", "disgust", "fear", "happiness", "neutral", "sadness", "surprise")
# Paper B §3.
PUBLISHED = {"train": 2442, "validation": 617, "test": 2229}
NO_VIDEOS = ("youtube_videos_temp", "detailedannotation")
LAYOUT = (
    "omg_TrainVideos.csv, omg_ValidationVideos.csv and omg_TestVideos_WithLabels.csv, and folders "
    "with <video>/utterance_N.mp4 (without them, labels alone)"
)


def load(root, split=None, videos=None, crops=None, labels_only=False, **options):
    """Reads OMG-Emotion; every utterance is one clip, whose frames all have its label.

    Args:
        root: Folder of the csv files, one of these files, or a folder up to two levels above.
        split: `"train"`, `"validation"`, `"test"`, another name of these (see
            `_reading.canonical_split`), or `None` for all utterances with labels. If only
            `omg_TestVideos_WithoutLabels.csv` exists, clips of `"test"` have no labels.
        videos: Folder with `<video>/utterance_N.mp4`. Default: `root` and all folders in it, up to
            three levels deep, that hold such videos.
        crops: Folder of faces that `faces.extract` has made, or makes now, from the videos.
            Default: a folder in the package's cache.
        labels_only: Whether to read labels only, without looking for videos and crops. Every clip
            then has one frame without an image.
        **options: Options of `faces.extract` for faces that are extracted now.

    Returns:
        `Clips` with `valence_arousal` and `expression`, sorted by key. `expression` is `None` for
        utterances without a majority vote.

    Raises:
        FileNotFoundError: If `root` does not hold the database.
        ValueError: If a file is malformed, or an argument unknown.
    """
    split = _reading.canonical_split(split, tuple(TABLES))
    report = LoadReport("omg", root, split, LAYOUT)
    utterances = _utterances(report, split)
    if labels_only:
        clips = [utterance.without_images(key) for key, utterance in utterances.items()]
        return report.finish(clips, _video)
    return report.finish(_with_frames(report, utterances, videos, crops, options), _video)


def has_labels(root, split):
    """Whether the table of a part has labels: that of the test part exists with and without."""
    files = _csv_files(LoadReport("omg", root, split, LAYOUT))
    return TABLES[split][0].lower() in files


def utterance_keys(root, split):
    """Lists the utterances of a part, with or without a video, in the order of its official table.

    Args:
        root, split: See `load`.

    Returns:
        List of keys, `<video>/utterance_N`.

    Raises:
        FileNotFoundError, ValueError: See `load`.
    """
    split = _reading.canonical_split(split, tuple(TABLES))
    return list(_utterances(LoadReport("omg", root, split, LAYOUT), split))


def read_predictions(path, clips):
    """Reads predictions in the challenge's format, in the order of `clips`.

    Args:
        path: Csv with a header and the columns `video`, `utterance`, `arousal` and `valence`, one
            row per utterance in any order.
        clips: List of `Clip`, or of their keys, `<video>/utterance_N`.

    Returns:
        float32 `[clips, 2]`, valence then arousal.

    Raises:
        ValueError: If an utterance is missing, not among the clips or duplicated, or if a row is
            malformed.
    """
    keys = [clip if isinstance(clip, str) else clip.key for clip in clips]
    rows, duplicates = {}, []
    for line, row in _rows(path, ("video", "utterance", *DIMENSIONS)):
        key = _key(row, path, line)
        if key in rows:
            duplicates.append(key)
        rows[key] = [_number(row, name, -np.inf, path, line) for name in DIMENSIONS]
    problems = {
        "missing": sorted(set(keys) - rows.keys()),
        "not among the clips": sorted(rows.keys() - set(keys)),
        "duplicated": duplicates,
    }
    problems = [
        f"{len(names)} {problem} {names[:5]}" for problem, names in problems.items() if names
    ]
    if problems:
        raise ValueError(
            f"Predictions must have one row for each of the {len(keys)} utterances. Received: "
            f"{', '.join(problems)} in {path}. Predict the same utterances."
        )
    return np.array([rows[key] for key in keys], np.float32).reshape(-1, 2)


def read_annotators(root, split, video, utterance):
    """Reads the ratings of each annotator of an utterance, from `DetailedAnnotation/<split>/`.

    Args:
        root: Folder that holds `DetailedAnnotation`.
        split: Name of a folder in it, such as `"train"`.
        video: Name of the video, such as `"5b44393ed"`.
        utterance: Name of the utterance, such as `"utterance_4"`.

    Returns:
        Dict from the annotator's number to float64 `[rows, 2]`, valence then arousal, on the raw
        scale of the files, 0 to 100. How they were mapped to the labels is not documented.

    Raises:
        FileNotFoundError: If the utterance has no such folder.
        ValueError: If a file is malformed.
    """
    folder = _reading.find_folder(root, "DetailedAnnotation")
    name = f"{split}/{video}/{_stem(utterance)}.mp4"
    folder = folder and _checks.inside(folder, name)
    if folder is None or not folder.is_dir():
        raise FileNotFoundError(
            f"Annotators are read from DetailedAnnotation/{name}/K.txt. Received: {root}, which "
            "has no such folder. Check the names, or copy that folder from the challenge."
        )
    for nested in _reading.folders(folder):
        _log.warning("Ignored the folder %s, which belongs to another utterance.", nested)
    files = [file for file in _reading.files(folder, (".txt",)) if _is_numbered(file)]
    return {int(file.stem): _ratings(file) for file in files}


def _is_numbered(file):
    if not file.stem.isdecimal():
        _log.warning("Ignored %s, whose name is not the number of an annotator.", file)
    return file.stem.isdecimal()


def _ratings(path):
    values = [
        [_number(row, name, -np.inf, path, line) for name in DIMENSIONS]
        for line, row in _rows(path, ("arousal", "valence", "emotion"))
    ]
    return np.array(values).reshape(-1, 2)


@dataclasses.dataclass(frozen=True)
class _Utterance:
    """A row of a table; `place` names its file and line in messages."""

    file: str
    subject: str
    valence_arousal: tuple | None
    expression: int | None
    place: str = dataclasses.field(compare=False)

    def label(self, clip):
        """Returns `clip` with this label on each frame."""
        labels = {"valence_arousal": self.valence_arousal, "expression": self.expression}
        labels = {n: None if label is None else [label] * len(clip) for n, label in labels.items()}
        return dataclasses.replace(clip, subject=self.subject, names_person=False, **labels)

    def without_images(self, key):
        """Returns a clip of one frame without an image that has this label."""
        return self.label(Clip(key, [""]))


def _video(clip):
    """Returns the name of the video that a clip is a part of."""
    return clip.key.split("/")[0]


def _utterances(report, split):
    """Returns a dict from `<video>/<utterance>` to `_Utterance`."""
    utterances = {}
    for part, path in _tables(report, split).items():
        earlier = len(utterances)
        for key, utterance in _read(report, path):
            before = utterances.setdefault(key, utterance)
            if before is not utterance:
                _refuse_other_label(key, before, utterance)
                report.note("rows that repeat an utterance", utterance.place)
        count = len(utterances) - earlier
        if count != PUBLISHED[part]:
            report.note(f"utterances of {part}, not {PUBLISHED[part]:,} as published", part, count)
    _note_shared_links(report, utterances)
    return utterances


def _tables(report, split):
    """Returns a dict from split to its csv."""
    files = _csv_files(report)
    tables = {}
    for part in TABLES if split is None else (split,):
        names = TABLES[part] if split else TABLES[part][:1]
        path = next((files[n.lower()] for n in names if n.lower() in files), None)
        if path is None:
            report.note("tables that are absent", names[0])
        else:
            tables[part] = path
    if not tables:
        raise PartNotFoundError(report.expected("which has none of these tables for that split"))
    return tables


def _csv_files(report):
    """Returns a dict from a name in lower case to the table of that name nearest to the root."""
    if report.root.is_file():
        return {report.root.name.lower(): report.root}
    known = {name.lower() for names in TABLES.values() for name in names}
    files = {}
    for folder in _reading.walk_folders(report.root, 2, skip=NO_VIDEOS):
        for file in _reading.files(folder, (".csv",)):
            name = file.name.lower()
            if name in known and files.setdefault(name, file) is not file:
                report.note("second tables of a name, not read", file.relative_to(report.root))
    return files


def _rows(path, columns):
    """Yields `(line number, dict of the fields)` of a csv with a header that names `columns`."""
    content = _reading.read_lines(path)
    while content and not content[-1].strip():
        content = content[:-1]
    reader = csv.reader(content)
    header = [name.strip() for name in next(reader, [])]
    missing = [name for name in columns if name not in header]
    if missing:
        raise ValueError(
            f"The header of {path} must name the columns {columns}. Received: {header[:10]}, "
            f"without {missing}. {_reading.separator_hint(','.join(header))}Copy the file again, "
            "or add the header."
        )
    for fields in reader:
        if len(fields) != len(header):
            raise ValueError(
                f"A row must have {len(header)} fields, {','.join(header)}. Received: {fields} in "
                f"line {reader.line_num} of {path}. Fix that line, or copy the file again."
            )
        yield reader.line_num, dict(zip(header, (f.strip() for f in fields), strict=True))


def _read(report, path):
    """Yields `(key, _Utterance)` of each row of a table."""
    for line, row in _rows(path, COLUMNS):
        place = f"line {line} of {path}"
        if not row["video"] or not row["utterance"]:
            report.note("rows without video or utterance", place)
            continue
        key = _key(row, path, line)
        valence_arousal, expression = _label(row, path, line)
        if valence_arousal is None:
            report.note("utterances without labels", key)
        elif expression is None:
            report.note("utterances without a majority vote, so without expression", key)
        subject = _youtube(row["link"]) or row["video"]
        file = f"{row['video']}/{row['utterance']}"
        yield key, _Utterance(file, subject, valence_arousal, expression, place)


def _key(row, path, line):
    names = (row["video"], row["utterance"])
    # Names that come from a file must not lead out of the folder of videos.
    plain = Path(*names).parts == names and ".." not in names
    if not plain or not _stem(names[1]):
        raise ValueError(
            "The video and the utterance of a row must be names of a folder and of a file in it. "
            f"Received: {names} in line {line} of {path}. Fix that line, or copy the file again."
        )
    return f"{names[0]}/{_stem(names[1])}"


def _stem(utterance):
    return utterance[:-4] if utterance.lower().endswith(".mp4") else utterance


def _label(row, path, line):
    """Returns `((valence, arousal), expression)`, each `None` if it is missing."""
    columns = [name for name in LABELS if name in row]
    if not columns:
        return None, None
    if len(columns) < len(LABELS):
        raise ValueError(
            f"A table must have all of the columns {LABELS}, or none. Received: {path} with "
            f"{columns}. Copy the file again."
        )
    valence = _number(row, "valence", -1, path, line)
    arousal = _number(row, "arousal", 0, path, line)
    vote = row["EmotionMaxVote"]
    # Spreadsheets and pandas write 4 as 4.0 once a row has no vote.
    number = re.fullmatch(r"([0-6])(\.0*)?", vote)
    if vote and not number:
        raise ValueError(
            f"EmotionMaxVote must be a number from 0 to 6. Received: {vote!r} in line {line} of "
            f"{path}. Fix that line, or copy the file again."
        )
    return (valence, arousal), EXPRESSIONS.index(CLASSES[int(number[1])]) if vote else None


def _number(row, name, least, path, line):
    """Returns the finite number in a column; with a finite `least` it must be at most 1."""
    try:
        value = float(row[name])
    except ValueError:
        value = np.nan
    most = 1 if np.isfinite(least) else np.inf
    if not (np.isfinite(value) and least <= value <= most):
        raise ValueError(
            f"{name} must be a number in [{least}, {most}]. Received: {row[name]!r} in line {line} "
            f"of {path}. Fix that line, or copy the file again."
        )
    return value


def _refuse_other_label(key, before, after):
    if before != after:
        raise ValueError(
            f"An utterance must have one link and one label. Received: {key} with two, in "
            f"{before.place} and in {after.place}. Fix one of the lines."
        )


def _youtube(link):
    """Returns the id of a YouTube video in a link, or the link itself without an id."""
    parts = urllib.parse.urlparse(link)
    return urllib.parse.parse_qs(parts.query).get("v", [link])[0]


def _note_shared_links(report, utterances):
    """Notes the YouTube videos that several video ids come from."""
    videos = {}
    for key, utterance in utterances.items():
        videos.setdefault(utterance.subject, set()).add(key.split("/")[0])
    for names in videos.values():
        if len(names) > 1:
            ids = ", ".join(sorted(names))
            report.note("video ids that share a link, read as one subject", ids, len(names))


def _with_frames(report, utterances, videos, folder, options):
    """Returns the clips of the people in each utterance."""
    folders = _video_folders(report.root, videos, utterances)
    files = {key: _file(report, folders, key, u.file) for key, u in utterances.items()}
    report.sources = {key: file for key, file in files.items() if file}
    people = database_crops.of_videos(
        files, report.dataset, report.root, report.note, folder, **options
    )
    clips = []
    for key, utterance in utterances.items():
        if key in people:
            clips += [utterance.label(clip) for clip in people[key]]
        elif utterance.valence_arousal is None:
            report.note("utterances without labels and without a video that can be read", key)
        else:
            report.note("utterances without a video that can be read, labels alone", key)
            clips.append(utterance.without_images(key))
    return clips


def _video_folders(root, videos, utterances):
    """Returns the folders that hold folders named after videos, in the order of the search."""
    if videos is not None:
        if not Path(videos).is_dir():
            raise FileNotFoundError(
                f"`videos` must be a folder with <video>/utterance_N.mp4. Received: {videos}. "
                "Check the path."
            )
        return [Path(videos)]
    names = {key.split("/")[0] for key in utterances}
    root = root.parent if root.is_file() else root
    candidates = _reading.walk_folders(root, 3, skip=NO_VIDEOS)
    return [c for c in candidates if any(f.name in names for f in _reading.folders(c))]


def _file(report, folders, key, name):
    files = [path for path in (folder / name for folder in folders) if path.is_file()]
    if len(files) > 1:
        report.note("utterances with several video files, of which the first is read", key)
    return files[0] if files else None

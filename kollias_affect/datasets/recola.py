"""RECOLA (Ringeval et al., 2013): French dialogues rated in time for valence and arousal.

Three forms of the ratings are read. `gold_standard`: the arff files of the AVEC challenges 2015
to 2018. `raters`: the traces of the six raters. `centred`: their centred mean, as a csv. All have
a value every 0.04 s, from 0 to 300 s. Only the challenges have a split; which participant
`train_1` is was never said, so a recording's subject is its own name.
"""

import dataclasses
import re
from pathlib import Path

import numpy as np

from kollias_affect import _checks, _files, annotations
from kollias_affect.clip import Clip
from kollias_affect.datasets import _reading
from kollias_affect.datasets._report import LoadReport
from kollias_affect.faces import database_crops

DIMENSIONS = ("valence", "arousal")
RATERS = ("FM1", "FM2", "FM3", "FF1", "FF2", "FF3")
STEP = 0.04  # seconds between two ratings
BOUND = 1.5 * STEP  # how far a frame may be from the rating that labels it
# What holds arousal/ and valence/ in each form.
FOLDERS = {
    "gold_standard": (("ratings_gold_standard",), ("labels", "gs_1")),
    "raters": (
        ("RECOLA-Annotation", "emotional_behaviour"),
        ("emotional_behaviour",),
        ("ratings_individual",),
        ("labels", "individual"),
    ),
    "centred": (("Ratings_affective_behaviour_CCC_centred",),),
}
ENDINGS = {"gold_standard": (".arff",), "raters": (".csv",), "centred": (".csv",)}
VIDEOS = ("Video_recordings_MP4", "recordings_video")
SPLITS = {"train": "train", "dev": "dev", "validation": "dev"}
ATTRIBUTES = ("Instance_name", "frameTime", "GoldStandard")
LAYOUT = (
    "ratings_gold_standard/{arousal,valence}/train_1.arff (or labels/gs_1/…), "
    "RECOLA-Annotation/emotional_behaviour/{arousal,valence}/P16.csv, or "
    "Ratings_affective_behaviour_CCC_centred/{arousal,valence}/P16.csv"
)


def load(
    root,
    split=None,
    ratings="auto",
    rater="mean",
    videos=None,
    crops=None,
    labels_only=False,
    **options,
):
    """Reads RECOLA; a recording is a clip.

    Where there are crops or a video of a recording, its clip has their frames, and each frame
    the rating nearest in time; frames further than 0.06 s from any rating are invalid and
    counted. Else the clip has a frame without an image per rating.

    Args:
        root: folder of the database, one inside it that leads to the ratings, or a folder up to
            two levels above.
        split: `"train"`, `"dev"` (also called `"validation"` or `"val"`), or `None` for all. The
            forms whose files are named after participants (`P16.csv`) have no split.
        ratings: `"gold_standard"`, `"raters"`, `"centred"`, or `"auto"` for the first of these
            that is there.
        rater: for `ratings="raters"`, `"mean"` of the six or the name of one of `RATERS`
            (paper C table 11 compares training on one annotator and on a mean).
        videos: folder of the videos, `train_1.mp4` or `P16.mp4`. Default: one of `VIDEOS`.
        crops: folder of extracted faces; see `database_crops.of_videos`, which extracts missing ones.
        labels_only: look for no frames.
        **options: of `faces.extract`.

    Returns:
        list of `Clip` with `valence_arousal` in [-1, 1] and times in seconds.

    Raises:
        FileNotFoundError, ValueError: if the files are missing or malformed, an argument unknown.
    """
    split = _checked_split(split)
    _checks.one_of("rater", rater, ("mean", *RATERS))
    report = LoadReport("recola", root, split, LAYOUT)
    kind, folder = _folder(report, _checks.one_of("ratings", ratings, ("auto", *FOLDERS)))
    if rater != "mean" and kind != "raters":
        raise ValueError(
            f"A single rater belongs to ratings='raters'. Received: rater={rater!r} with the "
            f"ratings {kind!r} of {folder}. Name those ratings, or leave `rater` out."
        )
    read = {
        "gold_standard": _read_arff,
        "raters": lambda path: _read_raters(path, rater),
        "centred": _read_centred,
    }[kind]
    pairs = _pairs(report, folder, ENDINGS[kind], split)
    traces = {name: _trace(pair, read) for name, pair in pairs.items()}
    people = {} if labels_only else _people(report, traces, videos, crops, options)
    video_of, clips = {}, []
    for name, trace in traces.items():
        shown = [_labelled(report, clip, name, trace) for clip in people.get(name, ())]
        if not shown:
            shown = [_without_images(name, trace)]
            if not labels_only:
                report.note("recordings without a video or crops, labels alone", name)
        video_of.update((clip.key, name) for clip in shown)
        clips += shown
    return report.finish(clips, lambda clip: video_of[clip.key])


def write_gold_standard(path, name, dimension, times, values):
    """Writes a gold standard as the AVEC challenges have it, atomically.

    Args:
        path: arff file, `{arousal,valence}/<name>.arff`.
        name: of the recording, such as `train_1`; letters, digits, `_`, `-` and dots.
        dimension: `"valence"` or `"arousal"`.
        times: increasing seconds `[frames]`, written with up to 6 decimals.
        values: in [-1, 1], `[frames]`, written with 4 decimals.

    Raises:
        ValueError: if an argument breaks its rule.
    """
    _checks.one_of("dimension", dimension, DIMENSIONS)
    if not re.fullmatch(r"[\w.-]+", name):
        raise ValueError(
            "`name` must be one word, as it is a field of every row. Received: "
            f"name={name!r}. Use 'train_1', say."
        )
    times, values = np.round(np.asarray(times, float), 6), np.round(np.asarray(values, float), 4)
    if times.ndim != 1 or times.shape != values.shape:
        raise ValueError(
            f"Every time has one value. Received: {times.shape} times and {values.shape} values. "
            "Give two sequences of one length."
        )
    head = [f"@relation GOLDSTANDARD_{dimension.upper()}", ""]
    kinds = ("string", "numeric", "numeric")
    head += [f"@attribute {n} {kind}" for n, kind in zip(ATTRIBUTES, kinds, strict=True)]
    head += ["", "", "@data", ""]
    _check(path, times, values, first=len(head))
    rows = [
        f"{name},{np.format_float_positional(time, trim='-')},{value + 0.0:.4f}"
        for time, value in zip(times, values, strict=True)
    ]
    with _files.atomic(path) as temporary:
        temporary.write_bytes("".join(f"{line}\r\n" for line in head + rows).encode())


def _checked_split(split):
    """`"train"`, `"dev"` or `None`."""
    if str(split).lower() == "test":
        raise ValueError(
            "The labels of RECOLA's test part are not distributed. Received: split='test'. Use "
            f"one of {tuple(SPLITS)}."
        )
    part = _reading.canonical_split(split, tuple(SPLITS))
    return part and SPLITS[part]


def _folder(report, ratings):
    """`(form of the ratings, folder with arousal/ and valence/)`."""
    if not report.root.is_dir():
        raise FileNotFoundError(report.expected("which is no folder"))
    found = [
        (kind, folder)
        for kind, places in FOLDERS.items()
        for folder in (_walk(report.root, parts) for parts in places)
        if folder is not None
    ]
    wanted = [entry for entry in found if ratings in ("auto", entry[0])]
    if not wanted:
        what = "ratings" if ratings == "auto" else f"ratings of the form {ratings!r}"
        raise FileNotFoundError(report.expected(f"which has no {what}"))
    for kind, folder in dict.fromkeys(found):
        if (kind, folder) != wanted[0]:
            report.note("other ratings, which were not read", f"{kind} in {folder.name}")
    return wanted[0]


def _walk(root, parts):
    """The folder that `parts` lead to, from `root`, from inside of it or from above it."""
    names = [part.lower() for part in parts]
    for top in _reading.walk_folders(root, 2):
        # `root` may be one of the folders on the way.
        inside = names.index(top.name.lower()) + 1 if top.name.lower() in names else 0
        for start in (0, inside):
            folder = _down(top, parts[start:])
            if folder is not None and any(_reading.find_folder(folder, d) for d in DIMENSIONS):
                return folder
    return None


def _down(folder, parts):
    for part in parts:
        folder = folder and _reading.find_folder(folder, part)
    return folder


def _pairs(report, folder, endings, split):
    """Dict from the name of a recording to its `(valence file, arousal file)`."""
    files = {dimension: {} for dimension in DIMENSIONS}
    for dimension, named in files.items():
        inner = _reading.find_folder(folder, dimension)
        for file in _reading.files(inner, endings, report) if inner else ():
            if re.fullmatch(r"(train|dev)_\d+|P\d+", file.stem):
                named[file.stem] = file
            else:
                report.note("files whose name is no train_1, dev_1 or P16", file.name)
    valence, arousal = files.values()
    for name in sorted(valence.keys() ^ arousal.keys(), key=_reading.natural_key):
        report.note("recordings with valence or arousal alone", name)
    names = sorted(valence.keys() & arousal.keys(), key=_reading.natural_key)
    if split is not None and names and all(name.startswith("P") for name in names):
        raise ValueError(
            f"Only the AVEC form of RECOLA (train_1, dev_1) has a split. Received: split={split!r} "
            f"with recordings of participants ({names[0]}, …) in {folder}. Load all of them and "
            "split by person (`sampling.split`, `sampling.person_folds`)."
        )
    prefix = "" if split is None else f"{split}_"
    return {name: (valence[name], arousal[name]) for name in names if name.startswith(prefix)}


def _trace(pair, read):
    """`(times [ratings], values [ratings, 2])` of a recording."""
    (times, valence), (other, arousal) = (read(path) for path in pair)
    common = min(len(times), len(other))
    # Times are decimal numbers, so equal ones are equal as floats too.
    different = np.flatnonzero(times[:common] != other[:common])
    if len(different) or len(times) != len(other):
        row = int(different[0]) if len(different) else common
        seen = [f"{t[row]:g} s" if row < len(t) else "no such row" for t in (times, other)]
        raise ValueError(
            "Valence and arousal of a recording must have the same times. Received: in row "
            f"{row + 1} of the data, {seen[0]} in {pair[0]} and {seen[1]} in {pair[1]} "
            f"({len(times)} and {len(other)} rows). Copy both files again."
        )
    return times, np.stack([valence, arousal], axis=1)


def _read_arff(path):
    content = _reading.read_lines(path)
    names, first = _arff_header(content, path)
    while first < len(content) and not content[first].strip():
        first += 1
    rows = content[first:]
    while rows and (not rows[-1].strip() or rows[-1].startswith("%")):  # comments at the end
        rows = rows[:-1]
    rows = [_arff_row(row, names, path, line) for line, row in enumerate(rows, first + 1)]
    values = _reading.read_numbers(path, ATTRIBUTES[1:], first, content=content[:first] + rows)
    return _check(path, *values.T, first)


def _arff_header(content, path):
    """`(names of the attributes in lower case, index of the line after @data)`."""
    words = [line.strip().lower() for line in content]
    if "@data" not in words:
        raise ValueError(
            f"An arff file has a line @data before its rows. Received: {path} without, in "
            f"{len(content)} lines. Copy the file again."
        )
    first = words.index("@data") + 1
    found = (re.match(r"@attribute\s+(\S+)", line) for line in words[:first])
    names = [match[1].strip("'\"") for match in found if match]
    missing = [name for name in ATTRIBUTES if name.lower() not in names]
    if missing:
        raise ValueError(
            f"A gold standard has the attributes {ATTRIBUTES}. Received: {path} without {missing} "
            f"before its @data in line {first}. Copy the file again."
        )
    return names, first


def _arff_row(row, names, path, line):
    """Time and value of a row as text, after a look at the others."""
    fields = row.split(",")
    if len(fields) != len(names):
        raise ValueError(
            f"A row must have the {len(names)} fields {','.join(names)}. Received: {row[:60]!r} in "
            f"line {line} of {path}. Mend that line, or copy the file again."
        )
    instance, time, value = (fields[names.index(name.lower())].strip() for name in ATTRIBUTES)
    if instance.strip("'\"") != path.stem:
        raise ValueError(
            f"The rows of {path} bear its name, {path.stem}. Received: {instance!r} in line "
            f"{line}. Give the file its right name."
        )
    return f"{time},{value}"


def _read_raters(path, rater):
    content = _reading.read_lines(path)
    columns = [name.strip() for name in content[0].split(";")]
    if columns[0] != "time" or sorted(columns[1:]) != sorted(RATERS):
        raise ValueError(
            f"A file of raters has the columns {('time', *RATERS)}, separated by semicolons. "
            f"Received: {content[0][:80]!r} in line 1 of {path}. Copy the file again."
        )
    values = _reading.read_numbers(path, columns, skip=1, separator=";", content=content)
    _check(path, values[:, 0], values[:, 1:], first=1)
    traces = values[:, [columns.index(name) for name in RATERS]].T
    chosen = annotations.mean(traces) if rater == "mean" else traces[RATERS.index(rater)]
    return values[:, 0], chosen


def _read_centred(path):
    content = _reading.read_lines(path)
    fields = content[0].split(",")
    header = not re.fullmatch(r"\s*[-+.\deE]+\s*", fields[0])
    columns = ("time", "label", *fields[2:])
    values = _reading.read_numbers(path, columns, skip=int(header), content=content)
    return _check(path, *values.T[:2], first=int(header))


def _check(path, times, values, first):
    """Returns times and values; `first` is the number of lines before them."""
    if not len(times):
        raise ValueError(
            f"A file of ratings has at least one row. Received: {path} without. Copy it again."
        )
    increasing = (np.diff(times, prepend=-np.inf) > 0) & np.isfinite(times)
    in_range = (np.abs(values.reshape(len(values), -1)) <= 1).all(axis=1)  # False for NaN
    _reading.refuse_rows(~increasing, "Times of ratings increase", times, path, first)
    _reading.refuse_rows(~in_range, "Ratings must lie in [-1, 1]", values, path, first)
    return times, values


def _people(report, traces, videos, folder, options):
    """Dict from the name of a recording to the clips of the people in its video."""
    there = _videos(report, videos)
    for name in sorted(there.keys() - traces.keys(), key=_reading.natural_key):
        report.note("videos without ratings in this split", name)
    return database_crops.of_videos(
        report, {name: there.get(name) for name in traces}, folder, **options
    )


def _videos(report, videos):
    if videos is None:
        tops = _reading.walk_folders(report.root, 2)
        videos = next((v for v in (_reading.find_folder(t, *VIDEOS) for t in tops) if v), None)
    elif not Path(videos).is_dir():
        raise FileNotFoundError(
            f"`videos` must be a folder of videos. Received: {videos}. Check the path."
        )
    found = {}
    for file in _reading.files(videos, _reading.VIDEO_ENDINGS, report) if videos else ():
        if found.setdefault(file.stem, file) is not file:
            report.note("second videos of a recording, ignored", file.name)
    return found


def _labelled(report, clip, name, trace):
    times, values = trace
    near = _distances(clip.times, times) <= BOUND + 1e-9  # decimal seconds in binary, as `match`
    labels = np.full((len(clip), len(DIMENSIONS)), np.nan)
    if near.any():
        labels[near] = annotations.match(clip.times[near], times, values, BOUND)
    if not near.all():
        far = int((~near).sum())
        report.note(f"frames further than {BOUND:g} s from any rating, invalid", clip.key, far)
    return dataclasses.replace(clip, valence_arousal=labels, valid=clip.valid & near, subject=name)


def _distances(frames, times):
    """Seconds from each frame to the nearest of `times`, which increase."""
    edges = np.r_[-np.inf, times, np.inf]
    after = np.searchsorted(times, frames)
    return np.minimum(frames - edges[after], edges[after + 1] - frames)


def _without_images(name, trace):
    times, values = trace
    return Clip(name, [""] * len(times), times=times, valence_arousal=values)

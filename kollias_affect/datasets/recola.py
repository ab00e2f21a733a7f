"""RECOLA (Ringeval et al., 2013): French dialogues with continuous ratings of valence and arousal.

Layout: one of three forms of the ratings. `gold_standard`: the arff files of the AVEC challenges
2015 to 2018. `raters`: the traces of the six raters. `centred`: their centred mean, as a csv. Only
the challenges have a split. Videos are optional.

Labels: valence and arousal in [-1, 1], every 0.04 s from 0 to 300 s. A frame gets the rating that
is nearest in time; frames further than 0.06 s from any rating are not valid. A recording without a
video or crops has one frame without an image per rating.

Faces: detected by the package in the videos.

Subjects: every recording is of another participant. The challenges do not say which one `train_1`
is.

References: paper C §5.1.1.
"""

import dataclasses
import re
from pathlib import Path

import numpy as np

from kollias_affect import _checks, _files, annotations
from kollias_affect.clip import Clip
from kollias_affect.datasets import _reading, annotators
from kollias_affect.datasets._report import LoadReport, PartNotFoundError
from kollias_affect.faces import database_crops
from kollias_affect.tasks import DIMENSIONS

RATERS = ("FM1", "FM2", "FM3", "FF1", "FF2", "FF3")
BY_LANDMARKS = "landmarks"  # the option `rater` for the one who follows the landmarks most
STEP = 0.04  # seconds between two ratings
MAX_DISTANCE = 1.5 * STEP  # seconds between a frame and the rating that labels it
# Folders that hold arousal/ and valence/ in each form of the ratings.
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
# The labels of the test part are not distributed.
OFFICIAL_PARTS = {"training": "train", "validation": "dev"}
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
    """Reads RECOLA; every recording is one clip.

    Args:
        root: Folder of the database, a folder inside it on the way to the ratings, or a folder up
            to two levels above.
        split: `"train"`, `"dev"` (also `"validation"` or `"val"`), or `None` for all. Files that
            are named after participants (`P16.csv`) have no split.
        ratings: `"gold_standard"`, `"raters"`, `"centred"`, or `"auto"` for the first of these
            that exists.
        rater: For `ratings="raters"`, `"mean"` of the six raters, the name of one of `RATERS`, or
            `"landmarks"` for the rater whose traces correlate most with the landmarks of the clips
            that are read, see `annotators.most_correlated`. Paper C, table 11, compares training on
            this one annotator and on a mean.
        videos: Folder of the videos, `train_1.mp4` or `P16.mp4`. Default: one of `VIDEOS`.
        crops: Folder of faces that `faces.extract` has made, or makes now, from the videos.
            Default: a folder in the package's cache.
        labels_only: Whether to read ratings only, without looking for videos and crops.
        **options: Options of `faces.extract` for faces that are extracted now.

    Returns:
        `Clips` with `valence_arousal` and times in seconds, sorted by key.

    Raises:
        FileNotFoundError: If `root` does not hold the database, or its form has no split.
        ValueError: If a file is malformed, or an argument unknown.
    """
    split = _checked_split(split)
    _checks.one_of("rater", rater, ("mean", BY_LANDMARKS, *RATERS))
    if rater == BY_LANDMARKS and labels_only:
        raise ValueError(
            "The rater who follows the landmarks is found in the faces. Received: "
            f"rater={rater!r} with labels_only=True. Leave `labels_only` out, or name a rater."
        )
    report = LoadReport("recola", root, split, LAYOUT)
    kind, folder = _folder(report, _checks.one_of("ratings", ratings, ("auto", *FOLDERS)))
    if rater != "mean" and kind != "raters":
        raise ValueError(
            f"A single rater needs ratings='raters'. Received: rater={rater!r} with the ratings "
            f"{kind!r} in {folder}. Pass ratings='raters', or leave `rater` out."
        )
    read = {
        "gold_standard": _read_arff,
        "raters": lambda path: _read_raters(path, rater),
        "centred": _read_centred,
    }[kind]
    pairs = _pairs(report, folder, ENDINGS[kind], split)
    traces = {name: _trace(pair, read) for name, pair in pairs.items()}
    people_of = {} if labels_only else _people_of(report, traces, videos, crops, options)
    if rater == BY_LANDMARKS:
        traces = _choose_rater(report, traces, people_of)
    clips = []
    for name, trace in traces.items():
        people = people_of.get(name, ())
        clips += [_with_labels(report, clip, name, trace) for clip in people]
        if not people:
            clips.append(_without_images(name, trace))
            if not labels_only:
                report.note("recordings without a video or crops, labels alone", name)
    return report.finish(clips, lambda clip: clip.subject)


def write_gold_standard(path, name, dimension, times, values):
    """Writes a gold standard in the format of the AVEC challenges, atomically.

    Args:
        path: Arff file, `{arousal,valence}/<name>.arff`.
        name: Name of the recording, such as `train_1`: letters, digits, `_`, `-` and dots.
        dimension: `"valence"` or `"arousal"`.
        times: Increasing seconds `[frames]`, written with up to 6 decimals.
        values: Ratings in [-1, 1], `[frames]`, written with 4 decimals.

    Raises:
        ValueError: If an argument breaks its rule.
    """
    _checks.one_of("dimension", dimension, DIMENSIONS)
    if not re.fullmatch(r"[\w.-]+", name):
        raise ValueError(
            "`name` must be one word, as it is a field of every row. Received: "
            f"name={name!r}. Use a name such as 'train_1'."
        )
    times, values = np.round(np.asarray(times, float), 6), np.round(np.asarray(values, float), 4)
    if times.ndim != 1 or times.shape != values.shape:
        raise ValueError(
            f"Every time must have one value. Received: {times.shape} times and {values.shape} "
            "values. Pass two sequences of the same length."
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
    """Returns `"train"`, `"dev"` or `None`."""
    if str(split).lower() == "test":
        raise ValueError(
            "The labels of RECOLA's test part are not distributed. Received: split='test'. Use "
            f"one of {tuple(SPLITS)}."
        )
    part = _reading.canonical_split(split, tuple(SPLITS))
    return part and SPLITS[part]


def _folder(report, ratings):
    """Returns the form of the ratings and the folder with `arousal/` and `valence/`."""
    report.require_folder()
    candidates = [
        (kind, folder)
        for kind, places in FOLDERS.items()
        for folder in (_walk(report.root, parts) for parts in places)
        if folder is not None
    ]
    wanted = [(kind, folder) for kind, folder in candidates if ratings in ("auto", kind)]
    if not wanted:
        missing = "ratings" if ratings == "auto" else f"ratings of the form {ratings!r}"
        raise FileNotFoundError(report.expected(f"which has no {missing}"))
    for kind, folder in dict.fromkeys(candidates):
        if (kind, folder) != wanted[0]:
            report.note("other ratings, which were not read", f"{kind} in {folder.name}")
    return wanted[0]


def _walk(root, parts):
    """Returns the folder at the path `parts`, which starts at, above or below `root`, or `None`."""
    names = [part.lower() for part in parts]
    for top in _reading.walk_folders(root, 2):
        # `root` may be a folder in the middle of the path.
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
    """Returns a dict from the name of a recording to its `(valence file, arousal file)`."""
    valence, arousal = (_rating_files(report, folder, d, endings) for d in DIMENSIONS)
    for name in sorted(valence.keys() ^ arousal.keys(), key=_files.natural_key):
        report.note("recordings with valence or arousal alone", name)
    names = sorted(valence.keys() & arousal.keys(), key=_files.natural_key)
    if split is not None and names and all(name.startswith("P") for name in names):
        raise PartNotFoundError(
            f"Only the AVEC form of RECOLA (train_1, dev_1) has a split. Received: split={split!r} "
            f"with recordings of participants ({names[0]}, …) in {folder}. Load all of them, and "
            "split them by person with `sampling.split` or `sampling.person_folds`."
        )
    prefix = "" if split is None else f"{split}_"
    return {name: (valence[name], arousal[name]) for name in names if name.startswith(prefix)}


def _rating_files(report, folder, dimension, endings):
    """Returns a dict from the name of a recording to its file for one dimension."""
    inner = _reading.find_folder(folder, dimension)
    files = {}
    for file in _reading.files(inner, endings, report) if inner else ():
        if re.fullmatch(r"(train|dev)_\d+|P\d+", file.stem):
            files[file.stem] = file
        else:
            report.note("files whose name is not train_1, dev_1 or P16", file.name)
    return files


def _trace(pair, read):
    """Returns times `[ratings]` and values of a recording: `[ratings, 2]`, or `[ratings, 2, 6]`."""
    (times, valence), (arousal_times, arousal) = (read(path) for path in pair)
    _refuse_different_times(pair, times, arousal_times)
    return times, np.stack([valence, arousal], axis=1)


def _refuse_different_times(pair, times, others):
    common = min(len(times), len(others))
    # Equal decimal numbers in two files are equal floats.
    different = np.flatnonzero(times[:common] != others[:common])
    if len(different) or len(times) != len(others):
        row = int(different[0]) if len(different) else common
        values = [f"{t[row]:g} s" if row < len(t) else "no such row" for t in (times, others)]
        raise ValueError(
            "Valence and arousal of a recording must have the same times. Received: in row "
            f"{row + 1} of the data, {values[0]} in {pair[0]} and {values[1]} in {pair[1]} "
            f"({len(times)} and {len(others)} rows). Copy both files again."
        )


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
    """Returns the attributes' names in lower case, and the index of the line after `@data`."""
    words = [line.strip().lower() for line in content]
    if "@data" not in words:
        raise ValueError(
            f"An arff file must have a line @data before its rows. Received: {path} with "
            f"{len(content)} lines, none of which is @data. Copy the file again."
        )
    first = words.index("@data") + 1
    matches = (re.match(r"@attribute\s+(\S+)", line) for line in words[:first])
    names = [match[1].strip("'\"") for match in matches if match]
    missing = [name for name in ATTRIBUTES if name.lower() not in names]
    if missing:
        raise ValueError(
            f"A gold standard has the attributes {ATTRIBUTES}. Received: {path} without {missing} "
            f"before its @data in line {first}. Copy the file again."
        )
    return names, first


def _arff_row(row, names, path, line):
    """Returns time and value of a row as text, and checks its other fields."""
    fields = row.split(",")
    if len(fields) != len(names):
        raise ValueError(
            f"A row must have the {len(names)} fields {','.join(names)}. Received: {row[:60]!r} in "
            f"line {line} of {path}. Fix that line, or copy the file again."
        )
    instance, time, value = (fields[names.index(name.lower())].strip() for name in ATTRIBUTES)
    if instance.strip("'\"") != path.stem:
        raise ValueError(
            f"The rows of {path} must have its name, {path.stem}, as instance. Received: "
            f"{instance!r} in line {line}. Rename the file, or copy it again."
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
    # In the order of `RATERS`, so that the mean does not depend on the order of the columns.
    traces = values[:, [columns.index(name) for name in RATERS]]
    if rater == BY_LANDMARKS:
        return values[:, 0], traces
    if rater == "mean":
        return values[:, 0], annotations.mean(traces.T)
    return values[:, 0], traces[:, RATERS.index(rater)]


def _choose_rater(report, traces, people_of):
    """Returns the traces of the rater who follows the landmarks most, `[ratings, 2]` each."""
    clips, of_clip = [], {}
    for name, (times, values) in traces.items():
        for clip in people_of.get(name, ()):
            clips.append(clip)
            flat, _ = _match(clip.times, times, values.reshape(len(values), -1))
            of_clip[clip.key] = np.moveaxis(flat.reshape(len(clip), *values.shape[1:]), -1, 0)
    found = annotators.most_correlated(clips, of_clip)
    rater = RATERS[found.annotator]
    correlations = zip(RATERS, found.correlations.tolist(), strict=True)
    text = ", ".join(f"{name} {correlation:.3f}" for name, correlation in correlations)
    report.note(f"clips labelled by {rater}, who follows the landmarks most", text, len(clips))
    return {name: (times, v[..., found.annotator]) for name, (times, v) in traces.items()}


def _read_centred(path):
    content = _reading.read_lines(path)
    fields = content[0].split(",")
    header = not re.fullmatch(r"\s*[-+.\deE]+\s*", fields[0])
    columns = ("time", "label", *fields[2:])
    values = _reading.read_numbers(path, columns, skip=int(header), content=content)
    return _check(path, *values.T[:2], first=int(header))


def _check(path, times, values, first):
    """Returns times and values if they are valid; `first` is the number of lines before them."""
    if not len(times):
        raise ValueError(
            f"A file of ratings must have at least one row. Received: {path} without rows. Copy "
            "it again."
        )
    increasing = (np.diff(times, prepend=-np.inf) > 0) & np.isfinite(times)
    in_range = (np.abs(values.reshape(len(values), -1)) <= 1).all(axis=1)  # False for NaN
    _reading.refuse_rows(~increasing, "Times of ratings must increase", times, path, first)
    _reading.refuse_rows(~in_range, "Ratings must lie in [-1, 1]", values, path, first)
    return times, values


def _people_of(report, traces, videos, folder, options):
    """Returns a dict from the name of a recording to the clips of the people in its video."""
    files = _videos(report, videos)
    for name in sorted(files.keys() - traces.keys(), key=_files.natural_key):
        report.note("videos without ratings in this split", name)
    files = {name: files.get(name) for name in traces}
    report.sources = {name: file for name, file in files.items() if file}
    return database_crops.of_videos(
        files, report.dataset, report.root, report.note, folder, **options
    )


def _videos(report, videos):
    """Returns a dict from the name of a recording to its video."""
    if videos is None:
        tops = _reading.walk_folders(report.root, 2)
        videos = next((v for v in (_reading.find_folder(t, *VIDEOS) for t in tops) if v), None)
    elif not Path(videos).is_dir():
        raise FileNotFoundError(
            f"`videos` must be a folder of videos. Received: {videos}. Check the path."
        )
    return _reading.video_files(report, [videos] if videos else [])


def _with_labels(report, clip, name, trace):
    """Returns a clip with the rating nearest to each frame."""
    labels, near = _match(clip.times, *trace)
    if not near.all():
        far = int((~near).sum())
        reason = f"frames further than {MAX_DISTANCE:g} s from any rating, invalid"
        report.note(reason, clip.key, far)
    return dataclasses.replace(
        clip, valence_arousal=labels, valid=clip.valid & near, subject=name, names_person=True
    )


def _match(frame_times, times, values):
    """Returns the rating nearest to each frame, NaN where none is near, and whether one is."""
    near = _distances(frame_times, times) <= MAX_DISTANCE + 1e-9  # rounding, as in `match`
    labels = np.full((len(frame_times), values.shape[1]), np.nan)
    if near.any():
        labels[near] = annotations.match(frame_times[near], times, values, MAX_DISTANCE)
    return labels, near


def _distances(frames, times):
    """Returns the seconds from each frame to the nearest of the increasing `times`."""
    edges = np.r_[-np.inf, times, np.inf]
    after = np.searchsorted(times, frames)
    return np.minimum(frames - edges[after], edges[after + 1] - frames)


def _without_images(name, trace):
    times, values = trace
    return Clip(name, [""] * len(times), times=times, valence_arousal=values, names_person=True)

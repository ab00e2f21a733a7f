"""Files that the challenges of OMG-Emotion and Aff-Wild2 (ABAW) take, written and read."""

import csv
import dataclasses
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from kollias_affect import _checks, _files, _untrusted
from kollias_affect.datasets import affwild2, omg
from kollias_affect.tasks import DIMENSIONS, EXPRESSIONS

COLUMNS = ("video", "utterance", "arousal", "valence")
# Ranges of the labels, valence then arousal.
_OMG_RANGE = ((-1, 0), (1, 1))
MISSING = ("mark", "interpolate")
# What files of Aff-Wild2 have where there is no label.
_NO_AFFECT, _NO_CLASS = -5, -1


@dataclasses.dataclass(frozen=True)
class Submission:
    """What `write` has written.

    Attributes:
        path: File, or folder with a file for each person.
        rows: Number of predictions: of utterances, or of frames.
        without_face: Number of these that have no face, and so no prediction of their own.
        clipped: Number of predictions that were outside the range of the labels.
    """

    path: Path
    rows: int
    without_face: int
    clipped: int


def write(name, path, clips, predictions, **options):
    """Writes predictions as a challenge takes them.

    OMG-Emotion: one csv with the columns `video, utterance, arousal, valence` and a row for each
    utterance in the order of `clips`. The official script pairs rows by position, so pass clips or
    keys in the order of the official table, see `omg.utterance_keys`. Utterances without a face,
    whose prediction is NaN, get the mean of the others, for each dimension.

    Aff-Wild2: a folder with a text file for each person, named after the clip. It has the form of
    the annotations: a header (`valence,arousal`, or the names of the classes), then a line for
    each frame of the video from the first on. The most probable expression is written as its
    number in the database. Frames without a face have what the annotations have there: -5 for
    valence and arousal, -1 for expressions.

    Values outside the range of the labels are moved to its end, and counted. Everything is written
    at once, or, after an error, nothing.

    Args:
        name: `"omg"` or `"affwild2"`.
        path: File (OMG-Emotion; an earlier submission is replaced), or folder (Aff-Wild2).
        clips: List of `Clip`; for OMG-Emotion also of keys `<video>/utterance_N`.
        predictions: For OMG-Emotion the table of `evaluation.aggregate(..., by="utterance")`, or a
            dict from each key to valence and arousal. For Aff-Wild2 a dict from each key to
            `[frames, 2]` or `[frames, 7]`, as `evaluation.predict` returns it.
        **options: `missing`, for Aff-Wild2: `"mark"` (default) or `"interpolate"`, which replaces
            the marks between two faces by a line from one to the other, and before the first and
            after the last face by theirs; expressions take the nearest face, the earlier of two.
            A person without any face is marked nevertheless.

    Returns:
        `Submission`.

    Raises:
        FileExistsError: If other files are in the way.
        ValueError: If predictions are missing, of other clips, or have another shape.

    Example:

    >>> import tempfile
    >>> path = f"{tempfile.mkdtemp()}/omg.csv"
    >>> keys = ["5b44393ed/utterance_4", "5b44393ed/utterance_6"]
    >>> done = write("omg", path, keys, {keys[1]: [0.25, 0.5], keys[0]: [-0.125, 0.25]})
    >>> print(open(path).read().replace("\\r", ""), end="")
    video,utterance,arousal,valence
    5b44393ed,utterance_4.mp4,0.250000,-0.125000
    5b44393ed,utterance_6.mp4,0.500000,0.250000
    """
    refuse_other_files(name, path)
    return FORMATS[name][0](Path(path), clips, predictions, **options)


def refuse_other_files(name, path):
    """Raises an error if files are in the way that `write` must not replace.

    Args:
        name, path: See `write`.

    Raises:
        FileExistsError: If the file exists and is no submission, or the folder is not empty.
        ValueError: If the name is unknown.
    """
    _checks.one_of("dataset", name, FORMATS)
    path = Path(path)
    if name == "omg" and path.is_file():
        with open(path, "rb") as file:
            if file.readline(1000).strip() == ",".join(COLUMNS).encode():
                return
    if path.is_file() or _files.is_filled_folder(path):
        raise FileExistsError(
            "A submission must be a new file (omg) or a new folder (affwild2). Received: "
            f"{path}, which exists. Choose another name, or remove it."
        )


def read(name, path, clips):
    """Reads predictions that a challenge takes.

    Args:
        name: `"omg"` or `"affwild2"`.
        path: File or folder, as `write` writes it.
        clips: List of `Clip`.

    Returns:
        Dict from the key of each clip to float `[frames, outputs]`, which the functions of
        `evaluation` take. All frames of an utterance have its prediction. Marked frames are NaN.
        Expressions are one-hot.

    Raises:
        FileNotFoundError: If there is no such file or folder.
        ValueError: If clips are missing, others are there, or a file is malformed.
    """
    reader = FORMATS[_checks.one_of("dataset", name, FORMATS)][1]
    with _untrusted.reading("A submission must be whole", path, "Copy it again.", own=True):
        return reader(Path(path), clips)


# --- OMG-Emotion


def _write_omg(path, clips, predictions):
    keys = [getattr(clip, "key", clip) for clip in clips]
    if hasattr(predictions, "columns"):
        rows = predictions[list(DIMENSIONS)].to_numpy(np.float64)
        predictions = dict(zip(predictions.index, rows, strict=True))
    _check_keys(keys, predictions)
    values = np.array([_pair(key, predictions[key]) for key in keys])
    without = np.isnan(values).any(axis=1)
    if without.all():
        raise ValueError(
            "A submission needs at least one utterance with a face. Received: "
            f"{len(keys)} without. Check the videos and the crops."
        )
    clipped = np.clip(values, *_OMG_RANGE)
    changed = int((clipped[~without] != values[~without]).any(axis=1).sum())
    clipped[without] = clipped[~without].mean(axis=0)
    with _files.atomic(path) as temporary, open(temporary, "w", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(COLUMNS)
        for key, (valence, arousal) in zip(keys, clipped, strict=True):
            video, utterance = key.split("/")
            rows.writerow([video, f"{utterance}.mp4", f"{arousal:.6f}", f"{valence:.6f}"])
    return Submission(path, len(keys), int(without.sum()), changed)


def _pair(key, values):
    values = np.asarray(values, np.float64)
    if values.shape != (2,) or np.isinf(values).any():
        raise ValueError(
            "The prediction of an utterance must be two numbers, valence and arousal. Received for "
            f"{key}: {values.tolist()}. Aggregate frames first, with "
            "`evaluation.aggregate(..., by='utterance')`, and use a model of both dimensions."
        )
    return values


def _read_omg(path, clips):
    values = omg.read_predictions(_checks.existing_file("path", path), clips)
    return {
        clip.key: np.tile(value, (len(clip), 1)) for clip, value in zip(clips, values, strict=True)
    }


# --- Aff-Wild2


def _write_affwild2(path, clips, predictions, missing="mark"):
    _checks.one_of("missing", missing, MISSING)
    _check_keys([clip.key for clip in clips], predictions)
    arrays = [_frames(clip, predictions[clip.key]) for clip in clips]
    if len({values.shape[1] for values in arrays}) > 1:
        raise ValueError(
            "All predictions must be of one task. Received: both 2 and 7 outputs. Use one model."
        )
    frames = without_face = changed = 0
    with _files.atomic_folder(path) as temporary:
        for clip, values in zip(clips, arrays, strict=True):
            known = np.isfinite(values).all(axis=1)
            frames, without_face = frames + len(values), without_face + int((~known).sum())
            header, rows, outside = _LINES[values.shape[1]](values, known, missing)
            changed += outside
            file = _checks.inside(temporary, f"{clip.key}.txt")
            file.write_text("\n".join([header, *rows, ""]))
    return Submission(path, frames, without_face, changed)


def _frames(clip, values):
    values = np.asarray(values, np.float64)
    if values.ndim != 2 or values.shape[1] not in _LINES or np.isinf(values).any():
        raise ValueError(
            "Predictions of Aff-Wild2 must be [frames, 2], valence and arousal, or [frames, "
            f"{len(EXPRESSIONS)}], expressions. Received for {clip.key}: shape {values.shape}. Use "
            "a model of one of these tasks."
        )
    if len(values) != len(clip):
        raise ValueError(
            f"Predictions need a row for each frame. Received for {clip.key}: {len(values)} rows "
            f"for {len(clip)} frames. Keep frames without a face as rows of NaN."
        )
    return values


def _affect_lines(values, known, missing):
    """Returns the header, the lines, and the number of values that were out of range."""
    clipped = np.clip(values, -1, 1)
    outside = int((clipped[known] != values[known]).any(axis=1).sum())
    if missing == "interpolate" and known.any():
        frames = np.arange(len(values))
        clipped = np.stack([np.interp(frames, frames[known], v[known]) for v in clipped.T], axis=1)
    else:
        clipped[~known] = _NO_AFFECT
    lines = [f"{v:g},{a:g}" if v == _NO_AFFECT else f"{v:.6f},{a:.6f}" for v, a in clipped]
    return ",".join(DIMENSIONS), lines, outside


def _class_lines(values, known, missing):
    """Returns the header, the lines, and 0, since the most probable class has no range."""
    numbers = np.full(len(values), _NO_CLASS)
    of_database = np.array([affwild2.CLASSES.index(name) for name in EXPRESSIONS])
    numbers[known] = of_database[values[known].argmax(axis=1)]
    if missing == "interpolate" and known.any():
        numbers = numbers[_nearest(np.flatnonzero(known), len(values))]
    return ",".join(name.capitalize() for name in affwild2.CLASSES), numbers.astype(str), 0


def _nearest(faces, frames):
    """Returns the position of the nearest face for each frame, the earlier of two."""
    positions = np.arange(frames)
    after = np.minimum(np.searchsorted(faces, positions), len(faces) - 1)
    before = np.maximum(after - 1, 0)
    is_before = positions - faces[before] <= faces[after] - positions
    return faces[np.where(is_before, before, after)]


_LINES = {2: _affect_lines, len(EXPRESSIONS): _class_lines}


def _read_affwild2(path, clips):
    if not path.is_dir():
        raise FileNotFoundError(
            "A submission of Aff-Wild2 is a folder with a text file for each person. Received: "
            f"{path}, which is not one. Check the path."
        )
    files = {file.stem: file for file in sorted(path.glob("*.txt"))}
    _check_keys([clip.key for clip in clips], files)
    return {clip.key: _read_person(files[clip.key], clip) for clip in clips}


def _read_person(path, clip):
    fields = affwild2.read_person(path)
    if len(fields["valid"]) != len(clip):
        raise ValueError(
            f"A file must have a line for each frame after its header. Received: {path} with "
            f"{len(fields['valid'])} for the {len(clip)} frames of {clip.key}. Write it again."
        )
    if "valence_arousal" in fields:
        return fields["valence_arousal"]
    one_hot = np.eye(len(EXPRESSIONS))[np.maximum(fields["expression"], 0)]
    return np.where(fields["valid"][:, None], one_hot, np.nan)


def _check_keys(keys, predictions):
    """Raises `ValueError` if predictions are not those of exactly these keys."""
    if not isinstance(predictions, Mapping):
        raise ValueError(
            "Predictions must be a dict by the keys of clips, or a table of utterances. Received: "
            f"{type(predictions).__name__}. Pass what `evaluation.predict` or `aggregate` returns."
        )
    problems = {
        "none for": sorted(set(keys) - set(predictions)),
        "some for others": sorted(map(str, set(predictions) - set(keys))),
        "repeated": sorted({key for key in keys if keys.count(key) > 1})
        if len(set(keys)) < len(keys)
        else [],
    }
    text = "; ".join(
        f"{problem} {names[:5]} ({len(names)})" for problem, names in problems.items() if names
    )
    if text or not keys:
        raise ValueError(
            f"A submission must have one prediction for each of the {len(keys)} clips. Received: "
            f"{text or 'no clips'}. Predict the clips of the split that is submitted."
        )


# Database: functions that write and read its files.
FORMATS = {"omg": (_write_omg, _read_omg), "affwild2": (_write_affwild2, _read_affwild2)}

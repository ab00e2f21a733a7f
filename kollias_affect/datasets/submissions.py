"""Files that the challenges of OMG-Emotion and Aff-Wild2 (ABAW) take, written and read."""

import csv
import dataclasses
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from kollias_affect import _checks, _files, _untrusted
from kollias_affect.datasets import affwild2, omg
from kollias_affect.tasks import ACTION_UNITS, DIMENSIONS, EXPRESSIONS, EXPRESSIONS_8, TASKS

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
    the annotations: a header (`valence,arousal`, or the names of the classes or action units), then
    a line for each frame of the video from the first on. The most probable expression is written
    as its number in the database, an action unit as 1 from a probability of 0.5 on, else as 0.
    Frames without a face have what the annotations have there: -5 for valence and arousal, -1 for
    the others. Predictions of several tasks get a folder for each.

    Multi-task challenge of Aff-Wild2: one text file with the header
    `image,valence,arousal,expression,aus` and a line for each image of the clips, of predictions of
    all three tasks. Frames without a face have no line.

    Values outside the range of the labels are moved to its end, and counted. Everything is written
    at once, or, after an error, nothing.

    Args:
        name: `"omg"`, `"affwild2"` or `"affwild2_multitask"`.
        path: File (OMG-Emotion; an earlier submission is replaced; multi-task challenge: a new
            file), or folder (Aff-Wild2).
        clips: List of `Clip`; for OMG-Emotion also of keys `<video>/utterance_N`.
        predictions: For OMG-Emotion the table of `evaluation.aggregate(..., by="utterance")`, or a
            dict from each key to valence and arousal. For Aff-Wild2 a dict from each key to
            `[frames, 2]` (valence and arousal), `[frames, 7]` or `[frames, 8]` (expressions) or
            `[frames, 12]` (action units), as `evaluation.predict` returns it; or, for a model with
            several tasks, a dict of such dicts by task.
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
    if name == "affwild2_multitask" and path.suffix != ".txt":
        raise ValueError(
            f"A submission to the multi-task challenge is one .txt file. Received: {path}. Choose "
            "such a name."
        )
    if name == "omg" and path.is_file():
        with open(path, "rb") as file:
            if file.readline(1000).strip() == ",".join(COLUMNS).encode():
                return
    if path.is_file() or _files.is_filled_folder(path):
        raise FileExistsError(
            "A submission must be a new file (omg) or a new folder (affwild2), and to the "
            f"multi-task challenge a new file. Received: {path}, which exists. Choose another "
            "name, or remove it."
        )


def read(name, path, clips):
    """Reads predictions that a challenge takes.

    Args:
        name: `"omg"`, `"affwild2"` (of one task) or `"affwild2_multitask"`.
        path: File or folder, as `write` writes it.
        clips: List of `Clip`.

    Returns:
        Dict from the key of each clip to float `[frames, outputs]`, which the functions of
        `evaluation` take. All frames of an utterance have its prediction. Marked frames are NaN.
        Expressions are one-hot, with eight outputs if one of them is "other". For the multi-task
        challenge, a dict of such dicts by task.

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
    if isinstance(predictions, Mapping) and predictions and set(predictions) <= set(TASKS):
        return _write_each_task(path, clips, predictions, missing)
    _check_keys([clip.key for clip in clips], predictions)
    arrays = [_frames(clip, predictions[clip.key]) for clip in clips]
    if len({values.shape[1] for values in arrays}) > 1:
        raise ValueError(
            "All predictions must be of one task. Received: "
            f"{sorted({values.shape[1] for values in arrays})} outputs. Use one model."
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


def _write_each_task(path, clips, predictions, missing):
    """Writes a folder for each task; counts of frames and marks are those of all of them."""
    done = []
    with _files.atomic_folder(path) as temporary:
        for task, values in predictions.items():
            done.append(_write_affwild2(temporary / task, clips, values, missing))
    counts = [sum(getattr(each, n) for each in done) for n in ("rows", "without_face", "clipped")]
    return Submission(path, *counts)


def _frames(clip, values):
    values = np.asarray(values, np.float64)
    if values.ndim != 2 or values.shape[1] not in _LINES or np.isinf(values).any():
        raise ValueError(
            "Predictions of Aff-Wild2 must be [frames, 2], valence and arousal, [frames, "
            f"{len(EXPRESSIONS)}] or [frames, {len(EXPRESSIONS_8)}], expressions, or [frames, "
            f"{len(ACTION_UNITS)}], action units. Received for {clip.key}: shape {values.shape}. "
            "Use a model of one of these tasks."
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
    numbers[known] = values[known].argmax(axis=1)  # numbers of the database, see `CLASSES`
    if missing == "interpolate" and known.any():
        numbers = numbers[_nearest(np.flatnonzero(known), len(values))]
    return ",".join(name.capitalize() for name in affwild2.CLASSES), numbers.astype(str), 0


def _unit_lines(values, known, missing):
    """Returns the header, the lines, and 0: probabilities become presence or absence."""
    units = np.full(values.shape, _NO_CLASS)
    units[known] = values[known] >= 0.5
    if missing == "interpolate" and known.any():
        units = units[_nearest(np.flatnonzero(known), len(values))]
    return ",".join(ACTION_UNITS), [",".join(map(str, row)) for row in units], 0


def _nearest(faces, frames):
    """Returns the position of the nearest face for each frame, the earlier of two."""
    positions = np.arange(frames)
    after = np.minimum(np.searchsorted(faces, positions), len(faces) - 1)
    before = np.maximum(after - 1, 0)
    is_before = positions - faces[before] <= faces[after] - positions
    return faces[np.where(is_before, before, after)]


_LINES = {
    len(DIMENSIONS): _affect_lines,
    len(EXPRESSIONS): _class_lines,
    len(EXPRESSIONS_8): _class_lines,
    len(ACTION_UNITS): _unit_lines,
}


def _read_affwild2(path, clips):
    if not path.is_dir():
        raise FileNotFoundError(
            "A submission of Aff-Wild2 is a folder with a text file for each person. Received: "
            f"{path}, which is not one. Check the path."
        )
    files = {file.stem: file for file in sorted(path.glob("*.txt"))}
    _check_keys([clip.key for clip in clips], files)
    fields = {clip.key: _read_person(files[clip.key], clip) for clip in clips}
    return _outputs(fields)


def _read_person(path, clip):
    fields = affwild2.read_person(path)
    if len(fields["valid"]) != len(clip):
        raise ValueError(
            f"A file must have a line for each frame after its header. Received: {path} with "
            f"{len(fields['valid'])} for the {len(clip)} frames of {clip.key}. Write it again."
        )
    return fields


def _outputs(fields_of):
    """Returns a dict from key to outputs, of the fields of clips of one task."""
    other = EXPRESSIONS_8.index("other")
    with_classes = [fields for fields in fields_of.values() if "expression" in fields]
    with_other = any((fields["expression"] == other).any() for fields in with_classes)
    names = EXPRESSIONS_8 if with_other else EXPRESSIONS
    outputs = {}
    for key, fields in fields_of.items():
        if "expression" in fields:
            one_hot = np.eye(len(names))[np.maximum(fields["expression"], 0)]
            outputs[key] = np.where(fields["expression"][:, None] >= 0, one_hot, np.nan)
        else:
            outputs[key] = fields.get("valence_arousal", fields.get("action_units"))
    return outputs


# --- Multi-task challenge of Aff-Wild2


def _write_multitask(path, clips, predictions):
    of_task = {}
    for task, values in predictions.items() if isinstance(predictions, Mapping) else ():
        if task in ("valence_arousal", "expression", "expression_8", "action_units"):
            of_task["expression" if task == "expression_8" else task] = values
    if len(of_task) < 3:
        raise ValueError(
            "A submission to the multi-task challenge needs predictions of valence and arousal, "
            f"expressions and action units. Received: {sorted(of_task)}. Use a model with these "
            "tasks."
        )
    for values in of_task.values():
        _check_keys([clip.key for clip in clips], values)
    rows = without_face = changed = 0
    lines = [_LIST_HEADER]
    for clip in clips:
        values = {task: _frames(clip, each[clip.key]) for task, each in of_task.items()}
        known = np.all([np.isfinite(each).all(axis=1) for each in values.values()], axis=0)
        parts = [_LINES[each.shape[1]](each, known, "mark") for each in values.values()]
        of_frames = dict(zip(values, (part[1] for part in parts), strict=True))
        changed += sum(part[2] for part in parts)
        without_face += int((~known).sum())
        for frame in np.flatnonzero(known):
            content = ",".join(str(of_frames[task][frame]) for task in _LIST_ORDER)
            lines.append(f"{clip.key}/{_image_name(clip, frame)},{content}")
        rows += int(known.sum())
    with _files.atomic(path) as temporary:
        temporary.write_text("\n".join([*lines, ""]))
    return Submission(path, rows, without_face, changed)


_LIST_HEADER = "image,valence,arousal,expression,aus"
_LIST_ORDER = ("valence_arousal", "expression", "action_units")


def _image_name(clip, frame):
    """Returns the name of an image of the database; of a crop of a video, that of its frame."""
    path = Path(clip.paths[frame])
    if path.suffix.lower() in (".jpg", ".jpeg") and path.stem.isdigit():
        return path.name
    return f"{frame + 1:05d}.jpg"


def _read_multitask(path, clips):
    found = affwild2.read_list(path)
    others = sorted(set(found) - {clip.key for clip in clips})
    if others:
        raise ValueError(
            f"A submission must be of these clips. Received: {path} with {others[:5]}, which are "
            "not among them. Load the split that it was made for."
        )
    fields_of = {task: {} for task in _LIST_ORDER}
    for clip in clips:
        frames, fields = found.get(clip.key, (np.zeros(0, int), {}))
        numbers = [_image_name(clip, frame) for frame in range(len(clip))]
        numbers = {int(Path(name).stem): row for row, name in enumerate(numbers)}
        listed = [(numbers.get(frame), row) for row, frame in enumerate(frames.tolist())]
        beyond = sum(frame is None for frame, _ in listed)
        if beyond:
            raise ValueError(
                f"Listed images must be frames of their clip. Received: {path} with {beyond} "
                f"others of {clip.key}. Load the split that it was made for."
            )
        at, rows = np.array(listed, int).reshape(-1, 2).T
        for task, width in zip(_LIST_ORDER, (2, None, 12), strict=True):
            shape = (len(clip),) if width is None else (len(clip), width)
            values = np.full(shape, -1 if width is None else np.nan)
            if len(rows):
                values[at] = fields[task][rows]
            fields_of[task][clip.key] = {task: values.astype(int) if width is None else values}
    result = {task: _outputs(each) for task, each in fields_of.items()}
    if next(iter(result["expression"].values())).shape[1] == len(EXPRESSIONS_8):
        result["expression_8"] = result.pop("expression")
    return result


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
FORMATS = {
    "omg": (_write_omg, _read_omg),
    "affwild2": (_write_affwild2, _read_affwild2),
    "affwild2_multitask": (_write_multitask, _read_multitask),
}

"""Files with a row per frame: Aff-Wild2's text, AFEW-VA's JSON, and `frames_csv` tables.

Values are those of `matching.match` at the time stamps of the frames. A frame in a gap, in a
dropped stretch, or with one dimension only has no value: -5 in Aff-Wild2, absent in AFEW-VA,
`valid` 0 in `frames_csv`.
"""

import json
import re

import numpy as np

from kollias_affect import _files, _untrusted
from kollias_affect.annotations.formats import parts
from kollias_affect.tasks import DIMENSIONS

MISSING = -5.0  # Aff-Wild2's mark of a frame that does not count
SCALE = 10.0  # AFEW-VA's values lie in [-10, 10]


def write_affwild2(recordings, folder, frame_times):
    """Writes `<annotator>/<video>[_<person>].txt`."""
    return _write(recordings, folder, frame_times, ".txt", _affwild2_text)


def _affwild2_text(names, times, values):
    filled = np.where(np.isfinite(values).all(axis=1, keepdims=True), values, MISSING)
    lines = [",".join(f"{v:.6g}" for v in row) for row in filled]
    return "\n".join([",".join(DIMENSIONS), *lines]) + "\n"


def write_afew_va(recordings, folder, frame_times):
    """Writes `<annotator>/<video>[_<person>].json`."""
    return _write(recordings, folder, frame_times, ".json", _afew_va_text)


def _afew_va_text(names, times, values):
    frames = {
        f"{i:05d}": {"valence": float(v * SCALE), "arousal": float(a * SCALE), "landmarks": []}
        for i, (v, a) in enumerate(values)
        if np.isfinite([v, a]).all()
    }
    video, person = names
    return json.dumps({"actor": person, "frames": frames, "video_id": video}, indent=1) + "\n"


def write_frames_csv(recordings, folder, frame_times):
    """Writes `<annotator>/<video>[_<person>].csv`, which `extract --labels` reads."""
    return _write(recordings, folder, frame_times, ".csv", _frames_csv_text)


def _frames_csv_text(names, times, values):
    valid = np.isfinite(values).all(axis=1)
    rows = [
        f"{t:.6f},{v:.6g},{a:.6g},1" if ok else f"{t:.6f},,,0"
        for t, (v, a), ok in zip(times, values, valid, strict=True)
    ]
    return "\n".join([f"time,{','.join(DIMENSIONS)},valid", *rows]) + "\n"


def _write(recordings, folder, frame_times, ending, text_of):
    grouped, written = {}, []
    for r in recordings:
        if r.mode == "unbounded":
            raise ValueError(
                f"Only the format csv holds values without bounds. Received: a trace of {r.video} "
                f"by {r.annotator} in the unbounded mode. Export with --format csv."
            )
        grouped.setdefault((r.annotator, r.video, r.person), {})[r.dimension] = r
    persons = {}
    for _, video, person in grouped:
        persons.setdefault(video, set()).add(person)
    for (annotator, video, person), dimensions in grouped.items():
        times = np.asarray(frame_times(video))
        nothing = np.full(len(times), np.nan)
        values = np.column_stack(
            [dimensions[d].at(times) if d in dimensions else nothing for d in DIMENSIONS]
        )
        stem = re.sub(r"\.[^.]*$", "", video)
        names = (stem,) if len(persons[video]) == 1 else (stem, person)
        path = folder / parts.file_name(annotator) / (parts.file_name(*names) + ending)
        with _files.atomic(path) as temporary:
            temporary.write_text(text_of((stem, person), times, values), encoding="utf-8")
        written.append(path)
    return written


def read_affwild2(path, defaults, frame_times):
    """Reads valence and arousal of one person from Aff-Wild2's text."""
    try:
        values = np.loadtxt(path, delimiter=",", skiprows=1, ndmin=2)
        if values.shape[1] != 2:
            raise ValueError(f"{values.shape[1]} columns")
    except ValueError as error:
        raise ValueError(
            "Aff-Wild2's format is a line valence,arousal and two numbers for each frame. "
            f"Received: {path} ({error}). Choose another --format."
        ) from error
    values[(values < -1).any(axis=1)] = np.nan
    return _per_frame(path, defaults, frame_times, values)


def read_frames_csv(path, defaults, frame_times):
    """Reads valence and arousal of one person from a csv with a row per frame."""
    import pandas as pd

    table = pd.read_csv(path, skipinitialspace=True)
    if not set(DIMENSIONS) <= set(table.columns):
        raise ValueError(
            f"A csv with a row per frame must have the columns valence and arousal. Received: "
            f"{path} with {', '.join(map(str, table.columns[:6]))}. Choose another --format."
        )
    with _untrusted.reading("Its columns must hold numbers", path, "Choose another --format."):
        values = table[list(DIMENSIONS)].to_numpy(np.float64)
        if "valid" in table:
            values[table["valid"].to_numpy(np.float64) == 0] = np.nan
        times = table["time"].to_numpy(np.float64) if "time" in table else None
    return _per_frame(path, defaults, frame_times, values, times)


def read_afew_va(path, defaults, frame_times):
    """Reads valence and arousal of one person from AFEW-VA's JSON."""
    try:
        content = _untrusted.read_json(path, encoding="utf-8-sig")
        frames = {int(name): frame for name, frame in content["frames"].items()}
        rows = {i: [float(f[d]) / SCALE for d in DIMENSIONS] for i, f in frames.items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            "AFEW-VA's format is a JSON object with frames, each with valence and arousal. "
            f"Received: {path} ({error!r}). Choose another --format."
        ) from error
    video = _video_of(path, defaults)
    values = np.full((len(frame_times(video)), 2), np.nan)
    if rows and max(rows) >= len(values):
        parts.check_frames(max(rows) + 1, len(values), path, video)
    for index, row in rows.items():
        values[index] = row
    return _per_frame(path, defaults, frame_times, values)


def _video_of(path, defaults):
    return defaults.get("video") or path.stem


def _per_frame(path, defaults, frame_times, values, times=None):
    video = _video_of(path, defaults)
    if times is None:
        times = np.asarray(frame_times(video))
        parts.check_frames(len(values), len(times), path, video)
    values = parts.check_range(values, path)
    # Frames without a value must not borrow one from their neighbours.
    return [
        parts.recording(
            {"dimension": dimension}, {**defaults, "video": video}, times, column,
            dropped=parts.stretches(times, np.isnan(column)),
        )
        for dimension, column in zip(DIMENSIONS, values.T, strict=True)
        if np.isfinite(column).any()
    ]  # fmt: skip

"""Files of other annotation tools: CARMA, DARMA and ANNEMO.

CARMA and DARMA (Girard 2014; Girard and Wright 2018) write the mean of each bin of 0.25 to 4 s,
with the time of its end, after a few lines of description and a line of percent signs. Here a mean
counts at the middle of its bin. ANNEMO (Ringeval et al. 2013) writes a line whenever the slider
moves while the video plays: date, client time, annotator, video, dimension, video time, value,
playing. Between two lines the slider rests, so that its value is repeated.
"""

import csv

import numpy as np

from kollias_affect.annotations.formats import parts

REST = 0.04  # seconds between the repeated values of a slider that rests
_LONGEST = 10**6  # seconds of a video


def read_carma(path, defaults, frame_times):
    """Reads a rating along one axis; its range is scaled to [-1, 1]."""
    about, _, rows = _described(path, "CARMA")
    low, high = _number(about, "Minimum Value", path), _number(about, "Maximum Value", path)
    if not high > low:
        raise ValueError(f"CARMA's maximum must be above its minimum. Received: {path}.")
    values = parts.check_range(2 * (rows[:, 1] - low) / (high - low) - 1, path)
    fields = {"video": defaults.get("video") or about.get("Multimedia File")}
    return [parts.recording(fields, defaults, _middles(rows[:, 0]), values)]


def read_darma(path, defaults, frame_times):
    """Reads ratings along two axes: X is valence, Y is arousal; both are scaled to [-1, 1]."""
    about, _, rows = _described(path, "DARMA")
    magnitude = _number(about, "Magnitude", path)
    if magnitude <= 0 or rows.shape[1] < 3:
        raise ValueError(f"DARMA's files have a magnitude and two axes. Received: {path}.")
    values = parts.check_range(rows[:, 1:3] / magnitude, path)
    video = defaults.get("video") or about.get("Multimedia File")
    times = _middles(rows[:, 0])
    return [
        parts.recording({"video": video, "dimension": dimension}, defaults, times, column)
        for dimension, column in zip(("valence", "arousal"), values.T, strict=True)
    ]


def _described(path, tool):
    """Description, column names and numbers of a file of CARMA or DARMA."""
    with open(path, newline="", encoding="utf-8-sig", errors="replace") as file:
        text = file.read()
    lines = [line for line in csv.reader(text.splitlines()) if line]
    marks = [i for i, line in enumerate(lines) if line[0].startswith("%%")]
    try:
        end = marks[0]
        numbers = [[float(cell) if cell else np.nan for cell in row] for row in lines[end + 1 :]]
        rows = np.array(numbers, np.float64)
        if rows.ndim != 2 or rows.shape[1] < 2:
            raise ValueError("no rows")
    except (IndexError, ValueError) as error:
        raise ValueError(
            f"{tool}'s files have a description, a line of %%%%%% and rows of numbers. Received: "
            f"{path} ({error}). Choose another --format."
        ) from error
    about = {line[0]: line[1] for line in lines[:end] if len(line) > 1}
    return about, lines[end - 1], rows


def _number(about, name, path):
    try:
        return float(about[name])
    except (KeyError, ValueError) as error:
        raise ValueError(
            f"The description must hold {name}. Received: {path} without it. Check the --format."
        ) from error


def _middles(ends):
    """Middles of bins that end at these times; all bins have the width of the first."""
    return ends - (ends[0] if len(ends) < 2 else np.median(np.diff(ends))) / 2


def read_annemo(path, defaults, frame_times):
    """Reads all ratings of a file; only what `defaults` names, if it names something."""
    grouped = {}
    with open(path, newline="", encoding="utf-8-sig") as file:
        # ANNEMO escapes quotes with a backslash.
        for number, line in enumerate(csv.reader(file, escapechar="\\"), start=1):
            if not line or line[0] == "Social":  # ratings of whole videos
                continue
            try:
                _, _, annotator, video, dimension, time, value, _ = line
                sample = float(time), float(value)
            except ValueError as error:
                raise ValueError(
                    "ANNEMO's lines hold date, client time, annotator, video, dimension, time, "
                    f"value and playing. Received: line {number} of {path} ({error}). Choose "
                    "another --format."
                ) from error
            grouped.setdefault((annotator, video, dimension), []).append(sample)
    wanted = defaults.get("dimension")
    return [
        _annemo_recording(key, samples, defaults, path)
        for key, samples in grouped.items()
        if wanted in (None, key[2])
    ]


def _annemo_recording(key, samples, defaults, path):
    annotator, video, dimension = key
    fields = {"annotator": annotator, "video": defaults.get("video") or video,
              "dimension": dimension}  # fmt: skip
    times, values = np.array(samples).T
    order = np.argsort(times, kind="stable")
    times, values = times[order], parts.check_range(values[order], path)
    # The slider starts at 0, and rests at each value until the next line.
    if not 0 <= times[-1] <= _LONGEST:
        raise ValueError(f"Times must lie in 0 to {_LONGEST} s. Received: {times[-1]}.")
    grid = np.union1d(np.arange(0, times[-1], REST), times)
    index = np.searchsorted(times, grid, side="right") - 1
    held = np.where(index >= 0, values[index.clip(0)], 0.0)
    return parts.recording(fields, defaults, grid, held)

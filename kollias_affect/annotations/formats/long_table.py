"""One csv of all recordings, with a row for each sample."""

import csv

import numpy as np

from kollias_affect import _files
from kollias_affect.annotations.formats import parts

COLUMNS = ("video", "person", "annotator", "dimension", "mode", "take", "time", "value", "dropped")
FILE = "annotations.csv"


def write(recordings, folder, frame_times):
    """Writes `annotations.csv`."""
    path = folder / FILE
    with _files.atomic(path) as temporary, open(temporary, "w", newline="", encoding="utf-8") as f:
        table = csv.writer(f, lineterminator="\n")
        table.writerow(COLUMNS)
        for r in recordings:
            head = [r.video, r.person, r.annotator, r.dimension, r.mode, r.take]
            dropped = np.zeros(len(r.times), bool)
            for start, stop in r.dropped:
                dropped |= (r.times >= start) & (r.times <= stop)
            for time, value, drop in zip(r.times, r.values, dropped, strict=True):
                table.writerow([*head, repr(float(time)), repr(float(value)), int(drop)])
    return [path]


def read(path, defaults, frame_times):
    """Reads a csv with the columns `time,value` and any others of `COLUMNS`."""
    import pandas as pd

    try:
        table = pd.read_csv(path, dtype=dict.fromkeys(COLUMNS[:6], str), keep_default_na=False)
        missing = {"time", "value"} - set(table.columns)
        if missing:
            raise ValueError(f"columns {sorted(missing)} are missing")
        table = table.assign(time=table["time"].astype(float), value=table["value"].astype(float))
    except ValueError as error:
        raise ValueError(
            f"A csv of traces must have the columns time and value with numbers. Received: {path} "
            f"({error}). Compare with a file that `annotations export` writes."
        ) from error
    keys = [c for c in COLUMNS[:6] if c in table]
    groups = table.groupby(keys, sort=False) if keys else [((), table)]
    return [_recording(dict(zip(keys, names, strict=True)), rows, defaults, path)
            for names, rows in groups]  # fmt: skip


def _recording(fields, rows, defaults, path):
    mode = fields.pop("mode", "") or "bounded"
    fields.pop("take", None)
    times, values = rows["time"].to_numpy(), rows["value"].to_numpy()
    if mode == "bounded":
        values = parts.check_range(values, path)
    dropped = parts.stretches(times, rows["dropped"].astype(int)) if "dropped" in rows else ()
    return parts.recording(fields, defaults, times, values, mode=mode, dropped=dropped)

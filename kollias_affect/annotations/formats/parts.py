"""What the formats share."""

import re

import numpy as np

from kollias_affect.annotations.recordings import Recording


def recording(fields, defaults, times, values, **more):
    """A `Recording` of finite samples in order of time.

    Args:
        fields: What the file says: any of `video`, `person`, `annotator`, `dimension`.
        defaults: What counts where it says nothing.
        times, values: Samples; those that are not finite are left out.
        more: Other fields of the recording.

    Raises:
        ValueError: If neither says something, or no sample is left.
    """
    known = {**defaults, **{name: text for name, text in fields.items() if text}}
    for name in ("video", "person", "annotator", "dimension"):
        if not known.get(name):
            raise ValueError(
                f"Every recording needs its {name}. Received: a file that does not say it. Name "
                f"it with --{name}."
            )
    times, values = np.asarray(times, np.float64), np.asarray(values, np.float64)
    kept = np.isfinite(times) & np.isfinite(values)
    order = np.argsort(times[kept], kind="stable")
    if not kept.any():
        raise ValueError("A recording must have at least one value. Received: none.")
    known = {name: known[name] for name in ("video", "person", "annotator", "dimension")}
    return Recording(**known, times=times[kept][order], values=values[kept][order], **more)


def check_range(values, path):
    """Raises `ValueError` if a value that exists is outside [-1, 1]."""
    values = np.asarray(values, np.float64)
    if (np.abs(values[np.isfinite(values)]) > 1 + 1e-9).any():
        raise ValueError(
            f"Values must lie in [-1, 1]. Received: {path} with values from "
            f"{np.nanmin(values):g} to {np.nanmax(values):g}. Check the format."
        )
    return np.clip(values, -1, 1)


def stretches(times, flags):
    """Pairs of the first and last time of each run of flags that are set."""
    flags = np.concatenate([[0], np.asarray(flags) != 0, [0]]).astype(int)
    starts, stops = np.flatnonzero(np.diff(flags) == 1), np.flatnonzero(np.diff(flags) == -1) - 1
    return tuple((float(times[a]), float(times[b])) for a, b in zip(starts, stops, strict=True))


def file_name(*names):
    """A file name made of texts such as identifiers, which never holds a folder."""
    parts = [re.sub(r"[^\w.-]+", "-", name).strip(".-") or "x" for name in names]
    return "_".join(parts)


def check_frames(count, frames, path, video):
    """Raises `ValueError` if a file has another number of rows than its video has frames."""
    if count != frames:
        raise ValueError(
            f"A file with a row per frame must have as many rows as the video has frames. "
            f"Received: {count} rows in {path}, {frames} frames in {video}. Name the video with "
            "--video."
        )

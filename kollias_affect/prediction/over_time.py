"""Outputs of a model of windows for a clip of any length.

A recurrent network starts every window without a memory, so its outputs jump where one window ends
and the next begins. `MODES` are the ways to run it; `benchmarks/window_modes.py` compares them.
"""

import numpy as np

MODES = ("overlap", "windows", "stream")
DEFAULT = "overlap"
CHUNK = 80  # frames per step of a clip that is one sequence
_WINDOWS_PER_BATCH = 4
# Windows that see each frame, in the mode `"overlap"`.
OVERLAP = 2


def windows(run, read, frames, length, mode="overlap"):
    """Runs a model on the windows of a clip.

    Args:
        run: Function from a dict of inputs `[windows, length, ...]` to a dict of outputs.
        read: Function from numbers of frames to a dict of their inputs `[frames, ...]`.
        frames: Number of frames of the clip.
        length: Frames of a window. The last frame pads the window of a shorter clip.
        mode: `"windows"` for windows that do not overlap, as the papers score them; `"overlap"`
            for windows that begin every half length. Every frame then has the mean of two windows,
            weighted by its distance from their ends, so that no output jumps where one begins.

    Returns:
        Dict of float32 `[frames, outputs]`.
    """
    stride = length if mode == "windows" else max(1, length // OVERLAP)
    starts = window_starts(frames, length, stride)
    weights = np.ones(length) if mode == "windows" else _ramp(length)
    sums, total = {}, np.zeros(frames)
    for first in range(0, len(starts), _WINDOWS_PER_BATCH):
        chosen = starts[first : first + _WINDOWS_PER_BATCH]
        # All batches have one size, so that the network is compiled once.
        padded = np.pad(chosen, (0, min(_WINDOWS_PER_BATCH, len(starts)) - len(chosen)), "edge")
        rows = np.minimum(padded[:, None] + np.arange(length), frames - 1)
        inputs = {
            name: values.reshape(*rows.shape, *values.shape[1:])
            for name, values in read(rows.ravel()).items()
        }
        outputs = run(inputs)
        for number, start in enumerate(chosen):
            count = min(length, frames - start)
            total[start : start + count] += weights[:count]
            for task, values in outputs.items():
                into = sums.setdefault(task, np.zeros((frames, values.shape[-1])))
                into[start : start + count] += weights[:count, None] * values[number, :count]
    return {task: (values / total[:, None]).astype(np.float32) for task, values in sums.items()}


def window_starts(frames, length, stride):
    """Returns the first frames of the windows of a clip.

    With overlap, the last window ends with the clip. Without, the last one is padded.

    Args:
        frames: Number of frames of the clip.
        length: Frames of a window.
        stride: Frames from window to window.

    Returns:
        Integers `[windows]`.

    Example:

    >>> window_starts(10, 4, 4).tolist(), window_starts(10, 4, 2).tolist()
    ([0, 4, 8], [0, 2, 4, 6])
    >>> window_starts(3, 4, 2).tolist()
    [0]
    """
    if stride >= length:
        return np.arange(0, frames, stride)
    return np.unique(
        np.append(np.arange(0, max(frames - length, 0), stride), max(frames - length, 0))
    )


def _ramp(length):
    """Weights of the frames of a window: they rise from its ends to its middle."""
    places = np.arange(length)
    return np.minimum(places + 1, length - places).astype(float)


def stream(run, read, first, frames):
    """Runs a model on a clip as one sequence, which keeps its memory to the end.

    Args:
        run: Function from a dict of inputs `[1, CHUNK, ...]` to a dict of outputs. Every call
            continues the sequence.
        read: See `windows`.
        first: First frame with a face. The sequence starts there.
        frames: Number of frames of the clip.

    Returns:
        Dict of float32 `[frames, outputs]`, NaN before the sequence starts.
    """
    parts = []
    for start in range(first, frames, CHUNK):
        rows = np.minimum(start + np.arange(CHUNK), frames - 1)
        outputs = run({name: values[None] for name, values in read(rows).items()})
        count = min(CHUNK, frames - start)
        parts.append({task: values[0, :count] for task, values in outputs.items()})
    joined = {task: np.concatenate([part[task] for part in parts]) for task in parts[0]}
    before = {t: np.full((first, values.shape[-1]), np.nan) for t, values in joined.items()}
    return {t: np.concatenate([before[t], v]).astype(np.float32) for t, v in joined.items()}

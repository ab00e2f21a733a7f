"""Sequences: the parts of a clip that aggregation and the median filter treat separately."""

import numpy as np

LENGTH = 80  # frames of a sequence in paper B, section 6.3


def sequence_numbers(frames, length=LENGTH):
    """Returns the number of the sequence of each frame of a clip, from 0.

    A sequence has `length` consecutive frames, frames without a face included; the last one of a
    clip may be shorter.

    Args:
        frames: Number of frames of the clip.
        length: Frames of a sequence; `None` for one sequence.

    Returns:
        Integers `[frames]`.

    Example:

    >>> sequence_numbers(5, 2).tolist()
    [0, 0, 1, 1, 2]
    >>> sequence_numbers(5, None).tolist()
    [0, 0, 0, 0, 0]
    """
    return np.arange(frames) // (length or max(1, frames))


def count_sequences(frames, length=LENGTH):
    """Returns the number of sequences of a clip, at least 1.

    Args:
        frames, length: See `sequence_numbers`.

    Example:

    >>> count_sequences(81)
    2
    """
    return int(sequence_numbers(frames, length).max(initial=0)) + 1

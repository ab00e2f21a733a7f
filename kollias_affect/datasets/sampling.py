"""Splits of a dataset by person."""

import numpy as np


def split(clips, validation=0.2, seed=0):
    """Splits clips so that no subject is on both sides.

    Args:
        clips: list of `Clip`.
        validation: share of the subjects for validation, in (0, 1); at least one.
        seed: which subjects.

    Returns:
        `(training, validation)`, two lists of `Clip` in the order of `clips`.

    Raises:
        ValueError: if the share is outside (0, 1), or there are fewer than two subjects.
    """
    if not 0 < validation < 1:
        raise ValueError(
            f"`validation` must be a share between 0 and 1. Received: {validation}. Use 0.2, say."
        )
    subjects = sorted({clip.subject for clip in clips})
    if len(subjects) < 2:
        raise ValueError(
            "A split by person needs at least two subjects. Received: "
            f"{len(subjects)} in {len(clips)} clips. Give a validation set of its own."
        )
    count = min(max(1, round(validation * len(subjects))), len(subjects) - 1)
    chosen = set(np.random.default_rng(seed).permutation(subjects)[:count].tolist())
    training = [clip for clip in clips if clip.subject not in chosen]
    return training, [clip for clip in clips if clip.subject in chosen]

"""The labels of a clip as pictures take them."""

import numpy as np

from kollias_affect.models import TASKS


def labels_of(clip, task):
    """Labels of the frames of a clip; unknown where a frame is not valid.

    Args:
        clip: `Clip` with labels of the task.
        task: one of `models.TASKS`.

    Returns:
        integers `[frames]`, -1 where unknown, for expressions; else float `[frames, outputs]`,
        NaN where unknown.
    """
    if task == "expression":
        return np.where(clip.valid, clip.expression, -1)
    columns = [("valence", "arousal").index(name) for name in TASKS[task][0]]
    return np.where(clip.valid[:, None], clip.valence_arousal[:, columns], np.nan)

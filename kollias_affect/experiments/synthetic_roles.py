"""Synthetic clips in every role, to try the tables without data."""

import dataclasses

import numpy as np

from kollias_affect import datasets
from kollias_affect.evaluation.cost_sensitive import EXPRESSION_COORDINATES
from kollias_affect.experiments.roles import Parts, relabel
from kollias_affect.tasks import EXPRESSIONS
from kollias_affect.training import published_units


def synthetic_roles(root):
    """Makes small synthetic clips in every role but `test`; they show no real affect.

    The expression of a frame is the one that is nearest in the plane of valence and arousal, and
    its action units are those of the expression. The labels of the annotator are the true ones with
    a slow error added.

    Args:
        root: Folder of the clips.

    Returns:
        Dict from role to `Parts`.
    """
    clips = datasets.load("synthetic", root, subjects=10, clips_per_subject=1, frames=16)
    clips = [_with_expressions(clip) for clip in sorted(clips, key=lambda clip: clip.key)]
    data = Parts(clips[:3], clips[3:4], clips[4:5])
    first, second = (Parts(clips[a:b], clips[b : b + 1], []) for a, b in ((5, 6), (7, 9)))
    roles = {
        "data": data,
        "pretrain": first,
        "pretrain2": second,
        "annotator": relabel(data, [_with_error(clip) for clip in data.everything]),
        "other": Parts(second.training, [], second.validation),
        "other2": Parts(first.training, [], first.validation),
        "fer28": Parts(clips[5:7], clips[7:8], []),
        "fer32": Parts(clips[6:9], clips[9:10], []),
        "emotiw": data,
    }
    text = "synthetic people, a few for each part"
    return {
        role: dataclasses.replace(parts, text=text, synthetic=True) for role, parts in roles.items()
    }


def _with_expressions(clip):
    places = np.array([EXPRESSION_COORDINATES[name] for name in EXPRESSIONS])
    distances = np.linalg.norm(clip.valence_arousal[:, None] - places, axis=-1)
    expression = distances.argmin(axis=1)
    units = np.nan_to_num(published_units())[expression] >= 0.5
    return dataclasses.replace(clip, expression=expression, action_units=units)


def _with_error(clip):
    phase = 2 * np.pi * np.arange(len(clip)) / 50
    error = 0.2 * np.stack([np.sin(phase), np.cos(phase)], axis=1)
    return dataclasses.replace(clip, valence_arousal=np.clip(clip.valence_arousal + error, -1, 1))

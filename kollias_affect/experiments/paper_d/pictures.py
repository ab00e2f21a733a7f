"""Paper D's figures 1, 2 and 6 of given clips."""

import cv2
import numpy as np

from kollias_affect import datasets, shards
from kollias_affect.evaluation import plots
from kollias_affect.experiments.declaration import Empty
from kollias_affect.tasks import EXPRESSIONS

_CROPS = 5  # pictures in figure 1


def draw_crops(root, clips, path, split="train"):
    """Draws full frames of SFEW, its own aligned faces and the crops of paper D (figure 1).

    Args:
        root: Root of SFEW.
        clips: List of `Clip` with the crops of its full frames.
        path: PNG file.
        split: Part of SFEW that the clips belong to.

    Raises:
        Empty: If SFEW lacks the full frames or the aligned faces, or no picture has both crops.

    References: paper D §3.1, figure 1.
    """
    try:
        full, aligned = (
            {clip.key: clip.paths[0] for clip in datasets.load("sfew", root, split, aligned=kind)}
            for kind in (False, True)
        )
    except FileNotFoundError:
        raise Empty("it needs SFEW's full frames and its aligned faces") from None
    ours = {clip.key: clip.paths[0] for clip in clips if clip.paths[0]}
    keys = sorted(full.keys() & aligned.keys() & ours.keys())
    keys = [key for key in keys if str(ours[key]) not in (full[key], aligned[key])]
    if not keys:
        raise Empty("no given picture is a crop of a full frame that has an aligned face, too")
    keys = [keys[i] for i in np.linspace(0, len(keys) - 1, min(_CROPS, len(keys))).astype(int)]
    kinds = {"full frame": full, "organizers\u2019 crop": aligned, "crop of paper D": ours}
    rows = {name: [_picture(files[key]) for key in keys] for name, files in kinds.items()}
    plots.save(plots.picture_grid(rows), path)


def draw_examples(sets, path, side=256):
    """Draws a picture of each class of sets, at one scale (figure 2).

    A set of small pictures has a second row, in which they are enlarged as the networks see them.

    Args:
        sets: Dict from the name of a set to a list of `Clip` with expressions.
        path: PNG file.
        side: Side of the pictures of the networks in pixels.

    References: paper D §3.1, figure 2.
    """
    rows = {}
    for name, clips in sets.items():
        examples = _examples(clips)
        sides = {picture.shape[0] for picture in examples if picture is not None}
        size = f"{sides.pop()} pixels" if len(sides) == 1 else "own sizes"
        if sides or size != f"{side} pixels":
            rows[f"{name}\n{size}"] = examples
        rows[f"{name}\n{side} pixels"] = [
            None if picture is None else cv2.resize(picture, (side, side)) for picture in examples
        ]
    plots.save(plots.picture_grid(rows, EXPRESSIONS, true_size=True), path)


def _examples(clips):
    """The first picture of each class, or `None`."""
    found = [None] * len(EXPRESSIONS)
    for clip in clips:
        for frame in np.flatnonzero(clip.valid & clip.has_image):
            label = clip.expression[frame]
            if found[label] is None:
                found[label] = _picture(clip.paths[frame])
        if all(picture is not None for picture in found):
            break
    return found


def _picture(path):
    content = np.frombuffer(shards.read_bytes(path), np.uint8)
    return cv2.cvtColor(cv2.imdecode(content, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)


def draw_distributions(sets, path):
    """Draws the frames of each class of sets beside each other (figure 6).

    Args:
        sets: Dict from the name of a set to a list of `Clip` with expressions.
        path: PNG file.

    References: paper D, figure 6.
    """
    counts = {
        name: np.bincount(
            np.concatenate([clip.expression[clip.valid] for clip in clips]),
            minlength=len(EXPRESSIONS),
        )
        for name, clips in sets.items()
    }
    plots.save(plots.distribution(counts), path)

"""What the networks of paper A's experiment classify: expressions, or cells of a grid."""

import numpy as np

from kollias_affect.adaptation.grid import Grid
from kollias_affect.datasets import sampling
from kollias_affect.tasks import EXPRESSIONS


class Classes:
    """The classes that occur in both training parts.

    Args:
        training: Pair of lists of `Clip`, the training parts of A and B.
        task: `"expression"` or `"valence_arousal"`.
        bins: Cells of the grid of valence and arousal in each dimension.

    Attributes:
        numbers: Sorted indices into `EXPRESSIONS`, or numbers of cells, see `sampling.discretize`.
        grid: `Grid` of these cells; `None` for expressions.

    Raises:
        ValueError: If fewer than two classes occur in both parts, or a clip has no labels.
    """

    def __init__(self, training, task="expression", bins=20):
        self.task, self.bins = task, bins
        occurring = [set(self._numbers(clips).tolist()) for clips in training]
        self.numbers = sorted(set.intersection(*occurring) - {-1})
        self.grid = None if task == "expression" else Grid(tuple(self.numbers), bins)
        if len(self.numbers) < 2:
            what = "expressions" if task == "expression" else "cells of valence and arousal"
            raise ValueError(
                f"At least two {what} must occur in both training parts. Received: "
                f"{self.names}. Choose other datasets or splits."
            )

    @property
    def names(self):
        """Names of the classes, in order."""
        if self.grid is not None:
            return self.grid.names
        return tuple(EXPRESSIONS[i] for i in self.numbers)

    def __len__(self):
        return len(self.numbers)

    def labels(self, clips):
        """Returns the class of every frame, int64 `[frames]`; -1 for frames that do not count.

        An expression that is not a class does not count. A cell that is not a class becomes the
        nearest one, see `Grid`.
        """
        if self.grid is None:
            table = np.full(len(EXPRESSIONS) + 1, -1, np.int64)  # the last row is for -1
            table[self.numbers] = np.arange(len(self.numbers))
            return table[self._numbers(clips)]
        return np.where(_valid(clips), self.grid.classes(_values(clips, self.task)), -1)

    def left_out(self, clips):
        """Returns the number of valid frames whose expression is not a class."""
        return int(((self.labels(clips) < 0) & (self._numbers(clips) >= 0)).sum())

    def moved(self, clips):
        """Returns the number of valid frames in other cells, which count as the nearest class."""
        return int((_valid(clips) & ~np.isin(self._numbers(clips), [-1, *self.numbers])).sum())

    def _numbers(self, clips):
        """Expression or cell of every frame; -1 for frames that are not valid."""
        values = _values(clips, self.task)
        if self.task == "valence_arousal":
            values = sampling.discretize(values, self.bins)
        return np.where(_valid(clips), values, -1)


def _valid(clips):
    return np.concatenate([clip.valid for clip in clips])


def _values(clips, task):
    unlabelled = [clip.key for clip in clips if getattr(clip, task) is None]
    if unlabelled or not clips:
        raise ValueError(
            f"Every part needs clips with {_NAMES[task]}. Received: {len(clips)} clips, of which "
            f"without them: {unlabelled[:5]}. Choose another dataset or split."
        )
    return np.concatenate([getattr(clip, task) for clip in clips])


_NAMES = {"expression": "expressions", "valence_arousal": "valence and arousal"}

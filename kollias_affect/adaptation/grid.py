"""Paper A for valence and arousal: the cells of a grid as classes."""

import dataclasses

import numpy as np

from kollias_affect import _checks
from kollias_affect.datasets import sampling

DECODINGS = ("argmax", "expected")


@dataclasses.dataclass(frozen=True)
class Grid:
    """The cells of the V-A square in which data lie; these, and no others, are the classes.

    A centroid needs samples: of 20 x 20 = 400 cells, those without a frame of NetB's data are no
    classes. Frames of other data in such a cell get the nearest class, by the distance of the
    cells' centres (the lower number if two are as near); none is dropped.

    Args:
        cells: numbers of the cells that are classes, ascending, as `sampling.discretize` counts.
        bins: cells per dimension.

    References: paper A §V.
    """

    cells: tuple
    bins: int = 20

    @classmethod
    def fit(cls, valence_arousal, bins=20):
        """The grid of labels `[..., 2]` in [-1, 1]; those with NaN are left out.

        Raises:
            ValueError: if a value is outside [-1, 1], or all are NaN.
        """
        cells = np.unique(sampling.discretize(valence_arousal, bins))
        cells = cells[cells >= 0]
        if not len(cells):
            raise ValueError(
                "A grid needs labels. Received: NaN only. Give the labels of valid frames."
            )
        return cls(tuple(cells.tolist()), bins)

    def __len__(self):
        return len(self.cells)

    @property
    def centres(self):
        """Valence and arousal of the classes, float64 `[classes, 2]`."""
        return sampling.undiscretize(np.array(self.cells), self.bins)

    @property
    def names(self):
        """Name of each class, its centre: `"valence +0.05 arousal -0.35"`."""
        return tuple(f"valence {v:+.4g} arousal {a:+.4g}" for v, a in self.centres)

    def classes(self, valence_arousal):
        """Class numbers of labels `[..., 2]` in [-1, 1], int64 `[...]`; -1 for NaN."""
        cells = sampling.discretize(valence_arousal, self.bins)
        every = sampling.undiscretize(np.arange(self.bins**2), self.bins)
        apart = ((every[:, None] - self.centres) ** 2).sum(axis=-1)
        nearest = apart.round(9).argmin(axis=1)  # rounded: equal distances are equal
        return np.where(cells < 0, -1, nearest[cells])

    def labelled(self, dataset):
        """Batches of `windows.dataset` with class numbers instead of valence and arousal."""
        import tensorflow as tf

        def relabel(inputs, labels, weights):
            classes = tf.numpy_function(self.classes, [labels], tf.int64, stateful=False)
            return inputs, tf.ensure_shape(classes, labels.shape[:-1]), weights

        return dataset.map(relabel)

    def decode(self, outputs, by="argmax"):
        """Valence and arousal of a model's outputs.

        Args:
            outputs: `[..., classes]`.
            by: `"argmax"` for the centre of the class with the largest output; `"expected"` for
                the mean of the centres, weighted by the outputs above 0 (plain mean if none
                is). The latter is for outputs trained towards one-hot labels, not for those of
                `centroid_classifier`, which are near 1 for all classes but the farthest.

        Returns:
            float64 `[..., 2]`, in [-1, 1].

        Raises:
            ValueError: if the last axis is not that of the classes.
        """
        outputs = np.asarray(outputs, np.float64)
        if outputs.shape[-1:] != (len(self),):
            raise ValueError(
                f"`outputs` must have the {len(self)} classes of the grid on the last axis. "
                f"Received: shape {outputs.shape}. Take the grid that the model was trained with."
            )
        if _checks.one_of("by", by, DECODINGS) == "argmax":
            return self.centres[outputs.argmax(axis=-1)]
        weights = np.maximum(outputs, 0)
        weights = np.where(weights.any(axis=-1, keepdims=True), weights, 1)
        return weights @ self.centres / weights.sum(axis=-1, keepdims=True)

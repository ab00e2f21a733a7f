"""Cells of a grid of valence and arousal as classes (paper A §V)."""

import dataclasses

import numpy as np

from kollias_affect import _checks
from kollias_affect.datasets import sampling

DECODINGS = ("argmax", "expected")


@dataclasses.dataclass(frozen=True)
class Grid:
    """The cells of the valence-arousal square that contain data; each of them is a class.

    A centroid needs samples. Of 20 x 20 = 400 cells, those without a frame of NetB's data are
    therefore not classes. A frame of other data in such a cell gets the nearest class by the
    distance between the centres of the cells (the lower number of equally near classes); no
    frame is dropped.

    Args:
        cells: Ascending numbers of the cells that are classes, see `sampling.discretize`.
        bins: Number of cells in each dimension.

    References: paper A §V.

    Example:
        >>> grid = Grid.fit([[-0.9, -0.9], [0.5, 0.2], [0.5, 0.2]], bins=4)
        >>> len(grid), grid.names
        (2, ('valence -0.75 arousal -0.75', 'valence +0.75 arousal +0.25'))
        >>> grid.classes([[-1.0, -0.6], [0.9, 0.9]]).tolist()
        [0, 1]
        >>> grid.decode([[0.2, 0.8]]).tolist()
        [[0.75, 0.25]]
    """

    cells: tuple
    bins: int = 20

    @classmethod
    def fit(cls, valence_arousal, bins=20):
        """Finds the cells that contain labels.

        Args:
            valence_arousal: Labels `[..., 2]` in [-1, 1]. Labels with NaN are left out.
            bins: Number of cells in each dimension.

        Returns:
            `Grid`.

        Raises:
            ValueError: If a value is outside [-1, 1], or if all labels are NaN.
        """
        cells = np.unique(sampling.discretize(valence_arousal, bins))
        cells = cells[cells >= 0]
        if not len(cells):
            raise ValueError(
                "A grid needs labels. Received: NaN only. Pass the labels of valid frames."
            )
        return cls(tuple(cells.tolist()), bins)

    def __len__(self):
        return len(self.cells)

    @property
    def centres(self):
        """Valence and arousal of the centre of each class, float64 `[classes, 2]`."""
        return sampling.undiscretize(np.array(self.cells), self.bins)

    @property
    def names(self):
        """Names of the classes by their centres, such as `"valence +0.05 arousal -0.35"`."""
        return tuple(f"valence {v:+.4g} arousal {a:+.4g}" for v, a in self.centres)

    def classes(self, valence_arousal):
        """Returns the class numbers of labels.

        Args:
            valence_arousal: Labels `[..., 2]` in [-1, 1].

        Returns:
            Int64 `[...]`; -1 for labels with NaN.
        """
        cells = sampling.discretize(valence_arousal, self.bins)
        all_centres = sampling.undiscretize(np.arange(self.bins**2), self.bins)
        distances = ((all_centres[:, None] - self.centres) ** 2).sum(axis=-1)
        nearest = distances.round(9).argmin(axis=1)  # rounded, so that equal distances are equal
        return np.where(cells < 0, -1, nearest[cells])

    def labelled(self, dataset):
        """Replaces valence and arousal by class numbers in batches.

        Args:
            dataset: `tf.data.Dataset` of `windows.dataset`.

        Returns:
            `tf.data.Dataset` of `(inputs, classes, weights)`, with int64 classes
            `[batch, length]`.
        """
        import tensorflow as tf

        def relabel(inputs, labels, weights):
            classes = tf.numpy_function(self.classes, [labels], tf.int64, stateful=False)
            return inputs, tf.ensure_shape(classes, labels.shape[:-1]), weights

        return dataset.map(relabel)

    def decode(self, outputs, by="argmax"):
        """Converts a model's outputs to valence and arousal.

        Args:
            outputs: Outputs `[..., classes]`.
            by: `"argmax"` returns the centre of the class with the largest output. `"expected"`
                returns the mean of the centres, weighted by the positive outputs (the plain mean
                if no output is positive). It suits outputs trained towards one-hot labels, but
                not `centroid_classifier`, whose outputs are near 1 for all classes but the
                farthest.

        Returns:
            Float64 `[..., 2]`, in [-1, 1].

        Raises:
            ValueError: If the last axis does not have the length of the classes.
        """
        outputs = np.asarray(outputs, np.float64)
        if outputs.shape[-1:] != (len(self),):
            raise ValueError(
                f"`outputs` must have the {len(self)} classes of the grid on the last axis. "
                f"Received: shape {outputs.shape}. Use the grid that the model was trained with."
            )
        if _checks.one_of("by", by, DECODINGS) == "argmax":
            return self.centres[outputs.argmax(axis=-1)]
        weights = np.maximum(outputs, 0)
        weights = np.where(weights.any(axis=-1, keepdims=True), weights, 1)
        return weights @ self.centres / weights.sum(axis=-1, keepdims=True)

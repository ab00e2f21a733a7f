"""Centroids of a network's representations, one for each class (paper A §III, eq. 1 and 2)."""

import dataclasses
import json
import warnings

import numpy as np

import kollias_affect
from kollias_affect import _checks, _files, _untrusted
from kollias_affect.tasks import EXPRESSIONS

METHODS = ("kmeans", "class_means")


@dataclasses.dataclass(frozen=True, eq=False)
class Centroids:
    """One centroid for each class, with statistics of its cluster.

    Attributes:
        values: Z (eq. 2), float32 `[classes, units]`, in the order of `names`.
        names: Tuple of the names of the classes.
        counts: Number of samples of each cluster, int64 `[classes]`.
        scale: Mean squared distance of the samples to the centroid of their cluster. Pass it to
            `losses.CentroidLoss(scale=)`, which divides V (eq. 7) by it, if the softmax would
            saturate otherwise.
        purity: Share in [0, 1] of the samples whose label is the most frequent label among the
            samples nearest to the same centroid.
        confusion: Number of samples by nearest centroid (row) and label (column), int64
            `[classes, classes]`.
        source: Description of the network and the data.
        versions: Dict from the name of a library to its version.

    Raises:
        ValueError: If the shapes do not fit each other.

    References: paper A §III, eq. 2.

    Example:
        >>> representations = [[0.0, 0.1], [0.0, -0.1], [1.0, 0.9], [1.0, 1.1]]
        >>> labels = [0, 0, 1, 1]
        >>> centroids = Centroids.fit(representations, labels, names=("calm", "angry"))
        >>> centroids.values.round(3).tolist()
        [[0.0, 0.0], [1.0, 1.0]]
        >>> f"{centroids.purity:.1f}"
        '1.0'
    """

    values: np.ndarray
    names: tuple
    counts: np.ndarray
    scale: float
    purity: float
    confusion: np.ndarray
    source: str = ""
    versions: dict = dataclasses.field(default_factory=dict)

    def __post_init__(self):
        from kollias_affect.layers.centroid_outputs import centroid_values

        clean = {
            "values": centroid_values(self.values),
            "names": tuple(str(name) for name in self.names),
            "counts": np.asarray(self.counts, np.int64),
            "scale": float(self.scale),
            "purity": float(self.purity),
            "confusion": np.asarray(self.confusion, np.int64),
        }
        for name, value in clean.items():
            object.__setattr__(self, name, value)
        classes = len(self)
        shapes = (len(self.names),), self.counts.shape, self.confusion.shape
        if shapes != ((classes,), (classes,), (classes, classes)):
            raise ValueError(
                f"Names, counts and confusion must fit {classes} centroids. Received the shapes "
                f"{shapes}. Compute them with `Centroids.fit`."
            )

    def __len__(self):
        return len(self.values)

    def __repr__(self):
        return (
            f"Centroids({len(self)} classes, {self.values.shape[1]} units, "
            f"{int(self.counts.sum())} samples, purity {self.purity:.3f}, {self.source!r})"
        )

    @classmethod
    def fit(
        cls,
        representations,
        labels,
        seed=0,
        names=EXPRESSIONS,
        method="kmeans",
        valid=None,
        source="",
    ):
        """Computes the centroids of representations.

        `"kmeans"` is the paper's method: k-means finds as many clusters as there are classes (the
        best of ten random starts). Each cluster is assigned to one class, so that the number of
        samples whose label is the class of their cluster is as large as possible.
        `"class_means"` computes the mean of each class instead.

        Args:
            representations: U (eq. 1), `[samples, units]` or `[windows, length, units]`.
            labels: Integers, indices into `names`, of the shape of `representations` without its
                last axis.
            seed: Seed of k-means.
            names: Names of the classes. Each class must occur.
            method: `"kmeans"` or `"class_means"`.
            valid: Boolean or weights of the shape of `labels`. Samples that are false or 0 are
                left out and may hold any value. Default: all samples count.
            source: Description of the network and the data.

        Returns:
            `Centroids`.

        Raises:
            ValueError: If shapes do not fit, a representation is not finite, a label is not a
                class, a class does not occur, or there are fewer different representations than
                classes.

        Warns:
            UserWarning: If the most frequent label of a cluster is not the class of the cluster.

        References: paper A §III, eq. 1 and 2.
        """
        names = tuple(names)
        _checks.one_of("method", method, METHODS)
        seed = _checks.integer_between("seed", seed, 0, 2**32 - 1)
        samples, labels = _samples(representations, labels, valid, names)
        if method == "kmeans":
            values, class_of = _kmeans(samples, labels, len(names), seed)
        else:
            values, class_of = _class_means(samples, labels, len(names)), labels
        distances = squared_distances(samples, values)
        confusion = _count_pairs(distances.argmin(axis=1), labels, len(names))
        if method == "kmeans":
            _warn_of_other_majorities(confusion, names)
        return cls(
            values=values,
            names=names,
            counts=np.bincount(class_of, minlength=len(names)),
            scale=distances[np.arange(len(samples)), class_of].mean(),
            purity=confusion.max(axis=1).sum() / confusion.sum(),
            confusion=confusion,
            source=source,
            versions=_versions(),
        )

    def save(self, path):
        """Writes the centroids to an `.npz` file, atomically.

        Equal centroids give equal bytes.

        Args:
            path: Path of the file.
        """
        content = {**vars(self), "versions": json.dumps(self.versions, sort_keys=True)}
        content = {name: np.asarray(value) for name, value in content.items()}
        with _files.atomic(path) as temporary, open(temporary, "wb") as file:
            np.savez(file, **content)  # NumPy dates the entries 1980

    @classmethod
    def load(cls, path):
        """Reads a file that `save` wrote.

        Args:
            path: Path of the `.npz` file.

        Returns:
            `Centroids`.

        Raises:
            FileNotFoundError: If the file does not exist.
            ValueError: If the file is damaged, or was not written by `save`.
        """
        path = _checks.existing_file("centroids", path)
        with _untrusted.reading(
            "`centroids` must be a file that `Centroids.save` wrote",
            path,
            "Compute and save the centroids again.",
        ):
            content = _untrusted.read_npz(path)
            missing = {field.name for field in dataclasses.fields(cls)} - set(content)
            if missing:
                raise ValueError(f"it lacks {sorted(missing)}")
            for name in ("scale", "purity", "source", "versions"):
                content[name] = content[name].item()
            content["versions"] = _untrusted.parse_json(content["versions"])
            return cls(**content)


def _samples(representations, labels, valid, names):
    """Returns the samples that count, float64 `[samples, units]`, and labels, int64 `[samples]`."""
    representations, labels = np.asarray(representations), np.asarray(labels)
    valid = np.ones(labels.shape, bool) if valid is None else np.asarray(valid) > 0
    if representations.ndim < 2 or not (representations.shape[:-1] == labels.shape == valid.shape):
        raise ValueError(
            "`representations` must have the shape [..., units], `labels` and `valid` the shape "
            f"[...]. Received: {representations.shape}, {labels.shape} and {valid.shape}. Pass "
            "one label for each representation."
        )
    samples, labels = representations[valid].astype(np.float64), labels[valid]
    infinite = int((~np.isfinite(samples)).any(axis=1).sum())
    if infinite:
        raise ValueError(
            f"Representations must be finite. Received: {infinite} of {len(samples)} with NaN or "
            "infinity. Train the network with a smaller learning rate, or exclude them with "
            "`valid`."
        )
    _check_labels(labels, names)
    return samples, labels.astype(np.int64)


def _check_labels(labels, names):
    if len(labels) < len(names):
        raise ValueError(
            f"There must be at least one sample per class. Received: {len(labels)} samples for "
            f"{len(names)} classes. Pass more data, or fewer `names`."
        )
    bad = labels[~np.isin(labels, np.arange(len(names)))]
    if len(bad):
        raise ValueError(
            f"Labels must be integers from 0 to {len(names) - 1}, indices into `names`. Received: "
            f"{bad[0]} ({len(bad)} such labels). Exclude samples without a label with `valid`."
        )
    empty = [name for i, name in enumerate(names) if not (labels == i).any()]
    if empty:
        raise ValueError(
            f"Every class in `names` needs a sample. Received none of {empty[:10]} ({len(empty)} "
            "such classes). Add samples, or restrict `names` to the classes that occur and "
            "renumber the labels."
        )


def _kmeans(samples, labels, classes, seed):
    """Returns the cluster centres in the order of their classes, and the class of each sample."""
    from scipy.optimize import linear_sum_assignment
    from sklearn.cluster import KMeans

    different = len(np.unique(samples, axis=0))
    if different < classes:
        raise ValueError(
            f"{classes} clusters need as many different representations. Received: {different} "
            f"among {len(samples)}. The network may be dead (all units saturated): train it again, "
            "or pass method='class_means'."
        )
    clusters = KMeans(classes, n_init=10, random_state=seed).fit(samples)
    _, cluster_of = linear_sum_assignment(-_count_pairs(labels, clusters.labels_, classes))
    class_of = np.argsort(cluster_of)
    return clusters.cluster_centers_[cluster_of], class_of[clusters.labels_]


def _class_means(samples, labels, classes):
    return np.stack([samples[labels == i].mean(axis=0) for i in range(classes)])


def squared_distances(samples, centroids):
    """Computes V (eq. 7), the squared distances `[samples, classes]` to the centroids.

    Args:
        samples: Representations `[samples, units]`.
        centroids: Array `[classes, units]`.
    """
    from scipy.spatial.distance import cdist

    return cdist(samples, centroids, "sqeuclidean")


def _count_pairs(rows, columns, classes):
    """Counts the pairs of two class numbers, int64 `[classes, classes]`."""
    table = np.zeros((classes, classes), np.int64)
    np.add.at(table, (rows, columns), 1)
    return table


def _warn_of_other_majorities(confusion, names):
    largest = confusion.argmax(axis=1)
    other = [
        f"the cluster of {names[i]} holds most of {names[j]} ({confusion[i, j]} to "
        f"{confusion[i, i]})"
        for i, j in enumerate(largest)
        if confusion[i, j] > confusion[i, i]
    ]
    if other:
        warnings.warn(
            f"{len(other)} of {len(names)} clusters were assigned to a class that is not their "
            f"largest: {'; '.join(other[:10])}. Train the network to a better accuracy, or pass "
            "method='class_means'.",
            stacklevel=3,
        )


def _versions():
    import sklearn

    return {
        "kollias_affect": kollias_affect.__version__,
        "numpy": np.__version__,
        "scikit-learn": sklearn.__version__,
    }

"""What one network hands to another: the centroids of its classes in its last hidden layer."""

import dataclasses
import json
import warnings
import zipfile
import zlib

import numpy as np

import kollias_affect
from kollias_affect import _checks, _files
from kollias_affect.tasks import EXPRESSIONS

METHODS = ("kmeans", "class_means")


@dataclasses.dataclass(frozen=True, eq=False)
class Centroids:
    """One centroid per class, and how well the clusters agree with the labels.

    Attributes:
        values: Z, float32 `[classes, units]`, in the order of `names`.
        names: of the classes.
        counts: int64 `[classes]`, the number of samples whose mean each centroid is.
        scale: mean squared distance of the samples to the centroid whose mean they are in; what
            V is divided by in `losses.CentroidLoss(scale=)` if its softmax would saturate.
        source: free text: which network, which data.
        purity: share of the samples whose label is the most frequent one among the samples that
            are nearest to the same centroid.
        confusion: int64 `[classes, classes]`, samples by nearest centroid (row) and label.
        versions: dict from library to version.

    References: paper A §III, eq. 2.
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
        """Centroids of representations, one for each class.

        `"kmeans"` is the paper's: as many clusters as classes (ten random starts), which are then
        given to the classes one to one, so that as many labels as possible agree.
        `"class_means"` takes the mean of each class instead.

        Args:
            representations: U, `[..., units]`: `[samples, units]` or `[windows, length, units]`.
            labels: integers `[...]`, indices into `names`.
            seed: of k-means.
            names: of the classes; each must occur.
            method: `"kmeans"` or `"class_means"`.
            valid: `[...]`, boolean or weights: samples that are false or 0 are left out, and may
                hold anything. Default: all count.
            source: free text that is kept, such as network and data.

        Returns:
            `Centroids`.

        Raises:
            ValueError: if shapes do not fit, a representation is not finite, a label is no
                class, a class is empty, or there are too few different representations.

        Warns:
            UserWarning: if the most frequent label of a cluster is not the class that it got.

        References: paper A §III, eq. 1 and 2.
        """
        names = tuple(names)
        _checks.one_of("method", method, METHODS)
        seed = _checks.integer_between("seed", seed, 0, 2**32 - 1)
        samples, labels = _samples(representations, labels, valid, names)
        if method == "kmeans":
            values, own = _kmeans(samples, labels, len(names), seed)
        else:
            values, own = _class_means(samples, labels, len(names)), labels
        distances = _squared_distances(samples, values)
        confusion = _confusion(distances.argmin(axis=1), labels, len(names))
        if method == "kmeans":
            _warn_of_other_majorities(confusion, names)
        return cls(
            values=values,
            names=names,
            counts=np.bincount(own, minlength=len(names)),
            scale=distances[np.arange(len(own)), own].mean(),
            purity=confusion.max(axis=1).sum() / confusion.sum(),
            confusion=confusion,
            source=source,
            versions=_versions(),
        )

    def save(self, path):
        """Writes the centroids to an `.npz` file, atomically; equal ones give equal bytes."""
        content = {**vars(self), "versions": json.dumps(self.versions, sort_keys=True)}
        content = {name: np.asarray(value) for name, value in content.items()}
        with _files.atomic(path) as temporary, open(temporary, "wb") as file:
            np.savez(file, **content)  # its entries bear no time

    @classmethod
    def load(cls, path):
        """Reads what `save` wrote.

        Raises:
            FileNotFoundError, ValueError: if the file is missing, damaged, or something else.
        """
        path = _checks.existing_file("centroids", path)
        try:
            with np.load(path, allow_pickle=False) as archive:
                content = {name: archive[name] for name in archive.files}
            missing = {field.name for field in dataclasses.fields(cls)} - set(content)
            if missing:
                raise ValueError(f"it lacks {sorted(missing)}")
            for name in ("scale", "purity", "source", "versions"):
                content[name] = content[name].item()
            content["versions"] = json.loads(content["versions"])
            return cls(**content)
        except _UNREADABLE as error:
            raise ValueError(
                f"`centroids` must be a file that `Centroids.save` wrote. Received: {path}: "
                f"{error}. Compute and save them anew."
            ) from error


# What NumPy and zipfile raise for files that are truncated, pickled, or no archives.
_UNREADABLE = (
    AttributeError,
    EOFError,
    KeyError,
    OSError,
    TypeError,
    ValueError,
    zipfile.BadZipFile,
    zlib.error,
)


def _samples(representations, labels, valid, names):
    """Float64 `[samples, units]` and int64 `[samples]` that count, checked."""
    representations, labels = np.asarray(representations), np.asarray(labels)
    valid = np.ones(labels.shape, bool) if valid is None else np.asarray(valid) > 0
    if representations.ndim < 2 or not (representations.shape[:-1] == labels.shape == valid.shape):
        raise ValueError(
            "`representations` must have the shape [..., units], `labels` and `valid` the shape "
            f"[...]. Received: {representations.shape}, {labels.shape} and {valid.shape}. Give "
            "one label per representation."
        )
    samples, labels = representations[valid].astype(np.float64), labels[valid]
    infinite = int((~np.isfinite(samples)).any(axis=1).sum())
    if infinite:
        raise ValueError(
            f"Representations must be finite. Received: {infinite} of {len(samples)} with NaN or "
            "infinity. Train the network with a smaller learning rate, or leave them out by "
            "`valid`."
        )
    _check_labels(labels, names)
    return samples, labels.astype(np.int64)


def _check_labels(labels, names):
    if len(labels) < len(names):
        raise ValueError(
            f"There must be at least one sample per class. Received: {len(labels)} samples for "
            f"{len(names)} classes. Give more data, or fewer `names`."
        )
    bad = labels[~np.isin(labels, np.arange(len(names)))]
    if len(bad):
        raise ValueError(
            f"Labels must be integers from 0 to {len(names) - 1}, indices into `names`. Received: "
            f"{bad[0]} ({len(bad)} such labels). Leave samples without a label out by `valid`."
        )
    empty = [name for i, name in enumerate(names) if not (labels == i).any()]
    if empty:
        raise ValueError(
            f"Every class in `names` needs a sample. Received none of {empty[:10]} ({len(empty)} "
            "such classes). Add some, or restrict `names` to the classes that occur and number "
            "the labels by them."
        )


def _kmeans(samples, labels, classes, seed):
    """Centres in the order of the classes they are given to, and the class of each sample."""
    from scipy.optimize import linear_sum_assignment
    from sklearn.cluster import KMeans

    different = len(np.unique(samples, axis=0))
    if different < classes:
        raise ValueError(
            f"{classes} clusters need as many different representations. Received: {different} "
            f"among {len(samples)}. The network may be dead (all units saturated); train it anew, "
            "or take method='class_means'."
        )
    found = KMeans(classes, n_init=10, random_state=seed).fit(samples)
    _, cluster_of = linear_sum_assignment(-_confusion(labels, found.labels_, classes))
    class_of = np.argsort(cluster_of)
    return found.cluster_centers_[cluster_of], class_of[found.labels_]


def _class_means(samples, labels, classes):
    return np.stack([samples[labels == i].mean(axis=0) for i in range(classes)])


def _squared_distances(samples, centroids):
    from scipy.spatial.distance import cdist

    return cdist(samples, centroids, "sqeuclidean")


def _confusion(rows, columns, classes):
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
            f"{len(other)} of {len(names)} clusters were given to a class that is not their "
            f"largest: {'; '.join(other[:10])}. Train the network to a better accuracy, or take "
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

import dataclasses
import warnings
import zipfile

import numpy as np
import pytest

from kollias_affect import EXPRESSIONS
from kollias_affect.adaptation import Centroids

NAMES = ("a", "b", "c")


@pytest.mark.parametrize("method", ["kmeans", "class_means"])
def test_each_class_gets_the_centroid_of_its_own_samples(blobs, method):
    x, labels, _ = blobs()
    order = np.random.default_rng(1).permutation(len(labels))
    centroids = Centroids.fit(x[order], labels[order], method=method, source="blobs")
    means = np.stack([x[labels == i].mean(0) for i in range(7)])
    assert centroids.values.dtype == np.float32 and np.allclose(centroids.values, means, atol=1e-6)
    assert centroids.names == EXPRESSIONS and centroids.counts.tolist() == [20] * 7
    assert centroids.purity == 1 and np.array_equal(centroids.confusion, 20 * np.eye(7))
    assert centroids.scale == pytest.approx(((x - means[labels]) ** 2).sum(1).mean(), rel=1e-5)
    assert centroids.source == "blobs" and "scikit-learn" in centroids.versions


def test_clusters_are_assigned_to_classes_so_that_most_labels_agree(blobs):
    """Class 0 is the majority of two clusters, but only one of them can be assigned to it."""
    x, clusters, centres = blobs(classes=3, count=20)
    labels = clusters.copy()
    labels[20:31] = 0  # cluster 1: 11 of class 0, 9 of class 1
    with pytest.warns(UserWarning, match=r"the cluster of b holds most of a \(11 to 9\)"):
        centroids = Centroids.fit(x, labels, names=NAMES)
    assert np.allclose(centroids.values, centres, atol=0.1)
    assert centroids.confusion.tolist() == [[20, 0, 0], [11, 9, 0], [0, 0, 20]]
    assert centroids.purity == pytest.approx(51 / 60)


def test_clusters_that_agree_give_no_warning(blobs):
    x, labels, _ = blobs()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Centroids.fit(x, labels)


def test_fit_is_seeded(blobs):
    x, labels, _ = blobs(spread=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        first, second = (Centroids.fit(x, labels, seed=3).values for _ in range(2))
    assert np.array_equal(first, second)


def test_frames_that_do_not_count_may_hold_any_value(blobs):
    x, labels, _ = blobs()
    expected = Centroids.fit(x, labels)
    windows = np.concatenate([x, x]).reshape(10, 28, -1)
    numbers = np.concatenate([labels, labels]).reshape(10, 28)
    valid = np.arange(10)[:, None] < 5 + np.zeros(28)
    windows[5:], numbers[5:] = np.nan, -1
    centroids = Centroids.fit(windows, numbers, valid=valid.astype("float32"))
    assert np.array_equal(centroids.values, expected.values)
    assert centroids.counts.sum() == 140


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda x, y: (x[:2], y[:2]), "at least one sample per class. Received: 2"),
        (lambda x, y: (x[y > 0], y[y > 0]), r"Received none of \['a'\].*restrict `names`"),
        (lambda x, y: (np.where(y[:, None] == 1, np.nan, x), y), "Received: 20 of 60 with NaN"),
        (lambda x, y: (x, np.where(y == 1, -1, y)), r"Received: -1 \(20 such"),
        (lambda x, y: (x, y + 0.5), r"Received: 0.5 \(60 such"),
        (lambda x, y: (x, y[1:]), r"Received: \(60, 5\), \(59,\)"),
        (lambda x, y: (x[:, 0], y), r"Received: \(60,\)"),
        (lambda x, y: (0 * x, y), "Received: 1 among 60"),
    ],
    ids=["few", "empty", "nan", "unknown", "fractions", "unequal", "flat", "dead"],
)
def test_invalid_samples_are_refused(blobs, change, message):
    x, labels, _ = blobs(classes=3)
    with pytest.raises(ValueError, match=message):
        Centroids.fit(*change(x, labels), names=NAMES)


def test_unknown_method_is_refused(blobs):
    x, labels, _ = blobs()
    with pytest.raises(ValueError, match="`method` must be one of"):
        Centroids.fit(x, labels, method="median")


def test_loaded_centroids_equal_the_saved_ones(blobs, tmp_path):
    x, labels, _ = blobs()
    saved = Centroids.fit(x, labels, source="netB, AFEW Val")
    saved.save(tmp_path / "z.npz")
    loaded = Centroids.load(tmp_path / "z.npz")
    for field in dataclasses.fields(Centroids):
        before, after = getattr(saved, field.name), getattr(loaded, field.name)
        assert type(after) is type(before)
        assert np.array_equal(after, before), field.name
    assert loaded.values.dtype == np.float32


def test_equal_centroids_give_equal_bytes(blobs, tmp_path):
    x, labels, _ = blobs()
    for name in ("one", "two"):
        Centroids.fit(x, labels).save(tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    with zipfile.ZipFile(tmp_path / "one") as archive:
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one", "two"]


def test_files_without_centroids_are_refused(blobs, tmp_path):
    x, labels, _ = blobs()
    path = tmp_path / "z.npz"
    Centroids.fit(x, labels).save(path)
    complete = path.read_bytes()
    with np.load(path) as archive:
        content = dict(archive)

    def refuse(message):
        with pytest.raises(ValueError, match=rf"`Centroids.save` wrote.*{message}"):
            Centroids.load(path)

    for length in (1, 30, len(complete) // 2, len(complete) - 1):
        path.write_bytes(complete[:length])
        refuse("")
    np.savez(path, **{name: content[name] for name in content if name != "names"})
    refuse(r"lacks \['names'\]")
    np.savez(path, **content, more=np.zeros(2))
    refuse("more")
    np.savez(path, **{**content, "counts": np.zeros(3)})
    refuse("must fit 7 centroids")
    np.savez(path, **{**content, "values": np.array([{}], object)})
    refuse("objects")
    np.savez(path, **{**content, "scale": np.zeros(3)})
    refuse("")
    np.save(tmp_path / "z.npy", np.zeros(3))
    (tmp_path / "z.npy").replace(path)
    refuse("")
    path.write_bytes(b"")
    with pytest.raises(ValueError, match="must not be empty"):
        Centroids.load(path)
    with pytest.raises(FileNotFoundError, match="`centroids` must be an existing file"):
        Centroids.load(tmp_path / "nothing.npz")

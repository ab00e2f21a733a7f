import shutil

import keras
import numpy as np
import pytest

from kollias_affect import _runs, adaptation
from kollias_affect.adaptation import Centroids


@pytest.fixture
def sets(seven_clips, data):
    """Training and validation batches of A and B, in the order of `alternate`."""
    shifts = {"a": 0, "b": 8, "validation_a": 2, "validation_b": 6}
    return tuple(data(seven_clips(key, 2, shift)).cache() for key, shift in shifts.items())


@pytest.fixture
def run(sets, dense):
    """Returns a function that calls `alternate` on two new networks."""

    def alternate(**options):
        defaults = {"lam": 0.5, "rounds": 2, "learning_rate": 0.01, "method": "class_means"}
        names = ("data_a", "data_b", "validation_a", "validation_b")
        defaults |= dict(zip(names, sets, strict=True))
        return adaptation.alternate(dense(0), dense(1), **{**defaults, **options})

    return alternate


def weights_of(result):
    return [w for net in (result.net_a, result.net_b) for w in net.get_weights()]


def check_best(result, validation_a, validation_b):
    """Checks that the networks and centroids are those of the best rounds in the history."""
    for net, centroids, validation, name in (
        (result.net_a, result.centroids_a, validation_a, "a"),
        (result.net_b, result.centroids_b, validation_b, "b"),
    ):
        rows = [row for row in result.history if row["net"] == name]
        assert all(row["accuracy"] == row["task_accuracy"] for row in rows)
        best = max(rows, key=lambda row: row["accuracy"])
        assert f"round {best['round']} of net {name}" in centroids.source
        adaptation.compile_adapted(net, centroids, 0.5)
        batches = adaptation.targets(validation, 7)
        logs = net.evaluate(batches, verbose=0, return_dict=True)
        for key in ("task", "representation"):
            logged = logs[f"{key.replace('task', 'expression')}_accuracy"]
            assert logged == pytest.approx(best[f"{key}_accuracy"], abs=1e-6)


def check_centroids(folder, dense, data_a, data_b):
    """Checks that each network of a round was trained towards the centroids of the other."""
    trained_a, initial_b = dense(0), dense(1)
    trained_a.load_weights(folder / "net_a.weights.h5")
    # NetA learns from NetB before its turn, NetB from NetA after its turn.
    for learner, teacher, data in (("a", initial_b, data_b), ("b", trained_a, data_a)):
        x, labels = adaptation.representations(teacher, data)
        expected = Centroids.fit(x, labels, method="class_means").values
        values = Centroids.load(folder / f"centroids_{learner}.npz").values
        assert np.abs(values - expected).max() < 1e-6


def test_a_resumed_run_equals_an_uninterrupted_one(run, sets, dense, tmp_path):
    folder = tmp_path / "run"
    uninterrupted = run(patience=9)
    order = [(row["round"], row["net"]) for row in uninterrupted.history]
    assert order == [(0, "a"), (0, "b"), (1, "a"), (1, "b"), (2, "a"), (2, "b")]
    run(patience=9, rounds=1, out_dir=folder)
    check_centroids(folder / "round-0001", dense, *sets[:2])
    resumed = run(patience=9, out_dir=folder)
    assert resumed.history == uninterrupted.history
    assert all(map(np.array_equal, weights_of(resumed), weights_of(uninterrupted)))
    check_best(resumed, *sets[2:])
    names = {path.name for path in folder.iterdir()} - {_runs.LOCK}
    assert "round-0002" in names and "settings.json" in names and len(names) <= 4
    with pytest.raises(ValueError, match=r"`lam` \(0.5, now 0.2\), `seed` \(0, now 4\)"):
        run(lam=0.2, seed=4, out_dir=folder)
    with _runs.Lock(folder), pytest.raises(OSError, match="One process at a time"):
        run(out_dir=folder)


@pytest.mark.parametrize("killed_after", [pytest.param(0, marks=pytest.mark.nightly), 1])
def test_a_resumed_run_repeats_the_order_of_shuffled_data(
    run, sets, seven_clips, data, tmp_path, killed_after
):
    def shuffled(key, shift):
        clips = seven_clips(key, 2, shift)
        return lambda epoch: data(clips, shuffle=True, first_epoch=epoch, batch_size=3)

    options = {"data_a": shuffled("a", 0), "data_b": shuffled("b", 8), "patience": 9}
    uninterrupted = run(**options)
    folder = tmp_path / "run"
    run(**options, rounds=1, out_dir=folder)
    if not killed_after:
        shutil.rmtree(folder / "round-0001")
    keras.utils.set_random_seed(99)  # The process that resumes has drawn other numbers.
    resumed = run(**options, out_dir=folder)
    assert resumed.history == uninterrupted.history
    assert all(map(np.array_equal, weights_of(resumed), weights_of(uninterrupted)))


def test_it_stops_when_neither_network_improves(run):
    result = run(lam=0, rounds=9, patience=1, learning_rate=1e-12)
    assert result.history[-1]["round"] == 1
    # The output layer is not trained, so the nearest centroid counts.
    assert all(row["accuracy"] == row["representation_accuracy"] for row in result.history)


def test_a_run_needs_a_folder_of_its_own(run, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "file").touch()
    with pytest.raises(FileExistsError, match="did not write"):
        run(out_dir=tmp_path / "out")


@pytest.mark.parametrize("name", ["rounds", "epochs_per_round", "patience"])
def test_counts_are_checked(run, name):
    with pytest.raises(ValueError, match=f"`{name}` must be an integer of at least 1"):
        run(**{name: 0})

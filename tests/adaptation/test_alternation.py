import keras
import numpy as np
import pytest

from kollias_affect import adaptation
from kollias_affect.adaptation import Centroids


def network(seed):
    """Quick to build: a linear look at every frame, dropout, and the two outputs."""
    keras.utils.set_random_seed(seed)
    images = keras.Input((2, 32, 32, 3), name="images")
    x = keras.layers.AveragePooling3D((1, 16, 16))(images)
    x = keras.layers.Reshape((2, 12))(x)
    x = keras.layers.Dense(6, "tanh")(x)
    x = keras.layers.Dropout(0.2)(x)
    hidden = keras.layers.Identity(name="representation")(x)
    outputs = keras.layers.Dense(7, name="expression")(hidden)
    return keras.Model({"images": images}, {"expression": outputs, "representation": hidden})


@pytest.fixture
def sets(seven_clips, data):
    """Training and validation batches of A and B, in the order of `alternate`."""
    shifts = {"a": 0, "b": 8, "validation_a": 2, "validation_b": 6}
    return tuple(data(seven_clips(key, 2, shift)).cache() for key, shift in shifts.items())


def run(sets, **options):
    defaults = {"lam": 0.5, "rounds": 2, "learning_rate": 0.01, "method": "class_means"}
    return adaptation.alternate(network(0), network(1), *sets, **{**defaults, **options})


def weights_of(found):
    return [w for net in (found.net_a, found.net_b) for w in net.get_weights()]


def test_the_best_networks_come_back_with_their_centroids(sets):
    found = run(sets, rounds=1)
    order = [(row["round"], row["net"]) for row in found.history]
    assert order == [(0, "a"), (0, "b"), (1, "a"), (1, "b")]
    for net, centroids, validation, name in (
        (found.net_a, found.centroids_a, sets[2], "a"),
        (found.net_b, found.centroids_b, sets[3], "b"),
    ):
        rows = [row for row in found.history if row["net"] == name]
        assert all(row["accuracy"] == row["task_accuracy"] for row in rows)
        best = max(rows, key=lambda row: row["accuracy"])
        assert f"round {best['round']} of net {name}" in centroids.source
        adaptation.compile_adapted(net, centroids, 0.5)
        batches = adaptation.targets(validation, 7)
        logs = net.evaluate(batches, verbose=0, return_dict=True)
        for key in ("task", "representation"):
            logged = logs[f"{key.replace('task', 'expression')}_accuracy"]
            assert logged == pytest.approx(best[f"{key}_accuracy"], abs=1e-6)


def test_each_is_trained_towards_the_centroids_of_the_other(sets, tmp_path):
    run(sets, rounds=1, patience=9, out_dir=tmp_path / "run")
    kept = tmp_path / "run" / "round-0001"
    trained_a, fresh_b = network(0), network(1)
    trained_a.load_weights(kept / "net_a.weights.h5")
    # NetA learns from NetB as it was, NetB from NetA as it has become.
    for learner, teacher, data in (("a", fresh_b, sets[1]), ("b", trained_a, sets[0])):
        x, labels = adaptation.representations(teacher, data)
        expected = Centroids.fit(x, labels, method="class_means").values
        found = Centroids.load(kept / f"centroids_{learner}.npz").values
        assert np.abs(found - expected).max() < 1e-6


def test_it_stops_when_neither_gets_better(sets):
    found = run(sets, lam=0, rounds=9, patience=1, learning_rate=1e-12)
    assert found.history[-1]["round"] == 1
    # The output layer is not trained: the nearest centroid decides.
    assert all(row["accuracy"] == row["representation_accuracy"] for row in found.history)


def test_a_run_that_goes_on_gives_the_same(sets, tmp_path):
    folder = tmp_path / "run"
    whole = run(sets, patience=9)
    run(sets, patience=9, rounds=1, out_dir=folder)
    parts = run(sets, patience=9, out_dir=folder)
    assert parts.history == whole.history
    assert all(map(np.array_equal, weights_of(parts), weights_of(whole)))
    kept = {path.name for path in folder.iterdir()}
    assert "round-0002" in kept and "settings.json" in kept and len(kept) <= 4
    with pytest.raises(ValueError, match="made with another lam, seed"):
        run(sets, lam=0.2, seed=4, out_dir=folder)


def test_a_run_needs_a_folder_of_its_own(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(FileExistsError, match="`alternate` did not write"):
        run([None] * 4, out_dir=tmp_path)


@pytest.mark.parametrize("name", ["rounds", "epochs_per_round", "patience"])
def test_counts_are_checked(name):
    with pytest.raises(ValueError, match=f"`{name}` must be an integer of at least 1"):
        run([None] * 4, **{name: 0})

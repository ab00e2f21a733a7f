import numpy as np
import pytest

from kollias_affect import adaptation, windows
from kollias_affect.adaptation import Centroids, Grid
from kollias_affect.datasets import sampling

LABELS = np.array([[-0.9, -0.9], [0.55, 0.2], [0.52, 0.21], [0.95, -0.95], [np.nan, 0]])


def test_classes_are_the_cells_that_occur():
    grid = Grid.fit(LABELS)
    assert len(grid) == 3
    assert grid.cells == tuple(np.unique(sampling.discretize(LABELS[:4])).tolist())
    assert grid.classes(LABELS).tolist() == [0, 1, 1, 2, -1]
    assert len(set(grid.names)) == 3 and grid.names[2] == "valence +0.95 arousal -0.95"


def test_other_labels_get_the_nearest_class():
    grid = Grid.fit(LABELS)
    random = np.random.default_rng(0).uniform(-1, 1, (5, 40, 2))
    cells = sampling.undiscretize(sampling.discretize(random))
    distances = np.linalg.norm(cells[..., None, :] - grid.centres, axis=-1)
    classes = grid.classes(random)
    assert classes.shape == (5, 40)
    chosen = np.take_along_axis(distances, classes[..., None], -1)[..., 0]
    assert np.allclose(chosen, distances.min(-1), atol=1e-9)


def test_the_first_of_equally_near_classes_is_chosen():
    grid = Grid((0, 2), bins=20)  # arousal -0.95 and -0.75
    assert grid.classes(sampling.undiscretize(np.array([0, 1, 2]))).tolist() == [0, 0, 1]


def test_outputs_are_decoded_by_argmax_or_expected_value():
    grid = Grid.fit(LABELS)
    outputs = np.array([[0, 1, 0], [-5, 0.5, 0.5], [-1, -1, -1]])
    assert np.allclose(grid.decode(outputs), grid.centres[[1, 1, 0]])
    expected = [grid.centres[1], grid.centres[1:].mean(0), grid.centres.mean(0)]
    assert np.allclose(grid.decode(outputs, "expected"), expected)
    assert np.abs(grid.decode(np.eye(3)[grid.classes(LABELS[:4])]) - LABELS[:4]).max() <= 0.05
    with pytest.raises(ValueError, match="the 3 classes of the grid"):
        grid.decode(np.zeros((2, 7)))
    with pytest.raises(ValueError, match="`by` must be one of"):
        grid.decode(outputs, "median")


def test_a_grid_without_labels_is_refused():
    with pytest.raises(ValueError, match="NaN only"):
        Grid.fit(np.full((3, 2), np.nan))


def test_paper_a_on_valence_and_arousal(tiny, make_clip):
    """Few of 400 cells occur: labels, centroids, training and decoding."""
    clips = [make_clip(f"{i}", 4, 30 * i, size=32, missing=(3,)) for i in range(4)]
    net_b = tiny(seed=1)
    x, labels = adaptation.representations(net_b, clips, task="valence_arousal")
    grid = Grid.fit(labels)
    centroids = Centroids.fit(x, grid.classes(labels), names=grid.names, method="class_means")
    assert len(centroids) == len(grid) < 400
    net_a = adaptation.with_classes(tiny(), len(grid), "valence_arousal_cell")
    adaptation.compile_adapted(net_a, centroids, 0.5)
    batches = windows.dataset(clips, length=2, size=32, landmarks=False)
    batches = adaptation.targets(grid.labelled(batches), len(grid), "valence_arousal_cell")
    history = net_a.fit(batches, epochs=2, shuffle=False, verbose=0).history
    assert np.isfinite(history["loss"]).all() and "valence_arousal_cell_accuracy" in history
    inputs, desired, weights = next(iter(batches))
    counts = np.asarray(weights["representation"]) > 0
    assert (np.asarray(desired["representation"]).sum(-1)[counts] == 1).all()
    outputs = net_a.predict(inputs, verbose=0)["valence_arousal_cell"]
    assert np.abs(grid.decode(outputs)).max() <= 1


def test_new_classes_need_an_unused_name(tiny):
    model = tiny()
    hidden = model.output["representation"]
    output = adaptation.with_classes(model, 5, "expression").output
    assert output["expression"].shape == (None, 2, 5)
    assert output["representation"] is hidden
    for name in ("rnn1", "representation"):
        with pytest.raises(ValueError, match="must not be the name of another layer"):
            adaptation.with_classes(model, 5, name)

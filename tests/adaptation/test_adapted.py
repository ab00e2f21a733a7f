import os
import subprocess
import sys

import keras
import numpy as np
import pytest

from kollias_affect import adaptation, evaluation, models
from kollias_affect.adaptation import Centroids
from kollias_affect.adaptation.adapted import REPRESENTATION

Z = np.random.default_rng(5).normal(0, 0.5, (7, 6)).astype("float32")


def weights_of(model):
    return [weight.numpy() for weight in model.trainable_weights]


def fit(model, batches, epochs=3):
    keras.utils.set_random_seed(1)  # dropout
    return model.fit(batches, epochs=epochs, shuffle=False, verbose=0).history


def test_lam_1_equals_training_without_centroids_step_for_step(dense, seven_clips, data):
    """Eq. 9 with λ = 1 is eq. 5, whatever the centroids."""
    batches = adaptation.targets(data(seven_clips("a"), batch_size=3), 7)
    adapted, plain = dense(), dense()
    # Every dropout layer has its own generator.
    for a, b in zip(adapted.layers, plain.layers, strict=True):
        if hasattr(a, "seed_generator"):
            b.seed_generator.state.assign(a.seed_generator.state)
    adaptation.compile_adapted(adapted, Z, lam=1)
    squared_error = keras.losses.MeanSquaredError("mean_with_sample_weight")
    plain.compile(keras.optimizers.Adam(1e-3), loss={"expression": squared_error})
    start = weights_of(adapted)
    fit(adapted, batches)
    fit(plain, batches.map(lambda x, y, w: (x, {"expression": y["expression"]}, w["expression"])))
    moved = [np.abs(a - b).max() for a, b in zip(weights_of(adapted), start, strict=True)]
    assert max(moved) > 1e-3
    assert all(map(np.array_equal, weights_of(adapted), weights_of(plain)))


def test_lam_0_does_not_move_the_output_layer(tiny, seven_clips, data):
    model = adaptation.compile_adapted(tiny(), Z, lam=0)
    before = [weight.copy() for weight in model.get_layer("expression").get_weights()]
    rnn = model.get_layer("rnn1").get_weights()[0].copy()
    fit(model, adaptation.targets(data(seven_clips("a", 2)), 7))
    after = model.get_layer("expression").get_weights()
    assert all(map(np.array_equal, after, before))
    assert np.abs(model.get_layer("rnn1").get_weights()[0] - rnn).max() > 1e-4


def test_total_is_eq_9_over_the_frames_that_count(dense, seven_clips, data):
    batches = data(seven_clips("a", frames=3), batch_size=14)  # one frame in four is padding
    model = dense()
    outputs = model.predict(batches, verbose=0)
    frames = np.tile([True, True, True, False], 7).reshape(14, 2)
    d, o, x = np.eye(7)[np.repeat(np.arange(7), 3)], outputs["expression"], outputs[REPRESENTATION]
    v = ((x[frames][:, None] - Z) ** 2).sum(-1)
    e_a = ((d - o[frames]) ** 2).mean()
    e_b = ((d - (1 - v / v.sum(1, keepdims=True))) ** 2).mean()
    correct = o[frames].argmax(1) == d.argmax(1)
    nearest = v.argmin(1) == d.argmax(1)
    for lam in (0, 0.25, 1):
        adaptation.compile_adapted(model, Z, lam, "linear")
        logs = model.evaluate(adaptation.targets(batches, 7), verbose=0, return_dict=True)
        assert logs["loss"] == pytest.approx(lam * e_a + (1 - lam) * e_b, abs=1e-6)
        assert logs["expression_loss"] == pytest.approx(e_a, abs=1e-6)
        assert logs["representation_loss"] == pytest.approx(e_b, abs=1e-6)
        assert logs["expression_accuracy"] == pytest.approx(correct.mean(), abs=1e-6)
        assert logs["representation_accuracy"] == pytest.approx(nearest.mean(), abs=1e-6)


def test_representations_move_to_the_centroids_of_their_class(dense, seven_clips, data):
    batches = adaptation.targets(data(seven_clips("a", 2)), 7).cache()
    z = np.eye(7, 6, dtype="float32") * 0.6
    model = adaptation.compile_adapted(
        dense(), z, lam=0, normalization="linear", learning_rate=0.03
    )
    history = fit(model, batches, epochs=40)
    assert history["loss"][-1] < history["loss"][0]
    assert history["representation_accuracy"][-1] > history["representation_accuracy"][0] + 0.1


@pytest.mark.parametrize("lam", [-0.1, 1.01, float("nan"), "0.5"])
def test_lam_outside_of_its_range_is_refused(dense, lam):
    with pytest.raises(ValueError, match="`lam` must be a number from 0 to 1"):
        adaptation.compile_adapted(dense(), Z, lam)


@pytest.mark.parametrize("shape", [(7, 5), (6, 6)])
def test_centroids_that_do_not_fit_the_model_are_refused(dense, shape):
    for call in (
        lambda: adaptation.compile_adapted(dense(), np.zeros(shape), 0.5),
        lambda: adaptation.centroid_classifier(dense(), np.zeros(shape)),
    ):
        with pytest.raises(ValueError, match=rf"\(7, 6\). Received: \({shape[0]}, {shape[1]}\)"):
            call()


def test_a_model_without_a_representation_is_refused(tiny):
    with pytest.raises(ValueError, match="representation=True"):
        adaptation.compile_adapted(tiny(representation=False), Z, 0.5)


def test_the_scale_may_be_that_of_the_centroids(dense, blobs):
    x, labels, _ = blobs(units=6)
    centroids = Centroids.fit(x, labels)
    model = adaptation.compile_adapted(dense(), centroids, 0.5, scale="centroids")
    assert model.loss["representation"].scale == centroids.scale
    classifier = adaptation.centroid_classifier(model, centroids, scale="centroids")
    assert classifier.get_layer("expression").scale == pytest.approx(centroids.scale)
    for values, scale in ((Z, "centroids"), (Z, 0), (centroids, "own")):
        with pytest.raises(ValueError, match="`scale` must be"):
            adaptation.compile_adapted(model, values, 0.5, scale=scale)


def test_paper_a_network_can_be_built():
    """Table I: two GRU layers of 128, seven linear outputs; figure 4: X of 128 units."""
    model = models.cnn_rnn(
        "vgg_face",
        "expression",
        landmarks=False,
        representation=True,
        output_activation="linear",
        rnn_dropout=0.5,
    )
    assert model.output["representation"].shape == (None, 80, 128)
    output = model.get_layer("expression")
    assert output.units == 7 and output.activation is keras.activations.linear
    assert model.get_layer("fc1").units == 4096


FRESH = """
import sys, numpy as np, kollias_affect, keras
model = keras.saving.load_model(sys.argv[1])
np.save(sys.argv[3], model.predict(np.load(sys.argv[2]), verbose=0))
"""


def test_a_saved_classifier_predicts_the_same(tiny, seven_clips, tmp_path):
    clips = seven_clips("a", missing=(1,))
    classifier = adaptation.centroid_classifier(tiny(), Z)
    outputs = np.concatenate(list(evaluation.predict(classifier, clips).values()))
    assert outputs.shape == (28, 7) and np.isnan(outputs[1]).all()
    models.save(classifier, tmp_path / "model.keras", lam=0)
    model, card = models.load(tmp_path / "model.keras")
    assert card["task"] == "expression" and card["lam"] == 0
    assert np.array_equal(
        np.concatenate(list(evaluation.predict(model, clips).values())), outputs, True
    )


def test_a_classifier_loads_in_a_process_that_only_imports_the_package(tiny, tmp_path):
    classifier = adaptation.centroid_classifier(tiny(), Z)
    models.save(classifier, tmp_path / "model.keras")
    images = np.random.default_rng(0).uniform(-1, 1, (2, 2, 32, 32, 3)).astype("float32")
    np.save(tmp_path / "images.npy", images)
    names = [str(tmp_path / name) for name in ("model.keras", "images.npy", "outputs.npy")]
    process = subprocess.run(
        [sys.executable, "-c", FRESH, *names], env={**os.environ}, capture_output=True, text=True
    )
    assert process.returncode == 0, process.stderr
    expected = classifier.predict({"images": images}, verbose=0)
    assert np.abs(np.load(tmp_path / "outputs.npy") - expected).max() < 1e-6


def test_a_compiled_model_is_saved_with_its_loss(dense, seven_clips, data, tmp_path):
    batches = adaptation.targets(data(seven_clips("a")), 7)
    model = adaptation.compile_adapted(dense(), Z, 0.3, scale=2.0)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    expected = model.evaluate(batches, verbose=0, return_dict=True)
    assert loaded.evaluate(batches, verbose=0, return_dict=True) == pytest.approx(
        expected, abs=1e-6
    )


def test_facets_start_with_the_weights_of_the_model_and_do_not_change_it(dense, seven_clips, data):
    model = dense()
    start = weights_of(model)
    facets = adaptation.facets(model, {"one": Z, "two": -Z}, 0.5)
    assert list(facets) == ["one", "two"]
    for facet in facets.values():
        assert all(map(np.array_equal, weights_of(facet), start))
    assert np.array_equal(facets["two"].loss["representation"].centroids, -Z)
    fit(facets["one"], adaptation.targets(data(seven_clips("a")), 7), epochs=1)
    assert not all(map(np.array_equal, weights_of(facets["one"]), start))
    for other in (model, facets["two"]):
        assert all(map(np.array_equal, weights_of(other), start))


def test_frozen_layers_stay_frozen_in_facets(tiny):
    model = tiny(frozen=True)
    facet = adaptation.facets(model, {"one": Z}, 0.5)["one"]
    assert len(facet.trainable_weights) == len(model.trainable_weights) < len(model.weights)

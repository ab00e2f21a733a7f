"""Every layer gets its own draw, and the draws have the papers' distributions."""

import functools
import itertools
import math
import subprocess
import sys

import keras
import numpy as np
import pytest

from kollias_affect import backbones, initializers, models, presets, transfer
from kollias_affect.experiments import builders, demo
from kollias_affect.experiments.declaration import Network, Scale
from kollias_affect.experiments.paper_a import experiment, network

SHAPE = (32, 32, 3)
TINY = {"length": 2, "rnn_units": 6, "hidden_units": 24}
MODES = {
    "1rnn": ("pool2", "pool5", "fc1"),
    "2-to-1rnn": ("pool5", "fc1"),
    "2rnn": ("pool5", "fc1"),
    "2rnn-1fc": ("pool5", "fc1"),
    "3rnn": ("pool2", "pool5", "fc1"),
    "3rnn-1fc": ("pool2", "pool5", "fc1"),
}


def vgg():
    return backbones.vgg_face(SHAPE, width=0.05)


def cnn(initializer):
    units = {"hidden_units": (24, 12), "landmark_units": 20}
    return models.cnn(vgg(), "valence_arousal", initializer=initializer, **units)


def cnn_rnn(initializer, rnn="gru"):
    options = {"rnn": rnn, "landmark_units": 20, "initializer": initializer, **TINY}
    return models.cnn_rnn(vgg(), "expression", **options)


def multi_rnn(initializer, mode="3rnn"):
    options = {"fc_units": 12, "landmark_units": 20, "initializer": initializer, **TINY}
    return models.multi_rnn(vgg(), "valence_arousal", MODES[mode], mode, **options)


def fuse(initializer, mode):
    members = [multi_rnn(initializer, mode) for mode in ("1rnn", "3rnn")]
    return models.fuse(members, mode, units=12, initializer=initializer)


def affwildnet(seed, **options):
    options = {"input_shape": SHAPE, "width": 0.05, "seed": seed, **TINY, **options}
    return models.affwildnet("cnn_m", **options)


def declared(build, initializer, seed):
    """A network of the tables of papers B and C."""
    scale = Scale(width=0.05, units=0.01, size=32, length=2, seed=seed or 0)
    options = {"initializer": initializer}
    return builders.build(Network(build, "vgg_face", options), "valence_arousal", scale)


def of_paper_a(seed, classes):
    settings = experiment.Settings(length=2, hidden_units=24)
    return network.build_network(settings, 30, classes, seed or 0)


# Name to a function of a seed. The initializers are shared by all layers of a network.
NETWORKS = {
    "cnn": lambda seed: cnn(initializers.papers(seed)),
    "cnn, authors": lambda seed: cnn(initializers.authors(seed)),
    "cnn, by name": lambda seed: cnn("papers"),
    "cnn, dict of Keras' objects": lambda seed: cnn(
        {
            "kernel_initializer": keras.initializers.HeNormal(seed),
            "bias_initializer": keras.initializers.RandomUniform(seed=seed),
        }
    ),
    "cnn, dict unpacked from ours": lambda seed: cnn({**initializers.papers(seed)}),
    "cnn, dict with a generator": lambda seed: cnn(
        {"kernel_initializer": keras.initializers.HeNormal(keras.random.SeedGenerator(seed))}
    ),
    **{
        f"cnn_rnn, {rnn}": lambda seed, rnn=rnn: cnn_rnn(initializers.papers(seed), rnn)
        for rnn in models.RNNS
    },
    **{
        f"cnn_rnn, {rnn} too": lambda seed, rnn=rnn: cnn_rnn(initializers.papers(seed, True), rnn)
        for rnn in models.RNNS
    },
    **{
        f"affwildnet, {name}": lambda seed, name=name: affwildnet(seed, settings=name)
        for name in presets.PRESETS
    },
    "affwildnet, papers": lambda seed: affwildnet(seed, initializer="papers"),
    "affwildnet, keras": lambda seed: affwildnet(seed, initializer=None),
    "affwildnet, new head": lambda seed: transfer.swap_head(affwildnet(seed), "expression"),
    **{
        f"multi_rnn, {mode}": lambda seed, mode=mode: multi_rnn(initializers.papers(seed), mode)
        for mode in MODES
    },
    "fuse, rnn": lambda seed: fuse(initializers.papers(seed), "rnn"),
    "fuse, fc": lambda seed: fuse(initializers.papers(seed), "fc"),
    "table, cnn": lambda seed: declared("cnn", "papers", seed),
    "table, affwildnet": lambda seed: declared("affwildnet", "authors", seed),
    "table, multi_rnn": lambda seed: declared("multi_rnn", "authors", seed),
    "paper A, 7 classes": lambda seed: of_paper_a(seed, 7),
    "paper A, 40 classes": lambda seed: of_paper_a(seed, 40),
}


def kernels(model):
    """Dict from path to values of all kernels and peephole weights, with those of inner models."""
    return {
        weight.path: np.asarray(weight)
        for weight in model.weights
        if "kernel" in weight.name or "peephole" in weight.name
    }


def common_values(one, other):
    """Yields pairs of vectors of the values of two kernels that share a position."""
    size = min(one.size, other.size)
    yield one.ravel()[:size], other.ravel()[:size]
    if one.ndim == other.ndim:
        block = tuple(slice(min(sides)) for sides in zip(one.shape, other.shape, strict=True))
        yield one[block].ravel(), other[block].ravel()


def alike(one, other):
    """Whether two kernels have the same numbers at the same places, or multiples of them."""
    for x, y in common_values(one, other):
        x, y = x[:5000].astype(float), y[:5000].astype(float)
        if np.isclose(x, y, rtol=1e-6, atol=0).mean() > 0.01:
            return True
        # Six standard deviations of the correlation of independent values.
        if len(x) >= 12 and abs(np.corrcoef(x, y)[0, 1]) > min(0.95, 6 / math.sqrt(len(x))):
            return True
    return False


def assert_all_differ(model):
    values = kernels(model)
    assert len(values) > 1
    for one, other in itertools.combinations(values, 2):
        assert not alike(values[one], values[other]), f"{one} and {other} start alike"


@pytest.mark.parametrize("seed", [None, 3])
@pytest.mark.parametrize("name", NETWORKS)
def test_no_two_kernels_of_a_network_start_alike(name, seed):
    assert_all_differ(NETWORKS[name](seed))


@pytest.fixture
def narrow_references(monkeypatch):
    """The published networks on narrow backbones; their heads keep their width."""
    for name in ("vgg_face", "resnet50"):
        narrow = functools.partial(getattr(backbones, name), (33, 33, 3), width=0.02)
        monkeypatch.setattr(backbones, name, narrow)


@pytest.mark.parametrize("name", models.REFERENCES)
def test_no_two_kernels_of_a_published_network_start_alike(name, narrow_references):
    assert_all_differ(models.reference(name, length=2))


def test_no_two_kernels_of_the_demos_network_start_alike(monkeypatch, tmp_path):
    monkeypatch.setattr(demo.training, "train", lambda model, *args, **options: (model, {}))
    assert_all_differ(demo._train([], [], tmp_path, epochs=1, seed=0))


def test_what_the_tests_above_look_for_is_found():
    shared = keras.initializers.TruncatedNormal(seed=0)
    first, second = np.asarray(shared((24, 30))), np.asarray(shared((30, 8)))
    assert alike(first, second)
    assert alike(first, 3 * second)
    other = np.asarray(keras.initializers.TruncatedNormal(seed=1)((30, 8)))
    assert not alike(first, other)
    block = other.copy()
    block[:24, :8] = first[:24, :8]
    assert alike(first, block)


@pytest.mark.parametrize("name", ["papers", "authors"])
def test_a_seed_repeats_a_network_and_another_one_does_not(name):
    make = initializers.INITIALIZERS[name]
    first, again, other = (kernels(cnn(make(seed))) for seed in (5, 5, 6))
    heads = [path for path in first if path.split("/")[0] in ("fc1", "fc2", "landmark_encoder")]
    assert len(heads) == 3
    for path in heads:
        assert np.array_equal(first[path], again[path])
        assert not alike(first[path], other[path])


def test_without_a_seed_every_network_differs_unless_keras_is_seeded():
    def heads():
        return [kernels(cnn(make()))["fc1/kernel"] for make in (initializers.papers,) * 2]

    keras.utils.set_random_seed(1)
    first, second = heads()
    keras.utils.set_random_seed(1)
    assert not alike(first, second)
    assert np.array_equal(heads(), [first, second])


def test_clones_repeat_the_draws_of_their_layers():
    model = cnn_rnn(initializers.papers(2))
    clone = keras.models.clone_model(model)
    assert_all_differ(clone)
    ours, theirs = kernels(model), kernels(clone)
    for path in ("fc1/kernel", "landmark_encoder/kernel", "expression/kernel"):
        assert np.array_equal(ours[path], theirs[path])
    assert_all_differ(keras.models.clone_model(cnn_rnn(initializers.papers())))


def test_mixed_precision_keeps_the_draws():
    exact = kernels(cnn(initializers.papers(2)))["fc2/kernel"]
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    try:
        model = cnn(initializers.papers(2))
    finally:
        keras.mixed_precision.set_global_policy("float32")
    assert_all_differ(model)
    assert np.array_equal(kernels(model)["fc2/kernel"], exact)


LOAD = """
import sys, keras, numpy as np
model = keras.saving.load_model(sys.argv[1])
assert "kollias_affect" not in sys.modules
clone = keras.models.clone_model(model)
names = ("fc1", "fc2", "landmark_encoder", "valence_arousal")
np.savez(sys.argv[2], **{n: clone.get_layer(n).kernel for n in names})
"""


def test_plain_keras_loads_and_clones_them_without_the_package(tmp_path):
    """The values come from a clone, whose initializers Keras rebuilt from the file alone."""
    model = cnn(initializers.papers(2))
    model.save(tmp_path / "model.keras")
    command = [sys.executable, "-c", LOAD, tmp_path / "model.keras", tmp_path / "cloned.npz"]
    ran = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr[-2000:]
    for name, values in np.load(tmp_path / "cloned.npz").items():
        assert np.array_equal(values, model.get_layer(name).kernel), name


# The variance of a standard normal that is cut at two standard deviations, by its formula.
DENSITY, WITHIN = math.exp(-2) / math.sqrt(2 * math.pi), math.erf(math.sqrt(2))
REMAINING = 1 - 4 * DENSITY / WITHIN


# Standard deviation before the truncation, biases.
@pytest.mark.parametrize(
    ("name", "stddev", "bias"), [("papers", math.sqrt(0.1 / REMAINING), 1), ("authors", 0.01, 0)]
)
@pytest.mark.parametrize("seed", [None, 0])
def test_weights_have_the_distribution_of_the_paper_and_of_the_authors(name, stddev, bias, seed):
    units = {"hidden_units": (400, 500), "landmark_units": 450}
    make = initializers.INITIALIZERS[name]
    model = models.cnn(vgg(), "valence_arousal", initializer=make(seed), **units)
    layers = [model.get_layer(name) for name in ("landmark_encoder", "fc1", "fc2")]
    values = np.concatenate([np.asarray(layer.kernel).ravel() for layer in layers])
    assert values.var() == pytest.approx(stddev**2 * REMAINING, rel=0.01)  # 4 standard errors
    assert values.mean() == pytest.approx(0, abs=4 * stddev / math.sqrt(values.size))
    assert np.abs(values).max() <= 2 * stddev * (1 + 1e-6)
    for layer in [*layers, model.get_layer("valence_arousal")]:
        assert np.asarray(layer.bias).tolist() == [bias] * layer.units


@pytest.mark.parametrize("rnn", models.RNNS)
def test_rnn_layers_are_drawn_as_printed_on_request(rnn):
    """Paper A §IV.A: variance 0.1 and biases of 1, here for "the weights" of the RNN too."""
    options = {**TINY, "rnn": rnn, "landmarks": False, "rnn_units": 60, "hidden_units": 60}
    model = models.cnn_rnn(vgg(), "expression", initializer=initializers.papers(0, True), **options)
    for layer in (model.get_layer("rnn1"), model.get_layer("rnn2")):
        for weight in layer.weights:
            if "kernel" in weight.name:
                assert np.var(weight) == pytest.approx(0.1, rel=0.05), weight.path
            elif "bias" in weight.name:
                assert (np.asarray(weight) == 1).all()
    usual = models.cnn_rnn(vgg(), "expression", initializer=initializers.papers(0), **options)
    kernel = next(w for w in usual.get_layer("rnn1").weights if w.name == "kernel")
    assert np.var(kernel) < 0.03


def test_the_variance_of_the_papers_is_a_tenth():
    values = np.asarray(initializers.papers(0)["kernel_initializer"]((500, 500)))
    assert values.var() == pytest.approx(0.1, rel=0.01)


def test_unknown_names_are_refused_with_the_choices():
    with pytest.raises(ValueError, match=r"initializer.*'authors', 'papers', 'keras'.*'paper'"):
        cnn("paper")

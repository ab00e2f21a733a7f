"""Any CNN-RNN as NetA and NetB, facets, networks in turn, cells of valence and arousal."""

import dataclasses

import keras
import numpy as np
import pytest
import striped

from kollias_affect import adaptation, models
from kollias_affect.adaptation import Centroids
from kollias_affect.clip import Clip
from kollias_affect.experiments.paper_a import blocks, decisions, experiment, report, texts
from kollias_affect.experiments.paper_a.network import split_network
from kollias_affect.experiments.paper_a.settings import Settings

pytestmark = pytest.mark.usefixtures("eager_functions")
TINY = {
    "lambdas": (0.0, 1.0), "seeds": 1, "steps": 2, "hidden_units": 8, "rnn_units": 4, "length": 2,
    "batch_size": 2, "initializer": "keras",
}  # fmt: skip


def silent(line):
    """A log that prints nothing."""


@pytest.fixture
def parts(make_clip):
    """Clips of three expressions and of three places of valence and arousal in every part."""

    def clips(part):
        return [
            make_clip(
                f"{part}{i}", 2, 60 * i, size=32, expression=[i, i],
                valence_arousal=np.full((2, 2), 0.4 * i - 0.47),
            )
            for i in range(3)
        ]  # fmt: skip

    return {part: clips(part) for part in experiment.PARTS}


def affwildnet(task, **options):
    return models.affwildnet(
        striped.backbone(), task, hidden_units=6, rnn_units=5, length=3, seed=0, **options
    )


NETWORKS = {
    "AffWildNet of valence and arousal, with landmarks": lambda: affwildnet("valence_arousal"),
    "expressions, BLSTM": lambda: affwildnet("expression", rnn="blstm", landmarks=False),
    "three RNNs": lambda: models.multi_rnn(
        striped.backbone(), "arousal", ("conv", "fc1"), "2rnn", rnn_units=3, hidden_units=4,
        length=3,
    ),
}  # fmt: skip


# One of the kinds for every change, all of them every night.
@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=pytest.mark.nightly if i else ()) for i, name in enumerate(NETWORKS)],
)
def test_any_cnn_rnn_can_be_net_a_and_net_b(name, parts, tmp_path):
    model = NETWORKS[name]()
    start_of_rnn = model.get_layer("fc1").get_weights()[0].copy()
    cnn, start = split_network(model)
    run = experiment.Experiment(
        parts, cnn, tmp_path / "run", Settings(**{**TINY, "lambdas": (1.0,)}), start
    )
    run.run(silent)
    assert run.settings.length == 3
    net = run.net_a(1.0, 0)
    assert net.output["classes"].shape == (None, 3, 3)
    assert net.get_layer("classes").activation is keras.activations.linear
    moved = np.abs(net.get_layer("fc1").get_weights()[0] - start_of_rnn).max()
    assert 0 < moved < 0.01  # two steps of Adam from the given weights
    assert "given trained network" in "\n".join(texts.lines(run))


def test_a_network_with_landmarks_refuses_clips_without_before_the_first_training(parts, tmp_path):
    cnn, start = split_network(affwildnet("valence_arousal"))
    bare = {
        name: [dataclasses.replace(clip, landmarks=None) for clip in clips]
        for name, clips in parts.items()
    }
    with pytest.raises(ValueError, match=r"a_train0.*--no-landmarks"):
        experiment.Experiment(bare, cnn, tmp_path / "run", Settings(**TINY), start)
    assert not (tmp_path / "run").exists()


def test_the_representation_is_the_input_of_the_output_layer():
    model = affwildnet("valence_arousal", landmarks=False)
    adapted = adaptation.with_representation(model)
    images = np.random.default_rng(0).uniform(-1, 1, (2, 3, 32, 32, 3)).astype("float32")
    outputs = adapted.predict({"images": images}, verbose=0)
    kernel, bias = model.get_layer("valence_arousal").get_weights()
    assert np.allclose(outputs["representation"] @ kernel + bias, outputs["valence_arousal"])
    assert np.allclose(outputs["valence_arousal"], model.predict({"images": images}, verbose=0))
    assert adaptation.with_representation(adapted) is adapted


def test_a_network_of_several_tasks_needs_the_name_of_one():
    images = keras.Input((4,))
    outputs = {name: keras.layers.Dense(2, name=name)(images) for name in ("expression", "other")}
    model = keras.Model(images, outputs)
    with pytest.raises(ValueError, match="Pass the name of one of them"):
        adaptation.with_representation(model)
    adapted = adaptation.with_representation(model, "other")
    assert set(adapted.output) == {"other", "representation"}


def test_a_clip_averages_the_proximities_of_its_frames():
    """V of the frames: (1, 0), (4, 6), (4, 6). Mean V: (3, 4). Mean of 1 - f(V): (0.4, 0.6)."""
    z = np.array([[0.0, 0.0], [1.0, 0.0]], np.float32)
    far = [-0.5, np.sqrt(3.75)]
    x = np.array([[1.0, 0.0], far, far], np.float32)
    centroids = Centroids(z, ("a", "b"), np.ones(2, int), 1.0, 1.0, np.eye(2, dtype=int))
    frames = {"representation": x, "clips": np.zeros(3, int), "labels": np.ones(3, int)}
    frames = decisions.with_proximity(frames, centroids, Settings())
    assert np.allclose(frames["distances"], [[1, 0], [4, 6], [4, 6]], atol=1e-5)
    assert np.allclose(frames["proximity"].mean(axis=0), [0.4, 0.6], atol=1e-5)
    assert decisions.decide(frames, "centroids", "mean")[1].tolist() == [1]
    assert decisions.decide(frames, "centroids", "majority")[1].tolist() == [0]


def test_sizes_are_those_of_the_paper_for_videos_unless_they_are_given():
    """§IV.A: 80 frames and 4096 units."""
    video, image = Clip("a", ["1.jpg", "2.jpg"]), Clip("b", ["3.jpg"])
    names = ("length", "hidden_units", "batch_size")
    for settings, clips, expected in (
        (Settings(), [image, video], (80, 4096, 4)),
        (Settings(), [image], (1, 1024, 128)),
        (Settings(length=5, hidden_units=6), [video], (5, 6, 4)),
    ):
        fitted = settings.for_clips(clips)
        assert tuple(getattr(fitted, name) for name in names) == expected


def test_valence_and_arousal_are_learned_as_cells(parts, tmp_path):
    """Places -0.47, -0.07 and 0.33 of both dimensions: three of 400 cells."""
    settings = Settings(task="valence_arousal", **TINY)
    run = experiment.Experiment(parts, striped.backbone(), tmp_path / "run", settings)
    run.run(silent)
    assert len(run.names) == 3 and run.settings.decision == "frames"
    assert np.allclose(run.classes.grid.centres[:, 0], [-0.45, -0.05, 0.35])
    tables = report.write_report(run)
    assert list(tables) == ["table2_accuracy", "valence_and_arousal", "table7_distances"]
    assert "3 of 20 x 20 = 400 cells" in (run.out_dir / "report.md").read_text()
    # The agreement is that of the centres of the predicted cells with the labels of the frames.
    name = experiment.cell_name(1.0, 0)
    predicted = run.outputs(name, "b_test")["outputs"].argmax(axis=1)
    truth = np.repeat([-0.47, -0.07, 0.33], 2)
    chosen = run.classes.grid.centres[predicted][:, 0]
    expected = 2 * np.cov(truth, chosen, ddof=0)[0, 1]
    expected /= truth.var() + chosen.var() + (truth.mean() - chosen.mean()) ** 2
    assert report.agreement(run, 1.0, 0, "b_test")[0] == pytest.approx(expected, abs=1e-6)


@pytest.mark.nightly
def test_networks_adapt_in_turn(parts, tmp_path):
    settings = Settings(**TINY)
    run = experiment.Experiment(parts, striped.backbone(), tmp_path / "run", settings)
    run.run(silent)
    frame = blocks.write(run, rounds=1)
    assert frame["network"].tolist() == ["NetA on A", "NetA on B", "NetB on A", "NetB on B"]
    assert frame["accuracy"].between(0, 1).all()
    page = (run.out_dir / "block_form.md").read_text()
    assert "one epoch towards the centroids of the other" in page and "choose nothing." in page
    assert "Step that is scored before the turns" in page  # A round is chosen in the turns.

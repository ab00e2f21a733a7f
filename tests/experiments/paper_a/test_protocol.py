"""Paper A's own protocol: what is trained on is scored, and B chooses the step."""

import json
import re

import keras
import numpy as np
import pytest
import striped
from click.testing import CliRunner

from kollias_affect import cli, experiments
from kollias_affect.datasets import frames_csv
from kollias_affect.experiments import role_texts
from kollias_affect.experiments.paper_a import adapting, experiment, network, report
from kollias_affect.experiments.paper_a.settings import Settings

TINY = {
    "lambdas": (1.0,), "seeds": 1, "steps": 2, "hidden_units": 8, "rnn_units": 4, "length": 2,
    "batch_size": 2, "initializer": "keras",
}  # fmt: skip


@pytest.mark.nightly
def test_the_papers_protocol_runs_on_a_tree_of_afews_size(tmp_path):
    """773 and 383 clips (§II); NetB reaches 99 % on the clips that it is trained on (§IV.B)."""
    tree, file, out = striped.afew(tmp_path / "AFEW"), tmp_path / "tiny.keras", tmp_path / "run"
    striped.backbone().save(file)
    arguments = ["adapt", "--out", out, "--protocol", "paper", "--backbone", file]
    arguments += ["--a", "afew", tree, "--split-a", "train", "train"]
    arguments += ["--b", "afew", tree, "--split-b", "validation", "validation"]
    arguments += ["--lambda", 1, "--seeds", 1, "--steps", 160, "--length", 2, "--batch-size", 32]
    arguments += ["--hidden-units", 128]
    result = CliRunner().invoke(cli.main, list(map(str, arguments)))
    assert result.exit_code == 0, result.output
    clips = json.loads((out / "settings.json").read_text())["clips"]
    assert {part: len(keys) for part, keys in clips.items()} == {
        "a_train": 773, "a_test": 773, "b_train": 383, "b_test": 383
    }  # fmt: skip
    assert clips["a_train"] == clips["a_test"] and clips["b_train"] == clips["b_test"]
    text = (out / "report.md").read_text()
    assert "THESE SAME CLIPS, as was asked for" in text and "by accuracy on B" in text
    reached = float(re.search(r"NetB: accuracy ([\d.]+) on its training clips", text)[1])
    assert reached >= 0.97


def test_a_table_divides_by_the_papers_protocol_on_request(tmp_path):
    tree = striped.afew(tmp_path, {"Train_AFEW": 14, "Val_AFEW": 7}, frames=1)
    texts = [f"afew:{tree}:split=train", f"other=afew:{tree}:split=validation"]
    roles = role_texts.load_roles(texts, ("data", "other"), protocol="paper")
    for role, count in (("data", 14), ("other", 7)):
        parts = roles[role]
        assert len(parts.training) == count and not parts.validation
        assert [c.key for c in parts.test] == [c.key for c in parts.training]
        assert "trained on and scored on the same clips" in parts.text
    with pytest.raises(ValueError, match="must not be trained on"):
        role_texts.load_roles([f"afew:{tree}", texts[1]], ("data", "other"), protocol="paper")
    with pytest.raises(ValueError, match="scored on what is trained on"):
        role_texts.load_roles([f"{texts[0]}:test=0.5"], ("data",), protocol="paper")


def test_the_protocol_is_that_of_paper_a_only(tmp_path):
    with pytest.raises(ValueError, match=r"names with A. Received: \['C12'\]"):
        experiments.reproduce(["A2", "C12"], [], tmp_path, protocol="paper")
    with pytest.raises(ValueError, match="`protocol` must be one of"):
        experiments.reproduce(["A2"], [], tmp_path, protocol="own")


def test_clips_with_valence_and_arousal_alone_are_divided_by_persons(make_clip, tmp_path):
    """A database of valence and arousal, as `--task valence_arousal` needs, has no expressions."""
    frames_csv.write([make_clip(name, 4) for name in "abcd"], tmp_path / "clips.csv")
    everybody = adapting.Database("frames_csv", tmp_path / "clips.csv", ("all", "all"))
    with pytest.raises(ValueError, match="must have a valid expression"):
        everybody.parts(tmp_path, 48)
    parts = everybody.parts(tmp_path, 48, task="valence_arousal")
    first, second = ({clip.subject for clip in part} for part in (parts.training, parts.test))
    assert first and second and not first & second


@pytest.mark.usefixtures("eager_functions")
def test_both_parts_share_features_and_outputs(make_clip, tmp_path):
    clips = {
        name: [make_clip(f"{name}{i}", 2, 60 * i, size=32, expression=[i, i]) for i in range(3)]
        for name in "ab"
    }
    parts = {part: clips[part[0]] for part in experiment.PARTS}
    settings = Settings(protocol="paper", **TINY)
    run = experiment.Experiment(parts, striped.backbone(), tmp_path / "run", settings)
    run.run(lambda line: None)
    assert run.parts["a_test"] is run.parts["a_train"]
    assert run.step("net_b") in (1, 2) and run.settings.choose == "b"
    assert report.accuracies(run).shape[0] == 1
    files = {path.name for path in (run.out_dir / "outputs").iterdir()}
    assert files == {f"{experiment.cell_name(1, 0)}.{part}.npz" for part in ("a_train", "b_train")}
    other = {**parts, "a_test": parts["a_test"][:2]}
    with pytest.raises(ValueError, match="scored on the clips that it is trained on"):
        experiment.Experiment(other, striped.backbone(), tmp_path / "other", settings)
    same = {**parts, "b_train": parts["a_train"], "b_test": parts["a_train"]}
    with pytest.raises(ValueError, match="A and B must be different data"):
        experiment.Experiment(same, striped.backbone(), tmp_path / "same", settings)


def test_what_is_scored_on_held_out_clips_chooses_nothing():
    assert Settings().chosen == "last" and Settings(protocol="paper").chosen == "b"
    assert Settings(protocol="paper", choose="last").chosen == "last"
    with pytest.raises(ValueError, match="must not choose the network"):
        Settings(choose="b")


@pytest.mark.usefixtures("eager_functions")
def test_the_best_of_ten_steps_is_kept():
    """The score is best after 4 of 20 batches."""
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, kernel_initializer="ones")])
    model.compile(keras.optimizers.SGD(0.01), "mse")
    seen = []

    def score(trained):
        seen.append(trained.get_weights()[0].copy())
        return [0, 9, 9, *range(7)][len(seen) - 1]

    keep = network.KeepBest(score, 20)
    x = np.ones((20, 1))
    model.fit(x, 5 * x, batch_size=1, verbose=0, callbacks=[keep])
    assert len(seen) == 10 and keep.best == {"step": 4, "score": 9.0}
    assert np.array_equal(model.get_weights()[0], seen[1])
    assert not np.array_equal(seen[1], seen[2])

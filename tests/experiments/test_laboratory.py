import dataclasses

import numpy as np
import pytest

from kollias_affect import evaluation, experiments, training
from kollias_affect.experiments import SMOKE, TABLES, Laboratory, data, scoring
from kollias_affect.experiments.declaration import Empty, Fusion, Network, Training


@pytest.fixture
def roles(make_clip):
    """Grey pictures with random labels."""
    clips = [make_clip(name, 8, 20 * i, size=32) for i, name in enumerate("abcdef")]
    return {
        "data": data.Parts(clips[:2], clips[2:3], clips[3:4]),
        "pretrain": data.Parts(clips[4:5], clips[5:6], []),
    }


@pytest.fixture
def trainings(monkeypatch):
    """Names of the folders in which something was trained."""
    names, train = [], training.train

    def counted(model, clips, validation, out_dir, **options):
        names.append(out_dir.name)
        return train(model, clips, validation, out_dir, **options)

    monkeypatch.setattr(training, "train", counted)
    return names


def test_tables_share_their_trainings_and_go_on(roles, tmp_path, trainings):
    quiet = {"scale": SMOKE, "say": lambda _: None}
    first = experiments.run_tables(["C12"], roles, tmp_path, **quiet)["C12"]
    assert len(trainings) == 2
    second = experiments.run_tables(["C13"], roles, tmp_path, **quiet)["C13"]
    assert len(trainings) == 3  # the CNN-RNN was there
    assert second.loc["CNN-RNN", "CCC valence"] == first.loc["CNN-GRU", "CCC valence"]
    again = experiments.run_tables(["C12"], roles, tmp_path, **quiet)["C12"]
    assert len(trainings) == 3 and again.equals(first)


def test_numbers_are_those_of_the_test_part(roles, tmp_path):
    laboratory = Laboratory(roles, tmp_path, SMOKE, say=lambda _: None)
    setting = Training(Network("cnn", options={"landmarks": False}))
    numbers = scoring.dimensional(laboratory, scoring.Scored(setting))
    clips, predictions = laboratory.predictions(setting)["test"]
    assert [clip.key for clip in clips] == [clip.key for clip in roles["data"].test]
    table = evaluation.scores(clips, predictions)
    assert numbers["MSE arousal"] == table.loc["arousal", "MSE"]


def test_pretraining_comes_first_and_changes_the_start(roles, tmp_path, trainings):
    laboratory = Laboratory(roles, tmp_path, SMOKE, say=lambda _: None)
    network = Network("cnn", options={"landmarks": False})
    after = laboratory.predictions(Training(network, before="pretrain"))["test"][1]
    assert [name.split("-")[0] for name in trainings] == ["pretrain", "cnn"]
    scratch = laboratory.predictions(Training(network))["test"][1]
    assert not np.allclose(*(found[next(iter(after))] for found in (after, scratch)))


def test_a_cell_that_needs_a_role_that_is_not_there_is_empty(roles, tmp_path, trainings):
    laboratory = Laboratory({"data": roles["data"]}, tmp_path, SMOKE)
    needing = Training(Network("cnn"), before="pretrain", needs_before=True)
    for network in (needing, Fusion((needing,), "fc")):
        with pytest.raises(Empty, match="pretrain was not given"):
            scoring.dimensional(laboratory, scoring.Scored(network))
    assert not trainings


def test_equal_trainings_share_a_folder(roles, tmp_path):
    laboratory = Laboratory({"data": roles["data"]}, tmp_path, SMOKE)
    network = Network("cnn")
    same = [
        Training(network),
        Training(network, before="pretrain"),
        Training(network, before="pretrain", needs_before=True),
    ]
    assert len({laboratory.folder(setting) for setting in same}) == 1
    cached = Laboratory(laboratory.roles, tmp_path, dataclasses.replace(SMOKE, cache=False))
    assert cached.folder(same[0]) == laboratory.folder(same[0])
    other = Laboratory(laboratory.roles, tmp_path, dataclasses.replace(SMOKE, epochs=2))
    assert other.folder(same[0]) != laboratory.folder(same[0])


def test_without_landmarks_no_network_takes_them_and_rows_about_them_are_empty(roles, tmp_path):
    roles["pretrain"].training[0].landmarks = None
    laboratory = Laboratory(roles, tmp_path, SMOKE)
    assert not laboratory.landmarks
    assert "landmarks" not in laboratory._new(Training(Network("cnn"))).input
    with pytest.raises(Empty, match="not all clips have landmarks"):
        scoring.dimensional(
            laboratory, scoring.Scored(Training(Network("cnn")), needs_landmarks=True)
        )


def test_wrong_labels_are_refused_before_anything_is_trained(roles, tmp_path, trainings):
    with pytest.raises(ValueError, match="needs clips with `expression`"):
        experiments.run_tables(["C12", "C18"], roles, tmp_path, SMOKE)
    with pytest.raises(ValueError, match="at least 5 people"):
        experiments.run_tables(["C16"], roles, tmp_path, SMOKE)
    assert not trainings


def test_a_video_without_a_frame_that_counts_is_no_hit(make_clip, tmp_path):
    clips = [
        make_clip("a", 4, valence_arousal=None, expression=[3] * 4),
        make_clip("b", 4, 9, valence_arousal=None, expression=[0] * 4, valid=[False] * 4),
    ]
    laboratory = Laboratory({"data": data.Parts([], [], clips)}, tmp_path, SMOKE)
    wrong = {clip.key: np.eye(7)[[1] * 4] for clip in clips}
    laboratory.predictions = lambda _: {"test": (clips, wrong)}
    scored = scoring.Scored(Training(Network("cnn"), task="expression"))
    numbers = scoring.expressions(laboratory, scored)
    assert numbers["total"] == 0 and numbers["neutral"] is None


def test_damaged_predictions_are_made_anew(roles, tmp_path):
    laboratory = Laboratory(roles, tmp_path, SMOKE, say=lambda _: None)
    setting = Training(Network("cnn", options={"landmarks": False, "length": 1}))
    before = laboratory.predictions(setting)["test"][1]
    file = laboratory.folder(setting) / "test.npz"
    file.write_bytes(file.read_bytes()[:100])
    again = Laboratory(roles, tmp_path, SMOKE, say=lambda _: None)
    after = again.predictions(setting)["test"][1]
    assert all(np.allclose(after[key], before[key], atol=1e-6) for key in before)


@pytest.mark.parametrize("processed", [False, True])
def test_utterances_are_scored_as_one_each(make_clip, tmp_path, processed):
    clips = [
        make_clip(f"v{i}/utterance_{j}", 6, 20 * i + 5 * j, subject=f"v{i}",
                  valence_arousal=np.full((6, 2), 0.1 * i + 0.05 * j))
        for i in range(3) for j in (1, 2, 3)
    ]  # fmt: skip
    laboratory = Laboratory({"data": data.Parts([], clips[:3], clips[3:])}, tmp_path, SMOKE)
    random = np.random.default_rng(0)
    found = {
        part: (chosen, {c.key: c.valence_arousal + random.normal(0, 0.1, (6, 2)) for c in chosen})
        for part, chosen in (("validation", clips[:3]), ("test", clips[3:]))
    }
    laboratory.predictions = lambda _: found
    numbers = scoring.dimensional(laboratory, scoring.Scored(Training(Network("cnn")), processed))
    medians = np.array([np.median(found["test"][1][c.key], axis=0) for c in clips[3:]])
    labels = np.array([c.valence_arousal[0] for c in clips[3:]])
    if not processed:
        assert numbers["MSE valence"] == pytest.approx(((medians - labels) ** 2)[:, 0].mean())
    assert numbers["CCC valence"] > 0.3
    clips[3].valid[:] = False  # nothing of it counts, processed or not
    fewer = scoring.dimensional(laboratory, scoring.Scored(Training(Network("cnn")), processed))
    assert fewer["MSE valence"] != numbers["MSE valence"]
    assert np.isfinite(list(fewer.values())).all()


def test_fusion_without_a_good_member_is_empty(make_clip, tmp_path):
    clips = [make_clip("a", 6), make_clip("b", 6, 50)]
    laboratory = Laboratory({"data": data.Parts([], clips[:1], clips[1:])}, tmp_path, SMOKE)
    fusion = Fusion((Training(Network("cnn")), Training(Network("multi_rnn"))), "decision")
    opposite = {
        part: ([clip], {clip.key: -clip.valence_arousal})
        for part, clip in zip(("validation", "test"), clips, strict=True)
    }
    every = laboratory.predictions
    laboratory.predictions = lambda s: every(s) if isinstance(s, Fusion) else opposite
    with pytest.raises(Empty, match="no member has a validation CCC above 0"):
        scoring.dimensional(laboratory, scoring.Scored(fusion))


def test_missing_data_are_named_before_anything_is_trained(roles, tmp_path, trainings):
    with pytest.raises(ValueError, match="Missing are annotator: the clips of"):
        experiments.run_tables(["C12", "C11"], {"data": roles["data"]}, tmp_path, SMOKE)
    with pytest.raises(ValueError, match="`table` must be one of"):
        experiments.run_tables(["C12", "C99"], roles, tmp_path, SMOKE)
    assert not trainings


def test_labels_that_are_one_per_clip_are_scored_per_utterance(make_clip):
    constant = [
        make_clip(name, 4, i, valence_arousal=np.full((4, 2), i / 10))
        for i, name in enumerate("abc")
    ]
    assert data.of_utterances(constant)
    assert not data.of_utterances([*constant, make_clip("d", 4, 9)])
    assert not data.of_utterances(
        [constant[0], constant[0].labelled(valence_arousal=constant[0].valence_arousal)]
    )


def test_feature_names_of_paper_b_are_layers_of_the_backbone():
    from kollias_affect import backbones

    names = {layer.name for layer in backbones.vgg_face((32, 32, 3), 0.02).layers} | {"fc1"}
    for cell in TABLES["B5"].cells:
        options = cell.setting.network.network.options
        assert set(options.get("features", ("pool2", "pool5", "fc1"))) <= names
    third = next(c for c in TABLES["B5"].cells if c.row.startswith("3rd conv + 7th"))
    assert third.setting.network.network.options["features"] == ("conv2_1", "conv3_3", "fc1")

import dataclasses

import pytest

from kollias_affect import backbones, training
from kollias_affect.experiments import SMOKE, TABLES, Laboratory, scoring
from kollias_affect.experiments.declaration import Empty, Fusion, Network, Training


def test_a_cell_without_a_role_that_it_needs_is_empty(roles, tmp_path, trained):
    laboratory = Laboratory({"data": roles["data"]}, tmp_path, SMOKE)
    needing = Training(Network("cnn"), before="pretrain", needs_before=True)
    for network in (needing, Fusion((needing,), "fc")):
        with pytest.raises(Empty, match="pretrain was not given"):
            scoring.dimensional(laboratory, scoring.Scored(network))
    assert not trained


def test_equal_trainings_share_a_folder(roles, tmp_path):
    data = {"data": roles["data"]}
    folder = Laboratory(data, tmp_path, SMOKE).trainings.folder
    network = Network("cnn")
    same = [
        Training(network),
        Training(network, before="pretrain"),
        Training(network, before="pretrain", needs_before=True),
    ]
    assert len({folder(setting) for setting in same}) == 1
    cached = Laboratory(data, tmp_path, dataclasses.replace(SMOKE, cache=False))
    assert cached.trainings.folder(same[0]) == folder(same[0])
    other = Laboratory(data, tmp_path, dataclasses.replace(SMOKE, epochs=2))
    assert other.trainings.folder(same[0]) != folder(same[0])


def test_without_landmarks_no_network_uses_them_and_rows_about_them_are_empty(roles, tmp_path):
    roles["pretrain"].training[0].landmarks = None
    laboratory = Laboratory(roles, tmp_path, SMOKE)
    setting = Training(Network("cnn"))
    assert not laboratory.landmarks
    assert "landmarks" not in laboratory.trainings.new(setting).input
    with pytest.raises(Empty, match="not all clips have landmarks"):
        scoring.dimensional(laboratory, scoring.Scored(setting, needs_landmarks=True))


def test_options_of_the_scale_replace_those_of_the_paper(roles, tmp_path, quiet, monkeypatch):
    """A training takes options that `training.train` has, and finishes in its folder."""
    scale = dataclasses.replace(SMOKE, batch_size=None, learning_rate=3e-4)
    laboratory, calls = Laboratory(roles, tmp_path, scale, log=quiet), []

    def train(model, clips, validation, out_dir, **options):
        calls.append(options)
        raise KeyboardInterrupt

    monkeypatch.setattr(training, "train", train)
    setting = Training(Network("cnn"), options={"batch_size": 50, "learning_rate": 1e-3})
    with pytest.raises(KeyboardInterrupt):
        laboratory.trainings.model(setting)
    assert calls[0]["batch_size"] == 50 and calls[0]["learning_rate"] == 3e-4
    assert calls[0]["epochs"] == 1 and calls[0]["seed"] == 0
    assert not (laboratory.trainings.folder(setting) / "finished.json").exists()


def test_feature_names_of_paper_b_are_layers_of_the_backbone():
    names = {layer.name for layer in backbones.vgg_face((32, 32, 3), 0.02).layers} | {"fc1"}
    for cell in TABLES["B5"].cells:
        options = cell.setting.network.network.options
        assert set(options.get("features", ("pool2", "pool5", "fc1"))) <= names
    third = next(c for c in TABLES["B5"].cells if c.row.startswith("3rd conv + 7th"))
    assert third.setting.network.network.options["features"] == ("conv2_1", "conv3_3", "fc1")

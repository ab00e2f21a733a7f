"""What the pages of tables say is true of the run."""

import dataclasses
import hashlib

import numpy as np
import pytest

from kollias_affect import training
from kollias_affect.experiments import SMOKE, Laboratory, facts, pages, scoring, trainings
from kollias_affect.experiments.declaration import (
    Cell,
    Figure,
    Network,
    Repeated,
    Scale,
    Separate,
    Table,
    Training,
)

SMALL = Network("cnn", "cnn_m", {"landmarks": False, "length": 1, "hidden_units": 8})


@pytest.fixture(scope="module", autouse=True)
def quick(eager_functions):
    """Runs without graphs, whose tracing takes longer than these trainings."""


def table_of(*settings, **more):
    cells = tuple(Cell(str(i), "", scoring.Scored(s), {}) for i, s in enumerate(settings))
    texts = ("T1", "A test", "No paper", "it", "all", "test part", ("CCC valence",), cells)
    return Table(*texts, scoring.dimensional, facts=facts.of_networks, **more)


@pytest.fixture
def laboratory(roles, tmp_path, quiet):
    return Laboratory(roles, tmp_path / "trainings", SMOKE, log=quiet)


def text_of(laboratory, *settings):
    return "\n".join(facts.of_networks(laboratory, table_of(*settings)))


def test_random_and_published_starts_are_told_apart(laboratory, tmp_path):
    file = tmp_path / "face.mat"
    file.write_bytes(b"weights")
    setting = Training(Network("cnn", "vgg_face"))
    assert "vgg_face from RANDOM weights" in text_of(laboratory, setting)
    laboratory.weight_files = {"vgg_face": file}
    digest = hashlib.sha256(b"weights").hexdigest()[:12]
    assert f"vgg_face from face.mat, sha256 {digest}" in text_of(laboratory, setting)
    other = Training(Network("cnn", "vgg_face", published=False))
    assert "vgg_face from RANDOM weights" in text_of(laboratory, other)


def test_a_missing_pre_training_is_named(laboratory):
    setting = Training(SMALL, before="pretrain")
    assert "Pre-training: on `pretrain`" in text_of(laboratory, setting)
    del laboratory.roles["pretrain"]
    assert "none, as `pretrain` was not given" in text_of(laboratory, setting)
    needing = dataclasses.replace(setting, needs_before=True)
    assert "its numbers are left empty" in text_of(laboratory, needing)


def test_the_chooser_of_the_epoch_is_named(laboratory, make_clip):
    assert "CCC over the frames of the validation part" in text_of(laboratory, Training(SMALL))
    folds = text_of(laboratory, Training(SMALL, folds=2))
    assert "videos (persons are unknown) held out of the training folds" in folds
    parts = laboratory.roles["data"]
    named = {
        name: [dataclasses.replace(clip, subject=f"person {clip.key}") for clip in clips]
        for name, clips in parts.lists.items()
    }
    laboratory.roles["data"] = dataclasses.replace(parts, **named)
    assert "on persons held out" in text_of(laboratory, Training(SMALL, folds=2))
    utterances = [
        make_clip(f"v/utterance_{i}", 4, size=8, valence_arousal=np.full((4, 2), i / 10))
        for i in (1, 2)
    ]
    parts = dataclasses.replace(laboratory.roles["data"], validation=utterances)
    laboratory.roles["data"] = parts
    assert "CCC over the utterances" in text_of(laboratory, Training(SMALL))


def test_finished_trainings_record_epochs_batches_and_balance(laboratory):
    """Two clips of 8 single frames, in batches of 4, are 4 batches an epoch."""
    setting = Training(SMALL, balance=("data",))
    laboratory.predictions(setting)
    (record,) = laboratory.trainings.records(setting)
    assert (record["epochs"], record["best_epoch"]) == (1, 1)
    clips = laboratory.parts().training
    assert record["batches"] >= sum(len(clip) for clip in clips) / 4
    text = text_of(laboratory, setting)
    assert "Steps: epochs 1, each of" in text and "Duplicated runs (§4.2):" in text
    assert record["balance"] in text


def test_choosing_by_utterances_is_passed_to_the_training(laboratory, make_clip, monkeypatch):
    """Paper B: the challenge's score chooses the epoch."""
    calls = []

    def train(model, clips, validation, out_dir, **options):
        calls.append(options)
        raise KeyboardInterrupt

    monkeypatch.setattr(training, "train", train)
    utterances = [
        make_clip(f"v/utterance_{i}", 4, size=32, valence_arousal=np.full((4, 2), i / 10))
        for i in (1, 2)
    ]
    for validation in (laboratory.parts().validation, utterances):
        laboratory.roles["data"] = dataclasses.replace(
            laboratory.roles["data"], validation=validation
        )
        with pytest.raises(KeyboardInterrupt):
            laboratory.trainings.model(Training(SMALL, settings="B"))
    assert [call.get("choose_by") for call in calls] == [None, "utterance"]


def test_decays_of_the_scale_reach_the_training(roles, tmp_path, quiet, monkeypatch):
    calls = []

    def train(model, clips, validation, out_dir, **options):
        calls.append(options)
        raise KeyboardInterrupt

    monkeypatch.setattr(training, "train", train)
    scale = dataclasses.replace(SMOKE, decay=(100, 0.5), weight_decay=5e-4)
    with pytest.raises(KeyboardInterrupt):
        Laboratory(roles, tmp_path, scale, log=quiet).trainings.model(Training(SMALL))
    assert calls[0]["decay"] == (100, 0.5) and calls[0]["weight_decay"] == 5e-4


def test_rows_about_a_rate_keep_it_and_their_pre_training_has_the_presets(laboratory, monkeypatch):
    """`--learning-rate`, here that of a trial, replaces the rate of other rows."""
    calls = {}

    def train(model, clips, validation, out_dir, **options):
        calls[out_dir.name.split("-")[0]] = options["learning_rate"]
        model.save(out_dir.with_suffix(".keras"))
        raise KeyboardInterrupt

    monkeypatch.setattr(training, "train", train)
    laboratory.out_dir.mkdir()
    slow = {"options": {"learning_rate": 1e-5}}
    for fixed, before, name in (((), None, "cnn"), (("learning_rate",), None, "cnn")):
        setting = Training(SMALL, settings="B", fixed=fixed, before=before, **slow)
        with pytest.raises(KeyboardInterrupt):
            laboratory.trainings.model(setting)
        assert calls[name] == (1e-5 if fixed else SMOKE.learning_rate)
    setting = Training(SMALL, settings="B", fixed=("learning_rate",), before="pretrain", **slow)
    with pytest.raises(KeyboardInterrupt):
        laboratory.trainings.model(setting)
    assert calls["pretrain"] == SMOKE.learning_rate


def test_a_rate_that_the_preset_has_shares_its_training(laboratory):
    laboratory.scale = dataclasses.replace(SMOKE, learning_rate=None)
    same = {"options": {"learning_rate": 1e-3}}
    plain = laboratory.trainings.folder(Training(SMALL))
    assert laboratory.trainings.folder(Training(SMALL, **same)) == plain
    other = {"options": {"learning_rate": 1e-5}}
    assert laboratory.trainings.folder(Training(SMALL, **other)) != plain


def test_the_page_says_what_was_used_and_not_what_the_preset_prints(laboratory):
    setting = Training(SMALL)
    laboratory.predictions(setting)
    text = text_of(laboratory, setting)
    assert "Settings C (paper C, section 4.2.1) are CCC loss, Adam 1e-3" in text
    assert "Used here: CCC loss, learning rate 0.001, batches of 4 single frames." in text


def test_the_pre_training_is_end_to_end_and_a_frozen_cnn_stays_as_it_was(laboratory):
    """Paper B §5.2: the CNN that was pre-trained is kept fixed."""
    frozen = dataclasses.replace(SMALL, options={**SMALL.options, "frozen": True})
    model = laboratory.trainings.model(Training(frozen, before="pretrain"))
    before = laboratory.trainings.initial(Training(SMALL, before="pretrain"))
    after, start = (m.get_layer("conv1") if not _nested(m) else _nested(m) for m in (model, before))
    for one, other in zip(after.get_weights(), start.get_weights(), strict=True):
        assert np.array_equal(one, other)
    new = laboratory.trainings.new(Training(SMALL))
    assert not np.array_equal(_nested(new).get_weights()[0], start.get_weights()[0])


def _nested(model):
    return next((layer for layer in model.layers if layer.name.startswith("cnn_m")), None)


@pytest.mark.nightly
def test_two_networks_side_by_side_give_both_dimensions(laboratory):
    pair = Separate((Training(SMALL, task="valence"), Training(SMALL, task="arousal")))
    clips, predictions = laboratory.predictions(pair)[trainings.TEST]
    for i, member in enumerate(pair.members):
        alone = laboratory.predictions(member)[trainings.TEST][1]
        assert np.array_equal(predictions[clips[0].key][:, [i]], alone[clips[0].key])


@pytest.mark.nightly
@pytest.mark.parametrize("by", ["seeds", "folds"])
def test_repeated_trainings_are_averaged(laboratory, by):
    repeated = Repeated(Training(SMALL), by)
    result = laboratory.predictions(repeated)
    clips, predictions = result[trainings.TEST]
    records = laboratory.trainings.records(repeated)
    assert len(records) == SMOKE.repeats == 2
    if by == "seeds":
        each = [o.predictions(repeated.member)[trainings.TEST][1] for o in laboratory.repetitions()]
        key = clips[0].key
        assert not np.array_equal(each[0][key], each[1][key])
        assert np.allclose(predictions[key], (each[0][key] + each[1][key]) / 2)
    else:
        data = laboratory.parts()
        keys = {clip.key for clip in (*data.training, *data.validation)}
        assert {clip.key for clip in result[trainings.VALIDATION][0]} == keys
        assert set(result[trainings.VALIDATION][1]) == keys


def test_rows_about_weights_are_empty_without_them(laboratory):
    from kollias_affect.experiments.declaration import Empty

    setting = scoring.Scored(Training(Network("cnn"), needs_weights=True))
    with pytest.raises(Empty, match="published weights of vgg_face were not given"):
        scoring.dimensional(laboratory, setting)


def test_synthetic_and_reduced_runs_say_so(laboratory):
    def page(laboratory):
        empty = {"numbers": {}, "spread": {}, "empty": None}
        table = table_of(Training(SMALL))
        import pandas as pd

        return pages.page(table, pd.DataFrame({"CCC": [0.5]}), laboratory, {"0": empty})

    text = page(laboratory)
    assert "Kind: real data." in text and "width 0.05 instead of 1.0" in text
    laboratory.roles["data"] = dataclasses.replace(laboratory.roles["data"], synthetic=True)
    assert "synthetic clips, which show no affect" in page(laboratory)
    full = Laboratory(laboratory.roles, laboratory.out_dir, Scale())
    assert "instead of" not in page(full)


def test_figures_are_drawn_beside_the_page(laboratory, tmp_path, monkeypatch):
    from kollias_affect.experiments import drawings

    setting = Training(SMALL)
    clip = laboratory.parts().test[0]
    predictions = {clip.key: np.zeros((len(clip), 2))}
    laboratory.predictions = lambda _: {trainings.TEST: ([clip], predictions)}
    drawn = table_of(setting, figures=(Figure("C15", "In the plane", setting),))
    ((name, text),) = drawings.draw(drawn, laboratory, tmp_path)
    assert (tmp_path / name).read_bytes().startswith(b"\x89PNG") and text == "In the plane"
    needing = dataclasses.replace(setting, before="pretrain2", needs_before=True)
    missing = table_of(setting, figures=(Figure("C15", "In the plane", needing),))
    ((name, text),) = drawings.draw(missing, laboratory, tmp_path)
    assert name is None and "pretrain2 was not given" in text

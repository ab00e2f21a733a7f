import database_trees
import numpy as np
import pytest

from kollias_affect import datasets, models, training
from kollias_affect.datasets import frames_csv, sampling
from kollias_affect.experiments import starts, train_run

TINY = {"backbone": "cnn_m", "size": 32, "width": 0.02, "hidden_units": 8}
LABELS = {"loader_options": {"labels_only": True}, "landmarks": False, "network": "cnn", **TINY}


class Call(Exception):
    """What `training.train` was called with."""


@pytest.fixture
def called(monkeypatch):
    """Returns a function that calls `train_run.train` and returns what it hands to the training."""

    def train(model, clips, validation, out_dir, *args, **options):
        raise Call(model, clips, validation, options)

    monkeypatch.setattr(training, "train", train)

    def call(*args, **options):
        with pytest.raises(Call) as caught:
            train_run.train(*args, log=lambda line: None, **options)
        return caught.value.args

    return call


@pytest.fixture(scope="module")
def omg(tmp_path_factory):
    """OMG-Emotion with 4, 2 and 3 utterances in its official parts."""
    return database_trees.omg(tmp_path_factory.mktemp("omg") / "OMG")


def parts_of(clips):
    return {clip.key[: -len("0/utterance_0")] for clip in clips}


def test_official_parts_train_and_validate_and_the_test_part_is_not_read(called, omg):
    _, clips, validation, options = called(omg, "run", dataset="omg", **LABELS)
    assert (len(clips), parts_of(clips)) == (4, {"train"})
    assert (len(validation), parts_of(validation)) == (2, {"validation"})
    record = options["record"]
    assert "official parts" in record["division"] and "test" not in record["division"]
    assert record["trained_on"] == ["omg/train", "omg/validation"]


def test_parts_are_mixed_on_request_only_and_the_run_says_so(called, omg):
    _, clips, validation, options = called(omg, "run", dataset="omg", split="all", **LABELS)
    assert len(clips) + len(validation) == 9
    assert parts_of([*clips, *validation]) == {"train", "validation", "test"}
    assert "all parts mixed on request" in options["record"]["division"]
    assert "omg/test" in options["record"]["trained_on"]


def test_a_share_of_the_training_part_or_another_part_may_validate(called, omg):
    _, clips, validation, _ = called(omg, "run", dataset="omg", validation_share=0.5, **LABELS)
    assert (len(clips), len(validation)) == (2, 2) and parts_of(validation) == {"train"}
    _, clips, validation, _ = called(omg, "run", dataset="omg", validation_split="test", **LABELS)
    assert (len(clips), len(validation)) == (4, 3) and parts_of(validation) == {"test"}


@pytest.fixture
def listed(make_clip, tmp_path):
    """List of the frames of four people, 10 frames each, mostly of positive valence."""
    clips = []
    for i, key in enumerate("abcd"):
        labels = np.full((10, 2), 0.5)
        labels[8], labels[9] = (0.5, -0.5), (-0.5, -0.5)
        clips.append(make_clip(key, 10, 20 * i, size=8, valence_arousal=labels))
    frames_csv.write(clips, tmp_path / "frames.csv")
    return tmp_path / "frames.csv"


@pytest.mark.parametrize("balance", ["paper", "all"])
def test_only_training_clips_are_balanced_after_the_division_by_person(called, listed, balance):
    _, clips, validation, options = called(
        listed, "run", balance=balance, validation_share=0.25, network="cnn", **TINY
    )
    assert len(validation) == 1 and len(validation[0]) == 10
    people = {clip.subject for clip in clips}
    assert len(people) == 3 and validation[0].subject not in people
    labels = np.concatenate([clip.valence_arousal[clip.valid] for clip in clips])
    negative = (labels < 0).all(axis=1).mean()
    # Of the quadrants with frames: 0.14 of all (paper), or of what the present shares add up to.
    assert negative == pytest.approx(0.14 / (0.43 + 0.19 + 0.14), abs=0.02)
    assert options["record"]["balance"].startswith(f"{balance}: 30 -> ")


def test_without_balance_no_clip_is_added(called, listed):
    _, clips, _, options = called(listed, "run", network="cnn", **TINY)
    assert len(clips) == 3 and "balance" not in options["record"]


def test_the_quadrants_of_paper_c_are_those_of_its_section_4_2():
    assert train_run.BALANCES["paper"] == ("+v-a", "-v-a")
    assert train_run.BALANCES["all"] == sampling.QUADRANTS


def test_settings_follow_the_network_unless_they_are_given(called, listed):
    for given, name in (({"network": "multi_rnn", "backbone": "vgg_face"}, "B"), ({}, "C")):
        options = {**TINY, "length": 4, "rnn_units": 2, **given}
        assert called(listed, "run", **options)[3]["settings"] == name
        assert called(listed, "run", **options, settings="B-keep")[3]["settings"] == "B-keep"


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """File of a small model of valence and arousal."""
    path = tmp_path_factory.mktemp("trained") / "affwild.keras"
    models.save(starts.new_network("cnn", **TINY)[0], path, trained_on=["affwild/train"])
    return path


def test_a_continued_model_remembers_what_it_has_seen(called, omg, trained):
    options = {"loader_options": {"labels_only": True}}
    model, _, _, options = called(
        omg, "run", dataset="omg", model=trained, task="arousal", **options
    )
    assert models.describe(model)["task"] == "arousal"
    assert options["record"]["trained_on"] == ["affwild/train", "omg/train", "omg/validation"]
    assert options["settings"] == "C"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rnn": "gru", "network": "cnn"}, "has no option `rnn`"),
        ({"balance": "some"}, "`balance` must be one of"),
        ({"balance": "paper", "task": "expression"}, "`balance` is for valence and arousal"),
        ({"loss": "mse", "task": "expression"}, "`loss` is for valence and arousal"),
        ({"loss": "mae"}, "`loss` must be one of"),
        ({"choose_by": "video"}, "`choose_by` must be one of"),
        ({"weight_decay": 3}, "`weight_decay` must be"),
        ({"decay": (0, 0.5)}, "`decay steps` must be"),
        ({"learning_rate": -1}, "`learning_rate` must be"),
        ({"batch_size": 0}, "`batch_size` must be"),
        ({"epochs": 0}, "`epochs` must be"),
        ({"settings": "A"}, "`settings` must be one of"),
        ({"task": "joy"}, "`task` must be one of"),
        ({"dataset": "omg2"}, "`dataset` must be one of"),
        ({"validation_share": 0.5, "validation_split": "test"}, "One option says who validates"),
        ({"validation_share": 2}, "`validation_share` must be"),
        ({"size": 0}, "`size` must be"),
        ({"width": 0}, "`width` must be"),
        ({"model": "none.keras", "rnn": "gru", "width": 2}, "new network.*rnn, width|width, rnn"),
        ({"model": "no_such_name"}, "A model must be a .keras or .onnx file, or one of"),
        ({"weights": "vgg_face"}, "`weights` must be NAME=FILE"),
    ],
)
def test_options_are_refused_before_any_data_are_loaded(monkeypatch, tmp_path, options, message):
    def load(*args, **kwargs):
        raise AssertionError("data are loaded")

    monkeypatch.setattr(datasets, "load", load)
    monkeypatch.setattr(datasets, "divide", load)
    if "model" not in options:
        options = {**TINY, **options}
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        train_run.train("nowhere", tmp_path / "run", log=lambda line: None, **options)
    assert not (tmp_path / "run").exists()

"""The search for options of a training: what it proposes, and that it resumes."""

import json
import sys
import types

import pytest

from kollias_affect.experiments import search
from kollias_affect.experiments.search import Vary, parse

VARY = ["learning-rate=1e-5:1e-1:log", "head=tcn,gru", "head-layers=2:6"]


@pytest.fixture
def trained(monkeypatch):
    """Trainings that take no time; their score is best for a rate of 1e-3 and the head gru."""
    import math

    calls = []

    def train(data, out, seed, log, learning_rate, head, head_layers, **options):
        calls.append((out.name, learning_rate, head, head_layers))
        out.mkdir(exist_ok=True)
        (out / "settings.json").write_text("{}")
        (out / "backup").mkdir()
        if learning_rate > 0.05:
            raise ValueError("Training must reach a finite val_ccc.")
        score = 1 - abs(math.log10(learning_rate) + 3) / 4 - 0.1 * (head == "tcn")
        return None, {"epoch": 3, "val_ccc": score}

    monkeypatch.setattr(search.train_run, "train", train)
    return calls


@pytest.fixture(autouse=True)
def optuna():
    return pytest.importorskip("optuna", reason="Optuna is not installed")


@pytest.mark.parametrize(
    ("first", "trials"), [(2, 4), pytest.param(5, 14, marks=pytest.mark.nightly)]
)
def test_a_search_that_resumes_proposes_what_an_uninterrupted_one_does(
    trained, tmp_path, first, trials
):
    quiet = {"log": lambda text: None, "seed": 1}
    whole = search.search("data", tmp_path / "whole", VARY, trials, **quiet)
    expected = [call[1:] for call in trained]
    trained.clear()
    search.search("data", tmp_path / "parts", VARY, first, **quiet)
    parts = search.search("data", tmp_path / "parts", VARY, trials, **quiet)
    assert [call[1:] for call in trained] == expected
    assert parts.equals(whole) and len({name for name, *_ in trained}) == trials
    assert not list((tmp_path / "parts").rglob("backup"))


def test_an_interrupted_trial_goes_on_with_its_options(trained, tmp_path, monkeypatch):
    train, quiet = search.train_run.train, {"log": lambda text: None}
    search.search("data", tmp_path, VARY, 1, **quiet)

    def killed(data, out, **options):
        train(data, out, **options)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(search.train_run, "train", killed)
        with pytest.raises(KeyboardInterrupt):
            search.search("data", tmp_path, VARY, 2, **quiet)
    (tmp_path / "trial-002" / "backup").rmdir()
    search.search("data", tmp_path, VARY, 2, **quiet)
    assert trained[1] == trained[2] and trained[0] != trained[1]


@pytest.mark.nightly
def test_the_search_finds_the_better_half_and_counts_failures(trained, tmp_path):
    table = search.search("data", tmp_path, VARY, 25, seed=3, log=lambda text: None)
    assert table["score"].dropna().is_monotonic_decreasing and table["score"].isna().any()
    assert 1e-4 < table["learning_rate"][0] < 1e-2 and table["head"][0] == "gru"
    assert table["head_layers"].between(2, 6).all()
    assert search.best_folder(tmp_path, table).name == f"trial-{table['trial'][0]:03}"
    lines = (tmp_path / "trials.jsonl").read_text().splitlines()
    assert [json.loads(line)["trial"] for line in lines] == list(range(1, 26))


def test_another_search_needs_another_folder(trained, tmp_path):
    search.search("data", tmp_path, VARY, 1, log=lambda text: None)
    with pytest.raises(ValueError, match=r"differs in .*vary"):
        search.search("data", tmp_path, VARY[:1] + VARY[2:], 1, head="gru", log=lambda text: None)


def test_a_wrong_option_ends_the_search(monkeypatch, tmp_path):
    def refuse(*_, **__):
        raise ValueError("`option` must be one of")

    monkeypatch.setattr(search, "train_run", types.SimpleNamespace(train=refuse))
    with pytest.raises(ValueError, match="must be one of"):
        search.search("data", tmp_path, ["dropuot=0:0.5"], 3, log=lambda text: None)


def test_texts_become_ranges_and_choices():
    assert parse("head-layers=2:6") == Vary("head_layers", None, 2, 6)
    assert parse("dropout=0:0.5") == Vary("dropout", None, 0, 0.5)
    assert parse("augment=none,standard") == Vary("augment", (None, "standard"))
    assert parse("soft-labels=true,false").choices == (True, False)
    for text, message in {
        "dropout": "must be NAME=LOW:HIGH",
        "dropout=0.5": "two values",
        "dropout=0.5:0.1": "must rise",
        "learning-rate=0:1:log": "must begin above 0",
        "dropout=0:1:linear": "must be NAME=LOW:HIGH",
    }.items():
        with pytest.raises(ValueError, match=message):
            parse(text)


def test_an_option_is_varied_or_given(tmp_path):
    with pytest.raises(ValueError, match="Leave one of the two out"):
        search.search("data", tmp_path, ["dropout=0:0.5"], dropout=0.5)


def test_without_optuna_the_error_names_the_extra(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(ValueError, match=r"kollias-affect\[search\]"):
        search.search("data", tmp_path, VARY)

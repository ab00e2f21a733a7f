"""The script that compares the temporal heads: its data, its table, and a small run."""

import argparse
import contextlib
import io
import itertools
import runpy
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"


@pytest.fixture(scope="module")
def script():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(EXAMPLES)
        import temporal_heads
    return temporal_heads


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Traces of ten people over two films, of which each draws a line of its own slope."""
    folder = tmp_path_factory.mktemp("traces")
    seconds = np.arange(0, 30, 0.2)
    for film in ("V1", "V2"):
        parts = [
            pd.DataFrame({"annotator": f"P{p}", "seconds": seconds, "x": seconds * p / 300, "y": 0})
            for p in range(1, 11)
        ]
        pd.concat(parts).to_csv(folder / f"{film}.csv", index=False)
    return folder


def options(**values):
    return argparse.Namespace(**{"traces": None, "no_lag": False, **values})


def readable(sequences):
    """How well labels follow from the features of the same frame, by least squares."""
    features, labels, shown = (np.concatenate(part) for part in zip(*sequences, strict=True))
    known = np.c_[features, np.ones(len(features))][shown > 0]
    weights = np.linalg.lstsq(known, labels[shown > 0], rcond=None)[0]
    return np.corrcoef((known @ weights).T, labels[shown > 0].T)[0, 2]


def test_labels_are_late_and_frames_without_a_face_are_zero(script):
    sets, punctual = (script.make_sets(0, options(no_lag=late)) for late in (False, True))
    assert {name: len(s) for name, s in sets.items()} == {"train": 24, "validation": 10, "test": 20}
    for features, labels, shown in itertools.chain(*sets.values()):
        assert len(features) == len(labels) == len(shown) and np.abs(labels).max() <= 1
        assert ((features == 0).all(axis=1) == (shown == 0)).all()
        assert 0 < (shown == 0).sum() <= script.MISSING * script.RATE
    assert readable(punctual["train"]) > readable(sets["train"]) + 0.05


def test_nobody_who_has_drawn_a_trace_is_in_two_sets(script, folder):
    people = script.traced_people(folder, np.random.default_rng(0))
    assert {name: len(members) for name, members in people.items()} == {
        "train": 5, "validation": 2, "test": 3,
    }  # fmt: skip
    slopes = [
        {round(float(curve[-1, 0]), 3) for member in members for curve in member}
        for members in people.values()
    ]
    assert sum(map(len, slopes)) == len(set.union(*slopes)) == 10
    assert all(len(member) == 2 for members in people.values() for member in members)


def test_the_table_has_intervals_over_seeds_and_paired_differences(script):
    scores = {"gru": [0.5, 0.6, 0.7], "tcn": [0.55, 0.66, 0.77]}
    rows = [
        {"head": head, "seed": str(seed), "validation": "0", "CCC": str(value), "parameters": "9",
         "seconds": "0.5"}
        for head, values in scores.items() for seed, value in enumerate(values)
    ]  # fmt: skip
    table = script.summary(pd.DataFrame(rows))
    half = stats.t.ppf(0.975, 2) * 0.1 / np.sqrt(3)
    assert table.loc["gru", "CCC"] == f"0.600 ± {half:.3f}" and table.loc["gru", "seeds"] == 3
    half = stats.t.ppf(0.975, 2) * np.std([0.05, 0.06, 0.07], ddof=1) / np.sqrt(3)
    assert table.loc["tcn", "against gru"] == f"+0.060 ± {half:.3f}"


@pytest.mark.nightly
def test_a_small_run_resumes(script, folder, tmp_path, monkeypatch):
    arguments = ["--traces", folder, "--heads", "mlp,gru", "--seeds", "1", "--units", "4"]
    monkeypatch.setattr(
        sys, "argv", ["temporal_heads.py", *map(str, [tmp_path, *arguments]), "--epochs", "2"]
    )
    tables = []
    for _ in range(2):
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            runpy.run_path(str(EXAMPLES / "temporal_heads.py"), run_name="__main__")
        tables.append(printed.getvalue().splitlines())
    assert len(tables[0]) == len(tables[1]) + 2 and tables[0][2:] == tables[1]
    assert (tmp_path / "table.md").exists()

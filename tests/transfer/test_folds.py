import concurrent.futures
import dataclasses
import json

import numpy as np
import pytest

from kollias_affect import evaluation, models, training
from kollias_affect.transfer import cross_validate, run_fold, start_folds


@pytest.fixture
def build(tiny):
    return lambda: tiny("valence_arousal", length=6)


@pytest.fixture
def clips(make_clip):
    clips = [make_clip(name, 6, 10 * i, size=16) for i, name in enumerate("abcde")]
    for clip in clips[:2]:
        clip.subject = "same"
    return clips


def subjects(descriptions, clips):
    """People of the clips that the settings of a run list."""
    by_key = {clip.key: clip.subject for clip in clips}
    return {by_key[key] for key, *_ in descriptions}


def test_scores_cover_the_complete_corpus_and_a_second_call_trains_nothing(
    build, clips, tmp_path, quick
):
    options = {"folds": 2, "out_dir": tmp_path / "run", "epochs": 1, "batch_size": 2, "verbose": 0}
    first = cross_validate(build, clips, **options)
    assert [len(p) for p in first.predictions.values()] == [6] * 5
    expected = evaluation.scores(clips, first.predictions)
    assert np.allclose(first.scores, expected)
    assert first.scores.loc["valence", "frames"] == 30
    files = [tmp_path / "run" / f"fold-{k}" / "best.keras" for k in (1, 2)]
    stamps = [path.stat().st_mtime_ns for path in files]
    # The clips of a fold are predicted by its model, which was not trained on their people.
    fold_of = {
        key: k
        for k, path in enumerate(files)
        for key, values in evaluation.predict(models.load(path)[0], clips).items()
        if np.allclose(values, first.predictions[key], atol=1e-6)
    }
    assert fold_of["a"] == fold_of["b"] and set(fold_of.values()) == {0, 1}
    # Three disjoint groups in each fold: those who train, who choose the epoch, who are scored.
    record = json.loads((tmp_path / "run" / "settings.json").read_text())
    for k, path in enumerate(files):
        settings = json.loads(path.with_name("settings.json").read_text())
        train, chosen = (subjects(settings[n], clips) for n in ("training", "validation"))
        scored = {clip.subject for clip in clips if fold_of[clip.key] == k}
        assert train and chosen and not train & chosen and not (train | chosen) & scored
        assert train | chosen | scored == {clip.subject for clip in clips}
        assert record["folds"][k] == {
            "scored": sorted(scored), "choose the epoch": sorted(chosen)
        }  # fmt: skip
    repeated = cross_validate(build, clips, **options)
    assert [path.stat().st_mtime_ns for path in files] == stamps
    assert all(np.allclose(repeated.predictions[key], p) for key, p in first.predictions.items())
    assert (tmp_path / "run" / "scores.csv").exists()
    with pytest.raises(ValueError, match="seed"):  # other people would choose
        cross_validate(build, clips, **options, seed=1)


def test_several_tasks_are_scored_over_the_complete_corpus(tiny, clips, tmp_path, quick):
    names = ("expression", "valence_arousal")
    clips = [clip.labelled(expression=np.arange(6) % 7) for clip in clips]
    options = {"folds": 2, "out_dir": tmp_path / "run", "epochs": 1, "batch_size": 2, "verbose": 0}
    first = cross_validate(lambda: tiny(names, length=6), clips, **options)
    for name in names:
        assert len(first.predictions[name]) == len(clips)
        expected = evaluation.scores(clips, first.predictions[name], name)
        for row in expected.index:
            found = first.scores.loc[f"{name} {row}", expected.columns].astype(float)
            assert np.allclose(found, expected.loc[row].astype(float), equal_nan=True)
    repeated = cross_validate(lambda: tiny(names, length=6), clips, **options)
    assert np.allclose(
        repeated.predictions["expression"]["a"], first.predictions["expression"]["a"]
    )


def test_a_run_that_chose_the_epoch_on_the_scored_people_is_refused(build, clips, tmp_path):
    (tmp_path / "run" / "fold-1").mkdir(parents=True)
    (tmp_path / "run" / "fold-1" / "settings.json").write_text("{}")
    with pytest.raises(ValueError, match="must not be scored.*Choose another folder"):
        cross_validate(build, clips, 2, tmp_path / "run")
    assert not (tmp_path / "run" / "settings.json").exists()


def test_people_without_a_face_never_choose_the_epoch(build, clips, tmp_path, monkeypatch):
    for clip in clips[2:4]:
        clip.valid[:] = False
    seen = []

    def train(model, training, validation, folder, **options):
        seen.append(any(clip.valid.any() for clip in validation))
        raise Stopped

    monkeypatch.setattr(training, "train", train)
    for seed in range(6):
        with pytest.raises(Stopped):
            cross_validate(build, [*clips, *more(clips)], 2, tmp_path / str(seed), seed)
    assert all(seen)


class Stopped(Exception):
    """Ends a cross-validation before it trains."""


def more(clips):
    """Clips of three more people."""
    return [dataclasses.replace(clips[0], key=key, subject=key) for key in "xyz"]


def test_too_few_people_are_refused(build, clips, tmp_path):
    with pytest.raises(ValueError, match="at least as many subjects"):
        cross_validate(build, clips, 5, tmp_path / "run")
    with pytest.raises(ValueError, match="two people besides those who are scored"):
        cross_validate(build, clips[:3], 2, tmp_path / "run")


def test_folds_in_tasks_of_an_executor_give_the_files_of_one_process(build, clips, tmp_path, quick):
    options = {"folds": 2, "epochs": 1, "batch_size": 2, "verbose": 0}
    expected = cross_validate(build, clips, out_dir=tmp_path / "expected", **options)
    out = tmp_path / "out"
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        found = cross_validate(build, clips, out_dir=out, executor=pool, **options)
    for name in ("scores.csv", "scores.md", "settings.json"):
        assert (out / name).read_bytes() == (tmp_path / "expected" / name).read_bytes()
    for key, values in expected.predictions.items():
        assert np.array_equal(values, found.predictions[key])


def test_folds_that_fail_in_a_worker_are_named_when_the_others_are_over(
    build, clips, tmp_path, quick
):
    pictures = {clip.key: clip.paths[0] for clip in clips}
    out, options = tmp_path / "out", {"folds": 2, "epochs": 1, "batch_size": 2}
    with open(pictures["e"], "w") as file:
        file.write("no picture")
    with (
        concurrent.futures.ThreadPoolExecutor(1) as pool,
        pytest.raises(OSError, match=r"of 2 that failed[\s\S]*\nfold-\d: [\s\S]*e/00001.png"),
    ):
        cross_validate(build, clips, out_dir=out, executor=pool, **options)
    assert (out / "settings.json").exists()


def test_a_fold_that_runs_alone_is_not_run_again(build, clips, tmp_path, quick):
    division = {"clips": clips, "folds": 2, "out_dir": tmp_path / "run"}
    options = {"epochs": 1, "batch_size": 2, "verbose": 0}
    start_folds(**division)
    run_fold(2, build, **division, **options)
    file = tmp_path / "run" / "fold-2" / "best.keras"
    stamp = file.stat().st_mtime_ns
    cross_validate(build, **division, **options)
    assert file.stat().st_mtime_ns == stamp

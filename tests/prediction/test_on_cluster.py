"""Predictions in tasks of an executor: the files are those of one process."""

import concurrent.futures
import json
import os

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from moving_faces import contents

from kollias_affect import _cluster, evaluation
from kollias_affect.cli import main
from kollias_affect.prediction import find_inputs, one_video, predict_files, predict_videos
from kollias_affect.prediction import predictor as predictors

OPTIONS = {"faces": "all", "annotate": False, "progress": False}


@pytest.fixture(autouse=True)
def plain_plots(request, monkeypatch):
    """Plots are the numbers in them."""

    def write(times, numbers, names, path, title):
        path.write_bytes(np.float64(times).tobytes() + np.float32(numbers).tobytes())

    if "nightly" not in request.keywords:
        monkeypatch.setattr(evaluation, "traces", write)


@pytest.fixture(scope="module")
def videos(face, pair, tmp_path_factory, save_video):
    """Folder with a video of two people, one of whom leaves, and one without a face."""
    folder = tmp_path_factory.mktemp("inputs")
    one = np.concatenate([face, np.full_like(face, 90)], axis=1)
    save_video(folder / "pair.mp4", [pair] * 3 + [one])
    save_video(folder / "empty.mp4", [np.full((64, 64, 3), 90, np.uint8)] * 2)
    return folder


@pytest.fixture
def pool():
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        yield pool


def predict(model, videos, out, executor=None, **options):
    """Returns the result of `predict_files`, and the lines of its log."""
    lines = []
    of_videos = {"faces": "all", "progress": False, "executor": executor, **options}
    result = predict_files(
        model, find_inputs([videos]), out, of_videos=of_videos, log=lines.append, annotate=False
    )
    return result, [line.replace(str(out), "OUT") for line in lines]


def visible(folder):
    return {path: data for path, data in contents(folder).items() if path.name[0] != "."}


@pytest.mark.parametrize("segment", [7500, 2])
def test_a_pool_writes_the_files_of_one_process(model, videos, pool, tmp_path, segment):
    _, expected_lines = predict(model, videos, tmp_path / "expected")
    result, lines = predict(model, videos, tmp_path / "out", pool, segment=segment)
    assert not result.errors and lines == expected_lines
    assert visible(tmp_path / "out") == visible(tmp_path / "expected")


def test_a_second_run_predicts_only_what_is_missing(model, videos, pool, tmp_path, monkeypatch):
    first, _ = predict(model, videos, tmp_path, pool)
    before = visible(tmp_path)
    for path in [tmp_path / "pair.csv", *tmp_path.glob("pair_*.png")]:
        path.unlink()
    predicted = []
    original = one_video.predict
    monkeypatch.setattr(
        one_video,
        "predict",
        lambda m, job, *rest: predicted.append(job.name) or original(m, job, *rest),
    )
    second, _ = predict(model, videos, tmp_path, pool)
    assert predicted == ["pair.mp4"] and visible(tmp_path) == before
    pd.testing.assert_frame_equal(first.summary, second.summary)
    predict(model, videos, tmp_path, pool, landmarks=True)
    assert sorted(predicted) == ["empty.mp4", "pair.mp4", "pair.mp4"]  # other options


def test_tables_of_finished_videos_are_read_from_disk(model, videos, pool, tmp_path):
    paths = sorted(videos.glob("*.mp4"))
    first, _ = predict_videos(model, paths, tmp_path, executor=pool, **OPTIONS)
    second, _ = predict_videos(model, paths, tmp_path, executor=pool, **OPTIONS)
    assert list(first) == list(second) == [str(path) for path in paths]
    for name, table in first.items():
        pd.testing.assert_frame_equal(table, second[name], check_dtype=False, atol=1e-6)


def test_an_interrupted_journal_costs_only_its_last_video(model, videos, pool, tmp_path):
    predict(model, videos, tmp_path, pool)
    journal = tmp_path / ".predicted.jsonl"
    whole = journal.read_bytes()
    journal.write_bytes(whole[:-9])
    predict(model, videos, tmp_path, pool)
    lines = [json.loads(line) for line in journal.read_text().splitlines()]
    assert lines == [json.loads(line) for line in whole.decode().splitlines()]


def test_failures_are_named_and_the_others_are_written(model, videos, pool, tmp_path):
    bad = tmp_path / "bad.mp4"
    bad.write_text("no video")
    paths = [bad, videos / "empty.mp4"]
    tables, errors = predict_videos(model, paths, tmp_path / "out", executor=pool, **OPTIONS)
    assert list(tables) == [str(paths[1])] and list(errors) == [str(bad)]
    assert "FFmpeg can read" in str(errors[str(bad)])


def test_a_model_in_memory_is_refused_with_an_executor(model, videos, pool, tmp_path):
    loaded = predictors.load(model)
    loaded = predictors.Predictor(loaded.network, loaded.card, loaded.layout)
    with pytest.raises(ValueError, match="must be a file or a name"):
        predict_videos(loaded, [videos / "empty.mp4"], tmp_path, executor=pool, **OPTIONS)


def test_workers_that_write_elsewhere_are_noticed(model, videos, tmp_path, monkeypatch):
    monkeypatch.setattr(_cluster, "APPEAR_SECONDS", 0.01)

    class Elsewhere(concurrent.futures.Executor):
        def submit(self, *_):
            future = concurrent.futures.Future()
            future.set_result((([], (None, {"rows": [], "line": ""})), None))
            return future

    path = videos / "empty.mp4"
    tables, errors = predict_videos(model, [path], tmp_path, executor=Elsewhere(), **OPTIONS)
    assert not tables and "shares" in str(errors[str(path)])


def test_a_segment_without_a_cluster_is_refused(videos, tmp_path):
    words = ["predict", videos, "--out", tmp_path, "--segment", 5]
    result = CliRunner().invoke(main, list(map(str, words)))
    assert result.exit_code == 2 and "--segment is for clusters" in result.output


@pytest.mark.nightly
def test_the_command_predicts_on_processes_with_the_bytes_of_one(videos, tmp_path):
    """The model that ships, by ONNX Runtime, with one thread in the workers and all here."""
    pytest.importorskip("distributed")

    def run(out, *options):
        words = ["predict", videos, "--out", out, "--faces", "all", *options]
        result = CliRunner().invoke(main, list(map(str, words)))
        assert result.exit_code == 0, result.output
        return result.output.replace(str(out), "OUT")

    expected = run(tmp_path / "expected")
    assert run(tmp_path / "out", "--cluster", "local:2", "--segment", 4) == expected
    assert visible(tmp_path / "out") == visible(tmp_path / "expected")
    assert os.path.exists(tmp_path / "out" / ".predicted.jsonl")

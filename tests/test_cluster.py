"""Tasks on a cluster of real worker processes, and on pools of `concurrent.futures`."""

import asyncio
import concurrent.futures
import contextlib
import errno
import multiprocessing
import os
import pickle
import random
import shutil
import signal
import subprocess
import sys
import threading
import time

import pytest
from click.testing import CliRunner

from kollias_affect import _cluster, _files, _workers, faces
from kollias_affect.cli import main

distributed = pytest.importorskip("distributed")


@pytest.fixture(scope="module")
def client():
    """Client of two worker processes of this machine."""
    with _cluster._client("local:2") as client:
        yield client


@pytest.fixture
def pool(client):
    return client.get_executor(retries=_cluster.RETRIES, pure=False)


@pytest.fixture
def videos(synthetic_root):
    """Two synthetic videos, whose crops are in `synthetic_root / "crops"`."""
    return sorted((synthetic_root / "videos").glob("*.mp4"))


def files(folder):
    """Dict from the relative path of each file of a folder to its bytes."""
    paths = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def pids(client):
    return set(client.run(os.getpid).values())


def kill_workers_once(client, begun):
    """Kills every worker when `begun()` is true; returns the thread that does."""

    def wait_and_kill(processes):
        while not begun():
            time.sleep(0.005)
        for process in processes:
            os.kill(process, signal.SIGKILL)

    thread = threading.Thread(target=wait_and_kill, args=(pids(client),), daemon=True)
    thread.start()
    return thread


def test_a_cluster_writes_the_files_of_one_process_and_names_what_failed(
    pool, synthetic_root, videos, tmp_path
):
    bad = tmp_path / "bad.mp4"
    bad.write_text("no video")
    seen = []
    clips, errors = faces.extract_many(
        [bad, *videos],
        tmp_path / "out",
        progress=False,
        executor=pool,
        on_result=lambda video, clip: seen.append(clip.key),
    )
    assert list(clips) == [str(video) for video in videos]
    assert seen == [video.stem for video in videos]
    assert list(errors) == [str(bad)] and "FFmpeg can read" in str(errors[str(bad)])
    assert files(tmp_path / "out") == files(synthetic_root / "crops")


def test_segments_of_long_videos_on_a_pool_are_joined_to_the_same_files(
    synthetic_root, videos, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        clips, errors = faces.extract_many(videos, tmp_path, executor=pool, segment=7)
    assert not errors and list(clips) == [str(video) for video in videos]
    assert files(tmp_path) == files(synthetic_root / "crops")
    assert "10/10" in capsys.readouterr().err  # for each video: its plan, 3 segments, the joining


@pytest.mark.nightly
def test_workers_that_are_killed_are_replaced_and_their_videos_end_with_the_same_files(
    client, pool, synthetic_root, videos, tmp_path
):
    before = pids(client)
    begun = lambda: list(tmp_path.glob(".*.partial/*/*.jpg"))  # noqa: E731
    killer = kill_workers_once(client, begun)
    clips, errors = faces.extract_many(videos, tmp_path, progress=False, executor=pool)
    killer.join(5)
    assert not killer.is_alive() and not errors and len(clips) == 2
    assert files(tmp_path) == files(synthetic_root / "crops")
    client.wait_for_workers(2, timeout=60)
    assert not before & pids(client)


def test_a_second_run_on_a_cluster_writes_only_what_is_missing(
    pool, synthetic_root, videos, tmp_path
):
    out = shutil.copytree(synthetic_root / "crops", tmp_path / "out")
    kept, lost = (out / f"{video.stem}.json" for video in videos)
    first = kept.stat().st_mtime_ns
    shutil.rmtree(out / lost.stem)
    for path in out.glob(f"{lost.stem}.*"):
        path.unlink()
    _, errors = faces.extract_many(videos, out, progress=False, executor=pool)
    assert not errors and kept.stat().st_mtime_ns == first
    assert files(out) == files(synthetic_root / "crops")


def test_the_command_extracts_on_the_cluster_of_an_address(
    client, synthetic_root, videos, tmp_path
):
    arguments = ["extract", *videos, "--out", tmp_path / "out"]
    cluster = ["--cluster", client.scheduler.address]
    result = CliRunner().invoke(main, [str(word) for word in arguments + cluster])
    assert result.exit_code == 0 and "subject01_1: 24 frames" in result.output
    assert files(tmp_path / "out") == files(synthetic_root / "crops")
    both = CliRunner().invoke(
        main, [str(word) for word in [*arguments, *cluster, "--processes", 2]]
    )
    assert both.exit_code and "Leave one of them out" in both.output


@pytest.mark.nightly
def test_the_command_with_own_processes_ends_and_prints_no_line_of_dask(videos, tmp_path):
    words = ["-m", "kollias_affect", "extract", *videos, "--out", tmp_path, "--cluster", "local:2"]
    done = subprocess.run(
        [sys.executable, *map(str, words)], capture_output=True, text=True, timeout=300
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert len(done.stdout.splitlines()) == 2


@pytest.mark.nightly
def test_a_video_is_given_up_when_its_workers_die_again_and_again(pool):
    works = {"bad.mp4": calls(exit_if, 1), "good.mp4": calls(exit_if, 0)}
    outcomes = {name: rest for name, *rest in _cluster.run(pool, works.items())}
    assert outcomes["good.mp4"] == [[None], None]
    result, error = outcomes["bad.mp4"]
    assert result is None and "KilledWorker for bad.mp4" in str(error)


def exit_if(code):
    if code:
        os._exit(code)


def calls(function, *arguments):
    """Work of one call, whose result is the list of its results."""
    return (yield [_cluster.Call(function, arguments)])


def test_a_process_pool_that_breaks_names_its_tasks():
    spawn = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=spawn) as pool:
        works = ((name, calls(os._exit, 3)) for name in ("a.mp4", "b.mp4"))
        outcomes = list(_cluster.run(pool, works))
        later = list(_cluster.run(pool, [("c.mp4", calls(abs, 1))]))
    assert [name for name, _, _ in outcomes + later] == ["a.mp4", "b.mp4", "c.mp4"]
    for name, _, error in outcomes + later:
        assert f"BrokenProcessPool for {name}" in str(error)


def test_calls_follow_calls_and_an_error_ends_only_its_work():
    def sums():
        first = yield [_cluster.Call(pow, (2, n)) for n in range(3)]
        (last,) = yield [_cluster.Call(sum, (first,))]
        return last

    def fails():
        yield [_cluster.Call(int, ("x",)), _cluster.Call(abs, (1,))]

    def recovers():
        with contextlib.suppress(ValueError):
            yield from fails()
        return "went on"

    def refused():
        raise ValueError("before any call")
        yield

    works = {"sums": sums(), "fails": fails(), "recovers": recovers(), "refused": refused()}
    over = []
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        done = list(_cluster.run(pool, works.items(), lambda: over.append(None)))
    outcomes = {name: (result, str(error)) for name, result, error in done}
    assert outcomes["sums"] == (7, "None") and outcomes["recovers"] == ("went on", "None")
    assert "invalid literal" in outcomes["fails"][1] and "before" in outcomes["refused"][1]
    assert len(over) == 4 + 2 + 2


class Loses(concurrent.futures.Executor):
    """Executor that loses the first calls, as a scheduler that starts again."""

    def __init__(self, lost):
        self.lost = lost

    def submit(self, function, *arguments):
        future = concurrent.futures.Future()
        if self.lost:
            self.lost -= 1
            future.cancel()
            future.set_running_or_notify_cancel()
        else:
            future.set_result(function(*arguments))
        return future


def test_calls_that_the_engine_loses_are_submitted_again_some_times():
    over = []
    works = [(n, calls(abs, -n)) for n in range(3)]
    assert [error for _, _, error in _cluster.run(Loses(3), works, lambda: over.append(1))] == (
        [None] * 3
    )
    assert len(over) == 3  # progress counts a call once
    ((_, _, error),) = _cluster.run(Loses(99), [("a.mp4", calls(abs, 1))])
    assert "CancelledError for a.mp4" in str(error) and "does what is missing" in str(error)


def full(path):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)


def test_a_disk_that_is_full_ends_all_works():
    told = pickle.loads(pickle.dumps(_cluster._settled(full, ["/disk/a.jpg"])))
    assert isinstance(told[1], _files.DiskFullError)  # on the way from a worker, too
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        works = [("a", calls(full, "/disk/a.jpg")), *((str(n), calls(abs, n)) for n in range(9))]
        with pytest.raises(_files.DiskFullError, match=r"Received: /disk/a\.jpg"):
            list(_cluster.run(pool, works))


def test_a_full_disk_on_a_worker_ends_the_command_with_one_message(client, videos, tmp_path):
    resource = pytest.importorskip("resource")  # a limit of the system on the size of files
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]

    def limit(size):
        client.run(resource.setrlimit, resource.RLIMIT_FSIZE, (size, hard))

    limit(3000)  # a crop needs more
    try:
        words = ["extract", *videos, "--out", tmp_path, "--cluster", client.scheduler.address]
        result = CliRunner().invoke(main, [str(word) for word in words])
    finally:
        limit(hard)
    errors = [line for line in result.output.splitlines() if line.startswith("Error:")]
    assert result.exit_code == 2 and len(errors) == 1
    assert "need room on the disk" in errors[0] and "The same command resumes." in errors[0]


def test_a_disk_that_is_full_here_ends_all_works_too():
    def journals():
        yield [_cluster.Call(abs, (1,))]
        full("/disk/journal")

    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        works = [("a", journals()), *((str(n), calls(abs, n)) for n in range(9))]
        with pytest.raises(_files.DiskFullError, match=r"Received: /disk/journal"):
            list(_cluster.run(pool, works))


def test_a_window_of_works_is_open_at_a_time(monkeypatch):
    monkeypatch.setattr(_cluster, "WINDOW", 3)
    begun, ended = [], []

    def work(number):
        begun.append(number)
        yield [_cluster.Call(abs, (number,))]
        assert len(begun) - len(ended) <= 3

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for name, _, error in _cluster.run(pool, ((n, work(n)) for n in range(20))):
            assert error is None
            ended.append(name)
    assert sorted(ended) == list(range(20))


def test_a_file_that_appears_late_is_seen(tmp_path):
    path = tmp_path / "out" / "a.json"

    def write():
        path.parent.mkdir()
        path.write_text("{}")

    timer = threading.Timer(0.15, write)
    timer.start()
    assert not path.exists() and _cluster.appears(path)
    timer.join()


def test_results_that_are_not_kept_are_counts(synthetic_root, videos, tmp_path):
    clips, _ = faces.extract_many(videos, synthetic_root / "crops", 1, progress=False)
    counts = {video: faces.described(clip) for video, clip in clips.items()}
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        for options in ({}, {"executor": pool}, {"executor": pool, "segment": 9}):
            found = faces.extract_many(
                videos, synthetic_root / "crops", progress=False, keep=False, **options
            )
            assert found == (counts, {})


def test_leaving_early_cancels_what_has_not_begun():
    done, may_end = [], threading.Event()

    def wait(number):
        may_end.wait(10)
        done.append(number)

    def refused():
        raise ValueError
        yield

    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        works = [*((n, calls(wait, n)) for n in range(5)), ("refused", refused())]
        outcomes = _cluster.run(pool, works)
        assert next(outcomes)[0] == "refused"
        outcomes.close()
        may_end.set()
    assert done in ([], [0])


@pytest.mark.nightly
def test_a_worker_that_is_slow_to_start_again_is_not_given_up():
    """Dask would remove it after `lost-worker-timeout`, start no other, and wait for ever."""
    from dask import config

    timeout = {"distributed.deploy.lost-worker-timeout": "0.1s"}
    with config.set(timeout), _cluster.executor("local:1") as pool:
        (before,) = pids(pool._client)
        os.kill(before, signal.SIGKILL)
        after = pool.submit(os.getpid).result(timeout=60)
    assert after != before


@pytest.mark.nightly
def test_tasks_whose_workers_cannot_start_again_fail(monkeypatch):
    async def refused(*_):
        raise OSError("no processes are left")

    monkeypatch.setattr(_workers, "LOOK_SECONDS", 0.2)
    with _cluster.executor("local:1") as pool:
        works = _cluster.run(pool, [(n, calls(time.sleep, 60 * n)) for n in range(2)])
        assert next(works) == (0, [None], None)
        monkeypatch.setattr(distributed.nanny.WorkerProcess, "start", refused)
        os.kill(next(iter(pids(pool._client))), signal.SIGKILL)
        ((name, result, error),) = works
    assert (name, result) == (1, None) and "does what is missing" in str(error)


def test_workers_that_do_not_start_are_one_message(monkeypatch):
    def refused(**_):
        raise RuntimeError("Nanny failed to start.")

    monkeypatch.setattr(distributed, "LocalCluster", refused)
    with pytest.raises(OSError, match="processes of this machine must start. Received: Nanny"):
        _cluster.executor("local:1").__enter__()


@pytest.mark.nightly
@pytest.mark.parametrize("given_up", [False, True])
def test_workers_that_do_not_end_are_killed(monkeypatch, given_up):
    """The command ends although a worker hangs, also one that Dask has given up."""

    async def never(*_, **__):
        await asyncio.sleep(60)

    monkeypatch.setattr(_workers, "END_SECONDS", 0.5)
    with _cluster._client("local:1") as client:
        (process,) = pids(client)
        monkeypatch.setattr(distributed.Nanny, "close", never)
        if given_up:
            client.cluster.workers.clear()
        began = time.monotonic()
    assert time.monotonic() - began < 10
    assert ends(process)


@pytest.mark.nightly
def test_workers_that_end_in_disorder_do_not_fail_a_command_that_is_done(monkeypatch):
    async def fails(*_, **__):
        raise AssertionError("Status.starting")

    monkeypatch.setattr(_workers, "END_SECONDS", 0.5)
    with _cluster._client("local:1") as client:
        (process,) = pids(client)
        monkeypatch.setattr(distributed.Nanny, "close", fails)
    assert ends(process)


def ends(pid):
    """Returns whether a process ends within ten seconds."""
    for _ in range(100):
        if not is_running(pid):
            return True
        time.sleep(0.1)
    return False


def is_running(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_progress_counts_videos_of_any_executor(videos, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        faces.extract_many(videos, tmp_path, executor=pool)
    assert "2/2" in capsys.readouterr().err


def test_workers_that_write_to_another_file_system_are_noticed(videos, tmp_path, monkeypatch):
    monkeypatch.setattr(_cluster, "APPEAR_SECONDS", 0.01)

    class Elsewhere(concurrent.futures.Executor):
        def submit(self, *_):
            future = concurrent.futures.Future()
            future.set_result((([], []), None))
            return future

    clips, errors = faces.extract_many(videos, tmp_path, progress=False, executor=Elsewhere())
    assert not clips and len(errors) == 2 and not list(tmp_path.iterdir())
    assert all("shares" in str(error) for error in errors.values())


def test_a_function_as_detector_is_refused_with_an_executor(videos, tmp_path):
    with (
        concurrent.futures.ThreadPoolExecutor(1) as pool,
        pytest.raises(ValueError, match="`detector` must be a name"),
    ):
        faces.extract_many(videos, tmp_path, executor=pool, detector=lambda image: [])


@pytest.mark.parametrize("name", ["local:0", "local:x", "http://host:1", "tcp://host", "absent"])
def test_what_names_no_cluster_is_refused(name):
    with pytest.raises(ValueError, match="A cluster must be"):
        _cluster.checked(name)


def test_a_scheduler_that_does_not_answer_is_named(monkeypatch):
    monkeypatch.setattr(_cluster, "CONNECT_SECONDS", 0.3)
    with (
        pytest.raises(OSError, match="must answer. Received: tcp://127.0.0.1:9"),
        _cluster.executor("tcp://127.0.0.1:9"),
    ):
        pass


def test_without_dask_the_error_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with (
        pytest.raises(ValueError, match=r"kollias-affect\[cluster\]"),
        _cluster.executor("local:1"),
    ):
        pass


@pytest.mark.nightly
def test_two_hundred_videos_whose_workers_are_killed_at_random_have_the_files_of_one_process(
    face_video, tmp_path
):
    """Half of the videos are divided. Workers die all the time; no video is given up."""
    from dask import config

    videos = [tmp_path / str(number) / face_video.name for number in range(200)]
    for video in videos:
        video.parent.mkdir()
        os.link(face_video, video)
    folders = {video: tmp_path / "out" / video.parent.name for video in videos}
    faces.extract(face_video, tmp_path / "expected")
    expected = files(tmp_path / "expected")
    stop, kills = threading.Event(), []
    with (
        config.set({"distributed.scheduler.allowed-failures": 50}),
        _cluster._client("local:2") as client,
    ):
        pool = client.get_executor(retries=_cluster.RETRIES, pure=False)
        arguments = (client, stop, kills, tmp_path / "out")
        killer = threading.Thread(target=kill_at_random, args=arguments, daemon=True)
        killer.start()
        for part, segment in ((videos[::2], 7500), (videos[1::2], 8)):
            own = {video: folders[video] for video in part}
            _, errors = faces.extract_many(
                part, own, progress=False, executor=pool, segment=segment
            )
            assert not errors
        stop.set()
        killer.join(30)
    assert len(kills) >= 15
    for folder in folders.values():
        assert files(folder) == expected  # and nothing hidden is left


def kill_at_random(client, stop, kills, out):
    """Kills a worker of a local cluster behind every few videos or segments until `stop` is set."""
    chance, last, step = random.Random(0), 0, 3
    while not stop.wait(0.1):
        finished = sum(1 for _ in out.rglob("*.json"))
        if abs(finished - last) < step:  # segments are removed when they are joined
            continue
        last, step = finished, chance.randint(4, 12)
        running = [nanny.pid for nanny in client.cluster.workers.values() if nanny.pid is not None]
        if running:
            victim = chance.choice(running)
            with contextlib.suppress(ProcessLookupError):
                os.kill(victim, signal.SIGKILL)
                kills.append(victim)

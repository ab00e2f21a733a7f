"""What a cluster of 1,000 workers does with 1,000,000 videos, from measures of a real scheduler.

    python benchmarks/million_videos.py [--tasks 2000] [--workers 2 50 200]

Three measures, each with a Dask scheduler, workers and client in processes of their own:

- Tasks that do nothing, through `_cluster.run` as for videos. The processor time of the scheduler
  and of the client for a task bounds the tasks per second of any number of workers, because both
  have one thread.
- The memory of the scheduler and of the client for a task that is open, and for one that is over.
- The files of one synthetic video, counted after its extraction and in its middle.

A simulation then gives tasks of several lengths to 1,000 workers through a scheduler of that speed.
"""

import argparse
import asyncio
import heapq
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import distributed
import numpy as np
import psutil

from kollias_affect import _cluster, datasets

VIDEOS, WORKERS = 1_000_000, 1_000
SECONDS = (0.1, 1, 3, 10, 60)  # of a video; 10 ms a frame: 10 to 6,000 frames


def call(number):
    """Work of a video that does nothing."""
    yield [_cluster.Call(nothing, (f"/videos/{number:07d}.mp4", "/crops", {"size": 96}, 7500))]


def nothing(*_):
    """Stands for the extraction of a video."""


async def host(address, count):
    """Runs workers in this process until it is ended."""
    workers = [distributed.Worker(address, nthreads=1, dashboard=False) for _ in range(count)]
    await asyncio.gather(*workers)
    print("ready", flush=True)
    await asyncio.gather(*(worker.finished() for worker in workers))


def measure(tasks, workers):
    """Returns processor milliseconds and kilobytes of a task, in scheduler and client."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "scheduler.json")
        command = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--port", "0"]
        options = ["--no-dashboard", "--scheduler-file", str(file)]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        with subprocess.Popen([*command, *options], **quiet) as scheduler:
            try:
                with distributed.Client(scheduler_file=str(file), timeout=120) as client:
                    return _measure(client, psutil.Process(scheduler.pid), tasks, workers)
            finally:
                scheduler.kill()


def _measure(client, scheduler, tasks, workers):
    command = [sys.executable, __file__, "--host", client.scheduler.address, str(workers)]
    environment = {**os.environ, "PYTHONWARNINGS": "ignore"}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment
    ) as hosts:
        try:
            hosts.stdout.readline()
            client.wait_for_workers(workers, timeout=300)
            executor = client.get_executor(retries=_cluster.RETRIES, pure=False)
            run(executor, range(200))  # every worker unpickles the function once
            processes = {"scheduler": scheduler, "client": psutil.Process()}
            before = {name: state(process) for name, process in processes.items()}
            start = time.perf_counter()
            run(executor, range(tasks))
            wall = time.perf_counter() - start
            after = {name: state(process) for name, process in processes.items()}
        finally:
            hosts.kill()
    costs = {name: (after[name] - before[name]) / tasks for name in processes}
    return wall / tasks * 1e3, {name: (ms * 1e3, kb / 1024) for name, (ms, kb) in costs.items()}


def run(executor, numbers):
    """Runs tasks that do nothing."""
    works = ((number, call(number)) for number in numbers)
    for _, _, error in _cluster.run(executor, works):
        assert error is None, error


def state(process):
    """Returns processor seconds and bytes of memory of a process."""
    times = process.cpu_times()
    return np.array([times.user + times.system, process.memory_info().rss])


def files_of_a_video(frames):
    """Returns the numbers of files of one video when it is finished, crops and others."""
    with tempfile.TemporaryDirectory() as folder:
        datasets.load("synthetic", Path(folder), subjects=2, clips_per_subject=1, frames=frames)
        root = Path(folder, "crops")
        files = [*root.glob("subject01_1/*"), *root.glob("subject01_1.*")]
        crops = [path for path in files if path.suffix == ".jpg"]
        return len(crops), len(files) - len(crops), sum(path.stat().st_size for path in crops)


def simulate(seconds, milliseconds, videos=VIDEOS, workers=WORKERS, seed=0):
    """Returns the hours until all videos are done, and the share of time in which workers work.

    Args:
        seconds: Mean length of a task; the lengths are exponentially distributed.
        milliseconds: Of the scheduler for a task, which it gives to the next free worker.
        videos, workers: Their numbers.
        seed: Seed of the lengths.
    """
    lengths = np.random.default_rng(seed).exponential(seconds, videos)
    free = [0.0] * workers
    clock = end = 0.0
    for length in lengths.tolist():
        clock = max(clock + milliseconds / 1e3, heapq.heappop(free))
        heapq.heappush(free, clock + length)
        end = max(end, clock + length)
    return end / 3600, float(lengths.sum() / (end * workers))


def main():
    """Prints the measures and the simulation."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--tasks", type=int, default=2_000)
    parser.add_argument("--workers", type=int, nargs="+", default=[2, 50, 200])
    parser.add_argument("--host", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.host:
        asyncio.run(host(arguments.host[0], int(arguments.host[1])))
        return
    slowest = 0.0
    for workers in arguments.workers:
        wall, costs = measure(arguments.tasks, workers)
        texts = [f"{name} {ms:.2f} ms, {kb:.1f} kB" for name, (ms, kb) in costs.items()]
        print(f"{workers} workers, a task: {'; '.join(texts)}; wall {wall:.2f} ms", flush=True)
        slowest = max(slowest, *(ms for ms, _ in costs.values()))
    crops, others, size = files_of_a_video(24)
    print(
        f"files of a video: {others} and one of {size / max(crops, 1):,.0f} bytes for each frame "
        f"with a face; 300 such frames in {VIDEOS:,} videos: {(300 + others) * VIDEOS:,} files"
    )
    for seconds in SECONDS:
        hours, share = simulate(seconds, slowest)
        print(
            f"{VIDEOS:,} videos of {seconds:g} s on {WORKERS:,} workers, {slowest:.2f} ms a task: "
            f"{hours:.1f} h, workers busy {share:.0%}"
        )


if __name__ == "__main__":
    main()

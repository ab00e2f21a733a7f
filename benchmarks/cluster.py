"""Extraction on a cluster of this machine against one process: overhead and speed-up.

    python benchmarks/cluster.py [--videos 20] [--frames 60] [--long 600] [--rounds 2]

The videos are synthetic, in a temporary folder. A round extracts them by one process, by a cluster
of one worker and by one of two, and a long video in one piece and in segments on two workers. A
cluster is started before the clock. The ratios are of one run. Processor time counts all processes;
it tells what a task costs where other work disturbs the wall time.
"""

import argparse
import resource
import shutil
import statistics
import tempfile
import time
from pathlib import Path

import psutil

from kollias_affect import _cluster, datasets, faces


def processor_seconds():
    """Returns the processor time of this process and of those that it started."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    seconds = used.ru_utime + used.ru_stime
    for child in psutil.Process().children(recursive=True):
        times = child.cpu_times()
        seconds += times.user + times.system
    return seconds


def seconds_of(videos, executor, **options):
    """Returns wall and processor seconds of an extraction into a new folder."""
    with tempfile.TemporaryDirectory() as out:
        start, used = time.perf_counter(), processor_seconds()
        _, errors = faces.extract_many(videos, out, 1, progress=False, executor=executor, **options)
        assert not errors, errors
        return time.perf_counter() - start, processor_seconds() - used


def medians(rounds):
    """Returns the median of each number over the rounds."""
    return [statistics.median(values) for values in zip(*rounds, strict=True)]


def main():
    """Prints the measures."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--videos", type=int, default=20)
    parser.add_argument("--frames", type=int, default=60)
    parser.add_argument("--long", type=int, default=600)
    parser.add_argument("--rounds", type=int, default=2)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        one = make(root / "short", arguments.frames)
        copies = [root / f"{number}.mp4" for number in range(arguments.videos)]
        for copy in copies:
            shutil.copy(one, copy)
        long = [make(root / "long", arguments.long)]
        with _cluster.executor("local:1") as single, _cluster.executor("local:2") as double:
            for executor in (single, double):  # Every worker imports the package.
                seconds_of(copies[:4], executor)
            rounds = [measure(copies, long, single, double) for _ in range(arguments.rounds)]
    report(arguments, {name: medians([r[name] for r in rounds]) for name in rounds[0]})


def make(root, frames):
    """Returns a synthetic video."""
    datasets.load("synthetic", root, subjects=2, clips_per_subject=1, frames=frames)
    return min((root / "videos").glob("*.mp4"))


def measure(videos, long, single, double):
    """Returns wall and processor seconds by name."""
    segment = {"segment": -(-long_frames(long) // 4)}
    return {
        "one process": seconds_of(videos, None, threads=1),
        "one worker": seconds_of(videos, single),
        "two workers": seconds_of(videos, double),
        "long, one piece": seconds_of(long, single),
        "long, segments on one worker": seconds_of(long, single, **segment),
        "long, segments on two workers": seconds_of(long, double, **segment),
    }


def long_frames(long):
    """Returns the number of frames of the long video."""
    return faces.Video(long[0]).expected_frames


def report(arguments, seconds):
    """Prints seconds and ratios."""
    for name, (wall, used) in seconds.items():
        print(f"{name:30} {wall:7.2f} s, {used:7.2f} s of processors")
    (here, here_used), (single, single_used) = seconds["one process"], seconds["one worker"]
    count = arguments.videos
    print(
        f"overhead of a task: {1000 * (single_used - here_used) / count:.0f} ms of processors, "
        f"{1000 * (single - here) / count:.0f} ms of wall time, ratio {single_used / here_used:.3f}"
    )
    print(f"{count} videos, two workers against one: {single / seconds['two workers'][0]:.2f}")
    whole, parts = seconds["long, one piece"], seconds["long, segments on two workers"]
    alone = seconds["long, segments on one worker"]
    print(f"a long video in 4 segments, two workers against one piece: {whole[0] / parts[0]:.2f}")
    print(f"processor time of the segments by that of one piece: {alone[1] / whole[1]:.3f}")


if __name__ == "__main__":
    main()

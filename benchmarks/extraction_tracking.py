"""`detect_every` of `faces.extract`: how much faster, and how far from a search in every frame.

    python benchmarks/extraction_tracking.py [VIDEO ...] [--every 3 5 10 20] [--rounds 3]

For each video (without any: synthetic ones, made in a temporary folder) a row per `detect_every`:
how many times faster than a search in every frame, by the wall and in processor time (medians of
rounds that alternate); mean and 95th percentile of the distance of the landmarks from those of
that search, over all frames with both, in percent of the distance between the eyes; and how many
frames have a face in that search alone (lost) or in this extraction alone (more). Last, the same
over all videos: the ratio of the summed times.
"""

import argparse
import tempfile
import time
from pathlib import Path

import cv2
import films
import numpy as np

from kollias_affect import faces
from kollias_affect.faces.landmarks import LEFT_EYE, RIGHT_EYE


def timed(video, every):
    """Seconds by the wall and of the processor, and the landmarks `[frames, 68, 2]`."""
    with tempfile.TemporaryDirectory() as out:
        begin = np.array([time.perf_counter(), time.process_time()])
        faces.extract(video, out, detect_every=every)
        seconds = np.array([time.perf_counter(), time.process_time()]) - begin
        with np.load(Path(out) / f"{Path(video).stem}.npz") as arrays:
            return seconds, arrays["landmarks_in_frame"]


def differences(points, reference):
    """Mean distance per frame with both, in percent of the distance between the eyes."""
    eyes = reference[:, RIGHT_EYE].mean(axis=1) - reference[:, LEFT_EYE].mean(axis=1)
    distance = np.linalg.norm(points - reference, axis=2).mean(axis=1)
    distance *= 100 / np.linalg.norm(eyes, axis=1)
    return distance[np.isfinite(distance)]


def measure(video, choices, rounds):
    """Prints the rows of a video, and returns times and differences of each choice."""
    repeated = [[timed(video, every) for every in (1, *choices)] for _ in range(rounds)]
    seconds = np.median([[cell[0] for cell in one] for one in repeated], axis=0)
    reference, *others = (points for _, points in repeated[0])
    rows = []
    for every, taken, points in zip(choices, seconds[1:], others, strict=True):
        there, wanted = (np.isfinite(p[:, 0, 0]) for p in (points, reference))
        lost, more = int((wanted & ~there).sum()), int((there & ~wanted).sum())
        rows.append((seconds[0], taken, differences(points, reference), lost, more))
        say(Path(video).name, every, *rows[-1])
    return rows


def say(name, every, reference, taken, distance, lost, more):
    """One row of the table."""
    wall, processor = reference / taken
    mean, high = (distance.mean(), np.percentile(distance, 95)) if len(distance) else (0, 0)
    print(
        f"{name:26} every {every:3d}: {wall:.2f} x, processor {processor:.2f} x, landmarks "
        f"{mean:.2f} % ({high:.2f} %), lost {lost}, more {more}",
        flush=True,
    )


def main():
    """Measures each video in turn."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("videos", nargs="*", type=Path)
    parser.add_argument("--every", nargs="+", type=int, default=[3, 5, 10, 20])
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as made:
        videos = arguments.videos or films.make(made, 4, 200)
        timed(videos[0], 1)  # loads the models
        tables = [measure(video, arguments.every, arguments.rounds) for video in videos]
    for every, rows in zip(arguments.every, zip(*tables, strict=True), strict=True):
        reference, taken, distance, lost, more = zip(*rows, strict=True)
        total = (sum(reference), sum(taken), np.concatenate(distance), sum(lost), sum(more))
        say("all", every, *total)


if __name__ == "__main__":
    main()

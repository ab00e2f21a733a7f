"""Compares `detect_every` of `faces.extract` with a detection in every frame.

    python benchmarks/extraction_tracking.py [VIDEO ...] [--every 3 5 10 20] [--rounds 3]
        [--detector auto]

By default, the videos are synthetic, in a temporary folder. The script prints a row per video and
value of `detect_every`: the speed-up over a detection in every frame, in wall time and in processor
time (medians of alternating rounds); the mean and the 95th percentile of the distance between both
landmarks, in percent of the distance between the eyes; and the numbers of frames that have a face
with a detection in every frame only (lost) or with `detect_every` only (more). The last rows are
over all videos.
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


def timed(video, every, detector):
    """Returns wall and processor seconds, and the landmarks `[frames, 68, 2]`."""
    with tempfile.TemporaryDirectory() as out:
        start = np.array([time.perf_counter(), time.process_time()])
        faces.extract(video, out, detector=detector, detect_every=every)
        seconds = np.array([time.perf_counter(), time.process_time()]) - start
        with np.load(Path(out) / f"{Path(video).stem}.npz") as arrays:
            return seconds, arrays["landmarks_in_frame"]


def differences(points, reference):
    """Returns the mean distance per frame with both, in percent of the distance of the eyes."""
    eyes = reference[:, RIGHT_EYE].mean(axis=1) - reference[:, LEFT_EYE].mean(axis=1)
    distance = np.linalg.norm(points - reference, axis=2).mean(axis=1)
    distance *= 100 / np.linalg.norm(eyes, axis=1)
    return distance[np.isfinite(distance)]


def measure(video, choices, rounds, detector):
    """Prints the rows of a video, and returns times and differences of each choice."""
    repeated = [[timed(video, every, detector) for every in (1, *choices)] for _ in range(rounds)]
    seconds = np.median([[seconds for seconds, _ in cells] for cells in repeated], axis=0)
    reference, *others = (points for _, points in repeated[0])
    rows = []
    for every, tracked, points in zip(choices, seconds[1:], others, strict=True):
        has_face, expected = (np.isfinite(p[:, 0, 0]) for p in (points, reference))
        lost, more = int((expected & ~has_face).sum()), int((has_face & ~expected).sum())
        rows.append((seconds[0], tracked, differences(points, reference), lost, more))
        print_row(Path(video).name, every, *rows[-1])
    return rows


def print_row(name, every, reference, tracked, distance, lost, more):
    """Prints one row of the table."""
    wall, processor = reference / tracked
    mean, high = (distance.mean(), np.percentile(distance, 95)) if len(distance) else (0, 0)
    print(
        f"{name:26} every {every:3d}: {wall:.2f} x, processor {processor:.2f} x, landmarks "
        f"{mean:.2f} % ({high:.2f} %), lost {lost}, more {more}",
        flush=True,
    )


def main():
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("videos", nargs="*", type=Path)
    parser.add_argument("--every", nargs="+", type=int, default=[3, 5, 10, 20])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--detector", default="auto")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as folder:
        videos = arguments.videos or films.make(folder, 4, 200)
        timed(videos[0], 1, arguments.detector)  # loads the models
        tables = [
            measure(video, arguments.every, arguments.rounds, arguments.detector)
            for video in videos
        ]
    for every, rows in zip(arguments.every, zip(*tables, strict=True), strict=True):
        reference, tracked, distance, lost, more = zip(*rows, strict=True)
        total = (sum(reference), sum(tracked), np.concatenate(distance), sum(lost), sum(more))
        print_row("all", every, *total)


if __name__ == "__main__":
    main()

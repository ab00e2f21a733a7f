"""Compares `faces.extract` with its calls of dlib alone.

    python benchmarks/extraction_overhead.py [VIDEO ...] [--rounds 5]

By default, the videos are synthetic, in a temporary folder. A round is an extraction of a video,
and then dlib's detector and landmark predictor alone on the same pictures of the same size. Wall
time is the time that a user waits. Processor time, over all threads, counts if every core has a
video of its own. OpenCV has one thread, as in the processes of `faces.extract_many`. The last line
is the mean over the videos of the median ratios of the rounds.
"""

import argparse
import tempfile
import time
from pathlib import Path

import cv2
import dlib
import films
import numpy as np

from kollias_affect import faces
from kollias_affect.faces import model_files

LONGEST_SIDE = 640  # the default of `extract`


class Clock:
    """A context manager that sums wall time and processor time in seconds."""

    def __init__(self):
        self.seconds = np.zeros(2)

    def __enter__(self):
        self.start = np.array([time.perf_counter(), time.process_time()])

    def __exit__(self, *error):
        self.seconds += np.array([time.perf_counter(), time.process_time()]) - self.start


def dlib_alone(video, detector, predictor):
    """Returns the seconds inside dlib for a video."""
    clock = Clock()
    for frame in faces.Video(video):
        height, width = frame.image.shape[:2]
        scale = min(1.0, LONGEST_SIDE / max(height, width))
        size = (round(width * scale), round(height * scale))
        small = cv2.resize(frame.image, size, interpolation=cv2.INTER_AREA)
        with clock:
            boxes = detector.run(small, 0, 0.0)[0]
        for box in boxes:
            corners = (box.left(), box.top(), box.right(), box.bottom())
            full = dlib.rectangle(*(round(corner / scale) for corner in corners))
            with clock:
                predictor(frame.image, full)
    return clock.seconds


def extraction(video):
    """Returns the seconds of an extraction."""
    clock = Clock()
    with tempfile.TemporaryDirectory() as out, clock:
        faces.extract(video, out, detector="hog")
    return clock.seconds


def main():
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("videos", nargs="*", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    detector = dlib.get_frontal_face_detector()
    predictor = dlib.shape_predictor(str(model_files.path("landmarks_68")))
    with tempfile.TemporaryDirectory() as folder:
        videos = arguments.videos or films.make(folder, 2, 200)
        extraction(videos[0])  # loads the models
        ratios = []
        for video in videos:
            rounds = [
                [extraction(video), dlib_alone(video, detector, predictor)]
                for _ in range(arguments.rounds)
            ]
            ours, alone = np.median(rounds, axis=0)
            ratios.append(np.median([a / b for a, b in rounds], axis=0))
            print(
                f"{Path(video).name}: {ours[0]:.2f} s, {ours[1]:.2f} s of processor time; dlib "
                f"alone {alone[0]:.2f} s and {alone[1]:.2f} s; "
                f"ratio {ratios[-1][0]:.3f}, of processor time {ratios[-1][1]:.3f}"
            )
    wall, processor = np.mean(ratios, axis=0)
    print(f"ratio {wall:.3f}, of processor time {processor:.3f}")


if __name__ == "__main__":
    main()

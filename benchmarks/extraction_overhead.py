"""What `faces.extract` takes beside dlib: its ratio to dlib's calls alone is printed last.

    python benchmarks/extraction_overhead.py [VIDEO ...] [--rounds 5]

For each video (without any: synthetic ones, made in a temporary folder) a round is an extraction,
and then dlib's detector and landmark predictor alone on the same pictures of the same size, timed
call by call. Seconds by the wall are what a user waits for; processor seconds, of all threads,
are what counts where every core has a video of its own. Medians over the rounds. OpenCV has one
thread, as in the processes of `faces.extract_many`.
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
    """Adds up seconds by the wall and of the processor; a context manager."""

    def __init__(self):
        self.seconds = np.zeros(2)

    def __enter__(self):
        self.begin = np.array([time.perf_counter(), time.process_time()])

    def __exit__(self, *error):
        self.seconds += np.array([time.perf_counter(), time.process_time()]) - self.begin


def dlib_alone(video, detector, predictor):
    """Seconds inside dlib for a video."""
    clock = Clock()
    for frame in faces.Video(video):
        height, width = frame.image.shape[:2]
        scale = min(1.0, LONGEST_SIDE / max(height, width))
        size = (round(width * scale), round(height * scale))
        small = cv2.resize(frame.image, size, interpolation=cv2.INTER_AREA)
        with clock:
            found = detector.run(small, 0, 0.0)[0]
        for box in found:
            corners = (box.left(), box.top(), box.right(), box.bottom())
            full = dlib.rectangle(*(round(corner / scale) for corner in corners))
            with clock:
                predictor(frame.image, full)
    return clock.seconds


def extraction(video):
    """Seconds that an extraction takes."""
    clock = Clock()
    with tempfile.TemporaryDirectory() as out, clock:
        faces.extract(video, out)
    return clock.seconds


def main():
    """Measures each video in turn."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("videos", nargs="*", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    detector = dlib.get_frontal_face_detector()
    predictor = dlib.shape_predictor(str(model_files.path("landmarks_68")))
    with tempfile.TemporaryDirectory() as made:
        videos = arguments.videos or films.make(made, 2, 200)
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
                f"{Path(video).name}: {ours[0]:.2f} s, of the processor {ours[1]:.2f} s; dlib "
                f"alone {alone[0]:.2f} s and {alone[1]:.2f} s; "
                f"ratio {ratios[-1][0]:.3f}, of the processor {ratios[-1][1]:.3f}"
            )
    wall, processor = np.mean(ratios, axis=0)
    print(f"ratio {wall:.3f}, of processor time {processor:.3f}")


if __name__ == "__main__":
    main()

"""Measures `kollias-affect predict` from a cold start, and the network on one face.

    python benchmarks/prediction_speed.py [--rounds 3] [--photograph FILE] [--video FILE]
        [--fer PYTHON]

Every cold time is that of a new process: the start of Python, imports, detection, network, tables
and annotated copies. The default photograph is scikit-image's portrait, and the default video is a
synthetic one of 472 frames of 640 x 360 pixels. `--fer` names the Python of an environment with the
package `fer`: its video path then runs on the same video in turns with ours.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import films
import numpy as np
import side_by_side
import skimage.data
from PIL import Image

from kollias_affect import catalogue, runtime

FRAMES = 472
# After each frame, `fer` asks for the keys of a window, which OpenCV without windows refuses.
FER = """
import sys
import cv2
cv2.waitKey, cv2.destroyAllWindows = lambda delay: -1, lambda: None
from fer import FER, Video
Video(sys.argv[1], outdir=sys.argv[2]).analyze(FER(), display=False, annotate_frames=True,
                                               save_frames=False, zip_images=False)
"""


def main():
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--photograph", type=Path)
    parser.add_argument("--video", type=Path)
    parser.add_argument("--fer", type=Path, metavar="PYTHON")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        measure(Path(folder), arguments)


def measure(folder, arguments):
    """Prints a line for each time."""
    photograph, video = arguments.photograph, arguments.video
    if photograph is None:
        photograph = folder / "portrait.png"
        Image.fromarray(skimage.data.astronaut()).save(photograph)
    if video is None:
        (video,) = films.make(folder, 1, FRAMES)
    turns = [lambda: predict(photograph, folder), lambda: predict(video, folder)]
    names = ["photograph, cold", "video, cold"]
    if arguments.fer is not None:
        turns.append(lambda: process(arguments.fer, "-c", FER, video, folder / "fer"))
        names.append("fer's video path, cold")
    seconds = side_by_side.seconds(turns, arguments.rounds, warm=1)
    side_by_side.report(names, seconds)
    print(f"photograph {np.median(seconds[:, 0]):.2f} s")
    print(f"video {np.median(seconds[:, 1]):.2f} s")
    if arguments.fer is not None:
        print(f"fer by ours: {side_by_side.ratio(seconds, 2, 1):.2f}")
    print(f"face {1000 * one_face():.2f} ms")


def predict(path, folder):
    """Runs the command in a new process and a new folder."""
    with tempfile.TemporaryDirectory(dir=folder) as out:
        process(sys.executable, "-m", "kollias_affect", "predict", path, "--out", out)


def process(*command):
    """Runs a program and waits for its end."""
    subprocess.run([str(part) for part in command], check=True, capture_output=True)


def one_face(calls=200):
    """Returns the median seconds of the shipped network on one face."""
    model = runtime.OnnxModel(catalogue.runtime_file())
    size = model.card["image"]["size"]
    inputs = {"images": np.zeros((1, size, size, 3), np.float32)}
    times = []
    for _ in range(calls):
        start = time.perf_counter()
        model(inputs)
        times.append(time.perf_counter() - start)
    return float(np.median(times[calls // 10 :]))


if __name__ == "__main__":
    main()

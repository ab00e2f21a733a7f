"""Compares the time of an extraction with the default detector and with dlib's HOG detector.

    python benchmarks/extraction_detectors.py [VIDEO ...] [--every 1 8] [--rounds 3]
        [--faces main] [--detector auto]

By default, the videos are synthetic, in a temporary folder. For each video and value of
`detect_every`, the script prints how many times faster the extraction is, in wall time and in
processor time (medians of alternating rounds), and in how many frames each detector finds a face.
The last line is the smallest ratio of processor times.
"""

import argparse
import tempfile
import time
from pathlib import Path

import cv2
import films
import numpy as np
import pandas as pd

from kollias_affect import faces


def timed(video, **options):
    """Returns wall and processor seconds, and the number of frames with a face."""
    with tempfile.TemporaryDirectory() as out:
        start = np.array([time.perf_counter(), time.process_time()])
        faces.extract(video, out, **options)
        seconds = np.array([time.perf_counter(), time.process_time()]) - start
        tables = [pd.read_csv(table) for table in Path(out).glob("*.csv")]
        with_face = pd.concat(t.loc[t["success"] == 1, "frame"] for t in tables)
        return seconds, with_face.nunique()


def main():
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("videos", nargs="*", type=Path)
    parser.add_argument("--every", nargs="+", type=int, default=[1, 8])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--faces", choices=("main", "all"), default="main")
    parser.add_argument("--detector", default="auto")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    names, ratios = ("hog", arguments.detector), []
    with tempfile.TemporaryDirectory() as folder:
        videos = arguments.videos or films.make(folder, 2, 100)
        for name in names:  # loads the models
            timed(videos[0], detector=name, faces=arguments.faces)
        for video in videos:
            for every in arguments.every:
                options = {"detect_every": every, "faces": arguments.faces}
                cells = [
                    [timed(video, detector=name, **options) for name in names]
                    for _ in range(arguments.rounds)
                ]
                hog, ours = np.median([[s for s, _ in row] for row in cells], axis=0)
                wall, processor = hog / ours
                ratios.append(processor)
                print(
                    f"{video.name:26} every {every:2d}: {wall:.2f} x, processor {processor:.2f} x, "
                    f"frames with a face {cells[0][1][1]}, hog {cells[0][0][1]}",
                    flush=True,
                )
    print(f"ratio {min(ratios):.2f}")


if __name__ == "__main__":
    main()

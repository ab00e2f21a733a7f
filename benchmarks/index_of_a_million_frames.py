"""Measures time and memory of `datasets.load` for a database of a million frames.

    python benchmarks/index_of_a_million_frames.py FOLDER [--frames 1000000] [--images]

The script writes empty images to FOLDER, in folders of 1000, and a csv that lists them. It loads
the csv in a process of its own. The last line has seconds and peak memory. Delete FOLDER
afterwards. With `--images`, the csv lists single images, each of which is a clip, instead of frames
of clips.
"""

import argparse
import resource
import subprocess
import sys
import time
from pathlib import Path

PER_FOLDER = 1000
EMOTIONS = ("happy", "sad", "neutral")


def generate(folder, frames, single):
    """Writes empty images and `list.csv` to `folder`."""
    folder.mkdir(parents=True)
    rows = ["image,emotion" if single else "image,time,valence,arousal"]
    for number in range(frames):
        parent, frame = divmod(number, PER_FOLDER)
        if frame == 0:
            (folder / f"{parent:05d}").mkdir()
        name = f"{parent:05d}/{frame:05d}.jpg"
        (folder / name).touch()
        value = (number % 2001 - 1000) / 1000
        label = EMOTIONS[number % 3] if single else f"{frame / 25:.2f},{value:.3f},{-value:.3f}"
        rows.append(f"{name},{label}")
    (folder / "list.csv").write_text("\n".join(rows) + "\n")


def measure(name, path):
    """Loads `path`, and prints the report, seconds and peak memory."""
    from kollias_affect import datasets

    started = time.perf_counter()
    clips = datasets.load(name, path)
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(clips.report)
    print(f"{seconds:.1f} s, at most {peak:.2f} GiB")


def main():
    """Writes the database and measures in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--frames", type=int, default=1_000_000)
    parser.add_argument("--images", action="store_true", help="single images instead of clips")
    parser.add_argument("--measure-only", action="store_true", help="FOLDER exists already")
    arguments = parser.parse_args()
    if arguments.measure_only:
        name = "images_csv" if arguments.images else "frames_csv"
        return measure(name, arguments.folder / "list.csv")
    generate(arguments.folder, arguments.frames, arguments.images)
    subprocess.run([sys.executable, __file__, *sys.argv[1:], "--measure-only"], check=True)


if __name__ == "__main__":
    main()

"""Measures time and memory of the index of millions of frames: clips, and windows of them.

    python benchmarks/frame_index.py [--frames 10000000] [--folder FOLDER] [--images]

The script writes empty images to a temporary folder, in folders of 1000, and a csv that lists them
with times, valence and arousal. To need fewer inodes and less time, the files of a folder are links
to one file, and after a million files each further million is a link to the folder of the first. A
process of its own loads the csv by `datasets.load`, then makes `windows.dataset` of its clips. The
line before the last has the seconds of the load, the last line the peak memory after both, beyond
that of a process that loaded ten clips alone. With `--folder`, the folder is kept, and used again
if it exists. With `--images`, the csv lists single images, each of which is a clip.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PER_FOLDER, PER_DISK = 1000, 1_000_000
EMOTIONS = ("happy", "sad", "neutral")
FEW = "few.csv"


def generate(folder, frames, single):
    """Writes images, `list.csv`, and `few.csv` with the first ten folders, to `folder`."""
    folder.mkdir(parents=True)
    header = "image,emotion\n" if single else "image,time,valence,arousal\n"
    with open(folder / "list.csv", "w") as table, open(folder / FEW, "w") as few:
        table.write(header)
        few.write(header)
        for number in range(frames):
            parent, frame = divmod(number, PER_FOLDER)
            disk = number // PER_DISK
            name = f"disk{disk}/{parent % (PER_DISK // PER_FOLDER):05d}/{frame:05d}.jpg"
            if disk == 0:
                _make(folder / name, frame)
            elif number % PER_DISK == 0:
                (folder / f"disk{disk}").symlink_to("disk0")
            value = (number % 2001 - 1000) / 1000
            label = EMOTIONS[number % 3] if single else f"{frame / 25:.2f},{value:.3f},{-value:.3f}"
            for file in (table, few)[: 1 + (parent < 10)]:
                file.write(f"{name},{label}\n")


def _make(image, frame):
    """Makes an image, and its folder for the first one."""
    if frame:
        os.link(image.with_name(f"{0:05d}.jpg"), image)
    else:
        image.parent.mkdir(parents=True)
        image.touch()


def peak():
    """Returns the peak memory of this process in GB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9


def measure(folder, single):
    """Loads the list and makes windows, and prints seconds and memory."""
    from kollias_affect import datasets, windows

    name, length = ("images_csv", 1) if single else ("frames_csv", 80)

    def index(table):
        started, processor = time.perf_counter(), time.process_time()
        clips = datasets.load(name, folder / table)
        took = time.perf_counter() - started, time.process_time() - processor
        loaded = peak()
        data = windows.dataset(clips, length, landmarks=False, shuffle=True)
        print(f"{clips.report.frames:,} frames, {int(data.cardinality()):,} batches")
        return took, loaded

    index(FEW)
    before = peak()
    started = time.perf_counter()
    (seconds, of_processor), loaded = index("list.csv")
    both = time.perf_counter() - started
    print(f"both {both:.1f} s; {before:.2f} GB before, {loaded - before:.2f} GB for the clips")
    print(f"load {seconds:.1f} s, {of_processor:.1f} s of the processor")
    print(f"memory {peak() - before:.2f} GB")


def main():
    """Writes the frames and measures in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--frames", type=int, default=10_000_000)
    parser.add_argument("--images", action="store_true", help="single images instead of clips")
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure is not None:
        return measure(arguments.measure, arguments.images)
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.folder or Path(temporary) / "frames"
        if not folder.exists():
            generate(folder, arguments.frames, arguments.images)
        more = ["--images"] if arguments.images else []
        subprocess.run([sys.executable, __file__, "--measure", folder, *more], check=True)


if __name__ == "__main__":
    main()

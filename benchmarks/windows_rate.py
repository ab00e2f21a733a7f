"""Frames per second of `windows.dataset` by those of decoding alone: the ratio is printed last.

    python benchmarks/windows_rate.py [--frames 8000] [--rounds 9]

The same JPEG files of 96 x 96 pixels (`--images`: those of a folder, such as crops): as windows of
80 frames in batches of four, float32 in [-1, 1], with landmarks and labels; and read, decoded and
nothing else, with as many threads: by `tf.data`, whose ratio is the last line, and by
`cv2.imread`, which has no work beside the files.
"""

import argparse
import os
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import side_by_side
import skimage.data
import skimage.transform
import tensorflow as tf

from kollias_affect import faces, windows
from kollias_affect.clip import Clip

LENGTH, SIZE = 80, 96


def make_images(folder, count):
    """So many different views of a photograph of a face, as files."""
    random = np.random.default_rng(0)
    photograph = skimage.data.astronaut()[:240, 100:340]
    for i in range(count):
        top, left = random.integers(0, 40, 2)
        view = photograph[top : top + 200, left : left + 200]
        view = skimage.transform.resize(view, (SIZE, SIZE), anti_aliasing=True)
        faces.crop_files.write_crop(folder / f"{i:05d}.jpg", (255 * view).astype(np.uint8))


def decoded_by_opencv(paths):
    """Decodes one file after the other."""
    for path in paths:
        cv2.imread(path)


def main():
    """Measures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=Path, help="folder of JPEG files")
    parser.add_argument("--frames", type=int, default=8000)
    parser.add_argument("--rounds", type=int, default=9)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        if arguments.images is None:
            make_images(Path(made), 500)
        files = sorted(map(str, (arguments.images or Path(made)).glob("*.jpg")))
        paths = [files[i % len(files)] for i in range(arguments.frames // LENGTH * LENGTH)]
        random = np.random.default_rng(0)
        clips = [
            Clip(
                f"clip{start}",
                paths[start : start + 10 * LENGTH],
                landmarks=random.uniform(-1, 1, (len(paths[start : start + 800]), 68, 2)),
                valence_arousal=random.uniform(-1, 1, (len(paths[start : start + 800]), 2)),
            )
            for start in range(0, len(paths), 10 * LENGTH)
        ]

        def decode(path):
            content = tf.io.read_file(path)
            return tf.io.decode_jpeg(content, channels=3, dct_method="INTEGER_ACCURATE")

        alone = tf.data.Dataset.from_tensor_slices(paths)
        alone = alone.map(decode, num_parallel_calls=os.cpu_count()).prefetch(2 * LENGTH)
        alone = windows.untuned(alone)  # as `windows.dataset`
        ours = windows.dataset(clips, LENGTH, shuffle=True, size=SIZE)
        turns = [lambda: alone.reduce(0, lambda n, _: n + 1).numpy()]
        turns.append(lambda: ours.reduce(0, lambda n, *_: n + 1).numpy())
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            turns.append(lambda: list(pool.map(decoded_by_opencv, np.array_split(paths, 20))))
            taken = side_by_side.seconds(turns, arguments.rounds, warm=1)
    side_by_side.report(("tf.data alone", "windows.dataset", "OpenCV alone"), taken)
    print(f"{len(paths) / np.median(taken[:, 1]):.0f} frames a second")
    print(f"by OpenCV: {side_by_side.ratio(taken, 2, 1):.3f}")
    print(f"ratio {side_by_side.ratio(taken, 0, 1):.3f}")


if __name__ == "__main__":
    main()

"""Frames per second of `windows.dataset` by those of decoding alone: the ratio is printed last.

    python benchmarks/windows_rate.py [--frames 8000] [--rounds 5]

The same JPEG files of 96 x 96 pixels (`--images`: those of a folder, such as crops), read and
decoded by `tf.data` with as many threads, one after the other and nothing else; and as windows of
80 frames in batches of four, float32 in [-1, 1], with landmarks and labels.
"""

import argparse
import tempfile
from pathlib import Path

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
        faces.work._write_jpeg(folder / f"{i:05d}.jpg", (255 * view).astype(np.uint8))


def main():
    """Measures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=Path, help="folder of JPEG files")
    parser.add_argument("--frames", type=int, default=8000)
    parser.add_argument("--rounds", type=int, default=5)
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
        alone = alone.map(decode, num_parallel_calls=tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE)
        ours = windows.dataset(clips, LENGTH, shuffle=True, size=SIZE)
        turns = [lambda: alone.reduce(0, lambda n, _: n + 1).numpy()]
        turns.append(lambda: ours.reduce(0, lambda n, *_: n + 1).numpy())
        taken = side_by_side.seconds(turns, arguments.rounds, warm=1)
    side_by_side.report(("decoding alone", "windows.dataset"), taken)
    rates = len(paths) / np.median(taken, axis=0)
    print(f"{rates[0]:.0f} and {rates[1]:.0f} frames a second")
    print(f"ratio {side_by_side.ratio(taken, 0, 1):.3f}")


if __name__ == "__main__":
    main()

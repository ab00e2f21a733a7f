"""Compares the frames per second of `windows.dataset` and of decoding alone.

    python benchmarks/windows_rate.py [--frames 8000] [--rounds 9]

The images are JPEG files of 96 x 96 pixels, by default views of a photograph. `windows.dataset`
makes windows of 80 frames in batches of four, float32 in [-1, 1], with landmarks and labels.
`tf.data` and `cv2.imread` read and decode the same files with as many threads. The last line is the
ratio to `tf.data`, the line before that to OpenCV. The line before these is the rate of
`windows.dataset` from shards of the same files, relative to `tf.data` that decodes contents in
memory and reads nothing.
"""

import argparse
import dataclasses
import os
import tempfile
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import side_by_side
import skimage.data
import skimage.transform
import tensorflow as tf

from kollias_affect import faces, shards, windows
from kollias_affect.clip import Clip

LENGTH, SIZE = 80, 96


def make_images(folder, count):
    """Writes `count` different views of a photograph of a face."""
    random = np.random.default_rng(0)
    photograph = skimage.data.astronaut()[:240, 100:340]
    for i in range(count):
        top, left = random.integers(0, 40, 2)
        view = photograph[top : top + 200, left : left + 200]
        view = skimage.transform.resize(view, (SIZE, SIZE), anti_aliasing=True)
        faces.crop_files.write_crop(folder / f"{i:05d}.jpg", (255 * view).astype(np.uint8))


def decode_by_opencv(paths):
    """Decodes files one by one."""
    for path in paths:
        cv2.imread(path)


def packed_clips(clips, folder, out):
    """Returns the clips with their images in shards of `folder`."""
    shards.pack(folder, out, progress=False)
    start = shards.in_tree(out, "")
    return [
        dataclasses.replace(
            clip, paths=shards.FramePaths(start, [Path(p).name.encode() for p in clip.paths])
        )
        for clip in clips
    ]


def count(data):
    """Reads a `tf.data.Dataset` to its end."""
    return data.reduce(0, lambda n, *_: n + 1).numpy()


def main():
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=Path, help="folder of JPEG files, such as crops")
    parser.add_argument("--frames", type=int, default=8000)
    parser.add_argument("--rounds", type=int, default=9)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        images = arguments.images or Path(folder) / "images"
        if arguments.images is None:
            images.mkdir()
            make_images(images, 500)
        files = sorted(map(str, images.glob("*.jpg")))
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

        def decode(content):
            return tf.io.decode_jpeg(content, channels=3, dct_method="INTEGER_ACCURATE")

        def alone(texts, function):
            data = tf.data.Dataset.from_tensor_slices(texts)
            data = data.map(function, num_parallel_calls=os.cpu_count()).prefetch(2 * LENGTH)
            return windows.untuned(data)  # as `windows.dataset`

        packed = packed_clips(clips, Path(files[0]).parent, Path(folder) / "shards")
        data = [
            alone(paths, lambda path: decode(tf.io.read_file(path))),
            windows.dataset(clips, LENGTH, shuffle=True, size=SIZE),
            alone(list(shards.contents(paths)), decode),
            windows.dataset(packed, LENGTH, shuffle=True, size=SIZE),
        ]
        turns = [partial(count, one) for one in data]
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            turns.append(lambda: list(pool.map(decode_by_opencv, np.array_split(paths, 20))))
            seconds = side_by_side.seconds(turns, arguments.rounds, warm=1)
    names = ("tf.data alone", "windows.dataset", "decoding in memory", "windows of shards")
    side_by_side.report((*names, "OpenCV alone"), seconds)
    print(f"{len(paths) / np.median(seconds[:, 1]):.0f} frames a second")
    print(f"from shards: {side_by_side.ratio(seconds, 2, 3):.3f}")
    print(f"by OpenCV: {side_by_side.ratio(seconds, 4, 1):.3f}")
    print(f"ratio {side_by_side.ratio(seconds, 0, 1):.3f}")


if __name__ == "__main__":
    main()

"""What `evaluation.AffectTensorBoard` adds to an epoch of training: its ratio is printed last.

    python benchmarks/tensorboard_cost.py [--width 0.25] [--windows 100] [--epochs 5]

One training of an AffWildNet of that width, end to end, on windows of 80 frames of 96 x 96, in a
temporary folder. Every other epoch has scores, pictures and traces, with no budget of time; the
frames predicted for them are 4 % of those trained on, as the default `frames` is of 100 000. The
first pair of epochs, which compiles, is left out. Where other programs run beside it, processor
time says more than the clock on the wall.
"""

import argparse
import tempfile
import time
from pathlib import Path

import cv2
import keras
import numpy as np

from kollias_affect import evaluation, models, training, windows
from kollias_affect.clip import Clip

LENGTH, SIZE, PICTURES = 80, 96, 64
SHARE = 0.04


class Clock(keras.callbacks.Callback):
    """When each epoch began, by the wall and in processor time: before, the last one had ended."""

    def on_train_begin(self, logs=None):
        """Forgets other trainings."""
        self.begins = []

    def on_epoch_begin(self, epoch, logs=None):
        """Takes the time."""
        self.begins.append((time.perf_counter(), time.process_time()))


def make_clips(folder, name, count, frames):
    """Clips of random pictures and labels, the same for the same arguments."""
    random = np.random.default_rng(0)
    paths = [str(folder / f"{i}.jpg") for i in range(PICTURES)]
    for path in paths:
        cv2.imwrite(path, random.integers(0, 256, (SIZE, SIZE, 3), np.uint8))
    return [
        Clip(
            f"{name}{i}",
            [paths[j] for j in random.integers(0, PICTURES, frames)],
            times=np.arange(frames) / 25,
            landmarks=random.uniform(-1, 1, (frames, 68, 2)),
            valence_arousal=random.uniform(-1, 1, (frames, 2)),
        )
        for i in range(count)
    ]


def measure(folder, width, count, epochs):
    """Seconds of the epochs with pictures, and of those without."""
    clips = make_clips(folder, "training", count, LENGTH)
    predicted = round(SHARE * count * LENGTH)
    validation = make_clips(folder, "validation", 4, predicted // 4)
    model = training.compile_model(models.affwildnet(width=width, length=LENGTH), 1e-4)
    board = evaluation.AffectTensorBoard(folder / "log", validation, every=2, budget=None)
    clock = Clock()
    model.fit(
        windows.dataset(clips, length=LENGTH),
        epochs=epochs,
        callbacks=[clock, board],
        verbose=0,
    )
    print(f"{count * LENGTH} frames trained on, {predicted} predicted, a histogram and 3 traces")
    seconds = np.diff(clock.begins, axis=0)[2:]
    return seconds[1::2], seconds[::2]


def main():
    """Measures in a temporary folder."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--width", type=float, default=0.25, help="1: as published")
    parser.add_argument("--windows", type=int, default=100, help="trained on in an epoch")
    parser.add_argument("--epochs", type=int, default=5)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        measured = measure(Path(folder), arguments.width, arguments.windows, arguments.epochs)
    with_pictures, without = (np.median(seconds, axis=0) for seconds in measured)
    for name, values in (("with", with_pictures), ("without", without)):
        print(f"an epoch {name} pictures: {values[0]:.2f} s, {values[1]:.2f} s of processor time")
    ratios = with_pictures / without
    print(f"ratio {ratios[0]:.3f}, of processor time {ratios[1]:.3f}")


if __name__ == "__main__":
    main()

"""Compares epochs of training with and without the pictures of `evaluation.AffectTensorBoard`.

    python benchmarks/tensorboard_cost.py [--width 0.25] [--windows 100] [--epochs 5]

The script trains an AffWildNet end to end on windows of 80 frames of 96 x 96 pixels, in a temporary
folder. Every second epoch has scores, pictures and traces, without a limit of time. They need
predictions for 4 % as many frames as the training has, the share of the default `frames` in
100,000. The first two epochs compile and are left out. Processor time is more reliable than wall
time if other programs run. The last line has the ratios of both.
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
    """The wall time and the processor time at the start of each epoch."""

    def on_train_begin(self, logs=None):
        """Clears the times of earlier trainings."""
        self.starts = []

    def on_epoch_begin(self, epoch, logs=None):
        """Records the times."""
        self.starts.append((time.perf_counter(), time.process_time()))


def make_clips(folder, name, count, frames):
    """Writes random pictures, and returns clips of them with random labels."""
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
    """Measures the seconds of epochs with pictures and of epochs without."""
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
        shuffle=False,  # of batches
        verbose=0,
    )
    print(f"{count * LENGTH} frames of training, {predicted} predicted, a histogram and 3 traces")
    seconds = np.diff(clock.starts, axis=0)[2:]
    return seconds[1::2], seconds[::2]


def main():
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--width", type=float, default=0.25, help="1: as published")
    parser.add_argument("--windows", type=int, default=100, help="per epoch")
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

"""Compares epochs with a frozen CNN and epochs on its cached features.

    python benchmarks/feature_cache.py [--windows 12] [--epochs 4]

`fit` trains AffWildNet with landmarks on windows of 80 frames of 96 x 96 pixels, in the native
precision of the machine; plain with the CNN, and its head alone on the features that
`features.of_clips` caches. The last line is the ratio of a plain epoch and an epoch on the
features. The line before is the ratio of the first epoch, which computes and writes the features,
and a plain epoch. No time includes compilation.
"""

import argparse
import tempfile
import time
from pathlib import Path

import keras
import networks
import numpy as np
from tensorboard_cost import make_clips

from kollias_affect import features, models, training, windows


class Clock(keras.callbacks.Callback):
    """The seconds of each epoch."""

    def __init__(self):
        super().__init__()
        self.seconds = []

    def on_epoch_begin(self, epoch, logs=None):
        """Starts the clock."""
        self.start = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        """Stops the clock."""
        self.seconds.append(time.perf_counter() - self.start)


def epochs(model, data, number):
    """Returns the seconds of each epoch after a first one that compiles."""
    training.compile_model(model, 1e-3)
    clock = Clock()
    model.fit(data, epochs=1 + number, callbacks=[clock], shuffle=False, verbose=0)
    return np.array(clock.seconds[1:])


def main():
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--windows", type=int, default=12)
    parser.add_argument("--epochs", type=int, default=4)
    arguments = parser.parse_args()
    with networks.precision(models.native_precision()):
        model = models.affwildnet(length=networks.LENGTH, frozen=True)
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        clips = make_clips(folder, "clip", arguments.windows, networks.LENGTH)
        cnn, head = features.split(model)
        features.of_clips(cnn, clips, folder / "warm", networks.SIZE, progress=False)
        start = time.perf_counter()
        cache = features.of_clips(cnn, clips, folder / "cache", networks.SIZE, progress=False)
        computing = time.perf_counter() - start
        start = time.perf_counter()
        cache = features.of_clips(cnn, clips, folder / "cache", networks.SIZE, progress=False)
        reading = time.perf_counter() - start
        cached = epochs(
            models.fast(head),
            windows.dataset(clips, networks.LENGTH, shuffle=True, features=cache),
            2 * arguments.epochs,
        )
        plain = epochs(
            models.fast(model),
            windows.dataset(clips, networks.LENGTH, shuffle=True),
            arguments.epochs,
        )
    medians = np.median(plain), np.median(cached)
    print(f"a plain epoch {medians[0]:.2f} s ({plain.min():.2f} to {plain.max():.2f})")
    print(f"computing the features {computing:.2f} s, reading them {reading:.3f} s")
    print(f"an epoch on them {medians[1]:.3f} s ({cached.min():.3f} to {cached.max():.3f})")
    print(f"first epoch by a plain one: {(computing + medians[1]) / medians[0]:.3f}")
    print(f"ratio {medians[0] / medians[1]:.3f}")


if __name__ == "__main__":
    main()

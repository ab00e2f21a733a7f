"""An epoch with the CNN frozen, plain by cached: its ratio is printed last.

    python benchmarks/feature_cache.py [--windows 12] [--epochs 4]

AffWildNet with landmarks on windows of 80 frames of 96 x 96, in the precision that the machine
has, trained by `fit` on `windows.dataset`; with `features.of_clips`, the same head on what the CNN
said of each frame. The ratio is that of the epochs after the first. The first one, which computes
and writes the features, by a plain epoch is printed before it. Compilation is left out of all.
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
    """Seconds of each epoch."""

    def __init__(self):
        super().__init__()
        self.seconds = []

    def on_epoch_begin(self, epoch, logs=None):
        """Starts."""
        self.start = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        """Stops."""
        self.seconds.append(time.perf_counter() - self.start)


def epochs(model, data, number):
    """Seconds of each epoch, after one that compiles."""
    training.compile_model(model, 1e-3)
    clock = Clock()
    model.fit(data, epochs=1 + number, callbacks=[clock], verbose=0)
    return np.array(clock.seconds[1:])


def main():
    """Measures in a temporary folder."""
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
        kept = features.of_clips(cnn, clips, folder / "kept", networks.SIZE, progress=False)
        making = time.perf_counter() - start
        start = time.perf_counter()
        kept = features.of_clips(cnn, clips, folder / "kept", networks.SIZE, progress=False)
        finding = time.perf_counter() - start
        cached = epochs(
            models.fast(head),
            windows.dataset(clips, networks.LENGTH, shuffle=True, features=kept),
            2 * arguments.epochs,
        )
        plain = epochs(
            models.fast(model),
            windows.dataset(clips, networks.LENGTH, shuffle=True),
            arguments.epochs,
        )
    middle = np.median(plain), np.median(cached)
    print(f"a plain epoch {middle[0]:.2f} s ({plain.min():.2f} to {plain.max():.2f})")
    print(f"making the features {making:.2f} s, finding them again {finding:.3f} s")
    print(f"an epoch on them {middle[1]:.3f} s ({cached.min():.3f} to {cached.max():.3f})")
    print(f"first epoch by a plain one: {(making + middle[1]) / middle[0]:.3f}")
    print(f"ratio {middle[0] / middle[1]:.3f}")


if __name__ == "__main__":
    main()

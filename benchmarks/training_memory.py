"""Compares the peak memory of a training on 1 x and on 50 x the frames.

    python benchmarks/training_memory.py [--windows 40] [--times 50] [--width 0.125]

`training.train` trains a narrow AffWildNet for one epoch on windows of 20 frames of 96 x 96 pixels,
end to end or, with `--features`, on cached features of a frozen CNN. Each training runs in a
process of its own. Both have the same small validation set. The last line is the ratio of the
peaks.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import keras
from tensorboard_cost import make_clips

from kollias_affect import models, training

LENGTH = 20


def train(folder, windows, width, cached):
    """Trains, and prints the peak in MiB."""
    folder = Path(folder)
    keras.utils.set_random_seed(0)
    clips = make_clips(folder, "training", windows // 10, 10 * LENGTH)
    validation = make_clips(folder, "validation", 2, 2 * LENGTH)
    model = models.affwildnet(length=LENGTH, width=width, frozen=cached)
    training.train(
        model, clips, validation, folder / "run", epochs=1, batch_size=4, verbose=0,
        features=folder / "features" if cached else None,
    )  # fmt: skip
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10)


def peak(windows, width, cached):
    """Returns the peak in MiB of a training in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        job = json.dumps([folder, windows, width, cached])
        command = [sys.executable, __file__, "--train", job]
        output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    print(f"{windows} windows of {LENGTH} frames: {float(output):.0f} MiB")
    return float(output)


def main():
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--windows", type=int, default=40)
    parser.add_argument("--times", type=int, default=50)
    parser.add_argument("--width", type=float, default=0.125)
    parser.add_argument("--features", action="store_true", help="frozen CNN with cached features")
    parser.add_argument("--train", type=json.loads, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.train is not None:
        return train(*arguments.train)
    sizes = (arguments.windows, arguments.windows * arguments.times)
    small, large = (peak(size, arguments.width, arguments.features) for size in sizes)
    print(f"ratio {large / small:.3f}")


if __name__ == "__main__":
    main()

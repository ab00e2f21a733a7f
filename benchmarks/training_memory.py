"""Peak memory of a training on 1 x and on 50 x the frames: their ratio is printed last.

    python benchmarks/training_memory.py [--windows 40] [--times 50] [--width 0.25]

A narrow AffWildNet, frozen behind `--features` or else end to end, trained for one epoch by
`training.train` on windows of 20 frames of 96 x 96, in a process of its own each. So that both
runs do the same work beside, validation is the same small set, and every frame is a file.
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


def train(folder, windows, width, kept):
    """Trains and prints the peak in MiB."""
    folder = Path(folder)
    keras.utils.set_random_seed(0)
    clips = make_clips(folder, "training", windows // 10, 10 * LENGTH)
    validation = make_clips(folder, "validation", 2, 2 * LENGTH)
    model = models.affwildnet(length=LENGTH, width=width, frozen=kept)
    training.train(
        model, clips, validation, folder / "run", epochs=1, verbose=0,
        features=folder / "features" if kept else None,
    )  # fmt: skip
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10)


def peak(windows, width, kept):
    """Peak in MiB of a training in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        job = json.dumps([folder, windows, width, kept])
        command = [sys.executable, __file__, "--train", job]
        answer = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    print(f"{windows} windows of {LENGTH} frames: {float(answer):.0f} MiB")
    return float(answer)


def main():
    """Measures both."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--windows", type=int, default=40)
    parser.add_argument("--times", type=int, default=50)
    parser.add_argument("--width", type=float, default=0.125)
    parser.add_argument("--features", action="store_true", help="frozen, on kept features")
    parser.add_argument("--train", type=json.loads, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.train is not None:
        return train(*arguments.train)
    sizes = (arguments.windows, arguments.windows * arguments.times)
    small, large = (peak(size, arguments.width, arguments.features) for size in sizes)
    print(f"ratio {large / small:.3f}")


if __name__ == "__main__":
    main()

"""Compares the inference of one window with that of its convolutions alone.

    python benchmarks/convolutions.py [--rounds 10]

One window of 80 frames runs through AffWildNet, and its 80 frames through VGG-Face alone, in the
native precision of the machine and in float32. The last line is the ratio in native precision.
"""

import argparse

import networks
import side_by_side

from kollias_affect import models


def main():
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=10)
    arguments = parser.parse_args()
    images, _ = networks.window()
    native = models.native_precision()
    names, turns = [], []
    for policy in ("float32", native):
        network, cnn = models.fast(networks.affwildnet(policy)), networks.convolutions(policy)
        names += [f"AffWildNet, {policy}", f"its convolutions, {policy}"]
        turns.append(lambda m=network: m.predict_on_batch({"images": images}))
        turns.append(lambda m=cnn: m.predict_on_batch(images[0]))
    seconds = side_by_side.seconds(turns, arguments.rounds)
    side_by_side.report(names, seconds)
    print(f"in float32: {side_by_side.ratio(seconds, 0, 1):.3f}")
    print(f"ratio {side_by_side.ratio(seconds, 2, 3):.3f}")


if __name__ == "__main__":
    main()

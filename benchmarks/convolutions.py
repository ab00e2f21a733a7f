"""Inference of one window by that of its convolutions alone: the ratio is printed last.

    python benchmarks/convolutions.py [--rounds 10]

One window of 80 frames through AffWildNet, and its 80 frames through VGG-Face alone, both in the
precision that the machine has; the same in float32 stands beside.
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
        whole, bare = models.fast(networks.affwildnet(policy)), networks.convolutions(policy)
        names += [f"AffWildNet, {policy}", f"its convolutions, {policy}"]
        turns.append(lambda m=whole: m.predict_on_batch({"images": images}))
        turns.append(lambda m=bare: m.predict_on_batch(images[0]))
    taken = side_by_side.seconds(turns, arguments.rounds)
    side_by_side.report(names, taken)
    print(f"in float32: {side_by_side.ratio(taken, 0, 1):.3f}")
    print(f"ratio {side_by_side.ratio(taken, 2, 3):.3f}")


if __name__ == "__main__":
    main()

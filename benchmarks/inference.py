"""Inference of one window, the authors' code by ours: the ratio is printed last.

    python benchmarks/inference.py [--rounds 10]

One window of 80 frames. The authors' graph is that of `authors_graph.py`; ours is `models.fast` of
the same network, as `evaluation.predict` runs it, in the precision that the machine has; plain
Keras in float32 and ours in float32 stand beside. What a network gives in another precision than
it was trained in is `precision_accuracy.py`'s matter.
"""

import argparse

import networks
import side_by_side
from authors_graph import AuthorsNetwork

from kollias_affect import models


def main():
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=10)
    arguments = parser.parse_args()
    images, _ = networks.window()
    native = models.native_precision()
    plain = networks.affwildnet("float32")
    ours = [models.fast(plain), models.fast(networks.affwildnet(native))]
    authors = AuthorsNetwork(training=False)
    names = ("authors' graph", "plain Keras, float32", "ours, float32", f"ours, {native}")
    turns = [
        lambda: authors.predict(images),
        *(lambda m=m: m.predict_on_batch({"images": images}) for m in (plain, *ours)),
    ]
    taken = side_by_side.seconds(turns, arguments.rounds)
    side_by_side.report(names, taken)
    for number in (1, 2):
        print(f"authors by {names[number]}: {side_by_side.ratio(taken, 0, number):.3f}")
    print(f"ratio {side_by_side.ratio(taken, 0, 3):.3f}")


if __name__ == "__main__":
    main()

"""A step of end-to-end training, the authors' code by ours: the ratio is printed last.

    python benchmarks/train_step.py [--rounds 5]

One window of 80 frames: forward, CCC loss, gradients, Adam. The authors' graph is that of
`authors_graph.py`; ours is `models.fast` of the same network, as `kollias-affect train` runs it:
in the precision that the machine has (`models.native_precision`). Plain Keras in float32 and ours
in float32 stand beside.
"""

import argparse

import networks
import side_by_side
from authors_graph import AuthorsNetwork

from kollias_affect import models, training


def main():
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    images, labels = networks.window()
    native = models.native_precision()
    plain = networks.affwildnet("float32")
    exact = models.fast(networks.affwildnet("float32"))
    ours = models.fast(networks.affwildnet(native))
    for model in (plain, exact, ours):
        training.compile_model(model, 1e-4)
    authors = AuthorsNetwork()
    names = ("authors' graph", "plain Keras, float32", "ours, float32", f"ours, {native}")
    turns = [
        lambda: authors.train(images, labels),
        *(lambda m=m: m.train_on_batch({"images": images}, labels) for m in (plain, exact, ours)),
    ]
    taken = side_by_side.seconds(turns, arguments.rounds)
    side_by_side.report(names, taken)
    for number in (1, 2):
        print(f"authors by {names[number]}: {side_by_side.ratio(taken, 0, number):.3f}")
    print(f"ratio {side_by_side.ratio(taken, 0, 3):.3f}")


if __name__ == "__main__":
    main()

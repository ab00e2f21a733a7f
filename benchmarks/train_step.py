"""Compares a step of end-to-end training by the authors' code and by this package.

    python benchmarks/train_step.py [--rounds 5]

A step is the forward pass of one window of 80 frames, the CCC loss, gradients and Adam. The
authors' graph is that of `authors_graph.py`. Ours is `models.fast` of the same network, as in
`kollias-affect train`, in the native precision of the machine; plain Keras and ours in float32 are
also measured. The last line is the ratio of the authors' time and ours.
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
    turns = [
        lambda: authors.train(images, labels),
        *(lambda m=m: m.train_on_batch({"images": images}, labels) for m in (plain, exact, ours)),
    ]
    side_by_side.compare_with_authors(turns, arguments.rounds, native)


if __name__ == "__main__":
    main()

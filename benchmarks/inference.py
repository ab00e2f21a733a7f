"""Compares the inference of one window by the authors' code and by this package.

    python benchmarks/inference.py [--rounds 10]

The window has 80 frames. The authors' graph is that of `authors_graph.py`. Ours is `models.fast` of
the same network, as in `evaluation.predict`, in the native precision of the machine; plain Keras
and ours in float32 are also measured. The last line is the ratio of the authors' time and ours.
`precision_accuracy.py` measures the effect of the precision on the outputs.
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
    turns = [
        lambda: authors.predict(images),
        *(lambda m=m: m.predict_on_batch({"images": images}) for m in (plain, *ours)),
    ]
    side_by_side.compare_with_authors(turns, arguments.rounds, native)


if __name__ == "__main__":
    main()

"""Times of several things that take turns: what else runs on a machine then meets all alike."""

import time

import numpy as np


def seconds(turns, rounds, warm=2):
    """Seconds of each function in each round, `[rounds, functions]`.

    The functions run once per round, in an order drawn anew; the first `warm` rounds, which load
    and compile, are left out.
    """
    random = np.random.default_rng(0)
    taken = np.empty((warm + rounds, len(turns)))
    for row in taken:
        for which in random.permutation(len(turns)):
            start = time.perf_counter()
            turns[which]()
            row[which] = time.perf_counter() - start
    return taken[warm:]


def report(names, taken, unit="s"):
    """Prints median, least and most of each column."""
    for name, column in zip(names, taken.T, strict=True):
        low, middle, high = np.quantile(column, [0, 0.5, 1])
        print(f"{name}: {middle:.3f} {unit} ({low:.3f} to {high:.3f})")


def ratio(taken, above, below):
    """The median over the rounds of column `above` by column `below`."""
    return float(np.median(taken[:, above] / taken[:, below]))

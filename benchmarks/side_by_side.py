"""Times of functions that take turns, so that other load on the machine affects all of them."""

import time

import numpy as np


def seconds(turns, rounds, warm=2):
    """Measures the seconds of each function in each round.

    Args:
        turns: Functions without arguments. They run once per round, in a random order.
        rounds: Number of measured rounds.
        warm: Number of rounds before these, which load and compile.

    Returns:
        float64 `[rounds, functions]`.
    """
    random = np.random.default_rng(0)
    result = np.empty((warm + rounds, len(turns)))
    for row in result:
        for i in random.permutation(len(turns)):
            start = time.perf_counter()
            turns[i]()
            row[i] = time.perf_counter() - start
    return result[warm:]


def report(names, values, unit="s"):
    """Prints median, minimum and maximum of each column of `[rounds, functions]`."""
    for name, column in zip(names, values.T, strict=True):
        low, median, high = np.quantile(column, [0, 0.5, 1])
        print(f"{name}: {median:.3f} {unit} ({low:.3f} to {high:.3f})")


def ratio(values, numerator, denominator):
    """Computes the median over the rounds of the ratio of two columns."""
    return float(np.median(values[:, numerator] / values[:, denominator]))

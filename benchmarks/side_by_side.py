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


def compare_with_authors(turns, rounds, native):
    """Measures the authors' code, plain Keras, ours in float32 and ours in the policy `native`.

    Args:
        turns: These four functions, see `seconds`.
        rounds: Number of measured rounds.
        native: Name of the dtype policy of the last function.
    """
    names = ("authors' graph", "plain Keras, float32", "ours, float32", f"ours, {native}")
    values = seconds(turns, rounds)
    report(names, values)
    for number in (1, 2):
        print(f"authors by {names[number]}: {ratio(values, 0, number):.3f}")
    print(f"ratio {ratio(values, 0, 3):.3f}")

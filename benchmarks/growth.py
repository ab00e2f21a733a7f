"""Measures how the cost grows with window length, batch and cores.

    python benchmarks/growth.py [--rounds 3]

The script prints a table for each: milliseconds per frame of AffWildNet in inference and in
training, in the native precision of the machine. Every row runs in a process of its own, which may
use only as many cores as the row names.
"""

import argparse
import json
import os
import subprocess
import sys

import networks
import numpy as np
import pandas as pd
import side_by_side

from kollias_affect import models, training
from kollias_affect.evaluation import tables


def network(length, policy):
    """Returns AffWildNet for windows of `length` frames."""
    with networks.precision(policy):
        return models.fast(models.affwildnet(landmarks=False, length=length, initializer=None))


def images(batch, length):
    """Returns random images, `[batch, length, size, size, 3]`."""
    shape = (batch, length, networks.SIZE, networks.SIZE, 3)
    return np.random.default_rng(0).uniform(-1, 1, shape).astype(np.float32)


def row(name, value, batch, length, rounds, policy):
    """Returns the milliseconds per frame of inference and of a training step."""
    model, inputs = network(length, policy), images(batch, length)
    labels = np.random.default_rng(1).uniform(-1, 1, (batch, length, 2)).astype(np.float32)
    training.compile_model(model, 1e-4)
    turns = [
        lambda: model.predict_on_batch({"images": inputs}),
        lambda: model.train_on_batch({"images": inputs}, labels),
    ]
    seconds = np.median(side_by_side.seconds(turns, rounds, warm=1), axis=0)
    inference, step = 1000 * seconds / (batch * length)
    return {name: value, "inference, ms a frame": inference, "training, ms a frame": step}


def main():
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--row", type=json.loads, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    policy = models.native_precision()
    if arguments.row is not None:
        print("row", json.dumps(row(*arguments.row, arguments.rounds, policy)))
        return
    cores = sorted(os.sched_getaffinity(0))
    cases = [("window length", length, 1, length, cores) for length in (20, 40, 80, 160)]
    cases += [("batch of windows of 40", batch, batch, 40, cores) for batch in (1, 2, 4)]
    cases += [("cores", n + 1, 1, 80, cores[: n + 1]) for n in range(len(cores))]
    rows = {}
    for name, value, batch, length, allowed in cases:
        command = [sys.executable, __file__, "--rounds", str(arguments.rounds)]
        command += ["--row", json.dumps([name, value, batch, length])]
        ran = subprocess.run(
            command, check=True, stdout=subprocess.PIPE, text=True,
            preexec_fn=lambda allowed=allowed: os.sched_setaffinity(0, allowed),
        )  # fmt: skip
        line = next(line for line in ran.stdout.splitlines() if line.startswith("row "))
        rows.setdefault(name, []).append(json.loads(line[4:]))
    for name, values in rows.items():
        print(tables.markdown(pd.DataFrame(values).set_index(name).round(2)), "\n")


if __name__ == "__main__":
    main()

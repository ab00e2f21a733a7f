"""Seconds to import the package beyond TensorFlow, and of `--help`; both are printed last.

    python benchmarks/startup.py [--rounds 5]

New processes that take turns: one imports TensorFlow alone, one every room of the package, which
loads TensorFlow too, and one runs `kollias-affect --help`. Medians.
"""

import argparse
import subprocess
import sys

import numpy as np
import side_by_side

import kollias_affect

ROOMS = [room for room in kollias_affect.__all__ if not room.startswith("_") and room.islower()]


def main():
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    codes = ["import tensorflow", "import kollias_affect", "import tensorflow, kollias_affect"]
    codes.append(f"import tensorflow; from kollias_affect import {', '.join(ROOMS)}")
    commands = [["-c", code] for code in codes]
    commands += [["-m", "kollias_affect", "--help"], ["-c", ""]]

    def process(command):
        return lambda: subprocess.run([sys.executable, *command], capture_output=True, check=True)

    taken = side_by_side.seconds([process(c) for c in commands], arguments.rounds, warm=1)
    names = ("TensorFlow", "the package", "both", "TensorFlow and every room", "--help", "Python")
    side_by_side.report(names, taken)
    beyond = float(np.median(taken[:, 2] - taken[:, 0]))
    rooms = float(np.median(taken[:, 3] - taken[:, 0]))
    print(f"every room beyond TensorFlow: {rooms:.3f} s (dlib, OpenCV, scikit-learn, matplotlib)")
    print(f"import beyond TensorFlow {max(0, beyond):.3f} s; --help {np.median(taken[:, 4]):.3f} s")


if __name__ == "__main__":
    main()

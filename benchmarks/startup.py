"""Measures the import of the package and `kollias-affect --help`.

    python benchmarks/startup.py [--rounds 5]

The times are medians of new processes that take turns. One imports TensorFlow alone, one imports
TensorFlow and every module of the package, and one runs `kollias-affect --help`. The last line has
the seconds of the import beyond TensorFlow, and those of `--help`.
"""

import argparse
import subprocess
import sys

import numpy as np
import side_by_side

import kollias_affect

MODULES = [n for n in kollias_affect.__all__ if not n.startswith("_") and n.islower()]


def main():
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    codes = ["import tensorflow", "import kollias_affect", "import tensorflow, kollias_affect"]
    codes.append(f"import tensorflow; from kollias_affect import {', '.join(MODULES)}")
    commands = [["-c", code] for code in codes]
    commands += [["-m", "kollias_affect", "--help"], ["-c", ""]]

    def process(command):
        return lambda: subprocess.run([sys.executable, *command], capture_output=True, check=True)

    seconds = side_by_side.seconds([process(c) for c in commands], arguments.rounds, warm=1)
    names = ("TensorFlow", "the package", "both", "TensorFlow and every module", "--help", "Python")
    side_by_side.report(names, seconds)
    beyond = float(np.median(seconds[:, 2] - seconds[:, 0]))
    modules = float(np.median(seconds[:, 3] - seconds[:, 0]))
    print(
        f"every module beyond TensorFlow: {modules:.3f} s (dlib, OpenCV, scikit-learn, matplotlib)"
    )
    print(
        f"import beyond TensorFlow {max(0, beyond):.3f} s; --help {np.median(seconds[:, 4]):.3f} s"
    )


if __name__ == "__main__":
    main()

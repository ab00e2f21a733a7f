"""Values that tests of several rooms share (`pythonpath` in setup.cfg names this folder)."""

from pathlib import Path

import numpy as np

from kollias_affect import faces

# Real data and reference outputs, which lie beside some checkouts.
SHARED = Path(__file__).resolve().parents[2] / "shared"
PARITY = SHARED / "parity"

# Names of the weights of a PeepholeLSTM cell, in order.
PEEPHOLE_WEIGHTS = (
    "kernel",
    "recurrent_kernel",
    "bias",
    "peephole_input",
    "peephole_forget",
    "peephole_output",
)


def corner_face(size=96):
    """Returns 68 points, in 0-based pixels, that align to the crop at the upper left corner."""
    centres = faces.prototype(size)
    points = np.full((68, 2), 50.0)
    ring = [(-3, 0), (-1, -2), (1, -2), (3, 0), (1, 2), (-1, 2)]
    points[36:42], points[42:48] = centres[0] + ring, centres[1] + ring
    points[30], points[48], points[54] = centres[2:]
    return points
